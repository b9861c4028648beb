import { parseImageUri } from '../image/image-uri.ts';
import type { FunctionOutcome } from '../outcome.ts';
import type { FunctionState, World } from '../world.ts';

const patienceMs = 3000;

/** Tells whether a release of a function can be taken back: through its alias, or to its image from before. */
export function createWayBack(world: World, deadline: number): (outcome: FunctionOutcome) => Promise<boolean> {
  // Once for all functions that have the same.
  const images = new Map<string, Promise<boolean>>();
  return async ({ alias, before }) => {
    if (alias !== undefined || before === undefined || !isKnownImage(before)) {
      return alias !== undefined;
    }
    const { resolvedImageUri } = before;
    const answer = images.get(resolvedImageUri) ?? isThere(resolvedImageUri, world, deadline);
    images.set(resolvedImageUri, answer);
    return answer;
  };
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
export function releaseOfBefore(outcome: FunctionOutcome, now: FunctionState): FunctionOutcome | undefined {
  const { before, after, name, plan } = outcome;
  if (before === undefined || !isKnownImage(before)) {
    return undefined;
  }
  const imageUri = before.resolvedImageUri;
  const image = parseImageUri(imageUri);
  return {
    name,
    plan: {
      ...plan,
      source: 'problem' in image ? plan.source : { kind: 'image', image, isBuilt: false },
      architecture: before.architectures[0],
      revisionId: undefined,
      version: undefined,
      warmUp: undefined,
    },
    code: { kind: 'image', imageUri },
    // A read that is behind an update whose end was not seen shows the code from before: that proves nothing.
    expectedSha256: after === undefined ? undefined : before.codeSha256,
    stage: 'untouched',
    before: now,
    seenAt: Number.POSITIVE_INFINITY,
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

function isKnownImage({
  resolvedImageUri,
  lastUpdateStatusReasonCode,
  stateReasonCode,
}: NonNullable<FunctionOutcome['before']>): boolean {
  return resolvedImageUri !== '' && ![lastUpdateStatusReasonCode, stateReasonCode].includes('ImageDeleted');
}
