import type { InputName } from './fields.ts';
import type { ImageUri } from './image/image-uri.ts';
import { type FunctionInput, type Inputs, regionPattern } from './inputs.ts';
import type { FunctionRef } from './lambda/function-ref.ts';
import { plain } from './plain.ts';
import type { Run } from './world.ts';

export interface Plan {
  dryRun: boolean;
  region: string;
  functions: readonly FunctionPlan[];
  updateTimeoutMs: number;
  clearing: ClearingPlan | undefined;
}

export interface FunctionPlan {
  ref: FunctionRef;
  image: ImageUri;
  architecture: string | undefined;
  revisionId: string | undefined;
  /** Undefined: no version is published. */
  version: { description: string | undefined } | undefined;
}

export interface ClearingPlan {
  distributionIds: readonly string[];
  paths: readonly string[];
  widenedPaths: readonly string[];
  wait: 'true' | 'false' | 'best-effort';
  timeoutMs: number;
}

/** What is to be done, from inputs that are right each alone; contradictions between them are added to `problems`. */
export function planRelease(inputs: Inputs, run: Run, problems: string[]): Plan {
  const { given } = inputs;
  if (!given.has('function-name')) {
    if (!given.has('distribution-id')) {
      problems.push('function-name or distribution-id must be given: there is nothing to do.');
    }
    for (const name of ['image-uri', 'architecture', 'version-description', 'revision-id'] as const) {
      needs(name, 'function-name', inputs, problems);
    }
  }
  if (!given.has('distribution-id')) {
    for (const name of ['paths', 'paths-file'] as const) {
      needs(name, 'distribution-id', inputs, problems);
    }
  }
  if (!inputs.publish) {
    needs('version-description', 'publish: true', inputs, problems);
  }
  if (given.has('revision-id') && inputs.functions.length > 1) {
    problems.push(`revision-id goes with one function, got ${inputs.functions.length} in function-name.`);
  }

  const region = chooseRegion(inputs, run, problems);
  return {
    dryRun: inputs.dryRun,
    region,
    functions: planFunctions(inputs, run, region, problems),
    updateTimeoutMs: inputs.updateTimeoutMs,
    clearing: planClearing(inputs, problems),
  };
}

function needs(name: InputName, needed: string, { given }: Inputs, problems: string[]): void {
  const text = given.get(name);
  if (text !== undefined) {
    problems.push(`${name} needs ${needed}, which is missing, got "${plain(text, 120)}".`);
  }
}

/** `AWS_REGION` names the Region of the credentials, so it comes before the ARN's; in conflict, neither is guessed. */
function chooseRegion(inputs: Inputs, run: Run, problems: string[]): string {
  if (inputs.given.has('region') && inputs.region === '') {
    return '';
  }
  const source = inputs.region === '' ? ' (from AWS_REGION)' : '';
  const stated = inputs.region || run.awsRegion;
  if (stated !== '' && !regionPattern.test(stated)) {
    problems.push(`region must be an AWS Region such as eu-west-1, got "${plain(stated, 120)}"${source}.`);
    return '';
  }
  const region = stated || (inputs.functions.find(({ ref }) => ref.region !== '')?.ref.region ?? '');
  if (region === '' && inputs.functions.length > 0) {
    problems.push(
      'region must be given: neither AWS_REGION nor AWS_DEFAULT_REGION nor the ARN of a function says where the functions are.',
    );
  }
  for (const { ref } of inputs.functions) {
    if (ref.region !== '' && ref.region !== region) {
      problems.push(`function-name "${ref.text}" is in ${ref.region}, but region is "${region}"${source}.`);
    }
  }
  return region;
}

function planFunctions(inputs: Inputs, run: Run, region: string, problems: string[]): FunctionPlan[] {
  return inputs.functions.flatMap((input) => {
    const { ref } = input;
    const image = chooseImage(input, inputs, region, problems);
    if (image === undefined) {
      return [];
    }
    return [
      {
        ref,
        image,
        architecture: inputs.architecture,
        revisionId: inputs.revisionId || undefined,
        version: inputs.publish ? { description: inputs.versionDescription || describe(run) || undefined } : undefined,
      },
    ];
  });
}

/** The function's own image before the common one; Lambda pulls only from the function's Region. */
function chooseImage(
  { ref, image: own }: FunctionInput,
  inputs: Inputs,
  region: string,
  problems: string[],
): ImageUri | undefined {
  const image = own ?? inputs.image;
  if (image === undefined) {
    // A malformed image-uri has been reported already.
    if (!inputs.given.has('image-uri')) {
      problems.push(`image-uri must be given for function-name "${ref.text}", it has no image of its own.`);
    }
    return undefined;
  }
  const functionRegion = ref.region || region;
  if (image.region !== '' && functionRegion !== '' && image.region !== functionRegion) {
    const input = own ? 'function-name' : 'image-uri';
    problems.push(
      `${input} has an image in ${image.region}, but "${ref.text}" is in ${functionRegion} and Lambda pulls only from its own Region, got "${image.text}".`,
    );
  }
  return image;
}

/** Lambda takes 256 characters. */
function describe(run: Run): string {
  const url = run.repository && run.runId ? `${run.serverUrl}/${run.repository}/actions/runs/${run.runId}` : '';
  const attempt = url && run.runAttempt && run.runAttempt !== '1' ? `/attempts/${run.runAttempt}` : '';
  return plain(`${run.sha.slice(0, 7)} ${url}${attempt}`, 1000).slice(0, 256);
}

/** One invalidation takes 3,000 paths, 15 of them with a wildcard, which are also the most that may be in progress. */
const mostPaths = 3000;
const mostWildcards = 15;

function planClearing(inputs: Inputs, problems: string[]): ClearingPlan | undefined {
  if (!inputs.given.has('distribution-id')) {
    return undefined;
  }
  const everything = !inputs.given.has('paths') && !inputs.given.has('paths-file');
  // Sorted, so that the same paths in another order are the same request.
  const paths = everything ? ['/*'] : inputs.paths.toSorted();
  const wildcards = paths.filter((path) => path.endsWith('*')).length;
  const source = inputs.given.has('paths-file') ? 'paths-file' : 'paths';
  if (paths.length > mostPaths) {
    problems.push(
      `${source} names more than ${mostPaths} paths, the most CloudFront clears at once, got ${paths.length}.`,
    );
  }
  if (wildcards > mostWildcards) {
    problems.push(
      `${source} names more than ${mostWildcards} paths with "*", the most CloudFront clears at once, got ${wildcards}.`,
    );
  }
  return {
    distributionIds: inputs.distributionIds,
    paths,
    widenedPaths: inputs.widenedPaths,
    wait: inputs.waitForInvalidation,
    timeoutMs: inputs.invalidationTimeoutMs,
  };
}
