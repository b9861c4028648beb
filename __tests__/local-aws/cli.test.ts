import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { LocalAws } from '../../local-aws/local-aws.ts';
import { REPOSITORY, startAws } from './clients.ts';

const run = promisify(execFile);
const hasCli = spawnSync('aws', ['--version']).status === 0;
if (!hasCli) console.log('The AWS CLI is not installed: the tests with it as a client are skipped.');

/** A client that shares no code with the SDK the action uses; each start of it costs most of a second. */
async function cli(aws: LocalAws, command: string): Promise<Record<string, unknown>> {
  const { stdout } = await run('aws', command.split(' '), {
    env: { ...process.env, ...aws.env, AWS_DEFAULT_REGION: aws.env.AWS_REGION, AWS_PAGER: '' },
  });
  return stdout === '' ? {} : (JSON.parse(stdout) as Record<string, unknown>);
}

describe.skipIf(!hasCli).concurrent('the AWS CLI', { timeout: 30_000 }, () => {
  it('updates, waits, publishes, and waits for the version', async ({ onTestFinished }) => {
    const aws = await startAws({}, onTestFinished);
    const image = `${REPOSITORY}:v2`;
    const updated = await cli(aws, `lambda update-function-code --function-name web --image-uri ${image}`);
    expect(updated).toMatchObject({ LastUpdateStatus: 'InProgress', PackageType: 'Image' });
    await cli(aws, 'lambda wait function-updated-v2 --function-name web');
    const sha = String(updated.CodeSha256);
    const published = await cli(
      aws,
      `lambda publish-version --function-name web --code-sha256 ${sha} --description new`,
    );
    expect(published).toMatchObject({ Version: '1', Description: 'new' });
    await cli(aws, 'lambda wait published-version-active --function-name web --qualifier 1');
    expect(aws.functionNamed('web')).toMatchObject({ serving: { imageUri: image }, versions: [{ state: 'Active' }] });
  });

  it('creates, updates, reads, lists and deletes an alias', async ({ onTestFinished }) => {
    const aws = await startAws({ functions: [{ name: 'web', versions: 2 }] }, onTestFinished);
    const live = '--function-name web --name live';
    expect(await cli(aws, `lambda create-alias ${live} --function-version 1`)).toMatchObject({ FunctionVersion: '1' });
    const weights = '--routing-config {"AdditionalVersionWeights":{"2":0.1}}';
    expect(await cli(aws, `lambda update-alias ${live} ${weights}`)).toMatchObject({
      RoutingConfig: { AdditionalVersionWeights: { '2': 0.1 } },
    });
    expect(await cli(aws, `lambda get-alias ${live}`)).toMatchObject({ Name: 'live' });
    expect(await cli(aws, 'lambda list-aliases --function-name web')).toMatchObject({ Aliases: [{ Name: 'live' }] });
    expect(await cli(aws, `lambda delete-alias ${live}`)).toEqual({});
    expect(aws.functionNamed('web').aliases).toEqual({});
  });

  it('invalidates and waits for completion', async ({ onTestFinished }) => {
    // The CLI looks every 20 s: here the first look is enough.
    const aws = await startAws({ clocks: { invalidationMs: 1 } }, onTestFinished);
    const distribution = '--distribution-id E2EXAMPLE1';
    const created = await cli(aws, `cloudfront create-invalidation ${distribution} --paths /a /b&c*`);
    const { Id } = created.Invalidation as { Id: string };
    await cli(aws, `cloudfront wait invalidation-completed ${distribution} --id ${Id}`);
    const listed = await cli(aws, `cloudfront list-invalidations ${distribution}`);
    expect(listed).toMatchObject({ InvalidationList: { Items: [{ Id, Status: 'Completed' }] } });
    expect(aws.distribution('E2EXAMPLE1').invalidations).toMatchObject([{ paths: ['/a', '/b&c*'] }]);
    await cli(aws, 'cloudfront get-distribution-config --id E2EXAMPLE1');
  });

  it('reads errors by name', async ({ onTestFinished }) => {
    const aws = await startAws({}, onTestFinished);
    await expect(cli(aws, 'lambda get-function --function-name gone')).rejects.toThrow(
      'An error occurred (ResourceNotFoundException) when calling the GetFunction operation: Function not found',
    );
    await expect(cli(aws, 'cloudfront get-invalidation --distribution-id E2GONE --id I1')).rejects.toThrow(
      'An error occurred (NoSuchDistribution) when calling the GetInvalidation operation',
    );
  });
});
