import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { LocalAws } from '../../local-aws/local-aws.ts';
import { callsTo, distributionId, effects, startSite } from '../support/site.ts';
import { runtime, startFunction } from './lambda-runtime.ts';
import { objectCreated, s3Event, s3Record, snsEvent, sqsEvent, testEvent } from './samples.ts';

const other = 'E2EXAMPLE2';
const twoDistributions = [
  { id: distributionId, functionName: 'web' },
  { id: other, functionName: 'web' },
];
/** `a/` goes to the first distribution, `b/` to the second. */
const bothSites = JSON.stringify([
  { bucket: 'amzn-s3-demo-bucket', prefix: 'a/', distributionId },
  { bucket: 'amzn-s3-demo-bucket', prefix: 'b/', distributionId: other },
]);

function start(aws: LocalAws, env: Record<string, string> = { DISTRIBUTION_ID: distributionId }) {
  return startFunction({ ...aws.env, ...env });
}

const pathsOf = (aws: LocalAws, id = distributionId) => aws.distribution(id).invalidations.map(({ paths }) => paths);
const put = (key: string, sequencer = '005E') => s3Event(s3Record({ key, sequencer }));
const failedOnes = (...ids: string[]) => ({
  kind: 'response',
  value: { batchItemFailures: ids.map((itemIdentifier) => ({ itemIdentifier })) },
});

describe('the bundle', () => {
  const directory = 'dist/s3-handler';

  it('is one file and its licenses, well under 1 MB zipped', () => {
    expect(readdirSync(directory).sort()).toEqual(['LICENSES.txt', 'index.mjs']);
    expect(gzipSync(readFileSync(`${directory}/index.mjs`)).length).toBeLessThan(300_000);
  });

  it('has nothing of the runner in it', () => {
    expect(readFileSync(`${directory}/LICENSES.txt`, 'utf8')).not.toContain('@actions/');
    expect(readFileSync(`${directory}/index.mjs`, 'utf8')).not.toContain('GITHUB_OUTPUT');
  });
});

