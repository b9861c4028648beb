import { ApiError } from '../api.ts';
import type { Duration } from '../clock.ts';
import type { Answering } from '../lambda/function-state.ts';
import { brokenByArchitecture, chooseAnswering } from '../lambda/invoke.ts';
import { type Page, renderPage } from '../lambda/page.ts';
import { findFunction, type LambdaStore } from '../lambda/store.ts';
import type { Origin } from './edge.ts';

export interface OriginOptions {
  functionName: string;
  /** A version or an alias; without one, $LATEST. */
  qualifier: string | undefined;
  originMs: Duration;
}

/** The function behind a distribution. Which code answers is settled when the fetch begins, not when it ends. */
export function functionOrigin(store: LambdaStore, options: OriginOptions): Origin {
  return async (method, url) => {
    const page = pageNow(store, options, method, url);
    const { functionName } = options;
    const codeSha256 = page.headers['x-code-sha256'];
    store.timeline.add('origin-fetch', functionName, { url, status: page.status, codeSha256 });
    await store.clock.sleep(store.clock.draw(options.originMs));
    return page;
  };
}

function pageNow(store: LambdaStore, { functionName, qualifier }: OriginOptions, method: string, url: string): Page {
  try {
    const input = { FunctionName: functionName, ...(qualifier !== undefined && { Qualifier: qualifier }) };
    const answering: Answering = chooseAnswering(store, findFunction(store, input));
    if (brokenByArchitecture(answering.code)) return { status: 502, headers: {}, body: 'Internal Server Error\n' };
    return renderPage(answering, method, url, store.pages.get(functionName));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { status: 502, headers: {}, body: 'Internal Server Error\n' };
  }
}
