import { DeployError } from '../errors.ts';
import { plain } from '../plain.ts';
import { type Persistence, persist } from '../retry.ts';
import type { Attempt, World } from '../world.ts';
import type { ImageUri } from './image-uri.ts';
import { readManifest } from './manifest.ts';

/** What was found out about an image before it is deployed; what could not be found out is undefined. */
export interface ImageFacts {
  /** `sha256:…`. */
  digest: string | undefined;
  /** Such as `linux/arm64`. */
  platform: string | undefined;
}

/**
 * Reads an image's manifest, where ECR permits it, and refuses what Lambda would refuse later and less clearly. Trouble that
 * passes is ridden out. Only an image that ECR refuses to show is not refused here, because the right to read ECR is not
 * needed to deploy: that is a warning.
 */
export async function inspectImage(
  image: ImageUri,
  world: World,
  deadline: number,
  warnings: DeployError[],
): Promise<ImageFacts> {
  const known = { digest: image.digest || undefined, platform: undefined };
  const name = `${image.repository}${image.digest ? `@${image.digest}` : `:${image.tag}`}`;
  const leaveOut = (what: string, reason: string) =>
    world.log.line(`${name}: the check of the ${what} is left out (${plain(reason)})`);
  const warn = (what: string, { code, message, hint }: DeployError) => {
    leaveOut(what, message);
    warnings.push(new DeployError(code, `The ${what} of image ${image.text} is not checked: ${message}`, { hint }));
  };
  if (image.region === '') {
    leaveOut('image', 'its registry is on this machine');
    return known;
  }
  const ask = <T>(action: string, call: () => Promise<Attempt<T>>) =>
    untilRefused(call, {
      subject: `${action} for ${image.repository}`,
      deadline,
      capMs: 5000,
      clock: world.clock,
      onRetry: (reason) => world.log.line(`${name}: ${reason}`),
    });
  const found = await ask('BatchGetImage', () => world.ecr.manifest(image, deadline));
  if (found.kind === 'refused') {
    warn('image', found.error);
    return known;
  }
  if (found.value === undefined) {
    throw new DeployError('image-rejected', `Image ${image.text} is not in its repository.`, {
      hint: 'Push it before this step, or correct the tag or digest; see also the lifecycle policy of the repository.',
    });
  }
  const { digest, text } = found.value;
  const manifest = readManifest(text);
  if (manifest.kind === 'index') {
    throw indexRefused(image, manifest);
  }
  if (manifest.kind === 'unknown') {
    leaveOut('architecture', 'its manifest is of an unknown kind');
    return { ...known, digest };
  }
  const platform = await ask('GetDownloadUrlForLayer', () =>
    world.ecr.platform(image, manifest.configDigest, deadline),
  );
  if (platform.kind === 'refused') {
    warn('architecture', platform.error);
    return { ...known, digest };
  }
  if (platform.value === undefined) {
    leaveOut('architecture', 'its configuration does not tell it');
  }
  return { digest, platform: platform.value };
}

type Told<T> = Exclude<Attempt<T>, { kind: 'busy' | 'unanswered' }>;

/** A runner may have no way to ECR, although Lambda has one: of a host that is not reached at all, nothing more is awaited. */
const unreachedMs = 10_000;
const notReached: ReadonlySet<string | undefined> = new Set([
  'EAI_AGAIN',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
]);

/** Goes on until there is an answer, or a refusal for good, which is one as well. */
function untilRefused<T>(call: () => Promise<Attempt<T>>, persistence: Persistence): Promise<Told<T>> {
  const { clock } = persistence;
  const began = clock.now();
  let isReached = false;
  return persist<Told<T>>(async () => {
    const attempt = await call();
    if (attempt.kind === 'answered' || attempt.kind === 'refused') {
      return { kind: 'answered', value: attempt };
    }
    isReached ||= attempt.kind === 'busy' || !notReached.has(attempt.errorName);
    const isGivenUp = !isReached && clock.now() - began > unreachedMs;
    return isGivenUp ? { kind: 'answered', value: { kind: 'refused', error: unreached(attempt.reason) } } : attempt;
  }, persistence);
}

function unreached(reason: string): DeployError {
  return new DeployError('timed-out', `Amazon ECR cannot be reached from this runner, ${reason}.`, {
    hint: 'Check the network of the runner; in a VPC, add the endpoint of ecr.api.',
  });
}

function indexRefused(
  image: ImageUri,
  { platforms, hasAttestations }: { platforms: readonly string[]; hasAttestations: boolean },
): DeployError {
  const what = hasAttestations ? 'with attestations' : `of ${platforms.length} platforms`;
  const flags = hasAttestations
    ? '--provenance=false --sbom=false'
    : '--platform linux/amd64 (or linux/arm64) --provenance=false --sbom=false';
  return new DeployError(
    'image-rejected',
    `Image ${image.text} is an index ${what} (${plain(platforms.join(', ') || 'no platform')}), and Lambda takes single images only.`,
    {
      hint: `Build it with docker buildx build ${flags}; in docker/build-push-action, provenance: false and sbom: false. Or let this action build it, with build-context.`,
    },
  );
}
