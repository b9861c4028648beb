import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connectClock } from '../src/adapters/clock.ts';
import { connectWeb } from '../src/adapters/web.ts';
import { emptyRegeneration } from '../src/regenerate/outcome.ts';
import { regenerate } from '../src/regenerate/regenerate.ts';
import { startTimeline } from '../src/timeline.ts';
import type { Web } from '../src/world.ts';
import type { Figure } from './figure.ts';
import { sideBySide } from './side-by-side.ts';
import { median } from './statistics.ts';

const AT_ONCE = 16;
const ROUNDS = 9;
const REQUESTS_A_ROUND = 3000;
const PAGES = 10_000;
const SETTLED_AFTER = 2000;

/** How fast pages are fetched beside the least that Node takes for it, and what many of them leave in memory. */
export async function measureRegenerate(): Promise<Figure[]> {
  // In a process of its own, so that it does not take the time of who asks.
  const server = fork(import.meta.filename);
  try {
    const [port] = (await once(server, 'message')) as [number];
    return [
      {
        name: 'regenerate: requests a second beside a plain loop',
        value: await measureShare(port),
        unit: '',
        n: ROUNDS,
        goal: { atLeast: 0.6 },
      },
      {
        name: `regenerate: memory gained after the first ${SETTLED_AFTER} of ${3 * PAGES} requests`,
        value: (await measureGrowth(port)) / 1e6,
        unit: 'MB',
        n: 1,
        goal: { atMost: 25 },
      },
    ];
  } finally {
    await stop(server);
  }
}

/** Both take turns, so that a noisy minute hits both. */
async function measureShare(port: number): Promise<number> {
  const cancel = new AbortController();
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  const web = connectWeb(cancel.signal, AT_ONCE);
  const url = (index: number) => new URL(`http://127.0.0.1:${port}/page-${index}`);
  const ours = (index: number) => ourGet(web, url(index));
  const plain = (index: number) => plainGet(agent, port, `/page-${index}`);
  const shares: number[] = [];
  // The first round warms up.
  for (let round = 0; round <= ROUNDS; round += 1) {
    const plainMs = await timeRound(plain);
    const oursMs = await timeRound(ours);
    shares.push(plainMs / oursMs);
  }
  cancel.abort();
  agent.destroy();
  return median(shares.slice(1));
}

async function timeRound(get: (index: number) => Promise<void>): Promise<number> {
  const began = performance.now();
  await sideBySide(Array.from({ length: REQUESTS_A_ROUND }), AT_ONCE, (_, index) => get(index));
  return performance.now() - began;
}

async function ourGet(web: Web, url: URL): Promise<void> {
  const wanted = { acceptEncoding: 'gzip', header: undefined, contains: undefined, keepText: false };
  const answer = await web.get({ url, ...wanted, deadline: Number.POSITIVE_INFINITY });
  if (answer.kind === 'failed') {
    throw new Error(answer.reason);
  }
}

function plainGet(agent: Agent, port: number, path: string): Promise<void> {
  return new Promise((done, failed) => {
    request({ host: '127.0.0.1', port, path, agent }, (response) => response.on('end', done).resume())
      .on('error', failed)
      .end();
  });
}

/** Every answer is one that was made since the clearing: nothing has to be remembered of any. */
async function measureGrowth(port: number): Promise<number> {
  const cancel = new AbortController();
  const web = connectWeb(cancel.signal, AT_ONCE);
  let requests = 0;
  let settled = 0;
  const counted: Web = {
    async get(page) {
      requests += 1;
      if (requests === SETTLED_AFTER) {
        settled = process.memoryUsage.rss();
      }
      return web.get(page);
    },
  };
  const log = { line() {}, warning() {}, error() {}, group: <T>(_: string, work: () => Promise<T>) => work() };
  const outcome = emptyRegeneration();
  await regenerate({
    world: { web: counted, log, cancelled: cancel.signal },
    timeline: startTimeline(log, connectClock(cancel.signal)),
    plan: {
      urls: Array.from({ length: PAGES }, (_, index) => new URL(`http://127.0.0.1:${port}/page-${index}`)),
      sitemaps: [],
      expectHeader: undefined,
      expectBody: 'page',
      timeoutMs: 600_000,
    },
    isCleared: () => true,
    clearedAt: performance.now(),
    clearAgain: async () => performance.now(),
    outcome,
  });
  const gained = process.memoryUsage.rss() - settled;
  cancel.abort();
  if (outcome.fresh !== PAGES || requests !== 3 * PAGES) {
    throw new Error(`${outcome.fresh} of ${PAGES} pages were fresh after ${requests} requests.`);
  }
  return Math.max(0, gained);
}

async function stop(server: ChildProcess): Promise<void> {
  const gone = once(server, 'exit');
  server.kill();
  await gone;
}

/** A page of an ordinary size. */
function serve(): void {
  const body = Buffer.alloc(20_000, 'page ');
  const server = createServer((_, response) => {
    response.writeHead(200, {
      'content-type': 'text/html',
      'content-length': body.length,
      'x-cache': 'Miss from cloudfront',
      'x-amz-cf-pop': 'FRA56-P4',
    });
    response.end(body);
  });
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
}

if (import.meta.main) {
  serve();
}
