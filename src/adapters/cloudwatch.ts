import type { DescribeAlarmsCommandOutput } from '@aws-sdk/client-cloudwatch';
import type { Alarms } from '../world.ts';
import { attempt } from './attempt.ts';
import { awsText } from './aws-text.ts';
import { clientSettings, once } from './client-settings.ts';

const patienceMs = 10_000;
/** The most names that one call takes. */
const mostNames = 100;

export function connectAlarms(region: string, cancelled: AbortSignal): Alarms {
  const connection = once(async () => {
    const sdk = await import(/* webpackMode: "eager" */ './cloudwatch-sdk.ts');
    return { sdk, client: new sdk.CloudWatchClient(clientSettings(region)) };
  });
  return {
    async states(names, deadline) {
      const { sdk, client } = await connection();
      const states = new Map<string, string>();
      for (let at = 0; at < names.length; at += mostNames) {
        const answer = await attempt(
          {
            subject: 'The alarms',
            action: 'cloudwatch:DescribeAlarms',
            // IAM knows no narrower one for this action.
            resource: '*',
            failure: 'alarm',
            send: (abortSignal) =>
              client.send(
                new sdk.DescribeAlarmsCommand({
                  AlarmNames: names.slice(at, at + mostNames),
                  // Without both, composite alarms are left out.
                  AlarmTypes: ['MetricAlarm', 'CompositeAlarm'],
                  MaxRecords: mostNames,
                }),
                { abortSignal },
              ),
            read: (output: DescribeAlarmsCommandOutput) => output.MetricAlarms && output,
          },
          { patienceMs, deadline, cancelled },
        );
        if (answer.kind !== 'answered') {
          return answer;
        }
        for (const { AlarmName, StateValue } of [
          ...(answer.value.MetricAlarms ?? []),
          ...(answer.value.CompositeAlarms ?? []),
        ]) {
          states.set(AlarmName ?? '', awsText(StateValue));
        }
      }
      return { kind: 'answered', value: states };
    },
  };
}
