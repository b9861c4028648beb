import { DeployError } from '../errors.ts';
import { patientWithNew, persist } from '../retry.ts';
import type { AliasState, Run } from '../world.ts';
import type { AliasWork } from './alias.ts';
import { describeTarget, pointsTo } from './target.ts';

/** The page of a run, which the description of a version carries. */
export function runUrl({ serverUrl, repository, runId }: Run): string {
  return repository && runId ? `${serverUrl}/${repository}/actions/runs/${runId}` : '';
}

/**
 * An older run never moves an alias behind a newer one: GitHub numbers runs upwards, and the description of a version
 * names the run that published it. Where it does not, as with a `version-description` of one's own, the order is not
 * known and nothing is refused, unless the alias has to be known to come from an older run.
 */
export async function refuseNewerRun(
  work: AliasWork,
  versions: readonly string[],
  { isKnownOlder = false }: { isKnownOlder?: boolean } = {},
): Promise<void> {
  const { run, outcome, functionName } = work;
  const own = /^\d+$/.test(run.runId) ? BigInt(run.runId) : undefined;
  // A newer run may be in the middle of its traffic shift, and then only a weight names its version.
  for (const version of versions) {
    const other = publisherOf(run, await descriptionOf(work, version));
    if (own !== undefined && other !== undefined && other > own) {
      throw new DeployError(
        'conflict',
        `Alias ${outcome.name} of ${functionName} points to version ${version}, which run ${other} published; this is run ${own}, an older one.`,
        {
          hint: 'A newer release is out, so this one is not put over it. To go back on purpose, start a new run, or set a version-description of your own.',
        },
      );
    }
    if (isKnownOlder && (own === undefined || other === undefined)) {
      throw await movedByOthers(work, work.outcome.now);
    }
  }
}

/** Says whose version it is, where that is known; who moved the alias, Lambda does not tell. */
export async function movedByOthers(work: AliasWork, state: AliasState | undefined): Promise<DeployError> {
  const { outcome, run } = work;
  const { left } = outcome.knowledge;
  if (state !== undefined && left !== undefined && pointsTo(state, left)) {
    return conflict(work, `was changed by somebody else during this run, and points to ${describeTarget(state)}`);
  }
  const publisher = state && publisherOf(run, await knownDescriptionOf(work, state.version));
  const where =
    state === undefined
      ? 'was deleted'
      : `was moved to ${describeTarget(state)}${publisher === undefined ? '' : `, published by run ${publisher},`}`;
  return conflict(work, `${where} by somebody else during this run`);
}

function conflict({ outcome, functionName }: AliasWork, what: string): DeployError {
  return new DeployError('conflict', `Alias ${outcome.name} of ${functionName} ${what}.`, {
    hint: 'It stays as it is. Give the workflow a concurrency group, then run it again.',
  });
}

function publisherOf(run: Run, description: string): bigint | undefined {
  const home = `${run.serverUrl}/${run.repository}/actions/runs/`;
  const at = description.indexOf(home);
  const [id] = (at === -1 ? '' : description.slice(at + home.length)).match(/^\d{1,20}/) ?? [];
  return id === undefined || run.repository === '' ? undefined : BigInt(id);
}

async function descriptionOf({ world, functionName, deadline, note }: AliasWork, version: string): Promise<string> {
  if (version === '$LATEST') {
    return '';
  }
  // A version that an alias names cannot be deleted (https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunction.html),
  // so a read that does not find it is behind.
  const see = patientWithNew(world.clock.now);
  const state = await persist(async () => see(await world.lambda.lookAtVersion(functionName, version, deadline)), {
    subject: `GetFunction for version ${version} of ${functionName}`,
    deadline,
    capMs: 5000,
    clock: world.clock,
    onRetry: note,
  });
  return state.description;
}

/** For the report only, so whoever may not read it does without. */
async function knownDescriptionOf(work: AliasWork, version: string): Promise<string> {
  try {
    return await descriptionOf(work, version);
  } catch (error) {
    if (error instanceof DeployError && error.code !== 'cancelled') {
      return '';
    }
    throw error;
  }
}

/** Whether a description names the run. */
export function carriesRun(run: Run, description: string): boolean {
  const url = runUrl(run);
  return url !== '' && description.includes(url);
}
