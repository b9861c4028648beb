import { describe, expect, it } from 'vitest';
import { startLocalAws } from '../../local-aws/server.ts';
import { REPOSITORY, startAws } from './clients.ts';

const WEB = Object.freeze({ FunctionName: 'web' });
const NO_TIME = { createMs: 0, updateMs: 0, versionMs: 0, invokeMs: 0, initMs: 0, provisionedMs: 0 };

describe('a call without a socket', () => {
  it('is answered, logged, denied and hooked like one over HTTP', async () => {
    const aws = await startAws();
    const seen: string[] = [];
    aws.on('GetFunction', ({ when, call }) => seen.push(`${when} ${call.resource}`));
    expect(await aws.call('GetFunction', WEB)).toMatchObject({
      status: 200,
      headers: { 'x-amzn-requestid': expect.any(String) },
      body: { Configuration: { State: 'Active' } },
    });
    aws.denied.add('lambda:GetFunction');
    expect(await aws.call('GetFunction', WEB)).toMatchObject({ status: 403, body: { Message: expect.any(String) } });
    expect(seen).toHaveLength(4);
    expect(aws.calls).toMatchObject([{ status: 200 }, { status: 403, error: 'AccessDeniedException' }]);
  });

  it('breaks like one over HTTP, applied or not', async () => {
    const aws = await startAws({ clocks: { updateMs: 60_000 } });
    const update = () => aws.call('UpdateFunctionCode', { ...WEB, ImageUri: `${REPOSITORY}:v2` });
    aws.fault({ action: 'UpdateFunctionCode', kind: 'reset-before' });
    await expect(update()).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(aws.functionNamed('web').lastUpdateStatus).toBe('Successful');
    aws.fault({ action: 'UpdateFunctionCode', kind: 'throttle' });
    expect(await update()).toMatchObject({ status: 429 });
    aws.fault({ action: 'UpdateFunctionCode', kind: 'truncate' });
    await expect(update()).rejects.toBeInstanceOf(SyntaxError);
    expect(aws.functionNamed('web').lastUpdateStatus).toBe('InProgress');
    expect(aws.calls.map(({ effect }) => effect)).toEqual([false, false, true]);
    aws.fault({ action: 'GetFunction', kind: 'hang' });
    const silence = new Promise((resolve) => setTimeout(resolve, 50, 'silence'));
    expect(await Promise.race([aws.call('GetFunction', WEB), silence])).toBe('silence');
  });
});

it('a hundred whole releases, each in a local-aws of its own, take a moment', async () => {
  const started = performance.now();
  for (let seed = 0; seed < 100; seed += 1) {
    const functions = [{ name: 'web', imageUri: `${REPOSITORY}:v1`, versions: 1, aliases: { live: '1' } }];
    const aws = await startLocalAws({ seed, clocks: NO_TIME, functions });
    await aws.call('UpdateFunctionCode', { ...WEB, ImageUri: `${REPOSITORY}:v2` });
    while (aws.functionNamed('web').lastUpdateStatus !== 'Successful') await aws.call('GetFunction', WEB).then(pause);
    await aws.call('PublishVersion', WEB);
    while (aws.functionNamed('web').versions[1]?.state !== 'Active') await aws.call('GetFunction', WEB).then(pause);
    await aws.call('UpdateAlias', { ...WEB, Name: 'live', FunctionVersion: '2' });
    const { headers } = await aws.call('Invoke', { ...WEB, Qualifier: 'live' });
    expect(headers['x-amz-executed-version']).toBe('2');
    await aws.stop();
  }
  // Far slower than measured, so that a busy machine does not fail it.
  expect(performance.now() - started).toBeLessThan(5000);
});

function pause(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
