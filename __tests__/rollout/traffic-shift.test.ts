import { describe, expect, it } from 'vitest';
import { callsTo, deploy, repository } from '../support/site.ts';
import { aliased, aliasOf, changesOf, onFirst, startRollout, tracesOf, web } from './rollout.ts';

const shifting = { ...aliased, 'traffic-shift': '10% 1s, 50% 1s' };
const watched = { ...shifting, alarms: 'errors\nlatency\npanics' };
const alarms = [
  { name: 'errors' },
  { name: 'latency', type: 'CompositeAlarm' as const },
  { name: 'panics', type: 'LogAlarm' as const },
];

describe.concurrent('traffic-shift', () => {
  it('gives the new version its weights step by step, then all, and clears the cache after that', async () => {
    await using site = await startRollout({ alarms });
    const run = await deploy(site, watched);
    expect(run.log).not.toContain('::error');
    expect(run.exitCode).toBe(0);
    expect(tracesOf(site)).toEqual(['2 {"3":0.1}', '2 {"3":0.5}', '3']);
    const at = site.events.filter(({ type }) => type === 'alias-changed').map((event) => event.at);
    expect((at[1] ?? 0) - (at[0] ?? 0)).toBeGreaterThanOrEqual(1000);
    expect((at[2] ?? 0) - (at[1] ?? 0)).toBeGreaterThanOrEqual(1000);
    expect(callsTo(site, 'CreateInvalidation')[0]?.at).toBeGreaterThan(at[2] ?? Number.NaN);
    for (const line of [
      'alarm errors: OK',
      'alarm latency: OK',
      'alarm panics: OK',
      'web: alias live points to version 2 (10 % to version 3)',
      'traffic: 10 % for 1.0 s',
      'web: alias live points to version 2 (50 % to version 3)',
      'traffic: 50 % for 1.0 s',
      'web: alias live points to version 3',
    ]) {
      expect(run.log).toContain(line);
    }
  });

  it('shifts several functions together', async () => {
    await using site = await startRollout({ functions: [web, { ...web, name: 'api' }] });
    const run = await deploy(site, { ...shifting, 'function-name': 'web api' });
    expect(run.exitCode).toBe(0);
    for (const name of ['web', 'api']) {
      expect(tracesOf(site, name)).toEqual(['2 {"3":0.1}', '2 {"3":0.5}', '3']);
    }
  });

  it('shifts nothing to a version that the alias names already, and creates an alias at once', async () => {
    await using site = await startRollout({ functions: [web, { name: 'api' }] });
    const inputs = { ...shifting, 'function-name': 'web api' };
    expect((await deploy(site, inputs)).exitCode).toBe(0);
    expect(tracesOf(site, 'api')).toEqual(['1']);
    const again = await deploy(site, inputs, { env: { GITHUB_RUN_ATTEMPT: '2' } });
    expect(again.exitCode).toBe(0);
    expect(again.log).not.toContain('traffic:');
    expect(tracesOf(site)).toHaveLength(3);
  });

  it.each([
    { name: 'in ALARM', alarm: { name: 'errors', state: 'ALARM' }, deny: [], code: 'alarm', says: '"errors"' },
    { name: 'unknown', alarm: { name: 'other' }, deny: [], code: 'not-found', says: '"errors"' },
    {
      name: 'not to be read',
      alarm: { name: 'errors' },
      deny: ['cloudwatch:DescribeAlarms'],
      code: 'access-denied',
      says: 'cloudwatch:DescribeAlarms',
    },
  ] as const)('changes nothing at all when an alarm is $name', async ({ alarm, deny, code, says }) => {
    await using site = await startRollout({ alarms: [alarm], deny: [...deny] });
    const run = await deploy(site, { ...shifting, alarms: 'errors' });
    expect(run.exitCode).toBe(1);
    expect(run.result.error).toMatchObject({ code, message: expect.stringContaining(says) });
    expect(run.outputs.status).toBe('failed');
    expect(changesOf(site)).toEqual([]);
  });

  it.each([
    { name: 'an alarm', alarm: 'errors' },
    { name: 'a composite alarm', alarm: 'latency' },
    { name: 'a log alarm', alarm: 'panics' },
  ])('goes back at once when $name rings during the shift', async ({ alarm }) => {
    await using site = await startRollout({
      alarms: alarms.map((one) =>
        one.name === alarm
          ? { ...one, changes: [{ functionName: 'web', alias: 'live', version: '3', share: 0.5, afterMs: 200 }] }
          : one,
      ),
    });
    const run = await deploy(site, { ...watched, 'traffic-shift': '10% 1s, 50% 30s' });
    expect(run.exitCode).toBe(1);
    expect(run.outputs.status).toBe('rolled-back');
    expect(run.result.error).toMatchObject({ code: 'alarm', message: `Alarm "${alarm}" fired during the 50% step.` });
    expect(tracesOf(site)).toEqual(['2 {"3":0.1}', '2 {"3":0.5}', '2']);
    expect(run.log).toContain(`alarm ${alarm}: ALARM`);
    expect(run.log).toContain('web: alias live points to version 2 again');
    expect(callsTo(site, 'CreateInvalidation')).toEqual([]);
    const rangAt = site.events.find(({ type }) => type === 'alarm-changed')?.at ?? Number.NaN;
    const backAt = site.events.findLast(({ type }) => type === 'alias-changed')?.at ?? Number.NaN;
    expect(backAt - rangAt).toBeLessThan(4000);
  });

  it('shows an alarm that changes without ringing, once', async () => {
    await using site = await startRollout({
      alarms: [
        { name: 'errors', changes: [{ functionName: 'web', alias: 'live', version: '3', state: 'INSUFFICIENT_DATA' }] },
      ],
    });
    const run = await deploy(site, { ...shifting, alarms: 'errors' });
    expect(run.exitCode).toBe(0);
    expect(run.log).toContain('traffic: alarm errors: INSUFFICIENT_DATA');
  });

  it('bears alarms that cannot be read for a while', async () => {
    await using site = await startRollout({ alarms });
    onFirst(site, 'UpdateAlias', 'after', () => {
      site.fault({ action: 'DescribeAlarms', kind: 'service-unavailable', times: 1 });
      site.fault({ action: 'DescribeAlarms', kind: 'throttle', times: 2 });
    });
    const run = await deploy(site, watched);
    expect(run.exitCode).toBe(0);
    expect(aliasOf(site)).toEqual({ version: '3', weights: {} });
  });

  it('goes back when an alarm is deleted or its reading denied meanwhile', async () => {
    await using site = await startRollout({ alarms });
    onFirst(site, 'UpdateAlias', 'after', () => site.denied.add('cloudwatch:DescribeAlarms'));
    const run = await deploy(site, watched);
    expect(run.outputs.status).toBe('rolled-back');
    expect(run.result.error.code).toBe('access-denied');
    expect(tracesOf(site)).toEqual(['2 {"3":0.1}', '2']);
  });
});

