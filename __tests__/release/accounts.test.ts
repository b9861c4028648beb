import { expect, it } from 'vitest';
import { callsTo, deploy, startSite, v2 } from '../support/site.ts';

const ours = 'arn:aws:lambda:us-east-1:123456789012:function:web';
const theirs = 'arn:aws:lambda:us-east-1:210987654321:function:web';

it('tells functions of one name in two accounts apart, in every part of the report', async () => {
  await using site = await startSite();
  // The emulator has one account, and refuses the other as AWS does.
  const run = await deploy(site, { ...v2, 'function-name': `${ours}\n${theirs}` });
  expect(run.result.error).toMatchObject({ code: 'access-denied', message: expect.stringContaining('210987654321') });
  expect(callsTo(site, 'UpdateFunctionCode')).toEqual([]);
  const [first, second] = run.result.functions;
  expect(first).toMatchObject({ name: '123456789012:function:web', error: null });
  expect(second).toMatchObject({ name: '210987654321:function:web', error: { code: 'access-denied' } });
  expect(first.steps).toMatchObject([{ name: 'look', failed: false }]);
  expect(second.steps).toMatchObject([{ name: 'look', failed: true }]);
  expect(run.summary).toContain('210987654321');
});

it('calls a function by its bare name where it is the only one', async () => {
  await using site = await startSite();
  const run = await deploy(site, { ...v2, 'function-name': ours });
  expect(run.exitCode).toBe(0);
  expect(run.result.functions[0].name).toBe('web');
});
