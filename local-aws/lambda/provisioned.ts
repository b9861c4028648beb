import type { Input, Reply } from '../api.ts';
import type { Outcome } from '../faults.ts';
import { announceAlias } from './announce.ts';
import { timestamp } from './documents.ts';
import { addProvisioned, removeProvisioned } from './environments.ts';
import { LambdaErrors } from './errors.ts';
import {
  type Alias,
  finish,
  type LambdaFunction,
  type ProvisionedConcurrency,
  type Reason,
  touch,
  weightsOf,
} from './function-state.ts';
import { functionArn } from './identifiers.ts';
import { type Found, findFunction, findTarget, findUnqualified, json, type LambdaStore, pageOf } from './store.ts';

export function putProvisioned(store: LambdaStore, input: Input, outcome: Outcome | undefined): Reply {
  const found = findFunction(store, input);
  const qualifier = requireQualifier(found);
  refuseProvisioning(found, qualifier);
  const requested = Number(input.ProvisionedConcurrentExecutions);
  if (!Number.isInteger(requested) || requested < 1) {
    const constraint = 'Member must have value greater than or equal to 1';
    throw LambdaErrors.validation(String(requested), 'provisionedConcurrentExecutions', constraint);
  }
  return json(202, documentOf(allocate(store, found.fn, qualifier, requested, outcome)), true);
}

export function getProvisioned(store: LambdaStore, input: Input): Reply {
  return json(200, documentOf(findProvisioned(findFunction(store, input))));
}

export function listProvisioned(store: LambdaStore, input: Input): Reply {
  const { fn } = findUnqualified(store, input);
  const { page, next } = pageOf([...fn.provisioned], input);
  const items = page.map(([qualifier, provisioned]) => ({
    FunctionArn: functionArn(store.home, fn.name, qualifier),
    ...documentOf(provisioned),
  }));
  return json(200, { ProvisionedConcurrencyConfigs: items, ...next });
}

/** Deleting what is not there succeeds. */
export function deleteProvisioned(store: LambdaStore, input: Input): Reply {
  const found = findFunction(store, input);
  const qualifier = requireQualifier(found);
  const effect = found.fn.provisioned.delete(qualifier);
  removeProvisioned(found.fn, qualifier);
  return { status: 204, headers: {}, body: '', effect };
}

/**
 * An alias that is moved takes its provisioned concurrency along. Meanwhile AWS gives all its traffic to the previous
 * version by a weight that nobody asked for (hashicorp/terraform-provider-aws#48116). That a failed allocation ends
 * this, too, and that its end moves the RevisionId, is the careful guess.
 */
export function handOver(
  store: LambdaStore,
  fn: LambdaFunction,
  alias: Alias,
  from: string,
  outcome: Outcome | undefined,
): void {
  const provisioned = fn.provisioned.get(alias.name);
  if (provisioned === undefined || alias.version === from) return;
  alias.handingOver ??= from;
  if (alias.handingOver === alias.version) alias.handingOver = undefined;
  allocate(store, fn, alias.name, provisioned.requested, outcome);
}

function allocate(
  store: LambdaStore,
  fn: LambdaFunction,
  qualifier: string,
  requested: number,
  outcome: Outcome | undefined,
): ProvisionedConcurrency {
  const provisioned: ProvisionedConcurrency = {
    requested,
    status: 'IN_PROGRESS',
    reason: undefined,
    lastModified: new Date(),
  };
  fn.provisioned.set(qualifier, provisioned);
  store.timeline.add('provisioned-started', fn.name, { qualifier, requested });
  finish(store, store.provisionedMs, outcome, (failure) => {
    // Another allocation may have taken its place, or none may be wanted any more.
    if (fn.provisioned.get(qualifier) === provisioned) endAllocation(store, fn, qualifier, provisioned, failure);
  });
  return provisioned;
}

function endAllocation(
  store: LambdaStore,
  fn: LambdaFunction,
  qualifier: string,
  provisioned: ProvisionedConcurrency,
  failure: Reason | undefined,
): void {
  provisioned.status = failure === undefined ? 'READY' : 'FAILED';
  provisioned.reason = failure?.text;
  const alias = fn.aliases.get(qualifier);
  const version = alias?.version ?? qualifier;
  removeProvisioned(fn, qualifier);
  if (failure === undefined) addProvisioned(fn, { name: qualifier, version, count: provisioned.requested });
  store.timeline.add(failure === undefined ? 'provisioned-ready' : 'provisioned-failed', fn.name, {
    qualifier,
    version,
  });
  if (alias?.handingOver === undefined) return;
  alias.handingOver = undefined;
  touch(alias);
  announceAlias(store, fn, alias);
}

function requireQualifier({ identifier }: Found): string {
  const { qualifier } = identifier;
  if (qualifier !== undefined) return qualifier;
  throw LambdaErrors.invalid('The function name must be qualified by a version or an alias.');
}

/** Also an alias and the version that it names cannot both have some. */
function refuseProvisioning(found: Found, qualifier: string): void {
  const { fn } = found;
  const target = findTarget(found);
  const isUnpublished = target.kind === 'latest' || (target.kind === 'alias' && target.alias.version === '$LATEST');
  if (isUnpublished) {
    throw LambdaErrors.invalid('Provisioned Concurrency Configs cannot be applied to unpublished function versions.');
  }
  if (target.kind === 'latest-published') {
    throw LambdaErrors.invalid('Provisioned Concurrency is not supported for functions with a capacity provider.');
  }
  if (target.kind === 'version') {
    const owner = [...fn.aliases.values()].find(
      ({ name, version }) => version === qualifier && fn.provisioned.has(name),
    );
    if (owner !== undefined) throw LambdaErrors.invalid('Version is pointed to by a Provisioned Concurrency alias');
    return;
  }
  if (Object.keys(weightsOf(target.alias)).length > 0) {
    throw LambdaErrors.invalid('Alias with weights can not be used with Provisioned Concurrency');
  }
  if (fn.provisioned.has(target.alias.version)) {
    throw LambdaErrors.invalid(
      "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version",
    );
  }
}

function findProvisioned(found: Found): ProvisionedConcurrency {
  const qualifier = requireQualifier(found);
  findTarget(found);
  const provisioned = found.fn.provisioned.get(qualifier);
  if (provisioned === undefined) throw LambdaErrors.notProvisioned();
  return provisioned;
}

function documentOf(provisioned: ProvisionedConcurrency): Record<string, unknown> {
  const { requested, status, reason, lastModified } = provisioned;
  const ready = status === 'READY' ? requested : 0;
  return {
    RequestedProvisionedConcurrentExecutions: requested,
    AvailableProvisionedConcurrentExecutions: ready,
    AllocatedProvisionedConcurrentExecutions: ready,
    Status: status,
    ...(reason !== undefined && { StatusReason: reason }),
    LastModified: timestamp(lastModified),
  };
}
