import { backoffMs } from '../../src/retry.ts';
import type {
  Attempt,
  Clock,
  CloudFront,
  CodeDeploy,
  FunctionState,
  Invocation,
  Lambda,
  Log,
  Wait,
  Waited,
  World,
  Zip,
} from '../../src/world.ts';
import { type Actor, afterCancel, throwIfStopped } from './actor.ts';
import { type Aws, answered, refused } from './aws.ts';
import type { Distribution } from './caches.ts';
import type { DeploymentGroups } from './code-deploy.ts';
import { type AliasRecord, type LambdaFunction, toAliasState } from './functions.ts';
import type { History } from './history.ts';

export interface Account {
  aws: Aws;
  functions: ReadonlyMap<string, LambdaFunction>;
  distributions: ReadonlyMap<string, Distribution>;
  codeDeploy: DeploymentGroups;
  /** When each alarm goes off; never for undefined. */
  alarms: ReadonlyMap<string, number | undefined>;
}

/** The world of one run. */
export function createWorld(account: Account, actor: Actor, lines: string[]): World {
  const { aws } = account;
  return {
    lambda: createLambda(account, actor),
    alarms: {
      states: (names, deadline) =>
        aws.call(actor, {
          action: 'cloudwatch:DescribeAlarms',
          target: names.join(' '),
          deadline,
          apply: () => {
            const known = names.filter((name) => account.alarms.has(name));
            const rings = (name: string) => aws.clock.now() >= (account.alarms.get(name) ?? Number.POSITIVE_INFINITY);
            const state = (name: string) => ({
              value: rings(name) ? 'ALARM' : 'OK',
              changedAt: account.alarms.get(name),
            });
            return answered(new Map(known.map((name) => [name, state(name)])));
          },
        }),
    },
    codeDeploy: createCodeDeploy(account, actor),
    cloudFront: createCloudFront(account, actor),
    ecr: absent('ecr'),
    docker: absent('docker'),
    zips: {
      pack: async (path) => ({ file: path, bytes: 1000, sha256: path }),
      keep: async () => ({ file: '', bytes: 0, sha256: '' }),
      clean: async () => undefined,
    },
    repository: absent('repository'),
    web: absent('web'),
    assets: absent('assets'),
    clock: createActorClock(account, actor),
    log: createLog(lines),
    afterCancel: () => {
      const rest = afterCancel(actor);
      aws.clock.after(afterCancelMs, () => rest.end('cancel'));
      return { lambda: createLambda(account, rest), clock: createActorClock(account, rest) };
    },
    cancelled: actor.cancel.signal,
  };
}

/** As in src/index.ts. */
const afterCancelMs = 6000;

function createActorClock({ aws }: Account, actor: Actor): Clock {
  return {
    now: aws.clock.now,
    async pause(ms) {
      throwIfStopped(actor);
      await Promise.race([aws.clock.sleep(ms), actor.stopped]);
    },
  };
}

function createLog(lines: string[]): Log {
  return {
    line: (text) => lines.push(text),
    warning: (title, text) => lines.push(`${title} ${text}`),
    error: (title, text) => lines.push(`${title} ${text}`),
    group: (_, work) => work(),
  };
}

/** No story needs it. */
function absent<T extends object>(name: string): T {
  return new Proxy({} as T, {
    get: () => {
      throw new Error(`There is no ${name} in the model.`);
    },
  });
}

const pollMs = 300;
const invalidationPollMs = 700;
const visibleWithinMs = 10_000;

