import type { ExpectedHeader } from './expected-header.ts';

/** What is fetched after the clearing, and how a fresh answer is known. */
export interface RegenerationPlan {
  urls: readonly URL[];
  sitemaps: readonly URL[];
  expectHeader: ExpectedHeader | undefined;
  /** Empty: none. */
  expectBody: string;
  timeoutMs: number;
}
