import type { Distribution } from './cloudfront/distributions.ts';
import type { AlarmState, AlarmStore, AlarmType } from './cloudwatch/alarms.ts';
import type { Deployment, Status } from './codedeploy/deployments.ts';
import { type LambdaFunction, type State, type UpdateStatus, weightsOf } from './lambda/function-state.ts';

/** A function as a test wants to see it; nothing in it changes later. */
export interface FunctionSnapshot {
  name: string;
  state: State;
  lastUpdateStatus: UpdateStatus;
  /** What the record shows, also while an update is under way or after it failed. */
  codeSha256: string;
  /** By the tag that named it when it was deployed, where there was one. */
  imageUri: string | undefined;
  architecture: string;
  environment: Record<string, string>;
  revisionId: string;
  /** What $LATEST answers with now. */
  serving: { codeSha256: string; imageUri: string | undefined };
  /** When an update last turned Successful, as `performance.now()`. */
  updatedAt: number | undefined;
  versions: VersionSnapshot[];
  /** `$LATEST.PUBLISHED` of a function on managed instances, and the code it answers with now. */
  latestPublished: LatestPublishedSnapshot | undefined;
  /** Weights are what traffic follows now, those of provisioned concurrency included. */
  aliases: Record<
    string,
    { version: string; weights: Record<string, number>; description: string; revisionId: string }
  >;
  /** Alias or version → its provisioned concurrency. */
  provisioned: Record<string, { requested: number; status: 'IN_PROGRESS' | 'READY' | 'FAILED' }>;
  /** Version or $LATEST → how many execution environments were started for it. */
  environments: Record<string, number>;
}

interface VersionSnapshot {
  version: string;
  state: State;
  codeSha256: string;
  imageUri: string | undefined;
  description: string;
  /** As `performance.now()`; undefined until it can serve. */
  activeAt: number | undefined;
}

interface LatestPublishedSnapshot {
  state: State;
  lastUpdateStatus: UpdateStatus;
  servingSha256: string | undefined;
}

export function functionSnapshot(fn: LambdaFunction): FunctionSnapshot {
  const environment = fn.configuration.Environment as { Variables?: Record<string, string> } | undefined;
  return {
    name: fn.name,
    state: fn.state,
    lastUpdateStatus: fn.lastUpdateStatus,
    codeSha256: fn.code.codeSha256,
    imageUri: fn.code.image?.knownAs,
    architecture: fn.code.architecture,
    environment: { ...environment?.Variables },
    revisionId: fn.revisionId,
    serving: { codeSha256: fn.serving.codeSha256, imageUri: fn.serving.image?.knownAs },
    updatedAt: fn.updatedAt,
    versions: fn.versions.map((version) => ({
      version: version.version,
      state: version.state,
      codeSha256: version.code.codeSha256,
      imageUri: version.code.image?.knownAs,
      description: String(version.configuration.Description ?? ''),
      activeAt: version.activeAt,
    })),
    latestPublished: fn.latestPublished && {
      state: fn.latestPublished.state,
      lastUpdateStatus: fn.latestPublished.lastUpdateStatus,
      servingSha256: fn.latestPublished.serving?.codeSha256,
    },
    aliases: Object.fromEntries(
      [...fn.aliases.values()].map((alias) => {
        const { version, description, revisionId } = alias;
        return [alias.name, { version, weights: { ...weightsOf(alias) }, description, revisionId }];
      }),
    ),
    provisioned: Object.fromEntries(
      [...fn.provisioned].map(([qualifier, { requested, status }]) => [qualifier, { requested, status }]),
    ),
    environments: Object.fromEntries(
      [...fn.environments].map(([version, environments]) => [version, environments.length]),
    ),
  };
}

export interface AlarmSnapshot {
  name: string;
  type: AlarmType;
  state: AlarmState;
}

export function alarmSnapshots({ alarms }: AlarmStore): AlarmSnapshot[] {
  return [...alarms.values()].map(({ name, type, state }) => ({ name, type, state }));
}

export interface DeploymentSnapshot {
  id: string;
  group: string;
  creator: 'user' | 'codeDeployRollback';
  status: Status;
  /** Percent of the traffic that the target version has. */
  weight: number;
  error: string | undefined;
  rollbackId: string | undefined;
}

export function deploymentSnapshot(deployment: Deployment): DeploymentSnapshot {
  const { id, group, creator, status, weight, error, rollback } = deployment;
  const rollbackId = rollback?.rollbackDeploymentId;
  return { id, group: group.group, creator, status, weight, error: error?.code, rollbackId };
}

export interface DistributionSnapshot {
  id: string;
  url: string;
  invalidations: InvalidationSnapshot[];
  /** What the edge holds now. */
  cache: { url: string; codeSha256: string | undefined; ageSeconds: number }[];
}

interface InvalidationSnapshot {
  id: string;
  callerReference: string;
  paths: string[];
  status: 'InProgress' | 'Completed';
  createdAt: Date;
  completedAt: Date | undefined;
}

export function distributionSnapshot(distribution: Distribution): DistributionSnapshot {
  return {
    id: distribution.id,
    url: distribution.edge.url,
    invalidations: distribution.invalidations.map(({ items, ...invalidation }) => ({
      ...invalidation,
      paths: [...items],
    })),
    cache: distribution.cache.list().map((object) => ({
      url: object.url,
      codeSha256: object.page.headers['x-code-sha256'],
      ageSeconds: (performance.now() - object.storedAt) / 1000,
    })),
  };
}
