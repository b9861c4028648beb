import { lookup as lookUp } from 'node:dns';
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { BlockList, type LookupFunction } from 'node:net';
import type { Duplex } from 'node:stream';
import { promisify } from 'node:util';
import {
  brotliDecompress,
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  gunzip,
  inflate,
} from 'node:zlib';
import { plain } from '../plain.ts';
import { cancellation } from '../retry.ts';
import type { PageAnswer, PageFailure, PageRequest, Web } from '../world.ts';

const longestBody = 32 * 1_048_576;
const longestDecoded = 64 * 1_048_576;
const patienceMs = 30_000;

const keptHeaders: ReadonlySet<string> = new Set([
  'x-cache',
  'age',
  'x-amz-cf-pop',
  'location',
  'content-encoding',
  'content-type',
  'retry-after',
]);

/** What tells nothing of who asks. */
const asking = [
  ...['User-Agent', 'lambda-cloudfront-deploy'],
  ...['Accept', 'text/html,application/xhtml+xml,*/*;q=0.8'],
] as const;

interface Connections {
  /** By the protocol of a URL. */
  agents: Record<string, HttpAgent>;
  /** Ends each request that is under way. */
  underWay: Set<() => void>;
}

/** A visitor without cookies and credentials, who keeps at most `concurrency` connections to each host. */
export function connectWeb(cancelled: AbortSignal, concurrency = 16): Web {
  const keepAlive = { keepAlive: true, maxSockets: concurrency };
  const connections: Connections = {
    agents: { 'http:': new HttpAgent(keepAlive), 'https:': new HttpsAgent(keepAlive) },
    underWay: new Set(),
  };
  // One listener for all requests: adding one to a signal costs more than the rest of what we do for a request.
  const endAll = () => {
    for (const end of connections.underWay) {
      end();
    }
  };
  cancelled.addEventListener('abort', endAll, { once: true });
  return {
    async get(request) {
      if (cancelled.aborted) {
        throw cancellation();
      }
      const until = Math.min(request.deadline, performance.now() + patienceMs);
      const first = await send(request, until, connections, true);
      // Not the server's fault: it closed a connection that had been idle, just as we took it out again.
      return first === 'stale connection' ? send(request, until, connections, false) : first;
    },
  };
}

type Ending = PageAnswer | PageFailure | 'stale connection';

function send(request: PageRequest, until: number, connections: Connections, isReusing: true): Promise<Ending>;
function send(
  request: PageRequest,
  until: number,
  connections: Connections,
  isReusing: false,
): Promise<PageAnswer | PageFailure>;
function send(
  request: PageRequest,
  until: number,
  { agents, underWay }: Connections,
  isReusing: boolean,
): Promise<Ending> {
  const { url } = request;
  const beganAt = performance.now();
  const patience = Math.ceil(until - beganAt);
  if (patience <= 0) {
    return Promise.resolve(failed('no time left to send it'));
  }
  return new Promise((resolve, reject) => {
    const options = optionsFor(request, isReusing ? agents[url.protocol] : false);
    const sent = url.protocol === 'https:' ? httpsRequest(options) : httpRequest(options);
    const end = (ending: Ending) => {
      if (underWay.delete(cancel)) {
        clearTimeout(timer);
        resolve(ending);
        if (ending === 'stale connection' || ending.kind === 'failed') {
          sent.destroy();
        }
      }
    };
    const cancel = () => {
      reject(cancellation());
      clearTimeout(timer);
      sent.destroy();
    };
    underWay.add(cancel);
    // For the whole exchange: a time-out of the socket would let pass an answer that comes in drips.
    const timer = setTimeout(() => end(failed(`no whole answer within ${(patience / 1000).toFixed(1)} s`)), patience);
    let isAnswered = false;
    sent.on('error', (error: NodeJS.ErrnoException) => {
      const isStale = isReusing && !isAnswered && sent.reusedSocket && /^(ECONNRESET|EPIPE)$/.test(error.code ?? '');
      end(isStale ? 'stale connection' : brokenOff(error));
    });
    sent.on('response', (response) => {
      isAnswered = true;
      const answeredAt = performance.now();
      const headers = pickHeaders(response, request.header);
      readBody(response, headers, request, end, (body) => {
        const ms = performance.now() - beganAt;
        end({ kind: 'answered', status: response.statusCode ?? 0, headers, ...body, answeredAt, ms });
      });
    });
    sent.end();
  });
}

