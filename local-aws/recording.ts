import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ApiRequest, Reply } from './api.ts';

/** One exchange as it went over the wire. */
interface Exchange {
  service: string;
  action: string;
  request: ApiRequest;
  reply: Reply;
  /** What a test broke on purpose. */
  fault: string | undefined;
}

export type Recorder = (exchange: Exchange) => void;

const longestBody = 64 * 1024;
const mostOfAnAction = 300;

/**
 * Writes what is said to a directory, for `.ci/check-exchanges.py` to hold against AWS's models: the first exchange of each
 * form, with the place in a test that started this local-aws. Without a directory nothing is kept.
 */
export function startRecording(directory: string | undefined): Recorder | undefined {
  if (directory === undefined || directory === '') return undefined;
  mkdirSync(directory, { recursive: true });
  const place = placeInTest(new Error().stack ?? '');
  return ({ service, action, request, reply, fault }) => {
    const body = Buffer.from(reply.body);
    if (Math.max(body.length, request.body.length) > longestBody) return;
    const { method, path, headers, query } = request;
    const exchange = {
      ...{ service, action, place, fault },
      request: { method, path, query: [...query], headers, body: request.body.toString('base64') },
      reply: { status: reply.status, headers: reply.headers, body: body.toString('base64') },
    };
    const form = `${action} ${fault} ${path} ${query} ${request.body} ${reply.status} ${body}`.replaceAll(varying, '0');
    save(directory, action, form, exchange);
  };
}

/** Ids, hashes, times and numbers: what differs between exchanges that say the same. */
const varying = /[0-9a-f-]{8,}|[A-Z0-9]{10,}|\d+/g;

const formsOf = new Map<string, Set<string>>();

function save(directory: string, action: string, form: string, exchange: object): void {
  const forms = formsOf.get(action) ?? new Set();
  formsOf.set(action, forms);
  const name = createHash('sha256').update(form).digest('hex').slice(0, 24);
  if (forms.has(name) || forms.size >= mostOfAnAction) return;
  forms.add(name);
  // Another process may have seen the same.
  writeFileSync(join(directory, `${action}-${name}.json`), JSON.stringify(exchange));
}

function placeInTest(stack: string): string {
  const frames = [...stack.matchAll(/([^\s(/]+\/[^\s(/]+\.test\.ts:\d+)/g)];
  return frames.at(-1)?.[1] ?? 'elsewhere';
}