function createLambda({ aws, functions }: Account, actor: Actor): Lambda {
  const call = <T>(
    action: string,
    name: string,
    detail: string,
    deadline: number,
    apply: (fn: LambdaFunction) => Attempt<T>,
    patienceMs?: number,
  ): Promise<Attempt<T>> =>
    aws.call(actor, {
      action: `lambda:${action}`,
      target: `${name} ${detail}`.trim(),
      deadline,
      ...(patienceMs === undefined ? {} : { patienceMs }),
      apply: () => {
        const fn = functions.get(name);
        return fn === undefined ? refused('not-found', 'no function', 'ResourceNotFoundException') : apply(fn);
      },
    });
  const writeMs = 15_000;
  /** A read of another machine, which may be behind. */
  const read = <T>(history: History<T>) => history.at(aws.clock.now() - aws.random() * aws.pace.lagMs);

  const lookAtVersion: Lambda['lookAtVersion'] = (name, version, deadline) =>
    call('GetFunction', name, version, deadline, (fn) => {
      const versions = fn.versions.get(version);
      const state = versions && read(versions);
      return state ? answered(state) : refused('not-found', `no version ${version}`, 'ResourceNotFoundException');
    });
  const look: Lambda['look'] = (name, deadline) =>
    call('GetFunction', name, '', deadline, (fn) => answered(read(fn.latest) ?? fn.latest.now));

  return {
    look,
    lookAtVersion,
    checkUpdate: (name, _change, deadline) =>
      call('UpdateFunctionCode', name, 'dry run', deadline, (fn) => answered(fn.latest.now)),
    updateCode: (name, { code, revisionId }, deadline) => {
      const sha256 = code.kind === 'image' ? code.imageUri.slice(-64) : code.kind === 'zip' ? code.sha256 : '';
      return call(
        'UpdateFunctionCode',
        name,
        `code ${sha256[0]}${revisionId === undefined ? '' : ` if ${revisionId}`}`,
        deadline,
        (fn) => fn.updateCode(actor.name, sha256, revisionId),
        writeMs,
      );
    },
    publishVersion: (name, { codeSha256, description, revisionId }, deadline) =>
      call(
        'PublishVersion',
        name,
        `code ${codeSha256[0]}`,
        deadline,
        (fn) => fn.publish(actor.name, codeSha256, description ?? '', revisionId),
        writeMs,
      ),
    listVersions: (name, deadline) =>
      call('ListVersionsByFunction', name, '', deadline, (fn) => answered(read(fn.listed) ?? [])),
    listPublished: (name, deadline) =>
      call('ListVersionsByFunction', name, '', deadline, (fn) =>
        answered(
          [...fn.versions].flatMap(([version, history]) => {
            const state = read(history);
            return state
              ? [{ version, codeSha256: state.codeSha256, architectures: state.architectures, bytes: 1000 }]
              : [];
          }),
        ),
      ),
    fetchPackage: (name, version, _save, deadline) =>
      call<Zip>('GetFunction', name, version, deadline, (fn) => {
        const history = fn.versions.get(version);
        const state = history && read(history);
        return state
          ? answered({ file: state.codeSha256, bytes: 1000, sha256: state.codeSha256 })
          : refused('not-found', `no version ${version}`, 'ResourceNotFoundException');
      }),
    waitForUpdate: (name, wait) => poll(aws, actor, wait, pollMs, () => look(name, wait.deadline)),
    waitForVersion: (name, version, wait) =>
      poll(
        aws,
        actor,
        wait,
        pollMs,
        patient(aws, () => lookAtVersion(name, version, wait.deadline)),
      ),
    deleteVersion: (name, version, deadline) =>
      call<true>('DeleteFunction', name, version, deadline, (fn) => fn.deleteVersion(version), writeMs),
    lookAtAlias: (name, alias, deadline) =>
      call('GetAlias', name, alias, deadline, (fn) => {
        const record = read<AliasRecord | undefined>(fn.alias);
        return answered(record && toAliasState(record));
      }),
    listAliases: (name, deadline) =>
      call('ListAliases', name, '', deadline, (fn) => {
        const record = read<AliasRecord | undefined>(fn.alias);
        return answered(record ? [toAliasState(record)] : []);
      }),
    createAlias: (name, alias, version, deadline) =>
      call(
        'CreateAlias',
        name,
        `${alias} to ${version}`,
        deadline,
        (fn) => fn.createAlias(actor.name, version),
        writeMs,
      ),
    updateAlias: (name, alias, move, deadline) =>
      call(
        'UpdateAlias',
        name,
        `${alias} to ${move.version} ${JSON.stringify(move.weights)} if ${move.revisionId}`,
        deadline,
        (fn) => fn.updateAlias(actor.name, move),
        writeMs,
      ),
    provisionedConcurrency: (name, alias, deadline) =>
      call('GetProvisionedConcurrencyConfig', name, alias, deadline, (fn) =>
        answered({ status: fn.provisioned.now, reason: '' }),
      ),
    invoke: (name, { qualifier }, deadline) =>
      call('InvokeFunction', name, qualifier, deadline, (fn) => invoke(fn, actor, qualifier), 16 * 60_000),
  };
}

