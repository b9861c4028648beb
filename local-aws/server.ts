import { startCache } from './cdn/cache.ts';
import { startEdge } from './cdn/edge.ts';
import { functionOrigin } from './cdn/origin.ts';
import { type Duration, startClock } from './clock.ts';
import type { CloudFrontStore, Distribution } from './cloudfront/distributions.ts';
import { inProgressQuota, perSecondQuota } from './cloudfront/quotas.ts';
import { cloudFrontService } from './cloudfront/service.ts';
import { type AlarmStore, addAlarm, setAlarm } from './cloudwatch/alarms.ts';
import { cloudWatchService } from './cloudwatch/service.ts';
import { type CodeDeployStore, newGroup, watchAlarm } from './codedeploy/deployments.ts';
import { codeDeployService } from './codedeploy/service.ts';
import { control } from './control.ts';
import { applyDirectly, callInProcess, type Dispatcher, dispatch } from './dispatch.ts';
import { layerService } from './ecr/layers.ts';
import type { EcrStore } from './ecr/repositories.ts';
import { ecrService } from './ecr/service.ts';
import { startFaults } from './faults.ts';
import { readUri } from './image-uri.ts';
import { startImages } from './images.ts';
import { addFunction, firstImage } from './lambda/new-function.ts';
import { startPackages } from './lambda/packages.ts';
import { lambdaService } from './lambda/service.ts';
import { snapshotService } from './lambda/snapshots.ts';
import type { LambdaStore } from './lambda/store.ts';
import { zipBodyReader } from './lambda/zip-body.ts';
import { type Listener, listen, readRequest } from './listener.ts';
import type { LocalAws } from './local-aws.ts';
import { DEFAULT_CLOCKS, type DistributionOptions, type LocalAwsOptions } from './options.ts';
import { startRecording } from './recording.ts';
import type { Registry } from './registry.ts';
import { newBucket, type S3Store } from './s3/buckets.ts';
import { lookInto } from './s3/look.ts';
import { s3Service } from './s3/service.ts';
import { alarmSnapshots, deploymentSnapshot, distributionSnapshot, functionSnapshot } from './snapshots.ts';
import { startTimeline } from './timeline.ts';

/** Starts within milliseconds; everything listens on 127.0.0.1 only. */
export async function startLocalAws(options: LocalAwsOptions = {}): Promise<LocalAws> {
  const world = buildWorld(options);
  for (const fn of options.functions ?? []) addFunction(world.lambda, fn);
  for (const alarm of options.alarms ?? []) addAlarm(world.cloudWatch, world.lambda, alarm);
  const listener = await startApi(world, options.port);
  world.ecr.url = listener.url;
  world.lambda.url = listener.url;
  const aws = toLocalAws(world, listener);
  world.aws = aws;
  for (const distribution of options.distributions ?? []) await aws.addDistribution(distribution);
  return aws;
}

interface World {
  lambda: LambdaStore;
  cloudFront: CloudFrontStore;
  cloudWatch: AlarmStore;
  codeDeploy: CodeDeployStore;
  ecr: EcrStore;
  s3: S3Store;
  dispatcher: Dispatcher;
  aws?: LocalAws;
  originMs: Duration;
}

function buildWorld(options: LocalAwsOptions): World {
  const { accountId = '123456789012', region = 'us-east-1' } = options;
  const clocks = { cloudFrontPropagationMs: undefined, ...DEFAULT_CLOCKS, ...withoutUndefined(options.clocks ?? {}) };
  const clock = startClock(options.seed ?? 1);
  const timeline = startTimeline();
  const home = { accountId, region };
  const denied = new Set(options.deny);
  const { host, user = 'AWS', password = `${accountId}-auth-token` } = options.registry ?? {};
  const registry: Registry | undefined = host === undefined ? undefined : { host, user, password };
  const functions = options.functions ?? [];
  const images = startImages({
    known: options.images ?? {},
    architectures: new Map(
      functions.map((fn) => [readUri(firstImage(home, fn)).repository, fn.architecture ?? 'x86_64']),
    ),
    unknownImages: options.unknownImages ?? 'accept',
    registry,
  });
  const lambda: LambdaStore = {
    ...clocks,
    clock,
    timeline,
    home,
    images,
    packages: startPackages({
      packages: options.packages,
      bucketRegions: options.bucketRegions ?? {},
      denied,
    }),
    functions: new Map(),
    url: '',
    pages: new Map(),
    aliasListeners: new Set(),
  };
  const cloudFront: CloudFrontStore = {
    ...clocks,
    clock,
    timeline,
    accountId,
    distributions: new Map(),
    quota: options.quotas === 'per-second' ? perSecondQuota() : inProgressQuota,
  };
  const ecr: EcrStore = { home, images, registryHost: registry?.host, user, password, url: '' };
  const cloudWatch: AlarmStore = { home, clock, timeline, alarms: new Map(), listeners: new Set() };
  const codeDeploy: CodeDeployStore = {
    ...clocks,
    home,
    clock,
    timeline,
    lambda,
    cloudWatch,
    groups: (options.codeDeploy ?? []).map(newGroup),
    deployments: [],
  };
  cloudWatch.listeners.add((alarm) => watchAlarm(codeDeploy, alarm));
  const s3: S3Store = {
    denied,
    buckets: new Map(
      Object.entries(options.buckets ?? {}).map(([name, bucket]) => [
        name,
        newBucket(name, bucket.region ?? options.bucketRegions?.[name] ?? region, bucket),
      ]),
    ),
  };
  const dispatcher: Dispatcher = {
    services: [
      // First, as it goes by the signature, and a key may look like the path of any other.
      s3Service(s3),
      lambdaService(lambda),
      cloudFrontService(cloudFront),
      cloudWatchService(cloudWatch),
      codeDeployService(codeDeploy),
      ecrService(ecr),
      layerService(ecr),
      snapshotService(lambda),
    ],
    faults: startFaults(),
    denied,
    hooks: new Set(),
    calls: [],
    clock,
    timeline,
    latencyMs: clocks.apiMs,
    caller: `arn:aws:sts::${accountId}:assumed-role/deploy/GitHubActions`,
    record: startRecording(process.env.LOCAL_AWS_RECORDING),
  };
  return { lambda, cloudFront, cloudWatch, codeDeploy, ecr, s3, dispatcher, originMs: clocks.originMs };
}