describe.concurrent('bake-seconds', () => {
  const baking = { ...aliased, alarms: 'errors', 'bake-seconds': '3' };

  it('watches the alarms after the switch, and clears the cache after that', async () => {
    await using site = await startRollout({ alarms });
    const run = await deploy(site, { ...baking, 'bake-seconds': '2' });
    expect(run.exitCode).toBe(0);
    const movedAt = site.events.find(({ type }) => type === 'alias-changed')?.at ?? Number.NaN;
    expect((callsTo(site, 'CreateInvalidation')[0]?.at ?? 0) - movedAt).toBeGreaterThanOrEqual(2000);
    expect(run.log).toContain('traffic: all traffic, watched for 2.0 s');
  });

  it('goes back when an alarm rings meanwhile', async () => {
    await using site = await startRollout({
      alarms: [
        { name: 'errors', changes: [{ functionName: 'web', alias: 'live', version: '3', share: 1, afterMs: 500 }] },
      ],
    });
    const run = await deploy(site, baking);
    expect(run.outputs.status).toBe('rolled-back');
    expect(run.result.error.code).toBe('alarm');
    expect(tracesOf(site)).toEqual(['3', '2']);
    expect(callsTo(site, 'CreateInvalidation')).toEqual([]);
  });

  it('watches without an alias, too, and an image goes back', async () => {
    await using site = await startRollout({ alarms: [{ name: 'errors' }], functions: [{ ...web, aliases: {} }] });
    const before = site.functionNamed('web').serving.codeSha256;
    onFirst(site, 'PublishVersion', 'after', () => setTimeout(() => site.setAlarm('errors', 'ALARM'), 800));
    const { alias: _, ...inputs } = baking;
    const run = await deploy(site, inputs);
    expect(run.outputs.status).toBe('rolled-back');
    expect(site.functionNamed('web').serving.codeSha256).toBe(before);
    expect(callsTo(site, 'CreateInvalidation')).toEqual([]);
  });
});

