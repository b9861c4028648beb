import { type Input, type Reply, recordOf, textOf } from '../api.ts';
import type { Outcome } from '../faults.ts';
import { readRevision, readShift } from './app-spec.ts';
import { readConfig } from './configs.ts';
import { type CodeDeployStore, isActive, type RollbackEvent, startDeployment, stopDeployment } from './deployments.ts';
import { CodeDeployErrors, protocol } from './errors.ts';
import { findDeployment, findGroup } from './look.ts';

/** What is wrong with the AppSpec's contents shows only when the deployment starts, and fails then. */
export function createDeployment(store: CodeDeployStore, input: Input, outcome: Outcome | undefined): Reply {
  const group = findGroup(store, input);
  const revision = readRevision(input);
  const config = textOf(input, 'deploymentConfigName') ?? group.config;
  const steps = readConfig(config);
  if (steps === undefined) throw CodeDeployErrors.noConfig(config);
  const active = store.deployments.find((other) => other.group === group && isActive(other));
  if (active !== undefined) throw CodeDeployErrors.busy(group.group, active.id);
  const deployment = startDeployment(store, {
    group,
    config,
    steps,
    revision,
    shift: readShift(revision.appSpec),
    description: textOf(input, 'description') ?? '',
    autoRollback: readAutoRollback(input) ?? group.autoRollback,
    outcome,
  });
  return protocol.reply({ deploymentId: deployment.id }, true);
}

export function stop(store: CodeDeployStore, input: Input): Reply {
  const deployment = findDeployment(store, input);
  if (!isActive(deployment)) throw CodeDeployErrors.completed(deployment.id);
  const { autoRollbackEnabled } = input;
  stopDeployment(store, deployment, typeof autoRollbackEnabled === 'boolean' ? autoRollbackEnabled : undefined);
  return protocol.reply({ status: 'Succeeded', statusMessage: 'No more traffic will be shifted.' }, true);
}

function readAutoRollback(input: Input): RollbackEvent[] | undefined {
  const configuration = recordOf(input, 'autoRollbackConfiguration');
  if (configuration === undefined) return undefined;
  return configuration.enabled === true ? ((configuration.events ?? []) as RollbackEvent[]) : [];
}