describe.concurrent(`the function, run by ${runtime}`, () => {
  it('clears every record of an event in one call: "Records[0] only", "overwritten in a loop and undecoded"', async () => {
    await using site = await startSite();
    await using lambda = await start(site);
    const keys = ['a+b%2Bc.html', 'dir/%C3%A4.html', 'last.html'];
    const event = s3Event(...keys.map((key) => s3Record({ key })));
    expect(await lambda.invoke(event)).toEqual({ kind: 'response', value: null });
    expect(pathsOf(site)).toEqual([['/a%20b+c.html', '/dir/%C3%A4.html', '/last.html']]);
  });

  it('makes one call for a hundred uploads: "one call per object: throttled after 6-7"', async () => {
    await using site = await startSite();
    // https://github.com/aws/aws-sdk-js/issues/3983
    site.fault({ action: 'CreateInvalidation', kind: 'throttle', after: 6, times: 1000 });
    await using lambda = await start(site);
    const uploads = Array.from({ length: 100 }, (_, index) => put(`${index}.html`));
    expect(await lambda.invoke(sqsEvent(...uploads))).toEqual(failedOnes());
    expect(callsTo(site, 'CreateInvalidation')).toHaveLength(1);
    expect(pathsOf(site)[0]).toHaveLength(100);
  });

  it('does nothing about s3:TestEvent and says nothing: "s3:TestEvent crashes"', async () => {
    await using site = await startSite();
    await using lambda = await start(site);
    expect(await lambda.invoke(testEvent)).toEqual({ kind: 'response', value: null });
    expect(await lambda.invoke(sqsEvent(testEvent))).toEqual(failedOnes());
    expect(callsTo(site, 'CreateInvalidation')).toEqual([]);
    expect(lambda.output()).toBe('');
  });

  it('clears a path once that several records name, and a duplicate once', async () => {
    await using site = await startSite();
    await using lambda = await start(site);
    await lambda.invoke(sqsEvent(put('x', '01'), put('x', '01'), put('x', '02'), put('y', '01')));
    expect(pathsOf(site)).toEqual([['/x', '/y']]);
  });

  it('clears nothing anew for an event that is delivered again, and does for the next one', async () => {
    await using site = await startSite();
    await using lambda = await start(site);
    await lambda.invoke(sqsEvent(put('x', '01'), put('y', '01')));
    await lambda.invoke(sqsEvent(put('y', '01'), put('x', '01')));
    expect(effects(site, 'CreateInvalidation')).toBe(1);
    await lambda.invoke(sqsEvent(put('x', '02'), put('y', '01')));
    expect(effects(site, 'CreateInvalidation')).toBe(2);
  });

  it('makes one call for each distribution', async () => {
    await using site = await startSite({ distributions: twoDistributions });
    await using lambda = await start(site, { SITES: bothSites });
    await lambda.invoke(sqsEvent(put('a/1'), put('b/1'), put('a/2'), put('b/2'), put('c/1')));
    expect(pathsOf(site)).toEqual([['/1', '/2']]);
    expect(pathsOf(site, other)).toEqual([['/1', '/2']]);
    expect(lambda.log()).toContainEqual(expect.objectContaining({ level: 'info', key: 'c/1' }));
  });

  it('gives back only the messages whose distribution was not cleared', async () => {
    await using site = await startSite({ distributions: twoDistributions });
    site.fault({ action: 'CreateInvalidation', resource: other, kind: 'service-unavailable', times: 1000 });
    await using lambda = await start(site, { SITES: bothSites });
    const event = sqsEvent(put('a/1'), put('b/1'), 'no JSON', put('b/2'));
    expect(await lambda.invoke(event, { timeoutMs: 4000 })).toEqual(failedOnes('message-1', 'message-3'));
    expect(pathsOf(site)).toEqual([['/1']]);
    expect(lambda.log()).toContainEqual(
      expect.objectContaining({ level: 'error', message: 'not cleared', distribution: other, code: 'timed-out' }),
    );
  });

  it('tries again while there is time', async () => {
    await using site = await startSite();
    site.fault({ action: 'CreateInvalidation', kind: 'throttle', times: 2 });
    site.fault({ action: 'CreateInvalidation', kind: 'reset-after', times: 1, after: 2 });
    await using lambda = await start(site);
    expect(await lambda.invoke(sqsEvent(put('x')))).toEqual(failedOnes());
    expect(effects(site, 'CreateInvalidation')).toBe(1);
    expect(pathsOf(site)).toEqual([['/x']]);
  });

  it('answers before its time is over, whatever CloudFront does', async () => {
    await using site = await startSite();
    site.fault({ action: 'CreateInvalidation', kind: 'hang', times: 1000 });
    await using lambda = await start(site);
    // Its start takes none of an invocation's time.
    await lambda.invoke(testEvent);
    const began = performance.now();
    expect(await lambda.invoke(sqsEvent(put('x')), { timeoutMs: 4000 })).toEqual(failedOnes('message-0'));
    expect(performance.now() - began).toBeLessThan(4000);
  });

  it.each([
    { name: 'a denied call', setUp: { deny: ['cloudfront:CreateInvalidation'] }, code: 'access-denied' },
    { name: 'a distribution that is not there', setUp: { distributions: [] }, code: 'not-found' },
  ])('gives back the message of $name, for a human to see, and says what to do', async ({ setUp, code }) => {
    await using site = await startSite(setUp);
    await using lambda = await start(site);
    expect(await lambda.invoke(sqsEvent(put('x')))).toEqual(failedOnes('message-0'));
    expect(callsTo(site, 'CreateInvalidation')).toHaveLength(1);
    expect(lambda.log()).toContainEqual(expect.objectContaining({ level: 'error', code, hint: expect.any(String) }));
  });

  it.each([
    { route: 'S3', event: put('x') },
    { route: 'SNS', event: snsEvent(put('x')) },
    { route: 'EventBridge', event: objectCreated('x') },
  ])('fails where $route calls it without a queue, so that Lambda delivers the event again', async ({ event }) => {
    await using site = await startSite();
    site.fault({ action: 'CreateInvalidation', kind: 'denied', times: 1 });
    await using lambda = await start(site);
    expect(await lambda.invoke(event)).toMatchObject({
      kind: 'error',
      message: expect.stringContaining(distributionId),
    });
    expect(await lambda.invoke(event)).toEqual({ kind: 'response', value: null });
    expect(pathsOf(site)).toEqual([['/x']]);
  });

  it('gives back nothing that can never be cleared, and names it', async () => {
    await using site = await startSite();
    await using lambda = await start(site);
    const tooLong = 'ä'.repeat(1000);
    const event = sqsEvent('no JSON', put(encodeURIComponent(tooLong)), put('x'));
    expect(await lambda.invoke(event)).toEqual(failedOnes());
    expect(pathsOf(site)).toEqual([['/x']]);
    expect(lambda.log()).toMatchObject([
      { level: 'error', messageId: 'message-0', reason: 'a message that is not JSON' },
      { level: 'error', key: tooLong, reason: 'its path must be at most 4000 characters, it is 6001 encoded' },
      { level: 'info', message: 'cleared', distribution: distributionId, paths: ['/x'] },
    ]);
  });

  it('logs a line of JSON for each thing it says, whatever is in a key', async () => {
    await using site = await startSite();
    await using lambda = await start(site, { DISTRIBUTION_ID: distributionId, AWS_LAMBDA_LOG_LEVEL: 'DEBUG' });
    const key = 'a"}\n{"level":"error","x":"\u2028\u001b[31m';
    await lambda.invoke(s3Event(s3Record({ key: encodeURIComponent(key), eventName: 'ObjectRemoved:Delete' })));
    expect(lambda.output().trim().split('\n')).toHaveLength(lambda.log().length);
    expect(lambda.log()).toContainEqual(
      expect.objectContaining({ level: 'debug', bucket: 'amzn-s3-demo-bucket', key, kind: 'removed' }),
    );
  });

  it('does not start with wrong settings, and names them', async () => {
    await using site = await startSite();
    await using lambda = await start(site, { DISTRIBUTION_ID: 'site', MAX_PATHS: '0' });
    const answer = await lambda.invoke(put('x'));
    expect(answer).toMatchObject({
      kind: 'error',
      message: expect.stringMatching(/DISTRIBUTION_ID must.*MAX_PATHS must/),
    });
  });
});
