import { architectureIn, digestOf, MANIFEST_TYPES, type Pushed, readManifest } from './image-manifest.ts';

/** A real registry on this machine, to which docker pushes. */
export interface Registry {
  /** As in image URIs: `127.0.0.1:5000`. */
  host: string;
  user: string;
  password: string;
}

/** An image as the registry has it now; `reference` is a tag or a digest. */
export async function readFromRegistry(
  registry: Registry,
  repository: string,
  reference: string,
): Promise<Pushed | undefined> {
  const answer = await ask(registry, `${repository}/manifests/${reference}`);
  if (answer === undefined) return undefined;
  const bytes = Buffer.from(await answer.arrayBuffer());
  const manifest = bytes.toString();
  const { mediaType = '', config } = readManifest(manifest);
  const blobs = config?.digest === undefined ? [] : await readBlob(registry, repository, config.digest);
  const image = {
    digest: answer.headers.get('docker-content-digest') ?? digestOf(bytes),
    mediaType: answer.headers.get('content-type')?.split(';')[0] ?? mediaType,
    manifest,
    architecture: blobs[0] === undefined ? undefined : readArchitecture(blobs[0][1]),
    pushedAt: new Date(),
  };
  return { image, children: [], blobs: new Map(blobs) };
}

async function readBlob(registry: Registry, repository: string, digest: string): Promise<[string, Buffer][]> {
  const answer = await ask(registry, `${repository}/blobs/${digest}`);
  return answer === undefined ? [] : [[digest, Buffer.from(await answer.arrayBuffer())]];
}

/** What is no image, such as a chart, has a configuration that says nothing about architectures. */
function readArchitecture(config: Buffer): string | undefined {
  try {
    return architectureIn(config);
  } catch {
    return undefined;
  }
}

async function ask({ host, user, password }: Registry, path: string): Promise<Response | undefined> {
  const answer = await fetch(`http://${host}/v2/${path}`, {
    headers: {
      accept: MANIFEST_TYPES.join(', '),
      authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
    },
    signal: AbortSignal.timeout(30_000),
  });
  if (answer.ok) return answer;
  await answer.body?.cancel();
  if (answer.status === 404) return undefined;
  throw new Error(
    `The registry ${host} answered ${answer.status} to ${path}: is its password the one in \`registry\`?`,
  );
}
