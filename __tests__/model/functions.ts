import type { AliasMove, AliasState, Attempt, FunctionState } from '../../src/world.ts';
import { type Aws, answered, busy, refused } from './aws.ts';
import { History } from './history.ts';

export interface AliasRecord {
  version: string;
  weights: Readonly<Record<string, number>>;
  revisionId: string;
  /** What goes on serving until provisioned concurrency is there for the version it was moved to. */
  handingOver: string | undefined;
}

/** No read is so far behind. */
const longAgo = -10_000;

/** Which code fails, and how. */
export interface Flaws {
  updates: ReadonlySet<string>;
  versions: ReadonlySet<string>;
  invocations: ReadonlySet<string>;
}

/** A function by the rules of https://docs.aws.amazon.com/lambda/latest/api/. */
export class LambdaFunction {
  readonly latest = new History<FunctionState>();
  /** The code that $LATEST answers with. */
  readonly serving = new History<string>();
  readonly versions = new Map<string, History<FunctionState>>();
  /** The numbers of those that are there. */
  readonly listed = new History<readonly number[]>();
  /** Deleted ones, too. */
  readonly everyVersion = new Map<string, History<FunctionState>>();
  readonly alias = new History<AliasRecord | undefined>();
  readonly invocations: { by: string; qualifier: string }[] = [];
  readonly publishedBy = new Map<string, string>();
  readonly provisioned = new History<string>();
  readonly name: string;
  readonly #aws: Aws;
  readonly #flaws: Flaws;
  readonly #isImage: boolean;
  #configuration = 0;
  #updates = 0;
  /** Configuration and code of each version. */
  readonly #contents = new Map<string, string>();

  constructor(name: string, aws: Aws, flaws: Flaws, isImage: boolean) {
    this.name = name;
    this.#aws = aws;
    this.#flaws = flaws;
    this.#isImage = isImage;
    this.provisioned.add(longAgo, 'setup', '');
    this.alias.add(longAgo, 'setup', undefined);
    this.listed.add(longAgo, 'setup', []);
  }

