import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Reply } from '../api.ts';
import type { Clock } from '../clock.ts';
import { deliver } from '../deliver.ts';
import { type Fault, type Faults, isApplied } from '../faults.ts';
import type { Page } from '../lambda/page.ts';
import { type Listener, listen } from '../listener.ts';
import type { Timeline } from '../timeline.ts';
import type { Cache } from './cache.ts';

/** How an edge asks the code that serves; resolves once the answer has travelled back. */
export type Origin = (method: string, url: string) => Promise<Page>;

export interface EdgeParts {
  id: string;
  cache: Cache;
  origin: Origin;
  faults: Faults;
  clock: Clock;
  timeline: Timeline;
}

/** One distribution's edge: an HTTP server of its own in front of the function. */
export async function startEdge(parts: EdgeParts, port = 0): Promise<Listener> {
  const listener: Listener = await listen((request, response) => answer(parts, listener, request, response), port);
  return listener;
}

async function answer(parts: EdgeParts, listener: Listener, request: IncomingMessage, response: ServerResponse) {
  // What a viewer sends is not needed, but an unread body would block the connection.
  request.resume();
  const fault = parts.faults.take('Visit', parts.id);
  await parts.clock.sleep(fault?.latencyMs ?? 0);
  const reply = isApplied(fault)
    ? await lookUp(parts, request.method ?? 'GET', request.url ?? '/')
    : toReply(errorPage(fault), 'Error');
  if (fault?.kind === 'latency') await parts.clock.sleep(fault.ms);
  await deliver(reply, fault, { request, response, refuseFor: listener.refuseFor });
}

async function lookUp(parts: EdgeParts, method: string, url: string): Promise<Reply> {
  const readable = method === 'GET' || method === 'HEAD';
  const cached = readable ? parts.cache.find(url) : undefined;
  if (cached !== undefined) {
    const age = Math.floor((performance.now() - cached.storedAt) / 1000);
    return finish(parts, url, { ...cached.page, headers: { ...cached.page.headers, age: String(age) } }, 'Hit');
  }
  const fetching = parts.cache.startFetch(url);
  const page = await parts.origin(method, url);
  parts.cache.endFetch(fetching, readable ? page : { ...page, status: 0 });
  return finish(parts, url, page, page.status < 400 ? 'Miss' : 'Error');
}

function finish(parts: EdgeParts, url: string, page: Page, result: 'Hit' | 'Miss' | 'Error'): Reply {
  const codeSha256 = page.headers['x-code-sha256'];
  parts.timeline.add('visit', parts.id, { url, result, status: page.status, codeSha256 });
  return toReply(page, result);
}

function toReply(page: Page, result: 'Hit' | 'Miss' | 'Error'): Reply {
  return {
    ...page,
    headers: {
      ...page.headers,
      via: '1.1 local.cloudfront.net (CloudFront)',
      'x-cache': `${result} from cloudfront`,
      'x-amz-cf-pop': 'LOC50-P1',
      'x-amz-cf-id': crypto.randomUUID(),
    },
  };
}

function errorPage(fault: Fault | undefined): Page {
  if (fault?.kind === 'error') {
    const { status = 503, headers = {}, message = '' } = fault;
    return { status, headers, body: message };
  }
  return { status: statusOf(fault?.kind), headers: {}, body: 'The request could not be satisfied.\n' };
}

function statusOf(kind: Fault['kind'] | undefined): number {
  if (kind === 'throttle') return 429;
  if (kind === 'denied' || kind === 'expired-token') return 403;
  return kind === 'internal-error' ? 500 : 503;
}
