import { DeployError } from '../errors.ts';
import { plain } from '../plain.ts';
import { persist } from '../retry.ts';
import type { Attempt, FunctionState, PublishedVersion, World, Zip } from '../world.ts';

/** What UpdateFunctionCode takes as ZipFile (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html). */
const mostZipped = 52_428_800;

/** The function whose code is looked for, as it was. */
interface Wanted {
  name: string;
  functionName: string;
  before: FunctionState;
}

/**
 * The published version that has the code of a zip function: GetFunction hands out its package, which UpdateFunctionCode
 * takes back. Undefined where none has it, and where nothing proves it: after an update that Failed the function shows
 * the hash of code that does not serve, and a package under a customer's key or in S3 by reference is not Lambda's own.
 */
export async function findPublished(
  { name, functionName, before }: Wanted,
  world: World,
  deadline: number,
): Promise<PublishedVersion | undefined> {
  const { codeSha256, architectures, lastUpdateStatus, state, traits } = before;
  const isProvable = codeSha256 !== '' && lastUpdateStatus !== 'Failed' && state !== 'Failed';
  if (!isProvable || traits.sourceKmsKey !== '' || traits.s3Object !== undefined) {
    return undefined;
  }
  const versions = await persist(() => world.lambda.listPublished(functionName, deadline), {
    subject: `ListVersionsByFunction for ${name}`,
    deadline,
    capMs: 5000,
    clock: world.clock,
    onRetry: () => undefined,
  });
  return versions.findLast(
    (one) =>
      one.codeSha256 === codeSha256 && one.architectures.join() === architectures.join() && one.bytes <= mostZipped,
  );
}

/** The package of a version as a file here, proven by its hash; bytes that broke off are asked for again. */
export async function fetchPublished(
  { name, functionName, before }: Wanted,
  { version }: PublishedVersion,
  world: World,
  deadline: number,
): Promise<Zip> {
  let tries = 0;
  const fetchProven = async (): Promise<Attempt<Zip>> => {
    const attempt = await world.lambda.fetchPackage(functionName, version, world.zips.keep, deadline);
    if (attempt.kind !== 'answered' || attempt.value.sha256 === before.codeSha256) {
      return attempt;
    }
    tries += 1;
    const reason = `The package of version ${plain(version)} of ${name} has the SHA-256 ${attempt.value.sha256} instead of ${plain(before.codeSha256, 64)}`;
    return tries < mostTries
      ? { kind: 'unanswered', reason, retryAfterMs: 0 }
      : { kind: 'refused', error: new DeployError('rollback-failed', `${reason}.`, { hint: byHand }) };
  };
  return persist(fetchProven, {
    subject: `The package of version ${version} of ${name}`,
    deadline,
    capMs: 5000,
    clock: world.clock,
    onRetry: (reason) => world.log.line(`${name}: ${reason}`),
  });
}

const mostTries = 3;
const byHand = 'Deploy the code from before, or use an alias: then every release can be rolled back.';
