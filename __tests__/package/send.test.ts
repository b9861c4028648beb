import { createHash, createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer, Agent as SecureAgent } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import {
  LambdaClient,
  type LambdaClientConfig,
  UpdateFunctionCodeCommand,
  type UpdateFunctionCodeCommandInput,
} from '@aws-sdk/client-lambda';
import { describe, expect, it } from 'vitest';
import { streamZip } from '../../src/adapters/zip-body.ts';
import type { Zip } from '../../src/world.ts';
import { isInstalled, runProgram, temporary } from './trees.ts';

const secretAccessKey = 'not+a+secret';

function clientOf(endpoint: string, settings: LambdaClientConfig = {}): LambdaClient {
  const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey, sessionToken: 'token' };
  return new LambdaClient({ region: 'eu-west-1', endpoint, maxAttempts: 1, credentials, ...settings });
}

function makeZip(file: string, bytes: number): Zip {
  const contents = randomBytes(bytes);
  writeFileSync(file, contents);
  return { file, bytes, sha256: createHash('sha256').update(contents).digest('base64') };
}

const commandFor = (zip: Zip, input: Partial<UpdateFunctionCodeCommandInput> = {}) =>
  streamZip(new UpdateFunctionCodeCommand({ FunctionName: 'web', ...input }), zip);

interface Received {
  request: IncomingMessage;
  /** Of the bytes behind the base64. */
  zip: { bytes: number; sha256: string };
  bodySha256: string;
  bodyBytes: number;
  /** Everything but the zip, whose place is marked. */
  rest: Record<string, unknown>;
}

/** Takes the zip out of a body that comes in bit by bit, without ever having it whole. */
function createDecoder() {
  const mark = '"ZipFile":"';
  const hash = createHash('sha256');
  let [bytes, rest, base64] = [0, '', ''];
  const decode = (length: number) => {
    const decoded = Buffer.from(base64.slice(0, length), 'base64');
    base64 = base64.slice(length);
    hash.update(decoded);
    bytes += decoded.length;
  };
  const phases = {
    before(text: string) {
      rest += text;
      const start = rest.indexOf(mark) + mark.length;
      if (start >= mark.length) {
        const begun = rest.slice(start);
        rest = rest.slice(0, start);
        phase = phases.inside;
        phase(begun);
      }
    },
    inside(text: string) {
      const end = text.indexOf('"');
      base64 += end < 0 ? text : text.slice(0, end);
      decode(end < 0 ? base64.length - (base64.length % 4) : base64.length);
      if (end >= 0) {
        phase = phases.after;
        phase(text.slice(end));
      }
    },
    after(text: string) {
      rest += text;
    },
  };
  let phase = phases.before;
  return {
    take: (text: string) => phase(text),
    result: () => ({ zip: { bytes, sha256: hash.digest('base64') }, rest: JSON.parse(rest) }),
  };
}

async function receive(request: IncomingMessage): Promise<Received> {
  const hash = createHash('sha256');
  const decoder = createDecoder();
  let bodyBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bodyBytes += chunk.length;
    decoder.take(chunk.toString('latin1'));
  }
  return { request, bodySha256: hash.digest('hex'), bodyBytes, ...decoder.result() };
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const accept = (response: ServerResponse) =>
  response.setHeader('content-type', 'application/json').end('{"FunctionName":"web"}');

