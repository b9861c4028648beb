import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connectWeb } from '../../src/adapters/web.ts';
import type { PageRequest } from '../../src/world.ts';
import { isInstalled, runProgram } from '../package/trees.ts';
import { startSilentServer } from '../support/silent-server.ts';
import { startCdn } from './cdn.ts';

function connect(concurrency?: number) {
  const cancel = new AbortController();
  const web = connectWeb(cancel.signal, concurrency);
  const get = (url: string, wanted: Partial<PageRequest> = {}) =>
    web.get({
      url: new URL(url),
      acceptEncoding: 'gzip',
      header: undefined,
      contains: undefined,
      keepText: false,
      deadline: performance.now() + 10_000,
      ...wanted,
    });
  return { get, cancel };
}

/** A name of this machine other than localhost, as an attacker's would be that leads here. */
const insideName = [hostname(), 'ip6-localhost', 'ip6-loopback'].find((name) => {
  const { status } = spawnSync(process.execPath, [
    '-e',
    `require('dns').lookup('${name}', (error) => process.exit(error ? 1 : 0))`,
  ]);
  return status === 0;
});

describe.concurrent('a page', () => {
  it('is answered with its status, the headers that count, its size on the wire and no text', async () => {
    await using cdn = await startCdn();
    cdn.origin = () => ({
      status: 404,
      headers: { 'X-Version': 'v2', 'set-cookie': 'a=b', server: 'x' },
      body: 'gone',
    });
    expect(await connect().get(`${cdn.url}/a%20b?q=1#top`, { header: 'x-version' })).toEqual({
      kind: 'answered',
      status: 404,
      headers: {
        'x-cache': 'Miss from cloudfront',
        'x-amz-cf-pop': 'FRA56-P4',
        'content-encoding': 'gzip',
        'x-version': 'v2',
      },
      bytes: gzipSync('gone').length,
      contains: false,
      text: '',
      answeredAt: expect.any(Number),
      ms: expect.any(Number),
    });
    expect(cdn.requests.map(({ path }) => path)).toEqual(['/a%20b?q=1']);
  });

  it('is asked for without anything that tells who asks, also after a cookie was set', async () => {
    await using cdn = await startCdn();
    cdn.origin = () => ({ headers: { 'set-cookie': 'session=1' } });
    const { get } = connect();
    await get(cdn.url);
    await get(cdn.url);
    for (const { headers } of cdn.requests) {
      expect(headers).toEqual({
        host: cdn.host,
        connection: 'keep-alive',
        accept: 'text/html,application/xhtml+xml,*/*;q=0.8',
        'accept-encoding': 'gzip',
        'user-agent': 'lambda-cloudfront-deploy',
      });
    }
  });

  it('is fetched over connections that are used again, no more than there may be', async () => {
    await using cdn = await startCdn();
    const { get } = connect(4);
    await Promise.all(Array.from({ length: 200 }, (_, index) => get(`${cdn.url}/${index}`)));
    expect(cdn.requests).toHaveLength(200);
    expect(cdn.connections()).toBeLessThanOrEqual(4);
  });

  it('is asked for once more when the server has closed the idle connection', async () => {
    const sockets: Socket[] = [];
    const server = createTcpServer((socket) => {
      sockets.push(socket.on('error', () => undefined));
      const isFirst = sockets.length === 1;
      let asked = 0;
      socket.on('data', () => {
        asked += 1;
        if (isFirst && asked === 2) {
          socket.resetAndDestroy();
        } else {
          socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
        }
      });
    });
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
    const url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
    const { get } = connect(1);
    expect(await get(url)).toMatchObject({ status: 200 });
    expect(await get(url)).toMatchObject({ status: 200, bytes: 2 });
    expect(sockets).toHaveLength(2);
    for (const socket of sockets) {
      socket.destroy();
    }
    server.close();
  });

  it('on a header that every object has by another meaning is no trouble', async () => {
    await using cdn = await startCdn();
    for (const header of ['constructor', '__proto__']) {
      expect(await connect().get(cdn.url, { header })).toMatchObject({ kind: 'answered' });
    }
  });
});

