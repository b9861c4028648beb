import type { Input, Reply } from '../api.ts';
import type { Duration } from '../clock.ts';
import type { CodeSources } from './code.ts';
import { LambdaErrors } from './errors.ts';
import {
  type Alias,
  LATEST_PUBLISHED,
  type LambdaClocks,
  type LambdaFunction,
  type LatestPublished,
  type Version,
} from './function-state.ts';
import { functionArn, type Identifier, readIdentifier } from './identifiers.ts';
import type { PageMaker } from './page.ts';

/** Everything Lambda's operations work on. */
export interface LambdaStore extends LambdaClocks, CodeSources {
  functions: Map<string, LambdaFunction>;
  /** Where packages can be fetched; empty until it listens. */
  url: string;
  /** What functions answer, where a test wants something else than the standard page. */
  pages: Map<string, PageMaker>;
  invokeMs: Duration;
  /** What a cold start adds. */
  initMs: Duration;
  aliasListeners: Set<(fn: LambdaFunction, alias: Alias) => void>;
}

/** What a qualifier names; an alias with weights still has to choose. */
export type Target =
  | { kind: 'latest' }
  | { kind: 'latest-published'; latest: LatestPublished }
  | { kind: 'version'; version: Version }
  | { kind: 'alias'; alias: Alias };

export interface Found {
  fn: LambdaFunction;
  identifier: Identifier;
  /** As in messages: with the qualifier that was given. */
  arn: string;
}

export function findFunction(store: LambdaStore, input: Input): Found {
  const identifier = readIdentifier(input, store.home);
  const arn = functionArn(store.home, identifier.name, identifier.qualifier);
  const fn = store.functions.get(identifier.name);
  if (fn === undefined) throw LambdaErrors.notFound(arn);
  return { fn, identifier, arn };
}

/** For calls that change $LATEST and take no qualifier. */
export function findUnqualified(store: LambdaStore, input: Input): Found {
  const found = findFunction(store, input);
  const { qualifier } = found.identifier;
  if (qualifier !== undefined && qualifier !== '$LATEST') {
    throw LambdaErrors.invalid(
      'This operation is permitted on Lambda functions only. Aliases and versions do not support it. Please specify either a function name or an unqualified function ARN.',
    );
  }
  return { ...found, arn: functionArn(store.home, found.fn.name) };
}

export function findTarget({ fn, identifier, arn }: Found): Target {
  const { qualifier } = identifier;
  if (qualifier === undefined || qualifier === '$LATEST') return { kind: 'latest' };
  if (qualifier === LATEST_PUBLISHED && fn.latestPublished !== undefined) {
    return { kind: 'latest-published', latest: fn.latestPublished };
  }
  const version = findVersion(fn, qualifier);
  if (version !== undefined) return { kind: 'version', version };
  const alias = fn.aliases.get(qualifier);
  if (alias !== undefined) return { kind: 'alias', alias };
  throw LambdaErrors.notFound(arn);
}

export function findVersion(fn: LambdaFunction, version: string): Version | undefined {
  return fn.versions.find((candidate) => candidate.version === version);
}

export function json(status: number, document: unknown, effect = false): Reply {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(document), effect };
}

/** One page of a list; the marker is opaque to callers, as on AWS. */
export function pageOf<T>(items: T[], input: Input, mostItems = 50): { page: T[]; next: { NextMarker?: string } } {
  const wanted = Number(input.MaxItems ?? mostItems);
  if (!Number.isInteger(wanted) || wanted < 1) {
    throw LambdaErrors.validation(String(wanted), 'maxItems', 'Member must have value greater than or equal to 1');
  }
  const start = readMarker(input.Marker);
  const end = start + Math.min(wanted, mostItems);
  const page = items.slice(start, end);
  return { page, next: end < items.length ? { NextMarker: Buffer.from(`at:${end}`).toString('base64') } : {} };
}

function readMarker(marker: unknown): number {
  if (typeof marker !== 'string') return 0;
  const start = /^at:(\d+)$/.exec(Buffer.from(marker, 'base64').toString())?.[1];
  if (start === undefined) throw LambdaErrors.invalid('Invalid marker.');
  return Number(start);
}