function invoke(fn: LambdaFunction, actor: Actor, qualifier: string): Attempt<Invocation> {
  const invoked = fn.invokeNow(actor.name, qualifier);
  return invoked.kind !== 'answered'
    ? invoked
    : answered({
        version: invoked.value.version,
        functionError: invoked.value.failed ? 'Unhandled' : '',
        payload: '',
        logTail: '',
        durationMs: 1,
        initMs: 1,
      });
}

/** As the adapters wait: on errors that pass, and not on others. */
async function poll<T>(
  { clock }: Aws,
  actor: Actor,
  wait: Wait<T>,
  everyMs: number,
  look: () => Promise<Attempt<T>>,
): Promise<Waited<T>> {
  let last: T | undefined;
  let reason = '';
  for (let misses = 0; ; ) {
    const attempt = await look();
    if (attempt.kind === 'refused') {
      throw attempt.error;
    }
    if (attempt.kind === 'answered') {
      last = attempt.value;
      misses = 0;
      wait.onState(last);
      if (wait.isOver(last)) {
        return { kind: 'done', last };
      }
    } else {
      reason = attempt.reason;
      misses += 1;
    }
    const left = wait.deadline - clock.now();
    if (left <= 0) {
      return { kind: 'timed-out', last, reason };
    }
    const ms = Math.min(left, misses === 0 ? everyMs : everyMs + backoffMs(misses, 100, 2000));
    await Promise.race([clock.sleep(ms), actor.stopped]);
  }
}

function patient({ clock }: Aws, look: () => Promise<Attempt<FunctionState>>): () => Promise<Attempt<FunctionState>> {
  const until = clock.now() + visibleWithinMs;
  return async () => {
    const attempt = await look();
    return attempt.kind === 'refused' && attempt.error.code === 'not-found' && clock.now() < until
      ? { kind: 'unanswered', reason: 'not visible yet', retryAfterMs: 0 }
      : attempt;
  };
}

function createCloudFront({ aws, distributions }: Account, actor: Actor): CloudFront {
  const call = <T>(action: string, id: string, deadline: number, apply: (one: Distribution) => Attempt<T>) =>
    aws.call(actor, {
      action: `cloudfront:${action}`,
      target: id,
      deadline,
      apply: () => {
        const found = distributions.get(id);
        return found === undefined ? refused('not-found', 'no distribution', 'NoSuchDistribution') : apply(found);
      },
    });
  return {
    check: ({ id }, deadline) => call('GetInvalidation', id, deadline, () => answered(true as const)),
    cacheTags: ({ id }, deadline) =>
      call('GetDistributionConfig', id, deadline, () => answered({ distributionId: id, header: '' })),
    createInvalidation: ({ id }, { paths, callerReference }, deadline) =>
      call('CreateInvalidation', id, deadline, (one) => one.invalidate(actor.name, paths, callerReference)),
    waitForInvalidation: ({ id }, invalidationId, wait) =>
      poll(aws, actor, wait, invalidationPollMs, () =>
        call('GetInvalidation', id, wait.deadline, (one) => one.look(invalidationId)),
      ),
  };
}

function createCodeDeploy({ aws, codeDeploy }: Account, actor: Actor): CodeDeploy {
  const startedAt = aws.clock.now();
  const call = <T>(action: string, deadline: number, apply: () => Attempt<T>) =>
    aws.call(actor, { action: `codedeploy:${action}`, target: 'group', deadline, apply });
  return {
    create: (_group, { appSpec, description }, deadline) =>
      call('CreateDeployment', deadline, () => codeDeploy.create(actor.name, appSpec, description)),
    sinceStart: (_group, deadline) => call('ListDeployments', deadline, () => answered(codeDeploy.all(startedAt))),
    active: (_group, deadline) => call('ListDeployments', deadline, () => answered(codeDeploy.active())),
    look: (_group, id, deadline) => call('GetDeployment', deadline, () => codeDeploy.look(id)),
    settings: (_group, deadline) =>
      call('GetDeploymentGroup', deadline, () => answered({ computePlatform: 'Lambda', config: 'canary' })),
    shiftTime: (_group, _config, deadline) => call('GetDeploymentConfig', deadline, () => answered({ ms: 0 })),
  };
}
