import type { PageAnswer } from '../world.ts';
import type { ExpectedHeader } from './expected-header.ts';

/** What one answer proves about the cache, and by what. */
export type Judgement =
  | { verdict: 'fresh' | 'unknown'; reason: string }
  | {
      verdict: 'stale';
      reason: string;
      layer: 'edge' | 'origin';
      age: number | undefined;
      /** Whether it proves that old code still answers: no cache can have kept it, and it is a page. */
      provesOldCode: boolean;
    };

export interface Circumstances {
  expectHeader: ExpectedHeader | undefined;
  expectBody: string;
  /** Whether the invalidation covered the page. */
  isCleared: boolean;
  /** When CreateInvalidation was sent, in milliseconds of `performance.now()`. */
  clearedAt: number;
}

export function judge(answer: PageAnswer, circumstances: Circumstances): Judgement {
  const { expectHeader, expectBody } = circumstances;
  return expectHeader === undefined && expectBody === ''
    ? judgeByCache(answer, circumstances)
    : judgeByMarker(answer, circumstances);
}

/** The marker decides alone; how the cache came by the answer only says whose fault it is. */
function judgeByMarker(answer: PageAnswer, { expectHeader, expectBody, clearedAt }: Circumstances): Judgement {
  if ((expectHeader === undefined || hasHeader(answer, expectHeader)) && (expectBody === '' || answer.contains)) {
    return { verdict: 'fresh', reason: 'carries what is expected' };
  }
  if (answer.status >= 500) {
    return { verdict: 'unknown', reason: `HTTP ${answer.status}` };
  }
  const age = ageOf(answer);
  const cache = cacheResultOf(answer);
  const isOld = age !== undefined && !isYounger(age, answer, clearedAt);
  const isKept = cache === 'hit' ? age === undefined || isOld : cache === 'none' && isOld;
  const layer = isKept ? 'edge' : 'origin';
  const provesOldCode = !isOld && isFetchedNow(answer) && answer.status < 300;
  return { verdict: 'stale', reason: 'lacks what is expected', layer, age, provesOldCode };
}

/**
 * Whether CloudFront alone answered, and asked the origin for it
 * (https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/understanding-response-headers.html has the
 * words). Another cache in front adds words of its own to X-Cache, and may keep CloudFront's.
 */
function isFetchedNow({ headers }: PageAnswer): boolean {
  return /^(?:Miss|RefreshHit) from cloudfront$/i.test((headers['x-cache'] ?? '').trim());
}

function hasHeader({ headers }: PageAnswer, { name, value }: ExpectedHeader): boolean {
  // A CDN that compresses makes an ETag weak.
  const same = (text: string) => (name === 'etag' ? text.replace(/^W\//, '') : text);
  const given = Object.hasOwn(headers, name) ? headers[name] : undefined;
  return given !== undefined && [given, ...given.split(',')].some((one) => same(one.trim()) === same(value));
}

/**
 * A hit proves nothing by itself: another visitor may have filled the cache since it was cleared. So an answer is old only
 * if its Age says that it was made before.
 */
function judgeByCache(answer: PageAnswer, { isCleared, clearedAt }: Circumstances): Judgement {
  const cache = cacheResultOf(answer);
  if (answer.status >= 400) {
    return { verdict: 'unknown', reason: `HTTP ${answer.status}` };
  }
  if (cache === 'miss' || cache === 'refresh-hit') {
    return { verdict: 'fresh', reason: 'came from the origin' };
  }
  if (cache === 'other') {
    return { verdict: 'unknown', reason: 'made by CloudFront itself' };
  }
  const age = ageOf(answer);
  if (age === undefined) {
    return { verdict: 'unknown', reason: 'has no Age' };
  }
  if (isYounger(age, answer, clearedAt)) {
    return { verdict: 'fresh', reason: 'younger than the invalidation' };
  }
  return isCleared
    ? { verdict: 'stale', reason: 'older than the invalidation', layer: 'edge', age, provesOldCode: false }
    : { verdict: 'unknown', reason: 'not covered by the invalidation' };
}

function isYounger(age: number, { answeredAt }: PageAnswer, clearedAt: number): boolean {
  return age < (answeredAt - clearedAt) / 1000;
}

/** In seconds; undefined when the answer has none that makes sense. */
function ageOf({ headers }: PageAnswer): number | undefined {
  return /^\d{1,10}$/.test(headers.age ?? '') ? Number(headers.age) : undefined;
}

export type CacheResult = 'hit' | 'miss' | 'refresh-hit' | 'other' | 'none';

/** CloudFront says `Hit from cloudfront`; a CDN between it and us may have added its own words. */
export function cacheResultOf({ headers }: PageAnswer): CacheResult {
  const said = (headers['x-cache'] ?? '').slice(0, 200);
  const [, word = ''] = /(\w+) from cloudfront/i.exec(said) ?? /(\w+)/.exec(said) ?? [];
  if (word === '') {
    return 'none';
  }
  if (/^refresh_?hit$/i.test(word)) {
    return 'refresh-hit';
  }
  return /hit$/i.test(word) ? 'hit' : /miss$/i.test(word) ? 'miss' : 'other';
}
