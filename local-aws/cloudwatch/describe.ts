import { type Input, type Reply, textOf } from '../api.ts';
import { epochSeconds } from '../json-protocol.ts';
import { type Alarm, type AlarmState, type AlarmStore, type AlarmType, setAlarm } from './alarms.ts';
import { CloudWatchErrors, protocol } from './errors.ts';

const MOST_RECORDS = 100;
const TYPES: AlarmType[] = ['CompositeAlarm', 'LogAlarm', 'MetricAlarm'];

/** Unknown names are simply missing from the answer, and without AlarmTypes so is all but metric alarms. */
export function describeAlarms(store: AlarmStore, input: Input): Reply {
  const names = namesIn(input);
  const types = input.AlarmTypes ?? ['MetricAlarm'];
  if (!Array.isArray(types) || types.some((type) => !TYPES.includes(type))) {
    throw CloudWatchErrors.validation(`AlarmTypes must be a list of ${TYPES}.`);
  }
  const state = textOf(input, 'StateValue');
  const prefix = textOf(input, 'AlarmNamePrefix');
  if (prefix !== undefined && names !== undefined) {
    throw CloudWatchErrors.validation('AlarmNamePrefix and AlarmNames cannot be specified together.');
  }
  const found = [...store.alarms.values()].filter(
    (alarm) =>
      types.includes(alarm.type) &&
      (names?.includes(alarm.name) ?? true) &&
      alarm.name.startsWith(prefix ?? '') &&
      (state ?? alarm.state) === alarm.state,
  );
  const { page, next } = pageOf(found, input);
  const ofType = (type: AlarmType) => page.filter((alarm) => alarm.type === type);
  return protocol.reply({
    CompositeAlarms: ofType('CompositeAlarm').map((alarm) => compositeDocument(store, alarm)),
    LogAlarms: ofType('LogAlarm').map((alarm) => logDocument(store, alarm)),
    MetricAlarms: ofType('MetricAlarm').map((alarm) => metricDocument(store, alarm)),
    ...next,
  });
}

const STATES: AlarmState[] = ['OK', 'ALARM', 'INSUFFICIENT_DATA'];

export function setAlarmState(store: AlarmStore, input: Input): Reply {
  const state = STATES.find((candidate) => candidate === input.StateValue);
  if (state === undefined) throw CloudWatchErrors.validation(`StateValue must be one of ${STATES}.`);
  if (!setAlarm(store, textOf(input, 'AlarmName') ?? '', state, textOf(input, 'StateReason'))) {
    throw CloudWatchErrors.notFound();
  }
  return protocol.reply({}, true);
}

function namesIn({ AlarmNames }: Input): string[] | undefined {
  if (AlarmNames === undefined) return undefined;
  if (Array.isArray(AlarmNames) && AlarmNames.length <= MOST_RECORDS) return AlarmNames as string[];
  throw CloudWatchErrors.validation(`AlarmNames must be a list of at most ${MOST_RECORDS} names.`);
}

function pageOf(alarms: Alarm[], input: Input): { page: Alarm[]; next: { NextToken?: string } } {
  const most = Number(input.MaxRecords ?? MOST_RECORDS);
  if (!Number.isInteger(most) || most < 1 || most > MOST_RECORDS) {
    throw CloudWatchErrors.validation(`MaxRecords must be from 1 to ${MOST_RECORDS}.`);
  }
  const token = textOf(input, 'NextToken');
  const start = token === undefined ? 0 : Number(/^after-(\d+)$/.exec(token)?.[1]);
  if (Number.isNaN(start)) throw CloudWatchErrors.invalidNextToken();
  const end = start + most;
  return { page: alarms.slice(start, end), next: end < alarms.length ? { NextToken: `after-${end}` } : {} };
}

function metricDocument(store: AlarmStore, alarm: Alarm): Record<string, unknown> {
  return {
    ...commonFields(store, alarm),
    Namespace: 'AWS/Lambda',
    MetricName: 'Errors',
    Statistic: 'Sum',
    Period: 60,
    EvaluationPeriods: 1,
    Threshold: 0,
    ComparisonOperator: 'GreaterThanThreshold',
    Dimensions: [],
  };
}

function compositeDocument(store: AlarmStore, alarm: Alarm): Record<string, unknown> {
  return { ...commonFields(store, alarm), AlarmRule: 'FALSE' };
}

function logDocument(store: AlarmStore, alarm: Alarm): Record<string, unknown> {
  return {
    ...commonFields(store, alarm),
    QueryResultsToEvaluate: 1,
    QueryResultsToAlarm: 1,
    Threshold: 0,
    ComparisonOperator: 'GreaterThanThreshold',
    TreatMissingData: 'notBreaching',
  };
}

function commonFields({ home }: AlarmStore, { name, state, reason, updatedAt }: Alarm): Record<string, unknown> {
  return {
    AlarmName: name,
    AlarmArn: `arn:aws:cloudwatch:${home.region}:${home.accountId}:alarm:${name}`,
    ActionsEnabled: true,
    StateValue: state,
    StateReason: reason,
    StateUpdatedTimestamp: epochSeconds(updatedAt),
    StateTransitionedTimestamp: epochSeconds(updatedAt),
  };
}
