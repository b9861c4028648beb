import { type Operation, type Service, textOf } from '../api.ts';
import type { AlarmStore } from './alarms.ts';
import { describeAlarms, setAlarmState } from './describe.ts';
import { CloudWatchErrors, protocol, standardErrors, toErrorReply } from './errors.ts';

export function cloudWatchService(store: AlarmStore): Service {
  const { accountId, region } = store.home;
  const operations: Operation[] = [
    {
      action: 'DescribeAlarms',
      iamAction: 'cloudwatch:DescribeAlarms',
      method: 'POST',
      path: '/',
      // IAM knows no narrower resource for it.
      resourceOf: () => ({ name: '*', arn: '*' }),
      run: (input) => describeAlarms(store, input),
    },
    {
      action: 'SetAlarmState',
      iamAction: 'cloudwatch:SetAlarmState',
      method: 'POST',
      path: '/',
      resourceOf: (input) => {
        const name = textOf(input, 'AlarmName') ?? '';
        return { name, arn: `arn:aws:cloudwatch:${region}:${accountId}:alarm:${name}` };
      },
      run: (input) => setAlarmState(store, input),
    },
  ];
  return {
    name: 'cloudwatch',
    operations,
    match: protocol.matchIn(operations),
    readInput: (request) => protocol.readInput(request, CloudWatchErrors.malformed),
    toErrorReply,
    errors: standardErrors,
  };
}