describe.concurrent('a text in a page', () => {
  const encodings = { identity: Buffer.from, gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync };
  it.each(Object.keys(encodings) as (keyof typeof encodings)[])('is found across pieces of %s', async (encoding) => {
    await using cdn = await startCdn();
    const page = Buffer.from(encodings[encoding](`${'x'.repeat(70_000)}größe: needle${'y'.repeat(70_000)}`));
    cdn.raw.set('/', async (_, response) => {
      response.writeHead(200, { 'content-encoding': encoding });
      // In pieces so small that the text cannot be in one of them.
      for (let at = 0; at < page.length; at += encoding === 'identity' ? 69_999 : 3) {
        response.write(page.subarray(at, at + (encoding === 'identity' ? 69_999 : 3)));
        await new Promise(setImmediate);
      }
      response.end();
    });
    const { get } = connect();
    expect(await get(cdn.url, { contains: 'größe: needle' })).toMatchObject({ contains: true, bytes: page.length });
    expect(await get(cdn.url, { contains: 'größe: needles' })).toMatchObject({ contains: false });
  });

  it('is found across pieces that are shorter than it', async () => {
    await using cdn = await startCdn();
    cdn.raw.set('/', async (_, response) => {
      for (const piece of 'a needle in it') {
        response.write(piece);
        await sleep(2);
      }
      response.end();
    });
    expect(await connect().get(cdn.url, { contains: 'needle' })).toMatchObject({ contains: true });
  });

  it('is not looked for in what cannot be decoded', async () => {
    await using cdn = await startCdn();
    cdn.raw.set('/', (_, response) => response.setHeader('content-encoding', 'gzip').end('no gzip'));
    cdn.raw.set('/other', (_, response) => response.setHeader('content-encoding', '::set-output').end('x'));
    const { get } = connect();
    const failure = { kind: 'failed', isPassing: false };
    expect(await get(cdn.url, { contains: 'no' })).toMatchObject({
      ...failure,
      reason: expect.stringContaining('(gzip)'),
    });
    expect(await get(`${cdn.url}/other`, { contains: 'x' })).toMatchObject({
      ...failure,
      reason: 'a body that cannot be decoded ([line of 12 characters left out])',
    });
    expect(await get(cdn.url)).toMatchObject({ kind: 'answered', bytes: 7 });
  });

  it('that is kept is unpacked by its first bytes, whatever the header says', async () => {
    await using cdn = await startCdn();
    const bodies = {
      '/plain': ['\ufeffmap', 'gzip'],
      '/file.gz': [gzipSync('map'), ''],
      '/both.gz': [gzipSync(gzipSync('map')), 'gzip'],
      '/br': [brotliCompressSync('map'), 'br'],
    } as const;
    for (const [path, [body, encoding]] of Object.entries(bodies)) {
      cdn.raw.set(path, (_, response) =>
        response.writeHead(200, encoding ? { 'content-encoding': encoding } : {}).end(body),
      );
      expect(await connect().get(cdn.url + path, { keepText: true }), path).toMatchObject({ text: 'map' });
    }
  });
});

/** 100 MB in 0.4 MB. */
const bomb = gzipSync(Buffer.alloc(100_000_000), { level: 1 });

