import { DeployError } from '../errors.ts';
import { plain } from '../plain.ts';
import type { World } from '../world.ts';
import type { ImageUri } from './image-uri.ts';
import { readManifest } from './manifest.ts';

/** What was found out about an image before it is deployed; what could not be found out is undefined. */
export interface ImageFacts {
  /** `sha256:…`. */
  digest: string | undefined;
  /** Such as `linux/arm64`. */
  platform: string | undefined;
}

const patienceMs = 3000;

/**
 * Reads an image's manifest, where ECR permits it, and refuses what Lambda would refuse later and less clearly. An image
 * that cannot be looked at is not refused: the right to read ECR is not needed to deploy.
 */
export async function inspectImage(image: ImageUri, world: World, deadline: number): Promise<ImageFacts> {
  const known = { digest: image.digest || undefined, platform: undefined };
  const name = `${image.repository}${image.digest ? `@${image.digest}` : `:${image.tag}`}`;
  const leaveOut = (what: string, reason: string) => {
    world.log.line(`${name}: ${what} left out (${plain(reason)})`);
    return known;
  };
  if (image.region === '') {
    return leaveOut('the check of the image is', 'its registry is on this machine');
  }
  const until = Math.min(deadline, world.clock.now() + patienceMs);
  const found = await world.ecr.manifest(image, until);
  if (found.kind !== 'answered') {
    return leaveOut('the check of the image is', found.kind === 'refused' ? found.error.message : found.reason);
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
    return { ...leaveOut('the check of the architecture is', 'its manifest is of an unknown kind'), digest };
  }
  const platform = await world.ecr.platform(image, manifest.configDigest, until);
  if (platform.kind !== 'answered') {
    const reason = platform.kind === 'refused' ? platform.error.message : platform.reason;
    return { ...leaveOut('the check of the architecture is', reason), digest };
  }
  return { digest, platform: platform.value };
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