describe.concurrent('an alarm that is in ALARM before the start', () => {
  const inAlarm = { name: 'errors', state: 'ALARM' as const };
  const curing = { ...shifting, alarms: 'errors\nlatency', 'start-in-alarm': 'true' };
  const site = (changes: { state: 'OK' | 'ALARM' | 'INSUFFICIENT_DATA'; share: number; afterMs?: number }[]) =>
    startRollout({
      alarms: [
        {
          ...inAlarm,
          changes: changes.map((change) => ({ functionName: 'web', alias: 'live', version: '3', ...change })),
        },
        { name: 'latency' },
      ],
    });

  it('stops the release, and the hint names the input', async () => {
    await using rollout = await site([]);
    const { 'start-in-alarm': _, ...inputs } = curing;
    const run = await deploy(rollout, inputs);
    expect(run.result.error).toMatchObject({
      code: 'alarm',
      message: 'Alarm "errors" is in ALARM before the release starts.',
      hint: expect.stringContaining('start-in-alarm: true'),
    });
    expect(changesOf(rollout)).toEqual([]);
  });

  it('is named with start-in-alarm, and the release that cures it succeeds', async () => {
    await using rollout = await site([{ state: 'OK', share: 0.5 }]);
    const run = await deploy(rollout, curing);
    expect(run.outputs.status).toBe('succeeded');
    expect(run.log).toContain('warning: alarm errors is in ALARM before the start');
    expect(run.log).toContain('alarm errors was OK, so it counts from now on');
    expect(run.result.warnings).toEqual([]);
    expect(aliasOf(rollout)).toEqual({ version: '3', weights: {} });
  });

  it('is a warning when it is still in ALARM at the end', async () => {
    await using rollout = await site([]);
    const run = await deploy(rollout, curing);
    expect(run.outputs.status).toBe('succeeded');
    expect(run.result.warnings).toMatchObject([{ code: 'alarm', message: expect.stringContaining('"errors"') }]);
    expect(run.log).toMatch(/^::warning .*"errors" is still in ALARM/m);
  });

  it('counts again once it was OK', async () => {
    await using rollout = await site([
      { state: 'OK', share: 0.1 },
      { state: 'ALARM', share: 0.5 },
    ]);
    const run = await deploy(rollout, { ...curing, 'traffic-shift': '10% 3s, 50% 3s' });
    expect(run.outputs.status).toBe('rolled-back');
    expect(run.result.error).toMatchObject({ code: 'alarm', message: 'Alarm "errors" fired during the 50% step.' });
    expect(tracesOf(rollout).at(-1)).toBe('2');
  });

  it('counts when it was OK and fired again between two looks', async () => {
    await using rollout = await site([]);
    onFirst(rollout, 'UpdateAlias', 'after', () => {
      rollout.setAlarm('errors', 'OK');
      rollout.setAlarm('errors', 'ALARM');
    });
    const run = await deploy(rollout, curing);
    expect(run.result.error).toMatchObject({ code: 'alarm', message: 'Alarm "errors" fired during the 10% step.' });
    expect(tracesOf(rollout).at(-1)).toBe('2');
  });

  it('does not count after it had no data, which is not OK', async () => {
    await using rollout = await site([
      { state: 'INSUFFICIENT_DATA', share: 0.1 },
      { state: 'ALARM', share: 0.5 },
    ]);
    const run = await deploy(rollout, { ...curing, 'traffic-shift': '10% 3s, 50% 1s' });
    expect(run.outputs.status).toBe('succeeded');
    expect(run.result.warnings).toMatchObject([{ code: 'alarm' }]);
  });

  it('leaves the others as they are: one that fires rolls the release back', async () => {
    await using rollout = await site([]);
    onFirst(rollout, 'UpdateAlias', 'after', () => rollout.setAlarm('latency', 'ALARM'));
    const run = await deploy(rollout, curing);
    expect(run.result.error).toMatchObject({ code: 'alarm', message: 'Alarm "latency" fired during the 10% step.' });
    expect(run.outputs.status).toBe('rolled-back');
  });
});

describe.concurrent('alarms', () => {
  it('that fire while the version gets ready stop the release before any traffic moves', async () => {
    await using site = await startRollout({ alarms });
    onFirst(site, 'PublishVersion', 'after', () => site.setAlarm('panics', 'ALARM'));
    const run = await deploy(site, watched);
    expect(run.result.error).toMatchObject({ code: 'alarm', message: expect.stringContaining('"panics" is in ALARM') });
    expect(run.outputs.status).toBe('failed');
    expect(tracesOf(site)).toEqual([]);
  });

  it('are asked for by the types that a Region knows', async () => {
    await using site = await startRollout({ alarms });
    site.fault({ action: 'DescribeAlarms', kind: 'error', code: 'ValidationError' });
    const run = await deploy(site, { ...shifting, alarms: 'errors\nlatency' });
    expect(run.outputs.status).toBe('succeeded');
    const types = callsTo(site, 'DescribeAlarms').map(({ input }) => input.AlarmTypes);
    expect(types[0]).toContain('LogAlarm');
    expect(types[1]).toEqual(['MetricAlarm', 'CompositeAlarm']);
  });

  it('are read page by page', async () => {
    const names = Array.from({ length: 130 }, (_, index) => `alarm-${index}`);
    await using site = await startRollout({ alarms: names.map((name) => ({ name })) });
    onFirst(site, 'UpdateAlias', 'after', () => site.setAlarm('alarm-129', 'ALARM'));
    const run = await deploy(site, { ...shifting, alarms: names.join('\n') });
    expect(run.result.error.message).toBe('Alarm "alarm-129" fired during the 10% step.');
  });
});