describe.concurrent('a server that means no good', () => {
  it('cannot fill our memory with a small page that unpacks to a large one', async () => {
    await using cdn = await startCdn();
    cdn.raw.set('/', (_, response) => response.setHeader('content-encoding', 'gzip').end(bomb));
    const { get } = connect();
    for (const wanted of [{ contains: 'x' }, { keepText: true }]) {
      expect(await get(cdn.url, wanted)).toEqual({
        kind: 'failed',
        reason: 'an answer larger than 64 MiB, decoded',
        isPassing: false,
      });
    }
  });

  it.each(['constructor', '__proto__', Array(2000).fill('gzip').join()])(
    'gets no further with an encoding that is none: %.20s',
    async (encoding) => {
      await using cdn = await startCdn();
      cdn.raw.set('/', (_, response) => response.setHeader('content-encoding', encoding).end('x'));
      const { get } = connect();
      expect(await get(cdn.url, { contains: 'x' })).toMatchObject({ kind: 'failed', isPassing: false });
      expect(await get(cdn.url, { keepText: true })).toMatchObject({ text: 'x' });
    },
  );

  it('cannot keep us with a page without an end', async () => {
    await using cdn = await startCdn();
    const piece = Buffer.alloc(1_048_576);
    cdn.raw.set('/', (_, response) => {
      const go = () => {
        while (!response.destroyed && response.write(piece)) {}
      };
      response.on('drain', go);
      go();
    });
    expect(await connect().get(cdn.url)).toEqual({
      kind: 'failed',
      reason: 'an answer larger than 32 MiB',
      isPassing: false,
    });
  });

  it.each(['headers', 'body'])('cannot keep us with a drip of %s', async (part) => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.write(part === 'body' ? 'HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n' : 'HTTP/1.1 200 OK\r\n');
      const drip = setInterval(() => socket.write(part === 'body' ? '.' : 'a: b\r\n'), 20);
      socket.on('close', () => clearInterval(drip));
    });
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
    const url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
    const began = performance.now();
    expect(await connect().get(url, { deadline: began + 400 })).toEqual({
      kind: 'failed',
      reason: 'no whole answer within 0.4 s',
      isPassing: true,
    });
    expect(performance.now() - began).toBeLessThan(1500);
    server.close();
  });

  it('is told apart by why it gave no answer', async () => {
    await using cdn = await startCdn();
    cdn.raw.set('/cut', (_, response) => {
      response.writeHead(200, { 'content-length': 100 }).write('part');
      setTimeout(() => response.destroy(), 20);
    });
    cdn.raw.set('/junk', (request) => void request.socket.end('::set-output name=a::b\r\n\r\n'));
    const { get } = connect();
    expect(await get(`${cdn.url}/cut`)).toMatchObject({ reason: 'a broken connection (ECONNRESET)', isPassing: true });
    expect(await get(`${cdn.url}/junk`)).toMatchObject({ reason: expect.stringMatching(/\(HPE_\w+\)$/) });
    expect(await get('http://127.0.0.1:9/')).toMatchObject({ reason: 'a broken connection (ECONNREFUSED)' });
  });

  it.skipIf(insideName === undefined)('cannot lead a name to this machine', async () => {
    expect(await connect().get(`http://${insideName}:9/`)).toEqual({
      kind: 'failed',
      reason: 'a host whose address is not public',
      isPassing: false,
    });
  });

  it('may be meant: localhost is what it says', async () => {
    await using cdn = await startCdn();
    expect(await connect().get(cdn.url.replace('127.0.0.1', 'localhost'))).toMatchObject({ status: 200 });
  });
});

it('stops unpacking where it gives up', async () => {
  await using cdn = await startCdn();
  // 2 GB, all of which has arrived by then.
  const bombs = Buffer.concat(Array(20).fill(bomb));
  cdn.raw.set('/', (_, response) => response.setHeader('content-encoding', 'gzip').end(bombs));
  expect(await connect().get(cdn.url, { contains: 'x' })).toMatchObject({ kind: 'failed' });
  const before = process.cpuUsage();
  await sleep(500);
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1000).toBeLessThan(150);
});

it('ends every request at once when the run is cancelled, and sends no more', async () => {
  await using server = await startSilentServer();
  const { get, cancel } = connect();
  const requests = [1, 2, 3].map((one) => get(`http://127.0.0.1:${server.port}/${one}`));
  setTimeout(() => cancel.abort(), 100);
  const began = performance.now();
  for (const request of requests) {
    await expect(request).rejects.toMatchObject({ code: 'cancelled' });
  }
  expect(performance.now() - began).toBeLessThan(400);
  await expect(get(`http://127.0.0.1:${server.port}/`)).rejects.toMatchObject({ code: 'cancelled' });
});

it.skipIf(!isInstalled('openssl'))('speaks https, and only to whom a certificate speaks for', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tls-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const [keyFile, certFile] = [join(directory, 'key'), join(directory, 'cert')];
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyFile];
  runProgram('openssl', ['req', '-x509', ...key, '-out', certFile, ...subject]);
  const tls = { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certFile, 'utf8') };
  await using cdn = await startCdn({ tls });
  expect(await connect().get(cdn.url)).toMatchObject({
    kind: 'failed',
    reason: 'a connection that cannot be trusted (DEPTH_ZERO_SELF_SIGNED_CERT)',
    isPassing: false,
  });
  const before = getCACertificates('default');
  onTestFinished(() => setDefaultCACertificates(before));
  setDefaultCACertificates([...before, tls.cert]);
  const { get } = connect();
  expect(await get(cdn.url)).toMatchObject({ status: 200 });
  expect(await get(cdn.url)).toMatchObject({ status: 200 });
  expect(cdn.requests).toHaveLength(2);
});
