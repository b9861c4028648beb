import type { LocalAws } from '../../local-aws/local-aws.ts';
import type { LocalAwsOptions } from '../../local-aws/options.ts';
import { startLocalAws } from '../../local-aws/server.ts';
import { type ActionOptions, type ActionRun, runAction } from './run-action.ts';

export const repository = '123456789012.dkr.ecr.us-east-1.amazonaws.com/web';
export const distributionId = 'E2EXAMPLE1';

/** As quick as tests want it, as slow as it takes to be seen in between. */
export const quick = { updateMs: 300, versionMs: 200, invalidationMs: 200, createMs: 300, originMs: 2 };

/** Stops by itself at the end of the block that declares it with `await using`. */
export type Site = LocalAws & AsyncDisposable;

/** A function `web`, running `web:v1`, behind one distribution. */
export async function startSite(options: LocalAwsOptions = {}): Promise<Site> {
  const aws = await startLocalAws({
    clocks: quick,
    functions: [{ name: 'web', imageUri: `${repository}:v1` }],
    distributions: [{ id: distributionId, functionName: 'web' }],
    ...options,
  });
  return Object.assign(aws, { [Symbol.asyncDispose]: () => aws.stop() });
}

/** What the tests call a release: `web:v2` to `web`, then everything cleared. */
export const v2 = { 'function-name': 'web', 'image-uri': `${repository}:v2`, 'distribution-id': distributionId };

/** The environment of a job on GitHub. */
const job = {
  GITHUB_REPOSITORY: 'octo/site',
  GITHUB_RUN_ID: '4711',
  GITHUB_RUN_ATTEMPT: '1',
  GITHUB_JOB: 'deploy',
  GITHUB_ACTION: '__self',
  GITHUB_SHA: '0123456789abcdef0123456789abcdef01234567',
};

export function deploy(
  aws: LocalAws,
  inputs: Record<string, string> = v2,
  { env = {}, ...options }: ActionOptions = {},
): Promise<ActionRun> {
  return runAction(inputs, { env: { ...aws.env, ...job, ...env }, ...options });
}

export function callsTo(aws: LocalAws, action: string) {
  return aws.calls.filter((call) => call.action === action);
}

/** How often an action changed something, which for a call that was repeated must be once. */
export function effects(aws: LocalAws, action: string): number {
  return callsTo(aws, action).filter(({ effect }) => effect).length;
}

/**
 * The promise: no invalidation is created before every function is updated and its version Active. Early is one that
 * comes before the first update has ended, or while an update or a version is on its way.
 */
export function earlyInvalidations(aws: LocalAws): string[] {
  return callsTo(aws, 'CreateInvalidation').flatMap(({ at }) => {
    const earlier = aws.events.filter((event) => event.at < at).map(({ type }) => type);
    const count = (...types: string[]) => earlier.filter((type) => types.includes(type)).length;
    const updating = count('update-started') - count('update-finished', 'update-failed');
    const publishing = count('version-published') - count('version-active', 'version-failed');
    const isEarly = count('update-finished') === 0 || updating > 0 || publishing > 0;
    return isEarly ? [`CreateInvalidation with ${updating} updates and ${publishing} versions under way`] : [];
  });
}
