import {
  type AlarmType,
  DescribeAlarmsCommand,
  type DescribeAlarmsCommandInput,
  paginateDescribeAlarms,
  SetAlarmStateCommand,
} from '@aws-sdk/client-cloudwatch';
import { describe, expect, it } from 'vitest';
import type { FaultKind } from '../../local-aws/faults.ts';
import type { LocalAws } from '../../local-aws/local-aws.ts';
import { cli, hasCli } from './cli.ts';
import { connect, startAws } from './clients.ts';

const ALL: AlarmType[] = ['MetricAlarm', 'CompositeAlarm', 'LogAlarm'];
const alarms = [
  { name: 'errors', state: 'OK' as const },
  { name: 'latency', state: 'INSUFFICIENT_DATA' as const },
  { name: 'any', state: 'ALARM' as const, type: 'CompositeAlarm' as const },
  { name: 'panics', type: 'LogAlarm' as const },
];

async function states(aws: LocalAws, input: DescribeAlarmsCommandInput): Promise<Record<string, string | undefined>> {
  const {
    MetricAlarms = [],
    CompositeAlarms = [],
    LogAlarms = [],
  } = await connect(aws).cloudWatch.send(new DescribeAlarmsCommand(input));
  const all = [...MetricAlarms, ...CompositeAlarms, ...LogAlarms];
  return Object.fromEntries(all.map(({ AlarmName, StateValue }) => [String(AlarmName), StateValue]));
}

describe('DescribeAlarms', () => {
  it('shows metric alarms, and the others only when asked for', async () => {
    const aws = await startAws({ alarms });
    const AlarmNames = ['errors', 'any', 'panics'];
    expect(await states(aws, { AlarmNames })).toEqual({ errors: 'OK' });
    expect(await states(aws, { AlarmNames, AlarmTypes: ALL })).toEqual({ errors: 'OK', any: 'ALARM', panics: 'OK' });
    expect(await states(aws, { AlarmTypes: ['CompositeAlarm'] })).toEqual({ any: 'ALARM' });
  });

  it('leaves out names it does not know', async () => {
    expect(await states(await startAws({ alarms }), { AlarmNames: ['errors', 'gone'] })).toEqual({ errors: 'OK' });
  });

  it('finds by prefix and by state', async () => {
    const aws = await startAws({ alarms });
    expect(await states(aws, { AlarmNamePrefix: 'l' })).toEqual({ latency: 'INSUFFICIENT_DATA' });
    expect(await states(aws, { StateValue: 'ALARM', AlarmTypes: ALL })).toEqual({ any: 'ALARM' });
  });

  it('comes in pages', async () => {
    const many = Array.from({ length: 7 }, (_, index) => ({
      name: `alarm-${index}`,
      type: ALL[index % 3],
    }));
    const { cloudWatch: client } = connect(await startAws({ alarms: many }));
    const sizes: number[] = [];
    for await (const page of paginateDescribeAlarms({ client }, { MaxRecords: 3, AlarmTypes: ALL })) {
      const { MetricAlarms = [], CompositeAlarms = [], LogAlarms = [] } = page;
      sizes.push([...MetricAlarms, ...CompositeAlarms, ...LogAlarms].length);
    }
    expect(sizes).toEqual([3, 3, 1]);
  });

  it.each([
    { input: { NextToken: 'theirs' }, name: 'InvalidNextToken' },
    { input: { MaxRecords: 101 }, name: 'ValidationException' },
    { input: { AlarmTypes: ['Alarm' as AlarmType] }, name: 'ValidationException' },
    { input: { AlarmNames: Array.from({ length: 101 }, (_, index) => `a${index}`) }, name: 'ValidationException' },
    { input: { AlarmNames: ['a'], AlarmNamePrefix: 'b' }, name: 'ValidationException' },
  ])('refuses with $name what is not allowed', async ({ input, name }) => {
    await expect(states(await startAws(), input)).rejects.toMatchObject({ name, $metadata: { httpStatusCode: 400 } });
  });

  it.each<[FaultKind, object]>([
    [{ kind: 'denied' }, { name: 'AccessDenied', message: expect.stringContaining('cloudwatch:DescribeAlarms') }],
    [{ kind: 'throttle' }, { name: 'Throttling' }],
    [{ kind: 'service-unavailable' }, { $metadata: { httpStatusCode: 503 } }],
    [{ kind: 'reset-after' }, { code: 'ECONNRESET' }],
  ])('can break: %o', async (fault, error) => {
    const aws = await startAws({ alarms });
    aws.fault({ action: 'DescribeAlarms', ...fault });
    await expect(states(aws, {})).rejects.toMatchObject(error);
  });
});

