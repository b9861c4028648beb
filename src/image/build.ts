import { DeployError } from '../errors.ts';
import { resolveImage } from '../lambda/resolve-code.ts';
import type { BuildOutcome, FunctionOutcome } from '../outcome.ts';
import { persist } from '../retry.ts';
import type { Timeline } from '../timeline.ts';
import type { World } from '../world.ts';
import { platformOf } from './manifest.ts';

/** Builds the image for the functions that get it, pushes it, and notes the digest that is to be deployed. */
export async function buildImage(
  outcome: BuildOutcome,
  functions: readonly FunctionOutcome[],
  world: World,
  timeline: Timeline,
): Promise<void> {
  const { plan, platform } = outcome;
  const { image } = plan;
  const deadline = world.clock.now() + signInPatienceMs;
  outcome.digest = await timeline.step(image.text, 'build and push', async (note) => {
    const signIn = await persist(() => world.ecr.signIn(deadline), {
      subject: 'GetAuthorizationToken',
      deadline,
      capMs: 5000,
      clock: world.clock,
      onRetry: note,
    });
    note(`building ${image.text} for ${platform}`);
    const digest = await world.docker.buildAndPush({ ...plan, platform }, signIn);
    note(`pushed ${digest}`);
    return digest;
  });
  for (const one of functions) {
    resolveImage(one, image, outcome.digest);
  }
}

/** A build takes as long as it takes; being let in does not. */
const signInPatienceMs = 120_000;

export function getsBuiltImage({ plan }: FunctionOutcome): boolean {
  return plan.source.kind === 'image' && plan.source.isBuilt;
}

/** The one platform of all functions that get the image, unless it is given; a mismatch would show only when invoked. */
export function choosePlatform(given: string | undefined, functions: readonly FunctionOutcome[]): string {
  const wanted = functions.map(({ name, plan, before }) => ({
    name,
    platform: platformOf(plan.architecture ?? before?.architectures[0] ?? ''),
  }));
  const platform = given ?? wanted[0]?.platform ?? platformOf('');
  const misfit = wanted.find((one) => one.platform !== platform);
  if (misfit) {
    throw new DeployError(
      'invalid-input',
      given
        ? `build-platform "${given}" does not fit function ${misfit.name}, which runs on ${misfit.platform}.`
        : `function-name "${misfit.name}" runs on ${misfit.platform} and ${wanted[0]?.name} on ${platform}, but one image is built for one platform.`,
      { hint: 'Correct build-platform, set architecture to change the functions too, or deploy them in two steps.' },
    );
  }
  return platform;
}
