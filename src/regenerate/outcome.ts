import type { DeployError } from '../errors.ts';

/**
 * Where a stale answer came from: a cache that kept it, an origin that still makes it, or, when no page of the whole run
 * carried what fresh ones are expected to carry, an origin with old code or an expectation that is wrong.
 */
export type Layer = 'edge' | 'origin' | 'no marker';

/** How often an edge location answered from its cache and how often it asked the origin. */
export interface EdgeCounts {
  hit: number;
  /** RefreshHit too: the origin was asked. */
  miss: number;
  other: number;
}

/** What is known of the pages; filled in as they are fetched, so that a failure or a cancel loses nothing. */
export interface RegenerationOutcome {
  pages: number;
  fresh: number;
  stale: number;
  /** Those that were not fetched too. */
  unknown: number;
  /** Without an answer, or answered with 400 and above; each is fresh, stale or unknown as well. */
  failed: number;
  requests: number;
  /** Of all bodies, as they came over the wire. */
  bytes: number;
  ms: number;
  /** How many pages were cleared once more. */
  clearedAgain: number;
  /** How many entries of sitemaps and targets of redirects are on hosts that the workflow does not name. */
  leftOut: number;
  /** How many pages of sitemaps the invalidation did not cover. */
  skipped: number;
  /** Whether the sitemaps name more pages than are fetched. */
  isTruncated: boolean;
  /** How many entries of sitemaps are no URLs of pages. */
  unreadable: number;
  /**
   * Whether a page came from the origin after the invalidation without what was expected. A page that a cache kept, one
   * that could not be fetched and a time that ran out prove nothing against the code.
   */
  provesOldCode: boolean;
  /** By the code of the edge location, such as `FRA56-P4`. */
  readonly edges: Map<string, EdgeCounts>;
  slowest: readonly { url: string; ms: number }[];
  /** The first of them, as `failedPages`. */
  stalePages: readonly { url: string; layer: Layer; age: number | undefined }[];
  failedPages: readonly { url: string; reason: string }[];
  /** What is first to be said of what does not fail the run. */
  warning: DeployError | undefined;
  moreWarnings: readonly DeployError[];
  error: DeployError | undefined;
}

export function emptyRegeneration(): RegenerationOutcome {
  return {
    pages: 0,
    fresh: 0,
    stale: 0,
    unknown: 0,
    failed: 0,
    requests: 0,
    bytes: 0,
    ms: 0,
    clearedAgain: 0,
    leftOut: 0,
    skipped: 0,
    isTruncated: false,
    unreadable: 0,
    provesOldCode: false,
    edges: new Map(),
    slowest: [],
    stalePages: [],
    failedPages: [],
    warning: undefined,
    moreWarnings: [],
    error: undefined,
  };
}
