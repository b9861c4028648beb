import { BatchGetImageCommand, GetAuthorizationTokenCommand, GetDownloadUrlForLayerCommand } from '@aws-sdk/client-ecr';
import {
  GetFunctionCommand,
  InvokeCommand,
  UpdateFunctionCodeCommand,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda';
import { describe, expect, it } from 'vitest';
import type { LocalAws } from '../../local-aws/local-aws.ts';
import { connect, QUICK, startAws } from './clients.ts';
import { hasDockerRegistry, PASSWORD, pushIndexTo, pushTo, startDockerRegistry, startStandIn } from './registries.ts';

if (!hasDockerRegistry) console.log('docker-registry is not installed: the tests with the real one are skipped.');

function update(aws: LocalAws, ImageUri: string) {
  return connect(aws).lambda.send(new UpdateFunctionCodeCommand({ FunctionName: 'web', ImageUri }));
}

function updated(aws: LocalAws) {
  return waitUntilFunctionUpdatedV2({ client: connect(aws).lambda, ...QUICK }, { FunctionName: 'web' });
}

function look(aws: LocalAws, imageId: { imageTag?: string; imageDigest?: string }) {
  return connect(aws).ecr.send(new BatchGetImageCommand({ repositoryName: 'web', imageIds: [imageId] }));
}

describe.each([
  { name: 'a stand-in', start: startStandIn, skipped: false },
  { name: 'docker-registry', start: startDockerRegistry, skipped: !hasDockerRegistry },
])('a real registry, here $name', ({ start, skipped }) => {
  async function startBoth() {
    const host = await start();
    return { host, aws: await startAws({ registry: { host } }) };
  }

  it.skipIf(skipped)('has what was pushed, by tag and by digest', async () => {
    const { host, aws } = await startBoth();
    const digest = await pushTo(host, 'web:v2', 'amd64', 'new code');
    const answer = await update(aws, `${host}/web@${digest}`);
    expect(answer.CodeSha256).toBe(digest.slice('sha256:'.length));
    await updated(aws);
    const newer = await pushTo(host, 'web:v2', 'amd64', 'newer code');
    expect((await update(aws, `${host}/web:v2`)).CodeSha256).toBe(newer.slice('sha256:'.length));
    const { Code } = await connect(aws).lambda.send(new GetFunctionCommand({ FunctionName: 'web' }));
    expect(Code).toMatchObject({ ImageUri: `${host}/web:v2`, ResolvedImageUri: `${host}/web@${newer}` });
  });

  it.skipIf(skipped)('refuses what was never pushed, and an index', async () => {
    const { host, aws } = await startBoth();
    const digest = await pushTo(host, 'web:v2', 'amd64', 'new code');
    await pushIndexTo(host, 'web:index', digest);
    for (const uri of [`${host}/web:gone`, `${host}/gone:v2`, `${host}/web@sha256:${'0'.repeat(64)}`]) {
      await expect(update(aws, uri)).rejects.toMatchObject({
        name: 'InvalidParameterValueException',
        message: `Source image ${uri} does not exist. Provide a valid source image.`,
      });
    }
    await expect(update(aws, `${host}/web:index`)).rejects.toThrow(
      `The image manifest, config or layer media type for the source image ${host}/web:index is not supported.`,
    );
    expect(aws.functionNamed('web').lastUpdateStatus).toBe('Successful');
  });

  it.skipIf(skipped)('tells the architecture, which decides whether the code runs', async () => {
    const { host, aws } = await startBoth();
    const digest = await pushTo(host, 'web:arm', 'arm64', 'for arm');
    await update(aws, `${host}/web@${digest}`);
    await updated(aws);
    const { Payload } = await connect(aws).lambda.send(new InvokeCommand({ FunctionName: 'web' }));
    expect(Payload?.transformToString()).toContain('exec format error');
  });

  it.skipIf(skipped)('is what ECR shows', async () => {
    const { host, aws } = await startBoth();
    const { ecr } = connect(aws);
    const digest = await pushTo(host, 'web:v2', 'arm64', 'new code');
    const { images } = await look(aws, { imageTag: 'v2' });
    expect(images).toMatchObject([{ imageId: { imageDigest: digest, imageTag: 'v2' } }]);
    const manifest = JSON.parse(images?.[0]?.imageManifest ?? '') as { config: { digest: string } };
    const layer = { repositoryName: 'web', layerDigest: manifest.config.digest };
    const { downloadUrl = '' } = await ecr.send(new GetDownloadUrlForLayerCommand(layer));
    expect(await (await fetch(downloadUrl)).json()).toMatchObject({ architecture: 'arm64', os: 'linux' });
    expect((await look(aws, { imageTag: 'gone' })).failures).toMatchObject([{ failureCode: 'ImageNotFound' }]);
    // What runs already is still known, whatever the registry has.
    expect((await look(aws, { imageTag: 'v1' })).failures).toEqual([]);
    const { authorizationData } = await ecr.send(new GetAuthorizationTokenCommand({}));
    expect(authorizationData?.[0]?.proxyEndpoint).toBe(`http://${host}`);
    const token = Buffer.from(authorizationData?.[0]?.authorizationToken ?? '', 'base64').toString();
    expect(token).toBe(`AWS:${PASSWORD}`);
  });
});
