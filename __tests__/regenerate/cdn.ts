import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

export interface OriginAnswer {
  status?: number;
  headers?: Record<string, string>;
  body?: string | Buffer;
}

export interface Cdn extends AsyncDisposable {
  url: string;
  host: string;
  /** What it was asked, in order. */
  requests: { path: string; headers: IncomingMessage['headers'] }[];
  connections(): number;
  /** What the origin says; called when the cache has no answer. */
  origin(path: string): OriginAnswer;
  /** Paths that no clearing removes. */
  stuck: Set<string>;
  /** Takes the place of the cache for a path. */
  raw: Map<string, RequestListener>;
  /** Puts an answer into the cache in all variants, as if it had been there for some seconds. */
  keep(path: string, answer: OriginAnswer, age: number): void;
  /** Clears the paths and tells when, as `clearAgain` does. */
  clear(paths: readonly string[]): Promise<number>;
  cleared: string[][];
}

interface Kept {
  answer: OriginAnswer;
  at: number;
}

const classes = ['br', 'gzip', 'identity'] as const;

const quick = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };
const encode = {
  br: (body: string | Buffer) => brotliCompressSync(body, quick),
  gzip: gzipSync,
  identity: (body: string | Buffer) => body,
};

/** However the path is encoded, it is one page. */
function keyOf(path: string, encoding: string): string {
  return `${decodeURI(path)} ${encoding}`;
}

function wordFor(status: number, known: Kept | undefined): string {
  if (status >= 500) {
    return 'Error';
  }
  return known ? 'Hit' : 'Miss';
}

/** A small CDN: caches by path and encoding, says Age and X-Cache as CloudFront does, and compresses. */
export async function startCdn({ tls }: { tls?: { key: string; cert: string } } = {}): Promise<Cdn> {
  const cache = new Map<string, Kept>();
  const sockets = new Set<Socket>();
  let connections = 0;
  const listener: RequestListener = (request, response) => {
    const path = request.url ?? '';
    cdn.requests.push({ path, headers: request.headers });
    const raw = cdn.raw.get(path);
    if (raw) {
      raw(request, response);
    } else {
      answerFromCache(path, request, response);
    }
  };
  const answerFromCache = (path: string, request: IncomingMessage, response: ServerResponse) => {
    const accepted = String(request.headers['accept-encoding']);
    const encoding = classes.find((name) => accepted.includes(name)) ?? 'identity';
    const key = keyOf(path, encoding);
    const known = cache.get(key);
    const kept = known ?? { answer: cdn.origin(path), at: performance.now() };
    const { status = 200, headers = {}, body = '' } = kept.answer;
    if (status < 500 && status !== 429) {
      cache.set(key, kept);
    }
    const age = Math.floor((performance.now() - kept.at) / 1000);
    response.writeHead(status, {
      ...headers,
      'x-amz-cf-pop': 'FRA56-P4',
      'x-cache': `${wordFor(status, known)} from cloudfront`,
      ...(known && { age: String(age) }),
      ...(encoding !== 'identity' && { 'content-encoding': encoding }),
    });
    response.end(encode[encoding](body));
  };
  const server: Server = tls ? createTlsServer(tls, listener) : createServer(listener);
  server.on('connection', (socket) => {
    connections += 1;
    sockets.add(socket);
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const cdn: Cdn = {
    url: `${tls ? 'https' : 'http'}://${host}`,
    host,
    requests: [],
    connections: () => connections,
    origin: (path) => ({ body: `new ${path}` }),
    stuck: new Set(),
    raw: new Map(),
    keep(path, answer, age) {
      for (const encoding of classes) {
        cache.set(keyOf(path, encoding), { answer, at: performance.now() - age * 1000 });
      }
    },
    async clear(paths) {
      cdn.cleared.push([...paths]);
      const at = performance.now();
      for (const path of paths) {
        for (const encoding of cdn.stuck.has(path) ? [] : classes) {
          cache.delete(keyOf(path, encoding));
        }
      }
      return at;
    },
    cleared: [],
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) {
        socket.destroy();
      }
      await new Promise((closed) => server.close(closed));
    },
  };
  return cdn;
}