describe.concurrent('a shift that is broken off', () => {
  it('by a cancel puts the alias back, within 7 s', async () => {
    await using site = await startRollout();
    let cancelledAt = Number.NaN;
    const run = await deploy(
      site,
      { ...aliased, 'traffic-shift': '25% 60s' },
      {
        onStart: (child) =>
          onFirst(site, 'UpdateAlias', 'after', () =>
            setTimeout(() => {
              cancelledAt = performance.now();
              child.kill('SIGINT');
            }, 700),
          ),
      },
    );
    expect(performance.now() - cancelledAt).toBeLessThan(7000);
    expect(run.outputs.status).toBe('cancelled');
    expect(run.log).toContain('alias live points to version 2 again');
    expect(run.result.functions[0].alias).toMatchObject({ version: '2', weights: {} });
    expect(aliasOf(site)).toEqual({ version: '2', weights: {} });
  });

  it('by a cancel in the middle of the call puts back what may have been moved', async () => {
    await using site = await startRollout();
    site.fault({ action: 'UpdateAlias', kind: 'hang', apply: true });
    const run = await deploy(
      site,
      { ...aliased, 'traffic-shift': '25% 60s' },
      {
        onStart: (child) => onFirst(site, 'UpdateAlias', 'after', () => setTimeout(() => child.kill('SIGINT'), 200)),
      },
    );
    expect(run.outputs.status).toBe('cancelled');
    expect(aliasOf(site)).toEqual({ version: '2', weights: {} });
  });

  it('by a cancel names an alias that cannot be put back', async () => {
    await using site = await startRollout();
    site.fault({ action: 'UpdateAlias', kind: 'denied', after: 1, times: 9 });
    const run = await deploy(
      site,
      { ...aliased, 'traffic-shift': '25% 60s' },
      {
        onStart: (child) => onFirst(site, 'UpdateAlias', 'after', () => setTimeout(() => child.kill('SIGINT'), 400)),
      },
    );
    expect(run.outputs.status).toBe('cancelled');
    expect(run.log).toContain('could not be rolled back and points to version 2 (25 % to version 3)');
    expect(run.result.rollback.errors).toMatchObject([{ code: 'rollback-failed' }]);
  });

  it('by a cancel while old versions are deleted, when the release is out, takes nothing back', async () => {
    await using site = await startRollout({ functions: [{ ...web, versions: 4, aliases: { live: '4' } }] });
    const run = await deploy(
      site,
      { 'function-name': 'web', 'image-uri': `${repository}:v2`, alias: 'live', 'keep-versions': '1' },
      { onStart: (child) => onFirst(site, 'ListAliases', 'after', () => child.kill('SIGINT')) },
    );
    expect(run.outputs.status).toBe('cancelled');
    expect(aliasOf(site)).toEqual({ version: '5', weights: {} });
  });

  it('by a cancel with rollback: false stays as it is', async () => {
    await using site = await startRollout();
    const run = await deploy(
      site,
      { ...aliased, 'traffic-shift': '25% 60s', rollback: 'false' },
      {
        onStart: (child) => onFirst(site, 'UpdateAlias', 'after', () => setTimeout(() => child.kill('SIGINT'), 400)),
      },
    );
    expect(run.outputs.status).toBe('cancelled');
    expect(aliasOf(site)).toEqual({ version: '2', weights: { 3: 0.25 } });
    expect(run.log).toContain('alias live points to version 2 (25 % to version 3)');
  });

  it('by a kill is recognised and healed by the next run', async () => {
    await using site = await startRollout();
    const killed = await deploy(
      site,
      { ...aliased, 'traffic-shift': '25% 60s' },
      {
        onStart: (child) => onFirst(site, 'UpdateAlias', 'after', () => setTimeout(() => child.kill('SIGKILL'), 100)),
      },
    );
    expect(killed.exitCode).toBeNull();
    expect(aliasOf(site)).toEqual({ version: '2', weights: { 3: 0.25 } });
    const run = await deploy(site, shifting, { env: { GITHUB_RUN_ATTEMPT: '2' } });
    expect(run.exitCode).toBe(0);
    expect(run.log).toContain('which an earlier run left split');
    expect(aliasOf(site)).toEqual({ version: '3', weights: {} });
    expect(site.functionNamed('web').versions).toHaveLength(3);
  });
});
