import { type Input, type Reply, recordOf, textOf } from '../api.ts';
import type { Outcome } from '../faults.ts';
import { announceAlias } from './announce.ts';
import { aliasDocument } from './documents.ts';
import { removeProvisioned } from './environments.ts';
import { LambdaErrors } from './errors.ts';
import { type Alias, isNamedBy, type LambdaFunction, touch } from './function-state.ts';
import { functionArn } from './identifiers.ts';
import { handOver } from './provisioned.ts';
import { findUnqualified, findVersion, json, type LambdaStore, pageOf } from './store.ts';

export function createAlias(store: LambdaStore, input: Input): Reply {
  const { fn } = findUnqualified(store, input);
  const name = readName(input);
  if (fn.aliases.has(name))
    throw LambdaErrors.conflict(`Alias already exists: ${functionArn(store.home, fn.name, name)}`);
  const alias: Alias = {
    name,
    version: textOf(input, 'FunctionVersion') ?? '',
    description: textOf(input, 'Description') ?? '',
    weights: readWeights(input) ?? {},
    handingOver: undefined,
    revisionId: crypto.randomUUID(),
  };
  checkVersions(store, fn, alias);
  fn.aliases.set(name, alias);
  announceAlias(store, fn, alias);
  return json(201, aliasDocument(store.home, fn, alias), true);
}

export function getAlias(store: LambdaStore, input: Input): Reply {
  const { fn, alias } = findAlias(store, input);
  return json(200, aliasDocument(store.home, fn, alias));
}

/**
 * What is left out stays: also the weights of an earlier shift, which a full cut-over has to clear itself. AWS documents
 * neither: that Terraform always sends an empty map to clear them implies both.
 */
export function updateAlias(store: LambdaStore, input: Input, outcome?: Outcome): Reply {
  const { fn, alias } = findAlias(store, input);
  const revision = textOf(input, 'RevisionId');
  if (revision !== undefined && revision !== alias.revisionId) throw LambdaErrors.revision('Alias');
  const next: Alias = {
    ...alias,
    version: textOf(input, 'FunctionVersion') ?? alias.version,
    description: textOf(input, 'Description') ?? alias.description,
    weights: readWeights(input) ?? alias.weights,
  };
  checkVersions(store, fn, next);
  touch(next);
  fn.aliases.set(next.name, next);
  handOver(store, fn, next, alias.version, outcome);
  announceAlias(store, fn, next);
  return json(200, aliasDocument(store.home, fn, next), true);
}

/** Deleting what is not there succeeds, as on AWS. */
export function deleteAlias(store: LambdaStore, input: Input): Reply {
  const { fn } = findUnqualified(store, input);
  const name = readName(input);
  const effect = fn.aliases.delete(name);
  if (fn.provisioned.delete(name)) removeProvisioned(fn, name);
  if (effect) store.timeline.add('alias-deleted', fn.name, { alias: name });
  return { status: 204, headers: {}, body: '', effect };
}

export function listAliases(store: LambdaStore, input: Input): Reply {
  const { fn } = findUnqualified(store, input);
  const version = textOf(input, 'FunctionVersion');
  const aliases = [...fn.aliases.values()].filter((alias) => version === undefined || isNamedBy(alias, version));
  const { page, next } = pageOf(aliases, input);
  return json(200, { Aliases: page.map((alias) => aliasDocument(store.home, fn, alias)), ...next });
}

function findAlias(store: LambdaStore, input: Input): { fn: LambdaFunction; alias: Alias } {
  const { fn } = findUnqualified(store, input);
  const name = readName(input);
  const alias = fn.aliases.get(name);
  if (alias === undefined) throw LambdaErrors.aliasNotFound(functionArn(store.home, fn.name, name));
  return { fn, alias };
}

const NAME = /^(?!^\d+$)[a-zA-Z0-9-_]{1,128}$/;

function readName(input: Input): string {
  const name = textOf(input, 'Name') ?? '';
  if (NAME.test(name)) return name;
  throw LambdaErrors.validation(name, 'name', `Member must satisfy regular expression pattern: ${NAME.source}`);
}

function readWeights(input: Input): Record<string, number> | undefined {
  const routing = recordOf(input, 'RoutingConfig');
  if (routing === undefined) return undefined;
  return (recordOf(routing, 'AdditionalVersionWeights') ?? {}) as Record<string, number>;
}

/** A shift is between two published versions, and neither may be broken. */
function checkVersions(store: LambdaStore, fn: LambdaFunction, alias: Alias): void {
  checkVersion(store, fn, alias.version);
  const further = Object.entries(alias.weights);
  if (further.length > 1)
    throw LambdaErrors.invalid('Number of items in AdditionalVersionWeights cannot be greater than 1');
  for (const [version, weight] of further) {
    if (alias.version === '$LATEST' || version === '$LATEST') {
      throw LambdaErrors.invalid('$LATEST is not supported for an alias pointing to more than 1 version');
    }
    if (version === alias.version) {
      throw LambdaErrors.invalid(
        `Invalid function version ${version}. Function version ${version} is already included in routing configuration.`,
      );
    }
    if (typeof weight !== 'number' || weight < 0 || weight > 1) {
      throw LambdaErrors.validation(
        String(weight),
        'routingConfig.additionalVersionWeights',
        'Member must have value between 0 and 1',
      );
    }
    checkVersion(store, fn, version);
    checkSameSettings(fn, alias.version, version);
  }
}

function checkSameSettings(fn: LambdaFunction, one: string, other: string): void {
  const [first, second] = [findVersion(fn, one), findVersion(fn, other)].map((version) => version?.configuration);
  if (first?.Role !== second?.Role) {
    throw LambdaErrors.invalid('Specified versions must be associated with the same execution role');
  }
  if (JSON.stringify(first?.DeadLetterConfig) !== JSON.stringify(second?.DeadLetterConfig)) {
    throw LambdaErrors.invalid('Specified versions must have the same dead letter configuration');
  }
}

function checkVersion(store: LambdaStore, fn: LambdaFunction, version: string): void {
  if (version === '$LATEST') return;
  const found = findVersion(fn, version);
  if (found === undefined) throw LambdaErrors.notFound(functionArn(store.home, fn.name, version));
  if (found.state === 'Failed') throw LambdaErrors.inState('Failed');
}
