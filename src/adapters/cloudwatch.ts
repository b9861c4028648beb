import type { AlarmType, DescribeAlarmsCommandOutput } from '@aws-sdk/client-cloudwatch';
import type { AlarmState, Alarms, Attempt } from '../world.ts';
import { attempt } from './attempt.ts';
import { awsText } from './aws-text.ts';
import { clientSettings, once } from './client-settings.ts';

const patienceMs = 10_000;
/** The most names that one call takes. */
const mostNames = 100;
/** Only what is asked for comes back, and a Region that does not know a type yet refuses it. These two all know. */
const oldTypes: readonly AlarmType[] = ['MetricAlarm', 'CompositeAlarm'];

export function connectAlarms(region: string, cancelled: AbortSignal): Alarms {
  const connection = once(async () => {
    const sdk = await import(/* webpackMode: "eager" */ './cloudwatch-sdk.ts');
    return { sdk, client: new sdk.CloudWatchClient(clientSettings(region)) };
  });
  /** All that the SDK knows, but where a Region does not know as much yet. */
  let types: readonly AlarmType[] | undefined;

  const page = async (names: readonly string[], NextToken: string | undefined, deadline: number): Promise<Page> => {
    const { sdk, client } = await connection();
    types ??= Object.values(sdk.AlarmType);
    const AlarmTypes = [...types];
    const answer: Page = await attempt(
      {
        subject: 'The alarms',
        action: 'cloudwatch:DescribeAlarms',
        // With anything narrower, composite alarms are left out (as the SDK says about this command).
        resource: '*',
        failure: 'alarm',
        send: (abortSignal) =>
          client.send(
            new sdk.DescribeAlarmsCommand({ AlarmNames: [...names], AlarmTypes, MaxRecords: mostNames, NextToken }),
            { abortSignal },
          ),
        read: (output: DescribeAlarmsCommandOutput) => readPage(output),
      },
      { patienceMs, deadline, cancelled },
    );
    if (answer.kind === 'refused' && answer.errorName?.startsWith('Validation') && types !== oldTypes) {
      types = oldTypes;
      return page(names, NextToken, deadline);
    }
    return answer;
  };

  return {
    async states(names, deadline) {
      const states = new Map<string, AlarmState>();
      for (let at = 0; at < names.length; at += mostNames) {
        let next: string | undefined;
        do {
          const answer = await page(names.slice(at, at + mostNames), next, deadline);
          if (answer.kind !== 'answered') {
            return answer;
          }
          for (const { AlarmName, StateValue, StateTransitionedTimestamp: changed } of answer.value.alarms) {
            states.set(AlarmName ?? '', { value: awsText(StateValue), changedAt: changed?.getTime() });
          }
          next = answer.value.next;
        } while (next !== undefined);
      }
      return { kind: 'answered', value: states };
    },
  };
}

type Page = Attempt<NonNullable<ReturnType<typeof readPage>>>;

/** Each type of alarm has a list of its own. */
function readPage({ MetricAlarms, CompositeAlarms, LogAlarms, NextToken }: DescribeAlarmsCommandOutput) {
  const lists = [MetricAlarms, CompositeAlarms, LogAlarms].filter((list) => list !== undefined);
  return lists.length === 0 ? undefined : { alarms: lists.flat(), next: NextToken || undefined };
}
