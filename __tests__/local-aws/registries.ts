import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

const PROGRAM = 'docker-registry';
export const PASSWORD = '123456789012-auth-token';
const AUTHORIZATION = `Basic ${Buffer.from(`AWS:${PASSWORD}`).toString('base64')}`;
/** Of that password, as htpasswd writes it. */
const HTPASSWD = 'AWS:$2y$04$xKAmE60PdfaiGODeMG4pzeUp6ZAg1cxlPyGiqg9.UrjqUYYFAhqKy\n';

export const hasDockerRegistry = spawnSync(PROGRAM, ['--version']).status === 0;

/** Debian's docker-registry, on a free port, with basic authentication; ends with the test. Returns its host. */
export async function startDockerRegistry(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'registry-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'htpasswd'), HTPASSWD);
  const config = {
    version: '0.1',
    log: { level: 'info' },
    storage: { filesystem: { rootdirectory: join(folder, 'data') } },
    http: { addr: '127.0.0.1:0' },
    auth: { htpasswd: { realm: 'local', path: join(folder, 'htpasswd') } },
  };
  // JSON is YAML too.
  await writeFile(join(folder, 'config.yml'), JSON.stringify(config));
  const child = spawn(PROGRAM, ['serve', join(folder, 'config.yml')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  onTestFinished(async () => {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  let log = '';
  for await (const chunk of child.stderr.iterator({ destroyOnReturn: false })) {
    log += String(chunk);
    const host = /listening on (127\.0\.0\.1:\d+)/.exec(log)?.[1];
    if (host !== undefined) {
      child.stderr.resume();
      return host;
    }
  }
  throw new Error(`docker-registry did not start: ${log}`);
}

interface Kept {
  type: string;
  bytes: Buffer;
}

interface Answer {
  status: number;
  headers: Record<string, string>;
  body?: Buffer;
}

/** Manifests and blobs are kept under their digest, manifests also under their tag. */
function answer(kept: Map<string, Kept>, request: IncomingMessage, bytes: Buffer): Answer {
  const path = (request.url ?? '/').replace(/\?.*$/, '');
  if (request.method === 'POST') return { status: 202, headers: { location: `${path}1` } };
  if (request.method === 'PUT') {
    const entry = { type: request.headers['content-type'] ?? '', bytes };
    const digest = digestOf(bytes);
    const isManifest = path.includes('/manifests/');
    kept.set(path.replace(/[^/]*$/, digest).replace('/uploads/', '/'), entry);
    if (isManifest) kept.set(path, entry);
    return { status: 201, headers: { 'docker-content-digest': digest } };
  }
  const found = kept.get(path);
  if (found === undefined) return { status: 404, headers: {} };
  const headers = { 'content-type': found.type, 'docker-content-digest': digestOf(found.bytes) };
  return { status: 200, headers, body: found.bytes };
}

/** The same as far as these tests go, where docker-registry is not installed. */
export async function startStandIn(): Promise<string> {
  const kept = new Map<string, Kept>();
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const { status, headers, body } =
      request.headers.authorization === AUTHORIZATION
        ? answer(kept, request, Buffer.concat(chunks))
        : { status: 401, headers: {}, body: undefined };
    response.writeHead(status, headers).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function digestOf(bytes: string | Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** What docker pushes: a layer, a configuration, and the manifest, whose digest is returned. */
export async function pushTo(host: string, reference: string, architecture: string, content: string): Promise<string> {
  const [repository = '', tag = ''] = reference.split(':');
  const layer = Buffer.from(content);
  const config = Buffer.from(JSON.stringify({ architecture, os: 'linux', rootfs: { type: 'layers', diff_ids: [] } }));
  for (const blob of [layer, config]) await pushBlob(host, repository, blob);
  const mediaType = 'application/vnd.docker.distribution.manifest.v2+json';
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType,
    config: {
      mediaType: 'application/vnd.docker.container.image.v1+json',
      size: config.length,
      digest: digestOf(config),
    },
    layers: [
      {
        mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
        size: layer.length,
        digest: digestOf(layer),
      },
    ],
  });
  await pushManifest(host, `${repository}:${tag}`, mediaType, manifest);
  return digestOf(manifest);
}

/** An index of an image that is there already. */
export async function pushIndexTo(host: string, reference: string, digest: string): Promise<void> {
  const mediaType = 'application/vnd.oci.image.index.v1+json';
  const type = 'application/vnd.docker.distribution.manifest.v2+json';
  const platform = { os: 'linux', architecture: 'amd64' };
  const manifests = [{ mediaType: type, digest, size: 1, platform }];
  await pushManifest(host, reference, mediaType, JSON.stringify({ schemaVersion: 2, mediaType, manifests }));
}

async function pushManifest(host: string, reference: string, type: string, manifest: string): Promise<void> {
  const [repository, tag] = reference.split(':');
  await send(`http://${host}/v2/${repository}/manifests/${tag}`, 'PUT', type, Buffer.from(manifest));
}

async function pushBlob(host: string, repository: string, blob: Buffer): Promise<void> {
  const started = await send(`http://${host}/v2/${repository}/blobs/uploads/`, 'POST');
  const place = new URL(started.headers.get('location') ?? '', `http://${host}`);
  place.searchParams.set('digest', digestOf(blob));
  await send(place.href, 'PUT', 'application/octet-stream', blob);
}

async function send(url: string, method: string, type = '', body?: Buffer): Promise<Response> {
  const headers = { authorization: AUTHORIZATION, ...(body !== undefined && { 'content-type': type }) };
  const response = await fetch(url, { method, headers, ...(body !== undefined && { body: Uint8Array.from(body) }) });
  const said = await response.text();
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${said}`);
  return response;
}