function optionsFor({ url, acceptEncoding }: PageRequest, agent: HttpAgent | undefined | false): RequestOptions {
  return {
    hostname: url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname,
    port: url.port,
    path: `${url.pathname}${url.search}`,
    // As a list, they are sent as they are, which is a good part of the time that a request takes.
    headers: ['Host', url.host, ...asking, 'Accept-Encoding', acceptEncoding],
    agent: agent ?? false,
    lookup: lookUpPublic,
    // Servers that answer a little out of form are none of our business, and of what they say we keep next to nothing.
    insecureHTTPParser: true,
    maxHeaderSize: 65_536,
  };
}

const inside = new BlockList();
for (const [net, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const) {
  inside.addSubnet(net, prefix, 'ipv4');
}
for (const [net, prefix] of [
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
] as const) {
  inside.addSubnet(net, prefix, 'ipv6');
}

/**
 * A site behind CloudFront is public, so a name that leads to this machine or its network was set so by somebody who wants
 * us to ask there. The check is of the address that is connected to. A workflow that means it names the address.
 */
const lookUpPublic: LookupFunction = (hostname, options, callback) => {
  lookUp(hostname, options, (error, address, family) => {
    const found = typeof address === 'string' ? [{ address, family: family ?? 0 }] : (address ?? []);
    const isInside = found.some((one) => inside.check(one.address, one.family === 6 ? 'ipv6' : 'ipv4'));
    if (error === null && isInside && !/^(.+\.)?localhost$/.test(hostname)) {
      callback(Object.assign(new Error('not public'), { code: notPublic }), address, family);
      return;
    }
    callback(error, address, family);
  });
};

const notPublic = 'ERR_ADDRESS_NOT_PUBLIC';

/** From the list as it came: to have all headers by name costs more, and most of them are not looked at. */
function pickHeaders({ rawHeaders }: IncomingMessage, extra: string | undefined): Record<string, string> {
  const picked: Record<string, string> = {};
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? '').toLowerCase();
    if (keptHeaders.has(name) || name === extra) {
      const value = rawHeaders[at + 1] ?? '';
      picked[name] = Object.hasOwn(picked, name) ? `${picked[name]}, ${value}` : value;
    }
  }
  return picked;
}

type Body = Pick<PageAnswer, 'bytes' | 'contains' | 'text'>;

/** Reads all of it, whatever we want of it: a CDN keeps only what it has sent to the end. */
function readBody(
  response: IncomingMessage,
  headers: Readonly<Record<string, string>>,
  { contains, keepText }: PageRequest,
  fail: (failure: PageFailure) => void,
  done: (body: Body) => void,
): void {
  let bytes = 0;
  const kept: Buffer[] = [];
  response.on('error', (error) => fail(brokenOff(error)));
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > longestBody) {
      fail(failed(`an answer larger than ${longestBody / 1_048_576} MiB`, false));
    } else if (keepText) {
      kept.push(chunk);
    }
  });
  const encodings = encodingsOf(headers);
  if (keepText) {
    response.on('end', () => {
      decodeText(Buffer.concat(kept), encodings).then(
        (text) => done({ bytes, contains: contains !== undefined && text.includes(contains), text }),
        (error) => fail(undecodable(error, encodings)),
      );
    });
  } else if (contains === undefined) {
    response.on('end', () => done({ bytes, contains: false, text: '' }));
  } else {
    search(response, encodings, contains, fail, (isFound) => done({ bytes, contains: isFound, text: '' }));
  }
}

function encodingsOf({ 'content-encoding': named = '' }: Readonly<Record<string, string>>): string[] {
  return named
    .toLowerCase()
    .split(',')
    .map((name) => name.trim().replace(/^x-gzip$/, 'gzip'))
    .filter((name) => name !== '' && name !== 'identity');
}

/** An answer that was cut off decodes as far as it goes. */
const lenient = { finishFlush: constants.Z_SYNC_FLUSH };
const lenientBrotli = { finishFlush: constants.BROTLI_OPERATION_FLUSH };

const decoders = new Map<string, () => Duplex>([
  ['gzip', () => createGunzip(lenient)],
  ['deflate', () => createInflate(lenient)],
  ['br', () => createBrotliDecompress(lenientBrotli)],
]);
const mostEncodings = 3;

