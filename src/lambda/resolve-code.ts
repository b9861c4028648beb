import { DeployError } from '../errors.ts';
import type { ImageUri } from '../image/image-uri.ts';
import { platformOf } from '../image/manifest.ts';
import { type ImageFacts, inspectImage } from '../image/preflight.ts';
import type { FunctionOutcome } from '../outcome.ts';
import type { World } from '../world.ts';

/**
 * Turns what the workflow names into what is sent, once for all functions that get the same: a zip is packed, an image is
 * looked at in its registry. The hash that a function will have is noted where it can be known beforehand; the answer is
 * the platform of an image (`linux/arm64`), where that is known.
 */
type CodeResolver = (outcome: FunctionOutcome, deadline: number) => Promise<string | undefined>;

export function createCodeResolver(world: World, warnings: DeployError[]): CodeResolver {
  const images = new Map<string, Promise<ImageFacts>>();
  return async (outcome, deadline) => {
    const { source } = outcome.plan;
    switch (source.kind) {
      case 'image': {
        const inspected = images.get(source.image.text) ?? inspectImage(source.image, world, deadline, warnings);
        images.set(source.image.text, inspected);
        const facts = await inspected;
        if (facts.digest === undefined) {
          outcome.code = { kind: 'image', imageUri: source.image.text };
        } else {
          resolveImage(outcome, source.image, facts.digest);
        }
        return facts.platform;
      }
      case 'zip': {
        const zip = await world.zips.pack(source.path, source.isExcluded);
        outcome.code = { kind: 'zip', ...zip };
        outcome.expectedSha256 = zip.sha256;
        return undefined;
      }
      case 's3':
        outcome.code = source;
        return undefined;
    }
  };
}

/** What was pushed or checked is what runs: the tag may be moved by another job at any time. */
export function resolveImage(outcome: FunctionOutcome, image: ImageUri, digest: string): void {
  outcome.code = { kind: 'image', imageUri: `${image.registry}/${image.repository}@${digest}` };
  outcome.expectedSha256 = digest.replace('sha256:', '');
}

/** Lambda takes an image for another processor, and only the first invocation shows it ("exec format error"). */
export function refuseOtherPlatform({ name, plan, before }: FunctionOutcome, platform: string | undefined): void {
  const wanted = platformOf(plan.architecture ?? before?.architectures[0] ?? '');
  if (platform !== undefined && platform !== wanted && plan.source.kind === 'image') {
    throw new DeployError(
      'image-rejected',
      `Image ${plan.source.image.text} is built for ${platform}, but function ${name} runs on ${wanted}.`,
      { hint: `Build it with --platform ${wanted}, or set architecture to change the function too.` },
    );
  }
}
