import { DeployError } from '../errors.ts';
import { parseImageUri } from '../image/image-uri.ts';
import type { FunctionOutcome } from '../outcome.ts';
import type { Code, FunctionState, World } from '../world.ts';
import { type CodeSource, packageTypeOf } from './code.ts';
import { fetchPublished, findPublished } from './published-package.ts';

const patienceMs = 3000;

/** Says why a release of a function could not be rolled back; undefined when it can: by its alias, or to its code. */
export function createWayBack(
  world: World,
  deadline: number,
): (outcome: FunctionOutcome) => Promise<DeployError | undefined> {
  // Once for all functions that have the same.
  const images = new Map<string, Promise<boolean>>();
  return async (outcome) => {
    const { alias, before, plan, name } = outcome;
    if (alias !== undefined || before === undefined) {
      return undefined;
    }
    if (packageTypeOf(plan.source) === 'Zip') {
      return noPackageOf(outcome, before, world, deadline);
    }
    const { resolvedImageUri } = before;
    const answer = images.get(resolvedImageUri) ?? isThere(resolvedImageUri, world, deadline);
    images.set(resolvedImageUri, answer);
    return isKnownImage(before) && (await answer)
      ? undefined
      : noWayBack(name, 'the image it runs is not there any more');
  };
}

async function noPackageOf(
  { name, plan }: FunctionOutcome,
  before: FunctionState,
  world: World,
  deadline: number,
): Promise<DeployError | undefined> {
  const what = 'a zip function needs an alias or a published version of its current code';
  try {
    const found = await findPublished({ name, functionName: plan.ref.text, before }, world, deadline);
    return found === undefined ? noWayBack(name, what) : undefined;
  } catch (error) {
    if (error instanceof DeployError && error.code !== 'cancelled') {
      return noWayBack(name, `${what}, and its versions are not known: ${error.message.replace(/\.$/, '')}`);
    }
    throw error;
  }
}

function noWayBack(name: string, reason: string): DeployError {
  return new DeployError('not-found', `${name} cannot roll back: ${reason}.`, {
    hint: 'The release goes on. Set alias, with which every release can be rolled back.',
  });
}

/** Where ECR does not say, it is taken to be there: the right to read ECR is not needed to deploy. */
async function isThere(imageUri: string, world: World, deadline: number): Promise<boolean> {
  const image = parseImageUri(imageUri);
  if ('problem' in image || image.region === '') {
    return true;
  }
  const found = await world.ecr.manifest(image, Math.min(deadline, world.clock.now() + patienceMs));
  return found.kind !== 'answered' || found.value !== undefined;
}

/** The same function with the code from before as what is to be released, from where it is `now`. */
export async function releaseOfBefore(
  outcome: FunctionOutcome,
  now: FunctionState,
  world: World,
  deadline: number,
): Promise<FunctionOutcome | undefined> {
  const { before, after, name, plan } = outcome;
  const found = before && (await codeOfBefore(outcome, before, world, deadline));
  if (before === undefined || found === undefined) {
    return undefined;
  }
  return {
    name,
    plan: {
      ...plan,
      source: found.source,
      architecture: before.architectures[0],
      revisionId: undefined,
      version: undefined,
      warmUp: undefined,
    },
    code: found.code,
    // A read that is behind an update whose end was not seen shows the code from before: that proves nothing.
    expectedSha256: after === undefined ? undefined : before.codeSha256,
    stage: 'untouched',
    before: now,
    seenAt: world.clock.now(),
    after: undefined,
    version: '',
    previousVersion: undefined,
    accepted: false,
    sentSha256: '',
    left: undefined,
    // Only over what this run left.
    revisionId: now.revisionId || undefined,
    alias: undefined,
    warmUp: undefined,
    isPutBack: false,
    error: undefined,
  };
}

async function codeOfBefore(
  { name, plan }: FunctionOutcome,
  before: FunctionState,
  world: World,
  deadline: number,
): Promise<{ code: Code; source: CodeSource } | undefined> {
  if (packageTypeOf(plan.source) === 'Zip') {
    const wanted = { name, functionName: plan.ref.text, before };
    const published = await findPublished(wanted, world, deadline);
    if (published === undefined) {
      return undefined;
    }
    const zip = await fetchPublished(wanted, published, world, deadline);
    return {
      code: { kind: 'zip', ...zip },
      source: { kind: 'zip', path: `the package of version ${published.version}` },
    };
  }
  const imageUri = before.resolvedImageUri;
  const image = parseImageUri(imageUri);
  return isKnownImage(before)
    ? {
        code: { kind: 'image', imageUri },
        source: 'problem' in image ? plan.source : { kind: 'image', image, isBuilt: false },
      }
    : undefined;
}

function isKnownImage({
  resolvedImageUri,
  lastUpdateStatusReasonCode,
  stateReasonCode,
}: NonNullable<FunctionOutcome['before']>): boolean {
  return resolvedImageUri !== '' && ![lastUpdateStatusReasonCode, stateReasonCode].includes('ImageDeleted');
}