  get #now(): number {
    return this.#aws.clock.now();
  }

  /** As it is when a story begins. */
  setUp(code: string): void {
    this.latest.add(longAgo, 'setup', this.#state(code, { lastUpdateStatus: 'Successful' }));
    this.serving.add(longAgo, 'setup', code);
  }

  setUpVersion(description: string): string {
    const version = String(this.versions.size + 1);
    const history = new History<FunctionState>();
    const revisionId = this.#aws.newId();
    history.add(longAgo, 'setup', { ...this.latest.now, version, revisionId, description, state: 'Active' });
    this.versions.set(version, history);
    this.everyVersion.set(version, history);
    this.#list(longAgo, 'setup');
    this.#contents.set(version, this.#content());
    this.publishedBy.set(version, 'setup');
    return version;
  }

  setUpAlias(version: string, weights: Record<string, number>, isProvisioned: boolean): void {
    this.alias.entries.length = 0;
    this.alias.add(longAgo, 'setup', { version, weights, revisionId: this.#aws.newId(), handingOver: undefined });
    this.provisioned.add(longAgo, 'setup', isProvisioned ? 'READY' : '');
  }

  #state(code: string, rest: Partial<FunctionState>): FunctionState {
    return {
      arn: `arn:aws:lambda:eu-west-1:123456789012:function:${this.name}`,
      version: '$LATEST',
      state: 'Active',
      stateReasonCode: '',
      stateReason: '',
      lastUpdateStatus: '',
      lastUpdateStatusReasonCode: '',
      lastUpdateStatusReason: '',
      codeSha256: code,
      revisionId: this.#aws.newId(),
      description: '',
      snapStart: '',
      packageType: this.#isImage ? 'Image' : 'Zip',
      architectures: ['x86_64'],
      imageUri: this.#isImage ? imageOf(code) : '',
      resolvedImageUri: this.#isImage ? imageOf(code) : '',
      traits: {
        timeout: 3,
        capacityProvider: '',
        executionTimeout: undefined,
        tenantIsolation: '',
        reservedConcurrency: undefined,
        sourceKmsKey: '',
        s3Object: undefined,
      },
      ...rest,
    };
  }

  /** What has to differ for PublishVersion to make a new version. */
  #content(): string {
    const updates = this.#aws.pace.countsEveryUpdate ? this.#updates : '';
    return `${this.latest.now.codeSha256} ${this.#configuration} ${updates}`;
  }

  #list(at: number, by: string): void {
    this.listed.add(at, by, [...this.versions.keys()].map(Number));
  }

  /** With a revision, only if $LATEST still has it. Which refusal comes first is documented nowhere. */
  updateCode(by: string, code: string, revisionId?: string): Attempt<FunctionState> {
    const isMoved = revisionId !== undefined && revisionId !== this.latest.now.revisionId;
    const isBusy = this.latest.now.lastUpdateStatus === 'InProgress';
    return isMoved && (!isBusy || this.#aws.random() < 0.5)
      ? refused('conflict', `the revision is ${this.latest.now.revisionId}`, 'PreconditionFailedException')
      : this.#update(by, code, this.#flaws.updates.has(code));
  }

  /** Somebody's change of the memory. */
  updateConfiguration(by: string): Attempt<FunctionState> {
    const { codeSha256, lastUpdateStatus } = this.latest.now;
    if (lastUpdateStatus === 'Failed') {
      return busy('it is Failed');
    }
    this.#configuration += lastUpdateStatus === 'InProgress' ? 0 : 1;
    return this.#update(by, codeSha256, false);
  }

  #update(by: string, code: string, fails: boolean): Attempt<FunctionState> {
    if (this.latest.now.lastUpdateStatus === 'InProgress') {
      return busy('ResourceConflictException');
    }
    this.#updates += 1;
    const state = this.latest.add(this.#now, by, this.#state(code, { lastUpdateStatus: 'InProgress' }));
    this.#aws.clock.after(this.#aws.random() * this.#aws.pace.updateMs, () => {
      this.latest.add(this.#now, by, this.#state(code, { lastUpdateStatus: fails ? 'Failed' : 'Successful' }));
      if (!fails) {
        this.serving.add(this.#now, by, code);
      }
    });
    return answered(state);
  }

  publish(by: string, codeSha256: string, description: string, revisionId?: string): Attempt<FunctionState> {
    const { lastUpdateStatus, codeSha256: actual, revisionId: revision } = this.latest.now;
    if (lastUpdateStatus !== 'Successful') {
      return busy(`ResourceConflictException, ${lastUpdateStatus}`);
    }
    if (actual !== codeSha256) {
      return refused('conflict', `CodeSha256 is ${actual[0]}`, 'InvalidParameterValueException');
    }
    if (revisionId !== undefined && revisionId !== revision) {
      return refused('conflict', `the revision is ${revision}`, 'PreconditionFailedException');
    }
    const last = [...this.versions.keys()].at(-1);
    if (last !== undefined && this.#contents.get(last) === this.#content()) {
      return answered(this.versions.get(last)?.now as FunctionState);
    }
    return answered(this.#newVersion(by, description));
  }

  #newVersion(by: string, description: string): FunctionState {
    const version = String(Math.max(0, ...[...this.#contents.keys()].map(Number)) + 1);
    const history = new History<FunctionState>();
    const { newId } = this.#aws;
    const rest = { version, description, state: 'Pending', lastUpdateStatus: '', revisionId: newId() };
    const pending = { ...this.latest.now, ...rest };
    history.add(this.#now, by, pending);
    this.versions.set(version, history);
    this.everyVersion.set(version, history);
    this.#list(this.#now, by);
    // Also that of $LATEST changes, as measured in AWS (test_function_revisions_version_and_alias of localstack/localstack).
    this.latest.add(this.#now, by, { ...this.latest.now, revisionId: newId() });
    this.#contents.set(version, this.#content());
    this.publishedBy.set(version, by);
    const state = this.#flaws.versions.has(pending.codeSha256) ? 'Failed' : 'Active';
    this.#aws.clock.after(this.#aws.random() * this.#aws.pace.versionMs, () => {
      history.add(this.#now, by, { ...pending, state });
    });
    return pending;
  }

  deleteVersion(version: string): Attempt<true> {
    const alias = this.alias.now;
    if (!this.versions.has(version)) {
      return refused('not-found', `no version ${version}`, 'ResourceNotFoundException');
    }
    if (alias !== undefined && (alias.version === version || version in shownWeights(alias))) {
      return busy(`ResourceConflictException, version ${version} has an alias`);
    }
    this.versions.delete(version);
    this.#list(this.#now, 'pruning');
    return answered(true as const);
  }

  createAlias(by: string, version: string): Attempt<AliasState> {
    if (this.alias.now !== undefined) {
      return busy('ResourceConflictException, there is one');
    }
    return this.#versionProblem([version]) ?? answered(this.#setAlias(by, { version, weights: {} }));
  }

  updateAlias(by: string, { version, weights, revisionId }: AliasMove): Attempt<AliasState> {
    const alias = this.alias.now;
    if (alias === undefined) {
      return refused('not-found', 'no such alias', 'ResourceNotFoundException');
    }
    if (revisionId !== '' && revisionId !== alias.revisionId) {
      return refused('conflict', 'the revision is another one', 'PreconditionFailedException');
    }
    return (
      this.#versionProblem([version, ...Object.keys(weights)]) ??
      this.#weightProblem(version, weights) ??
      answered(this.#setAlias(by, { version, weights }))
    );
  }

  deleteAlias(by: string): void {
    this.alias.add(this.#now, by, undefined);
  }

  /** "$LATEST is not supported for an alias pointing to more than 1 version", and has no provisioned concurrency either. */
  #weightProblem(version: string, weights: Readonly<Record<string, number>>): Attempt<never> | undefined {
    const others = Object.keys(weights);
    const isWrong =
      others.includes(version) ||
      others.length > 1 ||
      (version === '$LATEST' && (others.length > 0 || this.provisioned.now !== ''));
    return isWrong
      ? refused('version-failed', 'the weights do not fit the version', 'InvalidParameterValueException')
      : undefined;
  }

  #versionProblem(versions: readonly string[]): Attempt<never> | undefined {
    for (const version of versions.filter((one) => one !== '$LATEST')) {
      const state = this.versions.get(version)?.now.state;
      if (state === undefined) {
        return refused('not-found', `no version ${version}`, 'ResourceNotFoundException');
      }
      if (state === 'Failed') {
        return busy('ResourceConflictException, it is Failed');
      }
    }
    return undefined;
  }

  #setAlias(by: string, target: { version: string; weights: Readonly<Record<string, number>> }): AliasState {
    const from = this.alias.now;
    const isHandedOver = this.provisioned.now !== '' && from !== undefined && from.version !== target.version;
    const keptFor = isHandedOver ? (from.handingOver ?? from.version) : from?.handingOver;
    const handingOver = keptFor === target.version ? undefined : keptFor;
    const record = this.alias.add(this.#now, by, { ...target, revisionId: this.#aws.newId(), handingOver });
    if (isHandedOver) {
      this.#provision(by);
    }
    return toAliasState(record as AliasRecord);
  }

  #provision(by: string): void {
    this.provisioned.add(this.#now, by, 'IN_PROGRESS');
    const mark = this.provisioned.entries.at(-1);
    this.#aws.clock.after(this.#aws.random() * this.#aws.pace.provisionedMs, () => {
      if (this.provisioned.entries.at(-1) !== mark) {
        return;
      }
      this.provisioned.add(this.#now, by, 'READY');
      const alias = this.alias.now;
      if (alias?.handingOver !== undefined) {
        this.alias.add(this.#now, 'lambda', { ...alias, handingOver: undefined, revisionId: this.#aws.newId() });
      }
    });
  }

  /** Who answers the next request of a visitor. */
  answering(isAliased: boolean): string | undefined {
    const alias = this.alias.now;
    if (!isAliased || alias === undefined) {
      return isAliased ? undefined : this.serving.now;
    }
    let at = this.#aws.random();
    for (const [version, weight] of Object.entries(shownWeights(alias))) {
      at -= weight;
      if (at < 0) {
        return this.#codeOf(version);
      }
    }
    return this.#codeOf(alias.version);
  }

  #codeOf(version: string): string | undefined {
    return version === '$LATEST' ? this.serving.now : this.versions.get(version)?.now.codeSha256;
  }

  invokeNow(by: string, qualifier: string): Attempt<{ version: string; failed: boolean }> {
    const code = qualifier === '$LATEST' ? this.serving.now : this.versions.get(qualifier)?.now.codeSha256;
    const state = qualifier === '$LATEST' ? 'Active' : this.versions.get(qualifier)?.now.state;
    if (code === undefined) {
      return refused('not-found', `no version ${qualifier}`, 'ResourceNotFoundException');
    }
    if (state !== 'Active') {
      return busy('ResourceConflictException, Pending');
    }
    this.invocations.push({ by, qualifier });
    return answered({ version: qualifier, failed: this.#flaws.invocations.has(code) });
  }
}

export function shownWeights(alias: AliasRecord): Readonly<Record<string, number>> {
  return alias.handingOver === undefined ? alias.weights : { [alias.handingOver]: 1 };
}

export function toAliasState(alias: AliasRecord): AliasState {
  return {
    name: 'live',
    arn: 'arn:aws:lambda:eu-west-1:123456789012:function:web:live',
    version: alias.version,
    weights: shownWeights(alias),
    revisionId: alias.revisionId,
  };
}

export function imageOf(code: string): string {
  return `127.0.0.1:5000/web@sha256:${code}`;
}
