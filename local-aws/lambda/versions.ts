import { type Input, type Reply, textOf } from '../api.ts';
import type { Outcome } from '../faults.ts';
import { latestPublishedDocument, versionDocument } from './documents.ts';
import { LambdaErrors } from './errors.ts';
import {
  addVersion,
  isManaged,
  isNamedBy,
  type LambdaFunction,
  publishLatest,
  refusePublish,
  startVersion,
  unchangedVersion,
} from './function-state.ts';
import { type Found, findFunction, findUnqualified, findVersion, json, type LambdaStore } from './store.ts';
import { requireRevision } from './update.ts';

export function publishVersion(store: LambdaStore, input: Input, outcome: Outcome | undefined): Reply {
  const { fn, arn } = findUnqualified(store, input);
  refusePublish(fn, arn);
  requireRevision(fn, input);
  const expected = textOf(input, 'CodeSha256');
  if (expected !== undefined && expected !== fn.code.codeSha256) {
    throw LambdaErrors.invalid(
      `CodeSHA256 (${expected}) is different from current CodeSHA256 in $LATEST (${fn.code.codeSha256}). Please try again with the CodeSHA256 in $LATEST.`,
    );
  }
  const description = textOf(input, 'Description');
  if (input.PublishTo === 'LATEST_PUBLISHED') return publishToLatest(store, fn, description, outcome);
  const existing = unchangedVersion(fn);
  if (existing !== undefined) return json(201, versionDocument(store.home, fn, existing));
  const version = addVersion(store, fn, description);
  startVersion(store, fn, version, outcome);
  return json(201, versionDocument(store.home, fn, version), true);
}

function publishToLatest(
  store: LambdaStore,
  fn: LambdaFunction,
  description: string | undefined,
  outcome: Outcome | undefined,
): Reply {
  if (!isManaged(fn.configuration)) {
    throw LambdaErrors.invalid('PublishTo is supported for functions with a capacity provider only.');
  }
  const latest = publishLatest(store, fn, description, outcome);
  return json(201, latestPublishedDocument(store.home, fn, latest), true);
}

/** Without a qualifier the function itself goes, and everything with it. */
export function deleteFunction(store: LambdaStore, input: Input): Reply {
  const found = findFunction(store, input);
  const { fn, identifier } = found;
  if (identifier.qualifier === undefined) store.functions.delete(fn.name);
  else deleteVersion(store, found, identifier.qualifier);
  return { status: 204, headers: {}, body: '', effect: true };
}

function deleteVersion(store: LambdaStore, { fn, arn }: Found, qualifier: string): void {
  if (qualifier === '$LATEST') {
    throw LambdaErrors.invalid('$LATEST version cannot be deleted without deleting the function.');
  }
  if (fn.aliases.has(qualifier)) throw LambdaErrors.invalid('Deletion of aliases is not currently supported.');
  const version = findVersion(fn, qualifier);
  if (version === undefined) throw LambdaErrors.notFound(arn);
  const users = aliasesOf(fn, qualifier);
  if (users.length > 0) {
    throw LambdaErrors.conflict(`Unable to delete version because the following aliases reference it: [${users}]`);
  }
  fn.versions = fn.versions.filter((other) => other !== version);
  fn.environments.delete(qualifier);
  fn.provisioned.delete(qualifier);
  store.timeline.add('version-deleted', fn.name, { version: qualifier });
}

function aliasesOf(fn: LambdaFunction, version: string): string[] {
  const aliases = [...fn.aliases.values()].filter((alias) => isNamedBy(alias, version));
  return aliases.map((alias) => alias.name);
}