/** A server on this machine, that receives whole bodies unless told otherwise; request by request, the last for the rest. */
async function serve(answers: Answer[] = [], tls?: { key: string; cert: string }) {
  const received: Received[] = [];
  let requests = 0;
  const receiveAll: Answer = async (request, response) => {
    received.push(await receive(request));
    accept(response);
  };
  const listener: Answer = (request, response) => {
    requests += 1;
    (answers[requests - 1] ?? receiveAll)(request, response);
  };
  const server = (tls ? createSecureServer(tls, listener) : createServer(listener)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    requests: () => requests,
    [Symbol.dispose]: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Signature Version 4 as AWS documents it, over what arrived. */
function signatureOf({ request, bodySha256 }: Received): string {
  const { authorization = '', 'x-amz-date': date } = request.headers;
  const [, scope = '', signed = ''] = /Credential=[^/]+\/(\S+), SignedHeaders=(\S+),/.exec(authorization) ?? [];
  const headers = signed.split(';').map((name) => `${name}:${request.headers[name]}\n`);
  const canonical = [request.method, request.url, '', headers.join(''), signed, bodySha256].join('\n');
  const text = `AWS4-HMAC-SHA256\n${date}\n${scope}\n${createHash('sha256').update(canonical).digest('hex')}`;
  const key = scope
    .split('/')
    .reduce<Buffer | string>(
      (last, part) => createHmac('sha256', last).update(part).digest(),
      `AWS4${secretAccessKey}`,
    );
  return createHmac('sha256', key).update(text).digest('hex');
}

function expectWhole(arrived: Received | undefined, { bytes, sha256 }: Zip): asserts arrived is Received {
  expect(arrived?.zip).toEqual({ bytes, sha256 });
  expect(arrived?.request.headers['content-length']).toBe(String(arrived?.bodyBytes));
  expect(arrived?.request.headers['transfer-encoding']).toBeUndefined();
  expect(arrived?.request.headers['x-amz-content-sha256']).toBe(arrived?.bodySha256);
  expect(arrived?.request.headers.authorization).toContain(`Signature=${signatureOf(arrived as Received)}`);
}

/** The files below a directory that this process has open; known on Linux only. */
function openBelow(directory: string): string[] {
  return readdirSync('/proc/self/fd').flatMap((descriptor) => {
    try {
      const file = readlinkSync(`/proc/self/fd/${descriptor}`);
      return file.startsWith(directory) ? [file] : [];
    } catch {
      return [];
    }
  });
}

async function expectNothingOpen(directory: string): Promise<void> {
  if (process.platform === 'linux') {
    await expect.poll(() => openBelow(directory)).toEqual([]);
  }
}

describe('a zip that is sent', () => {
  it.each([
    { name: 'of 40 MB', bytes: 40 * 1_048_576 },
    { name: 'of one byte', bytes: 1 },
    { name: 'of two bytes', bytes: 2 },
    { name: 'of exactly one piece', bytes: 49_152 },
    { name: 'of one piece and a byte', bytes: 49_153 },
    { name: 'of many pieces', bytes: 1_000_000 },
  ])('$name arrives whole, announced and signed', async ({ bytes }) => {
    using temp = temporary();
    using server = await serve();
    const zip = makeZip(join(temp.path, 'a.zip'), bytes);
    await clientOf(server.url).send(commandFor(zip));
    expectWhole(server.received[0], zip);
    await expectNothingOpen(temp.path);
  });

  it('leaves the other fields as they are, whatever stands in them', async () => {
    using temp = temporary();
    using server = await serve();
    const zip = makeZip(join(temp.path, 'a.zip'), 100_000);
    const rest = { Architectures: ['arm64' as const], RevisionId: '"ZipFile":"" ZipFile é', DryRun: true };
    await clientOf(server.url).send(commandFor(zip, rest));
    expectWhole(server.received[0], zip);
    expect(server.received[0].rest).toEqual({
      ...rest,
      ZipFile: '',
      RevisionId: Buffer.from(rest.RevisionId).toString('latin1'),
    });
  });

  it('goes over the connection of the call before', async () => {
    using temp = temporary();
    const ports = new Set<number | undefined>();
    using server = await serve();
    const client = clientOf(server.url);
    for (const name of ['a', 'b', 'c']) {
      await client.send(commandFor(makeZip(join(temp.path, name), 300_000)));
      ports.add(server.received.at(-1)?.request.socket.remotePort);
    }
    expect(ports.size).toBe(1);
  });

  it.skipIf(!isInstalled('openssl'))('goes over TLS', async () => {
    using temp = temporary();
    const [key, cert] = [join(temp.path, 'key'), join(temp.path, 'cert')] as const;
    const request = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=test -addext subjectAltName=IP:127.0.0.1 -keyout ${key} -out ${cert}`;
    runProgram('openssl', request.split(' '));
    const ca = readFileSync(cert, 'utf8');
    using server = await serve([], { key: readFileSync(key, 'utf8'), cert: ca });
    const zip = makeZip(join(temp.path, 'a.zip'), 5_000_000);
    await clientOf(server.url, { requestHandler: { httpsAgent: new SecureAgent({ ca, keepAlive: true }) } }).send(
      commandFor(zip),
    );
    expectWhole(server.received[0], zip);
  });

  it('is sent anew, whole, when the SDK itself tries again', async () => {
    using temp = temporary();
    using server = await serve([
      (request, response) => void request.resume().once('end', () => response.writeHead(500).end()),
    ]);
    const zip = makeZip(join(temp.path, 'a.zip'), 2_000_000);
    const { $metadata } = await clientOf(server.url, { maxAttempts: 2 }).send(commandFor(zip));
    expect($metadata.attempts).toBe(2);
    expectWhole(server.received[0], zip);
  });
});

describe('a call that breaks off', () => {
  const bytes = 20_000_000;

  it('is over at once when it is aborted, with the file closed', async () => {
    using temp = temporary();
    const abort = new AbortController();
    // Reads nothing, so that the sending gets stuck.
    using server = await serve([() => setTimeout(() => abort.abort(), 100)]);
    const sent = clientOf(server.url).send(commandFor(makeZip(join(temp.path, 'a.zip'), bytes)), {
      abortSignal: abort.signal,
    });
    await expect(sent).rejects.toMatchObject({ name: 'AbortError' });
    await expectNothingOpen(temp.path);
  });

  it('sends nothing when it was aborted before', async () => {
    using temp = temporary();
    using server = await serve();
    const sent = clientOf(server.url).send(commandFor(makeZip(join(temp.path, 'a.zip'), 10)), {
      abortSignal: AbortSignal.abort(),
    });
    await expect(sent).rejects.toMatchObject({ name: 'AbortError' });
    expect(server.requests()).toBe(0);
    await expectNothingOpen(temp.path);
  });

  it('fails when the connection is reset in the middle, and works the next time', async () => {
    using temp = temporary();
    const reset: Answer = (request) => {
      let read = 0;
      request.on('data', (chunk: Buffer) => {
        read += chunk.length;
        if (read > 1_000_000) {
          (request.socket as Socket).resetAndDestroy();
        }
      });
    };
    using server = await serve([reset]);
    const zip = makeZip(join(temp.path, 'a.zip'), bytes);
    const client = clientOf(server.url);
    await expect(client.send(commandFor(zip))).rejects.toMatchObject({
      code: expect.stringMatching(/ECONNRESET|EPIPE/),
    });
    await expectNothingOpen(temp.path);
    await client.send(commandFor(zip));
    expectWhole(server.received[0], zip);
  });

  it('is an answer when the answer comes before the whole zip was sent', async () => {
    using temp = temporary();
    const closed: Promise<unknown>[] = [];
    const refuse: Answer = (request, response) => {
      closed.push(new Promise((close) => request.socket.once('close', close)));
      request.on('error', () => undefined);
      response.writeHead(413, { 'content-type': 'application/json', 'x-amzn-errortype': 'RequestTooLargeException' });
      response.end('{}');
      request.socket.pause();
    };
    using server = await serve([refuse]);
    const zip = makeZip(join(temp.path, 'a.zip'), bytes);
    await expect(clientOf(server.url).send(commandFor(zip))).rejects.toMatchObject({
      name: 'RequestTooLargeException',
    });
    await expectNothingOpen(temp.path);
    // What is left of the connection does not hold the process.
    await Promise.all(closed);
  });
});

describe('a zip that is not what was packed', () => {
  it.each([
    { name: 'is longer', change: (file: string) => appendFileSync(file, 'x'), says: 'is longer now' },
    { name: 'has other bytes', change: (file: string) => writeFileSync(file, randomBytes(100_000)), says: 'SHA-256' },
    { name: 'is gone', change: (file: string) => rmSync(file), says: 'does not exist' },
  ])('is not sent when it $name', async ({ change, says }) => {
    using temp = temporary();
    using server = await serve();
    const zip = makeZip(join(temp.path, 'a.zip'), 100_000);
    change(zip.file);
    const sent = clientOf(server.url).send(commandFor(zip));
    await expect(sent).rejects.toMatchObject({ name: 'DeployError', message: expect.stringContaining(says) });
    expect(server.requests()).toBe(0);
  });

  it('breaks the call off when it changes on the way', async () => {
    using temp = temporary();
    const zip = makeZip(join(temp.path, 'a.zip'), 20_000_000);
    let ended: Promise<unknown> = Promise.resolve();
    const change: Answer = (request) => {
      appendFileSync(zip.file, 'x');
      ended = expect(receive(request)).rejects.toThrow('aborted');
    };
    using server = await serve([change]);
    const sent = clientOf(server.url).send(commandFor(zip));
    await expect(sent).rejects.toMatchObject({ name: 'DeployError', code: 'invalid-input' });
    await ended;
    await expectNothingOpen(temp.path);
  });
});

it.each([
  { name: 'leaves the empty zip out', body: '{"DryRun":true}' },
  { name: 'writes JSON with blanks', body: '{ "ZipFile": "" }' },
  { name: 'writes null', body: '{"ZipFile":null}' },
  { name: 'writes something else than JSON', body: { ZipFile: '' } },
])('an SDK that $name is an error before anything is sent', async ({ body }) => {
  using temp = temporary();
  using server = await serve();
  const command = commandFor(makeZip(join(temp.path, 'a.zip'), 10));
  command.middlewareStack.add(
    (next) => (args) => {
      Object.assign(args.request as object, { body });
      return next(args);
    },
    { step: 'build' },
  );
  await expect(clientOf(server.url).send(command)).rejects.toMatchObject({
    code: 'unexpected',
    message: 'The AWS SDK did not write "ZipFile":"" into the body of UpdateFunctionCode.',
  });
  expect(server.requests()).toBe(0);
});
