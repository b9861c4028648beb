import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Origin } from '../../local-aws/cdn/edge.ts';
import { listen } from '../../local-aws/listener.ts';
import type { LocalAws } from '../../local-aws/local-aws.ts';
import { freePort } from './docker-engine.ts';

const program = 'varnishd';
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };

/** What Varnish lacks on this machine; it compiles its configuration. */
export function missingForVarnish(): string[] {
  const programs = { [program]: '-V', gcc: '--version' };
  return Object.entries(programs).flatMap(([name, ask]) => (spawnSync(name, [ask], { env }).error ? [name] : []));
}

/** Stops by itself at the end of the block that declares it with `await using`. */
export interface Varnish extends AsyncDisposable {
  url: string;
  /** Serves a distribution's function, and drops what its invalidations name; returns the host to ask `url` for. */
  serve(aws: LocalAws, distributionId: string): string;
}

/**
 * Varnish as the CDN of many distributions, told apart by host. It keeps a page that was on its way while its cache was
 * cleared, which CloudFront does not: origins should answer sooner than the fastest release takes from code to clearing.
 */
export async function startVarnish(): Promise<Varnish> {
  const origins = new Map<string, Origin>();
  const backend = await listen((request, response) => answer(origins, request, response));
  const directory = mkdtempSync(join(tmpdir(), 'varnish-'));
  writeFileSync(join(directory, 'cdn.vcl'), configuration(new URL(backend.url).port));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(
    program,
    [
      ...['-F', '-j', 'none', '-T', 'none', '-a', `127.0.0.1:${port}`, '-n', join(directory, 'work')],
      ...['-f', join(directory, 'cdn.vcl'), '-s', 'malloc,64m', '-p', 'vsl_space=1M'],
    ],
    { env, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const stop = async () => {
    await end(child);
    await backend.stop();
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await untilItAnswers(child, url);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url,
    serve(aws, distributionId) {
      const host = `${distributionId.toLowerCase()}-${origins.size}.cdn.test`;
      origins.set(
        host,
        aws.attachCache(distributionId, async (items) => {
          await Promise.all(items.map((item) => ban(url, banFor(host, item))));
        }),
      );
      return host;
    },
    [Symbol.asyncDispose]: stop,
  };
}

function configuration(backendPort: string): string {
  return `
vcl 4.1;
import std;

backend functions { .host = "127.0.0.1"; .port = "${backendPort}"; }

sub vcl_recv {
  if (req.method == "BAN") {
    if (std.ban(req.http.x-ban)) { return (synth(200)); }
    return (synth(400, std.ban_error()));
  }
}

sub vcl_backend_response {
  set beresp.http.x-url = bereq.url;
  set beresp.http.x-host = bereq.http.host;
  set beresp.grace = 0s;
  if (beresp.status == 200) { set beresp.ttl = 1d; } else { set beresp.ttl = 0s; }
}

sub vcl_deliver {
  unset resp.http.x-url;
  unset resp.http.x-host;
  if (resp.status >= 400) { set resp.http.X-Cache = "Error from cloudfront"; }
  elsif (obj.hits > 0) { set resp.http.X-Cache = "Hit from cloudfront"; }
  else { set resp.http.X-Cache = "Miss from cloudfront"; }
}
`;
}

async function answer(origins: Map<string, Origin>, request: IncomingMessage, response: ServerResponse): Promise<void> {
  request.resume();
  const origin = origins.get(request.headers.host ?? '');
  const page = await origin?.(request.method ?? 'GET', request.url ?? '/');
  response.writeHead(page?.status ?? 404, page?.headers).end(page?.body);
}

/** Varnish splits a ban at spaces, which no path has, and takes the parts as they are. */
function banFor(host: string, item: string): string {
  const named = item.endsWith('*') ? `~ ^${escapeRegExp(item.slice(0, -1))}` : `== ${item}`;
  return `obj.http.x-host == ${host} && obj.http.x-url ${named}`;
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

async function ban(url: string, expression: string): Promise<void> {
  const response = await fetch(url, { method: 'BAN', headers: { 'x-ban': expression } });
  await response.text();
  if (!response.ok) {
    throw new Error(`Varnish refuses to ban ${expression}: ${response.status} ${response.statusText}`);
  }
}

async function untilItAnswers(child: ChildProcess, url: string): Promise<void> {
  let log = '';
  let failure: Error | undefined;
  child.once('error', (error) => {
    failure = error;
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
  }
  const deadline = performance.now() + 30_000;
  for (;;) {
    try {
      await (await fetch(url)).text();
      return;
    } catch (cause) {
      if (failure !== undefined || child.exitCode !== null || performance.now() > deadline) {
        throw new Error(`varnishd does not start: ${failure?.message ?? ''}\n${log}`, { cause });
      }
    }
    await setTimeout(20);
  }
}

/** Its worker process ends with it. */
async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  const ended = new Promise((done) => child.once('exit', done));
  child.kill('SIGTERM');
  await ended;
}
