import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { ZipFile } from 'yazl';
import { cli, cliText, hasCli } from './cli.ts';
import { REPOSITORY, sha256, startAws } from './clients.ts';

/** The CLI looks whether it would unpack. */
function zipOf(content: Buffer): Promise<Buffer> {
  const zip = new ZipFile();
  zip.addBuffer(content, 'index.js');
  zip.end();
  return buffer(zip.outputStream);
}

describe.skipIf(!hasCli).concurrent('the AWS CLI', { timeout: 120_000 }, () => {
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

  it('signs in to ECR and reads an image', async ({ onTestFinished }) => {
    const aws = await startAws({ images: { [`${REPOSITORY}:v2`]: { index: true } } }, onTestFinished);
    expect(await cliText(aws, 'ecr get-login-password')).toBe('123456789012-auth-token\n');
    const image = '--repository-name web --image-ids imageTag=v2';
    const { images } = await cli(aws, `ecr batch-get-image ${image}`);
    const { imageDetails } = await cli(aws, `ecr describe-images ${image}`);
    const imageManifestMediaType = 'application/vnd.oci.image.index.v1+json';
    expect(images).toMatchObject([{ imageId: { imageTag: 'v2' }, imageManifestMediaType }]);
    expect(imageDetails).toMatchObject([{ imageTags: ['v2'], imageManifestMediaType }]);
  });

  it('updates from a zip and from S3', async ({ onTestFinished }) => {
    const folder = await mkdtemp(join(tmpdir(), 'local-aws-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const zip = await zipOf(randomBytes(3_000_000));
    await writeFile(join(folder, 'code.zip'), zip);
    const options = {
      functions: [{ name: 'web', packageType: 'Zip' as const }],
      packages: { 'releases/web.zip': 'from S3' },
      clocks: { updateMs: 1 },
    };
    const aws = await startAws(options, onTestFinished);
    const update = 'lambda update-function-code --function-name web';
    expect(await cli(aws, `${update} --zip-file fileb://${folder}/code.zip`)).toMatchObject({
      CodeSha256: sha256(zip),
      CodeSize: zip.length,
    });
    expect(await cli(aws, `${update} --s3-bucket releases --s3-key web.zip`)).toMatchObject({
      CodeSha256: sha256('from S3'),
    });
    await expect(cli(aws, `${update} --s3-bucket releases --s3-key gone.zip`)).rejects.toThrow('NoSuchKey');
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
