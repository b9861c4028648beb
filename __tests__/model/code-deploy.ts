import type { Attempt, DeploymentState } from '../../src/world.ts';
import { type Aws, answered, refused } from './aws.ts';
import type { LambdaFunction } from './functions.ts';

/**
 * How its deployments end. `stops` leaves the alias as it is just then, `fails` puts it back, and after `rolls back` a
 * deployment of its own does so a while later (rollbackInfo of
 * https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_DeploymentInfo.html).
 */
export type Ending = 'succeeds' | 'fails' | 'stops' | 'rolls back';

interface Deployment {
  status: string;
  description: string;
  by: string;
  createdAt: number;
  current: string;
  target: string;
  error: string;
  rollbackId: string;
  /** What it has given the new version, in percent. */
  weight: number;
  /** Whether the role may look at its target. */
  isWeightSeen: boolean;
}

const canary = 0.1;

/** A deployment group for one function; it shifts a tenth first, and the rest a while later. */
export class DeploymentGroups {
  readonly deployments = new Map<string, Deployment>();
  readonly #aws: Aws;
  readonly #function: LambdaFunction;
  readonly #ending: Ending;

  constructor(aws: Aws, fn: LambdaFunction, ending: Ending) {
    this.#aws = aws;
    this.#function = fn;
    this.#ending = ending;
  }

  all(since: number): string[] {
    return [...this.deployments].filter(([, { createdAt }]) => createdAt >= since).map(([id]) => id);
  }

  active(): string[] {
    return [...this.deployments].filter(([, { status }]) => status === 'InProgress').map(([id]) => id);
  }

  create(by: string, appSpec: string, description: string): Attempt<string> {
    if (this.active().length > 0) {
      return refused('update-failed', 'one is in progress', 'DeploymentLimitExceededException');
    }
    const { CurrentVersion: current, TargetVersion: target } = JSON.parse(appSpec).Resources[0].function.Properties;
    const id = this.#aws.newId();
    const createdAt = this.#aws.clock.now();
    const deployment: Deployment = {
      status: 'InProgress',
      description,
      by,
      createdAt,
      current,
      target,
      error: '',
      rollbackId: '',
      weight: 0,
      isWeightSeen: this.#aws.random() < 0.5,
    };
    this.deployments.set(id, deployment);
    const { clock, random, pace } = this.#aws;
    clock.after(random() * pace.versionMs, () => this.#begin(deployment));
    return answered(id);
  }

  #begin(deployment: Deployment): void {
    const { current, target } = deployment;
    const { clock, random, pace } = this.#aws;
    const alias = this.#function.alias.now;
    if (alias?.handingOver !== undefined) {
      clock.after(pace.provisionedMs, () => this.#begin(deployment));
      return;
    }
    if (alias?.version !== current || Object.keys(alias.weights).length > 0 || current === target) {
      this.#end(deployment, 'Failed', `INVALID_LAMBDA_CONFIGURATION, the alias is not at version ${current}`);
      return;
    }
    const revision = this.#move(deployment, current, { [target]: canary }, alias.revisionId);
    clock.after(random() * pace.versionMs, () => this.#finish(deployment, revision));
  }

  #finish(deployment: Deployment, revision: string | undefined): void {
    const { current, target } = deployment;
    if (revision === undefined || this.#ending === 'stops') {
      this.#end(deployment, revision === undefined ? 'Failed' : 'Stopped', 'stopped');
      return;
    }
    if (this.#ending === 'rolls back') {
      this.#rollBack(deployment, revision);
      return;
    }
    const isDone = this.#move(deployment, this.#ending === 'fails' ? current : target, {}, revision) !== undefined;
    if (this.#ending === 'fails' || !isDone) {
      this.#end(deployment, 'Failed', isDone ? 'an alarm' : 'the alias was moved by somebody else');
    } else {
      this.#end(deployment, 'Succeeded', '');
    }
  }

  #rollBack(failed: Deployment, revision: string): void {
    const { clock, random, pace, newId } = this.#aws;
    const back: Deployment = { ...failed, description: 'rollback', createdAt: clock.now() };
    failed.rollbackId = newId();
    this.deployments.set(failed.rollbackId, back);
    this.#end(failed, 'Failed', 'an alarm');
    clock.after(random() * pace.versionMs, () => {
      const isDone = this.#move(back, back.current, {}, revision) !== undefined;
      this.#end(back, isDone ? 'Succeeded' : 'Failed', isDone ? '' : 'the alias was moved by somebody else');
    });
  }

  #move(by: Deployment, version: string, weights: Record<string, number>, revisionId: string): string | undefined {
    const moved = this.#function.updateAlias(by.by, { version, weights, revisionId });
    if (moved.kind !== 'answered') {
      return undefined;
    }
    by.weight = 100 * (version === by.target ? 1 : (weights[by.target] ?? 0));
    return moved.value.revisionId;
  }

  #end(deployment: Deployment, status: string, error: string): void {
    deployment.status = status;
    deployment.error = error;
  }

  look(id: string): Attempt<DeploymentState> {
    const found = this.deployments.get(id);
    if (found === undefined) {
      return refused('not-found', 'no such deployment', 'DeploymentDoesNotExistException');
    }
    const { status, description, error, rollbackId } = found;
    const weight = found.isWeightSeen ? found.weight : undefined;
    const rest = { rollback: '', rollsBackOn: [], events: [], weight, unseen: '' };
    return answered({ status, description, config: 'canary', error, rollbackId, ...rest });
  }
}