async function startApi(world: World, port: number | undefined): Promise<Listener> {
  const listener: Listener = await listen(async (incoming, response) => {
    const request = await readRequest(incoming, zipBodyReader);
    const exchange = { request: incoming, response, refuseFor: listener.refuseFor };
    if (world.aws !== undefined && request.path.startsWith('/_local-aws/')) await control(world.aws, request, exchange);
    else await dispatch(world.dispatcher, request, exchange);
  }, port);
  return listener;
}

function toLocalAws(world: World, listener: Listener): LocalAws {
  const { lambda, cloudFront, dispatcher } = world;
  const aws: LocalAws = {
    url: listener.url,
    env: {
      AWS_ENDPOINT_URL: listener.url,
      AWS_REGION: lambda.home.region,
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
    },
    cdnUrl: (id) => named(cloudFront.distributions, id).edge.url,
    attachCache: (id, clear) => {
      const { origin, otherCaches } = named(cloudFront.distributions, id);
      otherCaches.push(clear);
      return origin;
    },
    calls: dispatcher.calls,
    events: dispatcher.timeline.events,
    images: lambda.images,
    packages: lambda.packages,
    buckets: lookInto(world.s3),
    denied: dispatcher.denied,
    functionNamed: (name) => functionSnapshot(named(lambda.functions, name)),
    functions: () => [...lambda.functions.values()].map(functionSnapshot),
    distribution: (id) => distributionSnapshot(named(cloudFront.distributions, id)),
    distributions: () => [...cloudFront.distributions.values()].map(distributionSnapshot),
    alarms: () => alarmSnapshots(world.cloudWatch),
    setAlarm: (name, state) => {
      if (!setAlarm(world.cloudWatch, name, state)) throw new Error(`local-aws has no "${name}".`);
    },
    deployments: () => world.codeDeploy.deployments.map(deploymentSnapshot),
    addFunction: (options) => addFunction(lambda, options),
    addDistribution: async (options) => {
      cloudFront.distributions.set(options.id, await startDistribution(world, options));
    },
    fault: (fault) => dispatcher.faults.add(fault),
    clearFaults: () => dispatcher.faults.clear(),
    on: (action, hook) => {
      const entry = { action, hook };
      dispatcher.hooks.add(entry);
      return () => dispatcher.hooks.delete(entry);
    },
    call: async (action, input) => {
      const { status, headers, body } = await callInProcess(dispatcher, action, input);
      return { status, headers, body: parsed(body) };
    },
    apply: (action, input) => parsed(applyDirectly(dispatcher.services, action, input).body),
    stop: async () => {
      lambda.clock.stop();
      const edges = [...cloudFront.distributions.values()].map((distribution) => distribution.edge.stop());
      await Promise.all([listener.stop(), ...edges]);
    },
  };
  return aws;
}

async function startDistribution(world: World, options: DistributionOptions): Promise<Distribution> {
  const { id, functionName, kind = 'distribution', parentId, qualifier, cacheTagHeader, ttlSeconds = 86_400 } = options;
  const { faults, clock, timeline } = world.dispatcher;
  const cache = startCache({ ttlSeconds, cacheTagHeader });
  const origin = functionOrigin(world.lambda, { functionName, qualifier, originMs: world.originMs });
  const edge = await startEdge({ id, cache, origin, faults, clock, timeline }, options.port);
  return {
    id,
    kind,
    functionName,
    parentId,
    cacheTagHeader,
    createdAt: new Date(),
    invalidations: [],
    cache,
    edge,
    origin,
    otherCaches: [],
  };
}

function named<T>(things: Map<string, T>, name: string): T {
  const thing = things.get(name);
  if (thing === undefined) throw new Error(`local-aws has no "${name}".`);
  return thing;
}

/** JSON as a value; CloudFront's XML and empty bodies as text. */
function parsed(body: string | Buffer): unknown {
  const text = body.toString();
  return text.startsWith('{') ? JSON.parse(text) : text;
}

function withoutUndefined<T extends object>(record: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as never;
}