function search(
  response: IncomingMessage,
  encodings: readonly string[],
  wanted: string,
  fail: (failure: PageFailure) => void,
  done: (isFound: boolean) => void,
): void {
  const known = encodings.flatMap((name) => decoders.get(name) ?? []);
  if (encodings.length > mostEncodings || known.length < encodings.length) {
    fail(undecodable(undefined, encodings));
    return;
  }
  const finder = createFinder(wanted);
  // In the opposite order of encoding.
  const steps = known.toReversed().map((createDecoder) => createDecoder());
  const giveUp = (failure: PageFailure) => {
    fail(failure);
    // They would go on with what they hold already.
    for (const step of steps) {
      step.destroy();
    }
  };
  let decodedBytes = 0;
  let decoded: NodeJS.ReadableStream = response;
  for (const step of steps) {
    decoded = decoded.pipe(step).on('error', (error) => giveUp(undecodable(error, encodings)));
  }
  decoded.on('data', (chunk: Buffer) => {
    decodedBytes += chunk.length;
    if (decodedBytes > longestDecoded) {
      giveUp(tooLargeDecoded);
    } else {
      finder.push(chunk);
    }
  });
  decoded.on('end', () => done(finder.isFound()));
  response.on('close', () => {
    if (!response.complete) {
      giveUp(failed('a broken connection (closed)'));
    }
  });
}

/** Finds a text in a stream, also where it lies across pieces. */
function createFinder(wanted: string) {
  const needle = Buffer.from(wanted);
  const overlap = Math.max(0, needle.length - 1);
  let isFound = needle.length === 0;
  let tail: Buffer = Buffer.alloc(0);
  return {
    push(chunk: Buffer) {
      if (isFound) {
        return;
      }
      const seam = Buffer.concat([tail, chunk.subarray(0, overlap)]);
      isFound = chunk.includes(needle) || seam.includes(needle);
      const rest = chunk.length < overlap ? Buffer.concat([tail, chunk]) : chunk;
      tail = Buffer.from(rest.subarray(Math.max(0, rest.length - overlap)));
    },
    isFound: () => isFound,
  };
}

const limits = { maxOutputLength: longestDecoded };
const gunzipWhole = promisify(gunzip);
const inflateWhole = promisify(inflate);
const brotliWhole = promisify(brotliDecompress);
const wholeDecoders = new Map<string, (bytes: Buffer) => Promise<Buffer>>([
  ['deflate', (bytes) => inflateWhole(bytes, { ...lenient, ...limits })],
  ['br', (bytes) => brotliWhole(bytes, { ...lenientBrotli, ...limits })],
]);

/**
 * Gzip is known by its first bytes, not by its header: a `sitemap.xml.gz` comes with `Content-Encoding: gzip`, as a file of
 * type `application/gzip`, or as both.
 */
async function decodeText(body: Buffer, encodings: readonly string[]): Promise<string> {
  let bytes = body;
  for (const name of encodings.toReversed().slice(0, mostEncodings)) {
    bytes = (await wholeDecoders.get(name)?.(bytes)) ?? bytes;
  }
  for (let layers = 0; layers < 2 && bytes[0] === 0x1f && bytes[1] === 0x8b; layers += 1) {
    bytes = await gunzipWhole(bytes, { ...lenient, ...limits });
  }
  return bytes.toString('utf8').replace(/^\ufeff/, '');
}

function failed(reason: string, isPassing = true): PageFailure {
  return { kind: 'failed', reason, isPassing };
}

const tooLargeDecoded = failed(`an answer larger than ${longestDecoded / 1_048_576} MiB, decoded`, false);

function undecodable(error: NodeJS.ErrnoException | undefined, encodings: readonly string[]): PageFailure {
  return error?.code === 'ERR_BUFFER_TOO_LARGE'
    ? tooLargeDecoded
    : failed(`a body that cannot be decoded (${plain(encodings.join()) || 'gzip'})`, false);
}

/** By code alone: the messages of Node hold what the other side sent. */
function brokenOff({ code = 'closed' }: NodeJS.ErrnoException): PageFailure {
  if (code === notPublic) {
    return failed('a host whose address is not public', false);
  }
  return /CERT|^ERR_TLS|^UNABLE_TO|^ERR_INVALID/.test(code)
    ? failed(`a connection that cannot be trusted (${code})`, false)
    : failed(`a broken connection (${code})`);
}
