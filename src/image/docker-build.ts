import { stripVTControlCharacters } from 'node:util';
import { leftOut } from '../plain.ts';
import type { Build } from '../world.ts';
import { isVariable } from './build-inputs.ts';
import type { ImageUri } from './image-uri.ts';

/** `registry/repository:tag`, what docker tags and pushes. */
export function taggedName({ registry, repository, tag }: ImageUri): string {
  return `${registry}/${repository}${tag === '' ? '' : `:${tag}`}`;
}

/**
 * Builds and pushes in one go, so that the digest in the metadata file is that of the manifest pushed; without a push it
 * would be the id of the image. Provenance and SBOM make an index of the image, which Lambda refuses.
 */
export function toBuildxArgs(build: Build, metadataFile: string): string[] {
  const push = ['--provenance=false', '--sbom=false', '--push', '--metadata-file', metadataFile];
  return ['buildx', 'build', ...push, ...toSharedArgs(build)];
}

/** For a docker without buildx, which makes no attestations; to be followed by `docker push`. */
export function toClassicArgs(build: Build): string[] {
  return ['build', ...toSharedArgs(build)];
}

function toSharedArgs({ image, context, file, target, platform, args, secrets }: Build): string[] {
  return [
    '--progress=plain',
    ...['--platform', platform],
    ...['--tag', taggedName(image)],
    ...(file === '' ? [] : ['--file', file]),
    ...(target === '' ? [] : ['--target', target]),
    ...args.flatMap((arg) => ['--build-arg', arg]),
    ...secrets.flatMap((secret) => ['--secret', secret]),
    // Nothing behind it is an option, however it begins.
    '--',
    context,
  ];
}

/** A command for the log: without the values of build arguments, which are nobody's business. */
export function toLogLine(args: readonly string[]): string {
  const shown = args.map((arg, at) => (args[at - 1] === '--build-arg' ? argName(arg) : arg));
  return ['docker', ...shown].join(' ');
}

/** Its name, unless it may be the second line of a value, such as the end of one in base 32 or 64. */
function argName(arg: string): string {
  const [, name = '', rest = ''] = /^([^=]*)(.*)$/s.exec(arg) ?? [];
  const isEnd = rest !== '' && /^=+$/.test(rest);
  return isVariable(name) && !isEnd ? `${name}${rest === '' ? '' : '=…'}` : '…';
}

/** Whether `docker buildx version` was answered by buildx; other programs that call themselves docker answer, too. */
export function isBuildx(answer: string): boolean {
  return answer.includes('github.com/docker/buildx');
}

/** The program that `docker --version` was answered by, when it is not Docker. */
export function notDocker(answer: string): string | undefined {
  return /\b(?:podman|nerdctl|buildah|finch)\b.*/i.exec(answer)?.[0];
}

export interface Pushed {
  digest: string;
  /** Empty where docker does not tell: an engine with its classic store, which cannot make an index. */
  mediaType: string;
}

/** What the metadata file of buildx says was pushed. */
export function readMetadata(text: string): Pushed | undefined {
  let metadata: { 'containerimage.digest'?: unknown; 'containerimage.descriptor'?: { mediaType?: unknown } };
  try {
    metadata = JSON.parse(text);
  } catch {
    return;
  }
  const digest = metadata?.['containerimage.digest'];
  const mediaType = metadata?.['containerimage.descriptor']?.mediaType;
  return isDigest(digest) ? { digest, mediaType: typeof mediaType === 'string' ? mediaType : '' } : undefined;
}

/** What `docker push` says it pushed. Not from RepoDigests, which names whatever was pushed there before, too. */
export function readPush(lines: readonly string[]): Pushed | undefined {
  const said = lines.map((line) => /: digest: (\S+) size: \d+$/.exec(line)?.[1]).findLast(isDigest);
  return said === undefined ? undefined : { digest: said, mediaType: '' };
}

function isDigest(text: unknown): text is string {
  return typeof text === 'string' && /^sha256:[0-9a-f]{64}$/.test(text);
}

export function isIndex(mediaType: string): boolean {
  return /\.(?:image\.index|manifest\.list)\./.test(mediaType);
}

/** Docker may be interrupted anywhere, so what it writes is cut into lines here. A line without end is left out. */
export function splitLines(onLine: (line: string) => void): { write(text: string): void; end(): void } {
  const longest = 16_384;
  let rest = '';
  let dropped = 0;
  const say = (line: string) => {
    const length = dropped + line.length;
    onLine(length > longest ? leftOut(length) : stripVTControlCharacters(line).trimEnd());
    dropped = 0;
  };
  return {
    write(text) {
      const lines = (rest + text).split(/\r\n|[\r\n]/);
      rest = lines.pop() ?? '';
      lines.forEach(say);
      if (dropped > 0 || rest.length > longest) {
        dropped += rest.length;
        rest = '';
      }
    },
    end() {
      if (rest !== '' || dropped > 0) {
        say(rest);
      }
      rest = '';
    },
  };
}
