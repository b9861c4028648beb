import type { Input, Reply } from '../api.ts';
import { codeLocation, latestDocument, latestPublishedDocument, versionDocument } from './documents.ts';
import { LambdaErrors } from './errors.ts';
import type { LambdaFunction } from './function-state.ts';
import { type Found, findFunction, findTarget, findVersion, json, type LambdaStore, pageOf } from './store.ts';

export function getFunction(store: LambdaStore, input: Input): Reply {
  const found = findFunction(store, input);
  const { document, code } = describe(store, found);
  const { reservedConcurrency } = found.fn;
  return json(200, {
    Configuration: document,
    Code: codeLocation(store.url, found.fn, code),
    Tags: {},
    ...(reservedConcurrency !== undefined && { Concurrency: { ReservedConcurrentExecutions: reservedConcurrency } }),
  });
}

export function getFunctionConfiguration(store: LambdaStore, input: Input): Reply {
  return json(200, describe(store, findFunction(store, input)).document);
}

function describe(store: LambdaStore, found: Found) {
  const { fn, identifier } = found;
  const target = findTarget(found);
  if (target.kind === 'latest') {
    return { document: latestDocument(store.home, fn, identifier.qualifier), code: fn.code };
  }
  if (target.kind === 'latest-published') {
    return { document: latestPublishedDocument(store.home, fn, target.latest), code: target.latest.code };
  }
  const version = target.kind === 'version' ? target.version : findVersion(fn, target.alias.version);
  if (version === undefined) throw LambdaErrors.notFound(found.arn);
  return { document: versionDocument(store.home, fn, version, identifier.qualifier), code: version.code };
}

export function listFunctions(store: LambdaStore, input: Input): Reply {
  const { page, next } = pageOf([...store.functions.values()], input);
  return json(200, { Functions: page.map((fn) => latestDocument(store.home, fn)), ...next });
}

/** $LATEST first, then ascending, at most 50 a page. */
export function listVersionsByFunction(store: LambdaStore, input: Input): Reply {
  const { fn } = findFunction(store, input);
  const { page, next } = pageOf(allDocuments(store, fn), input);
  return json(200, { Versions: page, ...next });
}

function allDocuments(store: LambdaStore, fn: LambdaFunction): Record<string, unknown>[] {
  const versions = fn.versions.map((version) => versionDocument(store.home, fn, version));
  return [latestDocument(store.home, fn, '$LATEST'), ...versions];
}