describe('the state of an alarm', () => {
  it('is set by a test or by a call, and each change is in the timeline', async () => {
    const aws = await startAws({ alarms });
    const { cloudWatch } = connect(aws);
    aws.setAlarm('errors', 'ALARM');
    const back = { AlarmName: 'errors', StateValue: 'OK' as const, StateReason: 'by hand' };
    await cloudWatch.send(new SetAlarmStateCommand(back));
    await cloudWatch.send(new SetAlarmStateCommand(back));
    expect(aws.events.map(({ type, subject, detail }) => [type, subject, detail.state])).toEqual([
      ['alarm-changed', 'errors', 'ALARM'],
      ['alarm-changed', 'errors', 'OK'],
    ]);
    await expect(cloudWatch.send(new SetAlarmStateCommand({ ...back, AlarmName: 'gone' }))).rejects.toMatchObject({
      name: 'ResourceNotFound',
      $metadata: { httpStatusCode: 404 },
    });
    expect(() => aws.setAlarm('gone', 'OK')).toThrow('gone');
    // What clients of the old query protocol go by.
    expect(await aws.call('SetAlarmState', { ...back, AlarmName: 'gone' })).toMatchObject({
      headers: { 'x-amzn-query-error': 'ResourceNotFound;Sender' },
    });
  });

  it.each([
    { title: 'any traffic', share: undefined, changesAt: 1 },
    { title: 'half the traffic', share: 0.5, changesAt: 2 },
    { title: 'all of it', share: 1, changesAt: 3 },
  ])('can follow a version getting $title, after a while', async ({ share, changesAt }) => {
    const change = { functionName: 'web', alias: 'live', version: '2', share, afterMs: 5 };
    const aws = await startAws({
      functions: [{ name: 'web', versions: 2, aliases: { live: '1' } }],
      alarms: [{ name: 'errors', changes: [change] }],
    });
    const move = (input: object) => aws.apply('UpdateAlias', { FunctionName: 'web', Name: 'live', ...input });
    const steps = [
      () => move({ Description: 'nothing moves' }),
      () => move({ RoutingConfig: { AdditionalVersionWeights: { '2': 0.1 } } }),
      () => move({ RoutingConfig: { AdditionalVersionWeights: { '2': 0.5 } } }),
      () => move({ FunctionVersion: '2', RoutingConfig: { AdditionalVersionWeights: {} } }),
    ];
    for (const [index, step] of steps.entries()) {
      step();
      expect(aws.alarms()).toMatchObject([{ state: index > changesAt ? 'ALARM' : 'OK' }]);
      await new Promise((resolve) => setTimeout(resolve, 25));
      expect(aws.alarms()).toMatchObject([{ state: index >= changesAt ? 'ALARM' : 'OK' }]);
    }
    aws.setAlarm('errors', 'OK');
    move({ Description: 'still there' });
    await new Promise((resolve) => setTimeout(resolve, 25));
    expect(aws.alarms()).toMatchObject([{ state: 'OK' }]);
  });
});

it.skipIf(!hasCli)('the AWS CLI sets and reads alarms', { timeout: 120_000 }, async () => {
  const aws = await startAws({ alarms });
  await cli(aws, 'cloudwatch set-alarm-state --alarm-name errors --state-value ALARM --state-reason tried');
  const types = '--alarm-types MetricAlarm CompositeAlarm';
  expect(await cli(aws, `cloudwatch describe-alarms --alarm-names errors any gone ${types}`)).toMatchObject({
    MetricAlarms: [{ AlarmName: 'errors', StateValue: 'ALARM', StateReason: 'tried' }],
    CompositeAlarms: [{ AlarmName: 'any', StateValue: 'ALARM' }],
  });
  await expect(
    cli(aws, 'cloudwatch set-alarm-state --alarm-name gone --state-value OK --state-reason tried'),
  ).rejects.toThrow('An error occurred (ResourceNotFound) when calling the SetAlarmState operation');
});
