import { CreateInvalidationCommand, GetInvalidationCommand } from '@aws-sdk/client-cloudfront';
import { GetFunctionCommand, UpdateFunctionCodeCommand } from '@aws-sdk/client-lambda';
import { describe, expect, it } from 'vitest';
import type { FaultKind } from '../../local-aws/faults.ts';
import type { LocalAws } from '../../local-aws/local-aws.ts';
import { CLOCKS, connect, REPOSITORY, startAws } from './clients.ts';

const ROLE = 'arn:aws:sts::123456789012:assumed-role/deploy/GitHubActions';

function update(aws: LocalAws, patienceMs = 5000) {
  const input = { FunctionName: 'web', ImageUri: `${REPOSITORY}:v2` };
  return connect(aws).lambda.send(new UpdateFunctionCodeCommand(input), {
    abortSignal: AbortSignal.timeout(patienceMs),
  });
}

function invalidate(aws: LocalAws, patienceMs = 5000) {
  const InvalidationBatch = { CallerReference: 'run-1', Paths: { Quantity: 1, Items: ['/*'] } };
  const command = new CreateInvalidationCommand({ DistributionId: 'E2EXAMPLE1', InvalidationBatch });
  return connect(aws).cloudFront.send(command, { abortSignal: AbortSignal.timeout(patienceMs) });
}

interface Row {
  fault: FaultKind;
  lambda: object | 'answers';
  cloudFront: object | 'answers';
  applied: boolean;
}

const reset = { code: 'ECONNRESET' };
const aborted = { name: 'AbortError' };

const rows: Row[] = [
  {
    fault: { kind: 'throttle' },
    lambda: { name: 'TooManyRequestsException', message: 'Rate exceeded', Reason: 'CallerRateLimitExceeded' },
    cloudFront: { name: 'Throttling', message: 'Rate exceeded', $metadata: { httpStatusCode: 400 } },
    applied: false,
  },
  {
    fault: { kind: 'service-unavailable' },
    lambda: { name: 'ServiceUnavailableException', $metadata: { httpStatusCode: 503 } },
    cloudFront: { name: 'ServiceUnavailable', $metadata: { httpStatusCode: 503 } },
    applied: false,
  },
  {
    fault: { kind: 'internal-error' },
    lambda: { name: 'ServiceException', $fault: 'server', Type: 'Service' },
    cloudFront: { name: 'InternalError', $metadata: { httpStatusCode: 500 } },
    applied: false,
  },
  {
    fault: { kind: 'denied' },
    lambda: {
      name: 'AccessDeniedException',
      message: `User: ${ROLE} is not authorized to perform: lambda:UpdateFunctionCode on resource: arn:aws:lambda:us-east-1:123456789012:function:web because no identity-based policy allows the lambda:UpdateFunctionCode action`,
      $metadata: { httpStatusCode: 403 },
    },
    cloudFront: {
      name: 'AccessDenied',
      message: `User: ${ROLE} is not authorized to perform: cloudfront:CreateInvalidation on resource: arn:aws:cloudfront::123456789012:distribution/E2EXAMPLE1 because no identity-based policy allows the cloudfront:CreateInvalidation action`,
    },
    applied: false,
  },
  {
    fault: { kind: 'expired-token' },
    lambda: { name: 'ExpiredTokenException', $metadata: { httpStatusCode: 403 } },
    cloudFront: { name: 'ExpiredToken', $metadata: { httpStatusCode: 403 } },
    applied: false,
  },
  {
    fault: { kind: 'error', status: 400, code: 'InvalidParameterValueException', message: '<b>"no" & ä</b>' },
    lambda: { name: 'InvalidParameterValueException', message: '<b>"no" & ä</b>' },
    cloudFront: { name: 'InvalidParameterValueException', message: '<b>"no" & ä</b>' },
    applied: false,
  },
  { fault: { kind: 'reset-before' }, lambda: reset, cloudFront: reset, applied: false },
  { fault: { kind: 'reset-after' }, lambda: reset, cloudFront: reset, applied: true },
  { fault: { kind: 'hang' }, lambda: aborted, cloudFront: aborted, applied: false },
  { fault: { kind: 'stall-headers' }, lambda: aborted, cloudFront: aborted, applied: true },
  { fault: { kind: 'reset-in-body' }, lambda: {}, cloudFront: {}, applied: true },
  { fault: { kind: 'drip', everyMs: 0 }, lambda: 'answers', cloudFront: 'answers', applied: true },
  { fault: { kind: 'truncate' }, lambda: { name: 'SyntaxError' }, cloudFront: {}, applied: true },
  { fault: { kind: 'html-200' }, lambda: { name: 'SyntaxError' }, cloudFront: 'answers', applied: false },
  { fault: { kind: 'empty-200' }, lambda: 'answers', cloudFront: 'answers', applied: true },
  { fault: { kind: 'latency', ms: 20 }, lambda: 'answers', cloudFront: 'answers', applied: true },
];

