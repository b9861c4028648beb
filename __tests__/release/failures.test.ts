import { describe, expect, it } from 'vitest';
import { callsTo, deploy, distributionId, effects, quick, repository, startSite, v2 } from '../support/site.ts';

/** Before the first look nobody has said which account it is. */
const unknownArn = 'arn:aws:lambda:us-east-1:*:function:web';
const arn = 'arn:aws:lambda:us-east-1:123456789012:function:web';

describe.concurrent('what cannot get better stops the run within 2 s', () => {
  const denials = [
    { action: 'lambda:GetFunction', resource: unknownArn },
    { action: 'lambda:UpdateFunctionCode', resource: arn },
    { action: 'lambda:PublishVersion', resource: arn },
    { action: 'cloudfront:CreateInvalidation', resource: `arn:aws:cloudfront::*:distribution/${distributionId}` },
    { action: 'cloudfront:GetInvalidation', resource: `arn:aws:cloudfront::*:distribution/${distributionId}` },
  ];
  it.each(denials)('a denied $action, naming it and the resource', async ({ action, resource }) => {
    await using site = await startSite({ deny: [action], clocks: { ...quick, updateMs: 100, versionMs: 50 } });
    const run = await deploy(site);
    const endedAt = performance.now();
    expect(run.exitCode).toBe(1);
    expect(run.result.error.code).toBe('access-denied');
    expect(run.result.error.hint).toContain(`Allow ${action} on ${resource}`);
    expect(run.log).toMatch(/^::error title=lambda-cloudfront-deploy%3A access-denied::/m);
    const denied = site.calls.filter(({ iamAction, status }) => iamAction === action && status === 403);
    expect(denied).toHaveLength(1);
    expect(endedAt - (denied[0]?.at ?? 0)).toBeLessThan(2000);
  });

  it.each([
    { kind: 'expired-token', action: 'GetFunction', words: 'have expired' },
    { kind: 'expired-token', action: 'CreateInvalidation', words: 'have expired' },
  ] as const)('an $kind answer to $action', async ({ kind, action, words }) => {
    await using site = await startSite();
    site.fault({ action, kind, times: 99 });
    const run = await deploy(site);
    expect(run.result.error).toMatchObject({ code: 'access-denied', message: expect.stringContaining(words) });
    expect(callsTo(site, action)).toHaveLength(1);
  });

  it('a token that expires while it waits', async () => {
    await using site = await startSite({ clocks: { ...quick, updateMs: 60_000 } });
    site.fault({ action: 'GetFunction', kind: 'expired-token', after: 3, times: 99 });
    const run = await deploy(site);
    expect(run.result.error.code).toBe('access-denied');
    expect(run.result.functions[0].stage).toBe('update-sent');
    expect(run.ms).toBeLessThan(6000);
  });

  it('no credentials at all', async () => {
    await using site = await startSite();
    const run = await deploy(site, v2, { env: { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' } });
    expect(run.exitCode).toBe(1);
    expect(run.result.error).toMatchObject({
      code: 'access-denied',
      hint: expect.stringContaining('aws-actions/configure-aws-credentials'),
    });
    expect(site.calls).toEqual([]);
  });

  it('a function that is not there', async () => {
    await using site = await startSite();
    const run = await deploy(site, { ...v2, 'function-name': 'wbe' });
    expect(run.result.error).toMatchObject({ code: 'not-found', message: expect.stringContaining('Function wbe') });
    expect(effects(site, 'UpdateFunctionCode')).toBe(0);
  });

  it('a distribution that is not there, before any code is touched', async () => {
    await using site = await startSite();
    const run = await deploy(site, { ...v2, 'distribution-id': 'E2NOTTHERE1' });
    expect(run.result.error).toMatchObject({ code: 'not-found', message: expect.stringContaining('E2NOTTHERE1') });
    expect(effects(site, 'UpdateFunctionCode')).toBe(0);
    expect(run.outputs.status).toBe('failed');
  });

  it('an image that Lambda rejects', async () => {
    await using site = await startSite({
      unknownImages: 'reject',
      images: { [`${repository}:v1`]: `sha256:${'1'.repeat(64)}` },
      // So that only Lambda can find out.
      deny: ['ecr:BatchGetImage'],
    });
    const run = await deploy(site);
    expect(run.result.error).toMatchObject({
      code: 'image-rejected',
      message: expect.stringContaining(`${repository}:v2`),
      hint: expect.stringContaining('--provenance=false'),
    });
    expect(callsTo(site, 'CreateInvalidation')).toEqual([]);
  });

  it('an image that Lambda has no right to pull, which is not the right to update', async () => {
    await using site = await startSite();
    site.fault({
      action: 'UpdateFunctionCode',
      kind: 'error',
      status: 403,
      code: 'AccessDeniedException',
      message: 'Lambda does not have permission to access the ECR image. Check the ECR permissions.',
    });
    const run = await deploy(site);
    expect(run.result.error).toMatchObject({
      code: 'access-denied',
      hint: expect.stringContaining('ecr:BatchGetImage'),
    });
  });

  it('a function of the other package type', async () => {
    await using site = await startSite({ functions: [{ name: 'web', packageType: 'Zip' }] });
    const run = await deploy(site);
    expect(run.result.error).toMatchObject({
      code: 'invalid-input',
      message: expect.stringContaining('package type Zip'),
    });
    expect(callsTo(site, 'UpdateFunctionCode')).toEqual([]);
  });

  it('an update that ends as Failed, with the reason and what to do about it', async () => {
    await using site = await startSite();
    site.fault({
      action: 'UpdateFunctionCode',
      kind: 'ends-failed',
      reasonCode: 'ImageAccessDenied',
      reason: 'no pull',
    });
    const run = await deploy(site);
    expect(run.result.error).toMatchObject({
      code: 'update-failed',
      message: 'The update of function web ended as Failed: ImageAccessDenied (no pull).',
      hint: expect.stringContaining('ecr:BatchGetImage'),
    });
    expect(run.log).toContain(`web: the update to ${repository}:v2 failed, the old code serves`);
    expect(callsTo(site, 'PublishVersion')).toEqual([]);
    expect(callsTo(site, 'CreateInvalidation')).toEqual([]);
  });

  it('a version that ends as Failed', async () => {
    await using site = await startSite();
    site.fault({ action: 'PublishVersion', kind: 'ends-failed', reasonCode: 'FunctionError.InitTimeout' });
    const run = await deploy(site);
    expect(run.result.error).toMatchObject({
      code: 'version-failed',
      message: expect.stringContaining('Version 1 of function web is Failed: FunctionError.InitTimeout'),
    });
    expect(run.outputs['function-version']).toBe('1');
    expect(callsTo(site, 'CreateInvalidation')).toEqual([]);
  });
});

describe.concurrent('several functions', () => {
  it('change nothing at all when one of them is not there', async () => {
    await using site = await startSite();
    const run = await deploy(site, { ...v2, 'function-name': 'web, ghost' });
    expect(run.exitCode).toBe(1);
    expect(site.calls.filter(({ effect }) => effect)).toEqual([]);
    expect(run.log).toContain('web: was not changed');
  });

  it('clear no cache when one of them fails, and the report says which is ready', async () => {
    await using site = await startSite({ functions: [{ name: 'web' }, { name: 'api' }] });
    site.fault({ action: 'UpdateFunctionCode', resource: 'api', kind: 'ends-failed', reasonCode: 'InvalidImage' });
    const run = await deploy(site, { ...v2, 'function-name': 'web, api' });
    expect(run.exitCode).toBe(1);
    expect(callsTo(site, 'CreateInvalidation')).toEqual([]);
    expect(run.result.functions.map(({ stage }: { stage: string }) => stage)).toEqual(['ready', 'update-sent']);
    expect(run.outputs['function-version']).toBe('1\n');
    expect(run.log).toContain('web: holds the code from before again');
  });

  it('a distribution that fails does not hide the others', async () => {
    await using site = await startSite({
      distributions: [
        { id: 'E2EXAMPLE1', functionName: 'web' },
        { id: 'E2EXAMPLE2', functionName: 'web' },
      ],
    });
    site.fault({ action: 'CreateInvalidation', resource: 'E2EXAMPLE1', kind: 'denied' });
    const run = await deploy(site, { ...v2, 'distribution-id': 'E2EXAMPLE1 E2EXAMPLE2', rollback: 'false' });
    expect(run.exitCode).toBe(1);
    expect(run.outputs['invalidation-status']).toBe('\nCompleted');
    expect(run.result.distributions[0].error.code).toBe('access-denied');
    expect(run.result.distributions[1].error).toBeNull();
  });
});

describe.concurrent('a function that is not free', () => {
  it.each([
    { name: 'InProgress', options: { lastUpdateStatus: 'InProgress' } },
    { name: 'Pending', options: { state: 'Pending' } },
  ] as const)('is waited for while it is $name', async ({ options }) => {
    await using site = await startSite({
      clocks: { ...quick, updateMs: 3000, createMs: 3000 },
      functions: [{ name: 'web', imageUri: `${repository}:v1`, ...options }],
    });
    const run = await deploy(site);
    expect(run.exitCode).toBe(0);
    expect(callsTo(site, 'UpdateFunctionCode')).toHaveLength(1);
    expect(run.result.functions[0].steps[1].name).toBe('wait for the earlier update');
  });

  it.each([
    { name: 'the last update Failed', options: { lastUpdateStatus: 'Failed' } },
    { name: 'the function is Inactive', options: { state: 'Inactive' } },
    {
      name: 'the function is Failed, its image gone',
      options: { state: 'Failed', stateReason: { code: 'ImageDeleted', text: '' } },
    },
  ] as const)('is updated although $name, because that may be the cure', async ({ options }) => {
    await using site = await startSite({ functions: [{ name: 'web', imageUri: `${repository}:v1`, ...options }] });
    const run = await deploy(site);
    expect(run.log).toContain('this update may be the cure');
    expect(run.exitCode).toBe(0);
    expect(site.functionNamed('web')).toMatchObject({ state: 'Active', lastUpdateStatus: 'Successful' });
  });

  it('is waited for when somebody else begins to deploy in between, and updated after that', async () => {
    await using site = await startSite({ clocks: { ...quick, updateMs: 700 } });
    let others = 2;
    site.on('UpdateFunctionCode', ({ when }) => {
      if (when === 'before' && others > 0) {
        others -= 1;
        site.apply('UpdateFunctionConfiguration', { FunctionName: 'web', MemorySize: 512 + others });
      }
    });
    const run = await deploy(site);
    expect(run.exitCode).toBe(0);
    expect(callsTo(site, 'UpdateFunctionCode').map(({ status }) => status)).toEqual([409, 409, 200]);
    expect(site.functionNamed('web').serving.imageUri).toBe(`${repository}:v2`);
  });

  it('is waited for when its configuration changes between update and publishing', async () => {
    await using site = await startSite({ clocks: { ...quick, updateMs: 600 } });
    let others = 1;
    site.on('PublishVersion', ({ when }) => {
      if (when === 'before' && others-- > 0) {
        site.apply('UpdateFunctionConfiguration', { FunctionName: 'web', MemorySize: 1024 });
      }
    });
    const run = await deploy(site);
    expect(run.exitCode).toBe(0);
    expect(callsTo(site, 'PublishVersion').map(({ status }) => status)).toEqual([409, 201]);
  });

  it('ends the run as busy at the deadline', async () => {
    await using site = await startSite({
      clocks: { ...quick, updateMs: 60_000 },
      functions: [{ name: 'web', lastUpdateStatus: 'InProgress' }],
    });
    const run = await deploy(site, { ...v2, 'update-timeout': '2' });
    expect(run.result.error).toMatchObject({ code: 'busy', message: expect.stringContaining('InProgress') });
    expect(callsTo(site, 'UpdateFunctionCode')).toEqual([]);
    expect(run.ms).toBeLessThan(7000);
  });

  it('publishes nothing and says conflict when somebody else deploys other code in between', async () => {
    await using site = await startSite();
    let others = 1;
    site.on('PublishVersion', ({ when }) => {
      if (when === 'before' && others-- > 0) {
        site.apply('UpdateFunctionCode', { FunctionName: 'web', ImageUri: `${repository}:theirs` });
      }
    });
    const run = await deploy(site);
    expect(run.result.error.code).toBe('conflict');
    expect(site.functionNamed('web').versions).toEqual([]);
    expect(callsTo(site, 'CreateInvalidation')).toEqual([]);
  });
});

describe.concurrent('deadlines', () => {
  it('an update that never ends is reported as timed-out', async () => {
    await using site = await startSite();
    site.fault({ action: 'UpdateFunctionCode', kind: 'stuck' });
    const run = await deploy(site, { ...v2, 'update-timeout': '2s' });
    expect(run.result.error).toMatchObject({ code: 'timed-out', message: expect.stringContaining('InProgress') });
    expect(run.ms).toBeLessThan(7000);
    expect(callsTo(site, 'CreateInvalidation')).toEqual([]);
  });

  it('a version that never turns Active is reported as timed-out', async () => {
    await using site = await startSite();
    site.fault({ action: 'PublishVersion', kind: 'stuck' });
    const run = await deploy(site, { ...v2, 'update-timeout': '3s' });
    expect(run.result.error).toMatchObject({ code: 'timed-out', message: expect.stringContaining('Pending') });
    expect(run.ms).toBeLessThan(8000);
  });

  it.each(['hang', 'drip', 'stall-headers', 'stall-body'] as const)(
    'a GetFunction that does nothing but %s does not outlast the deadline',
    async (kind) => {
      await using site = await startSite();
      site.fault({ action: 'GetFunction', kind, times: 999, after: 1 });
      const run = await deploy(site, { ...v2, 'update-timeout': '2s' });
      expect(run.result.error.code).toBe('timed-out');
      expect(run.ms).toBeLessThan(7000);
    },
  );
});