describe('as the SDK sees it', () => {
  it.each(rows)('$fault.kind, applied: $applied', async ({ fault, lambda, cloudFront, applied }) => {
    const aws = await startAws({ clocks: { ...CLOCKS, updateMs: 10_000 } });
    aws.fault({ action: 'UpdateFunctionCode', ...fault });
    aws.fault({ action: 'CreateInvalidation', ...fault });
    // Only what never answers is given up on.
    const patienceMs = lambda === aborted ? 200 : 5000;
    await compare(update(aws, patienceMs), lambda);
    await compare(invalidate(aws, patienceMs), cloudFront);
    expect(aws.functionNamed('web').lastUpdateStatus).toBe(applied ? 'InProgress' : 'Successful');
    expect(aws.distribution('E2EXAMPLE1').invalidations).toHaveLength(applied ? 1 : 0);
    expect(aws.calls.map((call) => call.effect)).toEqual([applied, applied]);
    expect(aws.calls.map((call) => call.fault)).toEqual([fault.kind, fault.kind]);
  });

  // The SDK's own AbortSignal does not reach a body that is being read, so this one needs its own end.
  it('stall-body', async () => {
    const aws = await startAws();
    aws.fault({ action: 'GetFunction', kind: 'stall-body' });
    const response = await fetch(`${aws.url}/2015-03-31/functions/web`);
    expect(response.status).toBe(200);
    const first = await Promise.race([response.text(), new Promise((resolve) => setTimeout(resolve, 100, 'stalled'))]);
    expect(first).toBe('stalled');
  });
});

async function compare(call: Promise<unknown>, expected: object | 'answers'): Promise<void> {
  if (expected === 'answers') await expect(call).resolves.toBeDefined();
  else await expect(call).rejects.toMatchObject(expected);
}

describe('scripting', () => {
  it('lets calls pass first, hits as often as said, and only what is named', async () => {
    const aws = await startAws({ functions: [{ name: 'web' }, { name: 'api' }] });
    const { lambda } = connect(aws);
    const fault = aws.fault({ action: 'GetFunction', resource: 'web', after: 1, times: 2, kind: 'throttle' });
    const look = async (FunctionName: string) =>
      (await lambda.send(new GetFunctionCommand({ FunctionName })).catch((error: Error) => error.name)) !==
      'TooManyRequestsException';
    const seen: boolean[] = [];
    for (const name of ['web', 'api', 'web', 'api', 'web', 'web']) seen.push(await look(name));
    expect(seen).toEqual([true, true, false, true, false, true]);
    expect(fault.used).toBe(2);
    aws.fault({ action: '*', times: Number.POSITIVE_INFINITY, kind: 'throttle' });
    expect(await look('api')).toBe(false);
    aws.clearFaults();
    expect(await look('api')).toBe(true);
  });

  it('sends Retry-After and other headers', async () => {
    const aws = await startAws();
    aws.fault({ action: 'UpdateFunctionCode', kind: 'throttle', retryAfterSeconds: 7 });
    await expect(update(aws)).rejects.toMatchObject({ retryAfterSeconds: '7' });
  });

  it('an error can come after the call was applied', async () => {
    const aws = await startAws();
    aws.fault({ action: 'UpdateFunctionCode', kind: 'internal-error', apply: true });
    await expect(update(aws)).rejects.toMatchObject({ name: 'ServiceException' });
    expect(aws.functionNamed('web').lastUpdateStatus).toBe('InProgress');
  });

  it('can refuse connections for a while', async () => {
    const aws = await startAws();
    aws.fault({ action: 'GetFunction', kind: 'refuse', ms: 100 });
    const url = `${aws.url}/2015-03-31/functions/web`;
    const failure = async () => ((await fetch(url).catch((error: Error) => error.cause)) as { code?: string }).code;
    expect([await failure(), await failure()]).toEqual(['ECONNRESET', 'ECONNREFUSED']);
    await new Promise((resolve) => setTimeout(resolve, 130));
    expect((await fetch(url)).status).toBe(200);
  });

  it('denies rights, also those that only some inputs need', async () => {
    const aws = await startAws({ deny: ['lambda:PublishVersion'] });
    const { lambda } = connect(aws);
    const input = { FunctionName: 'web', ImageUri: `${REPOSITORY}:v2` };
    await expect(lambda.send(new UpdateFunctionCodeCommand({ ...input, Publish: true }))).rejects.toMatchObject({
      name: 'AccessDeniedException',
      message: expect.stringContaining('perform: lambda:PublishVersion on'),
    });
    await lambda.send(new UpdateFunctionCodeCommand(input));
    aws.denied.add('cloudfront:*');
    const read = new GetInvalidationCommand({ DistributionId: 'E2EXAMPLE1', Id: 'I1' });
    await expect(connect(aws).cloudFront.send(read)).rejects.toMatchObject({ name: 'AccessDenied' });
  });
});

describe('hooks', () => {
  it('run right before and after a call takes effect, and can let somebody else deploy', async () => {
    const aws = await startAws();
    const { lambda } = connect(aws);
    const seen: string[] = [];
    const stop = aws.on('UpdateFunctionCode', ({ when, call }) => {
      seen.push(`${when} ${call.resource} ${aws.functionNamed('web').lastUpdateStatus}`);
      if (when === 'before') aws.apply('UpdateFunctionCode', { FunctionName: 'web', ImageUri: `${REPOSITORY}:theirs` });
    });
    await expect(
      lambda.send(new UpdateFunctionCodeCommand({ FunctionName: 'web', ImageUri: `${REPOSITORY}:ours` })),
    ).rejects.toMatchObject({ name: 'ResourceConflictException' });
    expect(seen).toEqual(['before web Successful', 'after web InProgress']);
    expect(aws.functionNamed('web').imageUri).toBe(`${REPOSITORY}:theirs`);
    stop();
    await lambda.send(new GetFunctionCommand({ FunctionName: 'web' }));
    expect(seen).toHaveLength(2);
  });
});
