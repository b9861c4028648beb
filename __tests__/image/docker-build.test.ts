import { describe, expect, it } from 'vitest';
import {
  isBuildx,
  isIndex,
  notDocker,
  readMetadata,
  readPush,
  splitLines,
  toBuildxArgs,
  toClassicArgs,
  toLogLine,
} from '../../src/image/docker-build.ts';
import type { Build } from '../../src/world.ts';

const image = {
  text: '123456789012.dkr.ecr.eu-west-1.amazonaws.com/web',
  registry: '123456789012.dkr.ecr.eu-west-1.amazonaws.com',
  accountId: '123456789012',
  region: 'eu-west-1',
  repository: 'web',
  tag: 'v2',
  digest: '',
};
const least: Build = { image, context: '.', file: '', target: '', platform: 'linux/arm64', args: [], secrets: [] };
const name = `${image.registry}/web:v2`;
const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;

describe('the command', () => {
  it('builds one plain image with buildx, pushes it and asks for the digest', () => {
    expect(toBuildxArgs(least, '/tmp/pushed.json').join(' ')).toBe(
      `buildx build --provenance=false --sbom=false --push --metadata-file /tmp/pushed.json --progress=plain --platform linux/arm64 --tag ${name} -- .`,
    );
  });

  it('does without what only buildx knows', () => {
    expect(toClassicArgs(least).join(' ')).toBe(`build --progress=plain --platform linux/arm64 --tag ${name} -- .`);
  });

  it('hands over what is given as it is, one argument each', () => {
    const args = toClassicArgs({
      ...least,
      context: '-x y',
      file: 'a dir/Dockerfile',
      target: 'last',
      args: ['A=b c', 'D="$e"'],
      secrets: ['id=npm,env=NPM_TOKEN'],
    });
    expect(args.slice(6)).toEqual([
      ...['--file', 'a dir/Dockerfile'],
      ...['--target', 'last'],
      ...['--build-arg', 'A=b c', '--build-arg', 'D="$e"'],
      ...['--secret', 'id=npm,env=NPM_TOKEN'],
      ...['--', '-x y'],
    ]);
  });

  it('is logged without the values of build arguments', () => {
    const args = toClassicArgs({ ...least, args: ['TOKEN=hunter2\nhunter3', 'PLAIN'] });
    expect(toLogLine(args)).toContain('--build-arg TOKEN=… --build-arg PLAIN --');
    expect(toLogLine(args)).not.toContain('hunter');
  });
});

describe('the program', () => {
  it.each([
    {
      name: 'of Docker',
      answer: 'github.com/docker/buildx v0.30.1 9e66234aa13328a5e75b75aa5574e1ca6d6d9c01',
      is: true,
    },
    { name: 'of Debian', answer: 'github.com/docker/buildx 0.13.1+ds1 0.13.1+ds1-3', is: true },
    { name: 'of Docker Desktop', answer: 'github.com/docker/buildx v0.29.1-desktop.1 18f2', is: true },
    { name: 'of podman', answer: 'buildah 1.33.7', is: false },
    { name: 'missing', answer: "docker: 'buildx' is not a docker command.\nSee 'docker --help'", is: false },
  ])('knows the buildx $name', ({ answer, is }) => {
    expect(isBuildx(answer)).toBe(is);
  });

  it.each([
    { answer: 'Docker version 28.2.2, build e6534b4', other: undefined },
    { answer: 'Emulate Docker CLI using podman.\npodman version 4.3.1', other: 'podman.' },
    { answer: 'podman version 4.3.1', other: 'podman version 4.3.1' },
    { answer: 'nerdctl version 1.7.6', other: 'nerdctl version 1.7.6' },
    { answer: '', other: undefined },
  ])('knows "$answer" from Docker', ({ answer, other }) => {
    expect(notDocker(answer)).toBe(other);
  });
});

describe('what was pushed', () => {
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  it.each([
    {
      name: 'an engine with its classic store',
      text: { 'containerimage.config.digest': `sha256:${'f'.repeat(64)}`, 'containerimage.digest': digest },
      pushed: { digest, mediaType: '' },
    },
    {
      name: 'BuildKit',
      text: { 'containerimage.digest': digest, 'containerimage.descriptor': { mediaType, digest, size: 498 } },
      pushed: { digest, mediaType },
    },
    { name: 'no push', text: { 'containerimage.config.digest': digest }, pushed: undefined },
    { name: 'a digest that is none', text: { 'containerimage.digest': 'sha256:1' }, pushed: undefined },
    { name: 'a digest with more behind it', text: { 'containerimage.digest': `${digest}\n::x` }, pushed: undefined },
    { name: 'null', text: null, pushed: undefined },
  ])('is read from the metadata of $name', ({ text, pushed }) => {
    expect(readMetadata(JSON.stringify(text))).toEqual(pushed);
  });

  it('is unknown without metadata', () => {
    expect(readMetadata('')).toBeUndefined();
  });

  it.each([
    {
      name: 'the last line',
      lines: ['3b2d1cc6ee62: Layer already exists', `v2: digest: ${digest} size: 523`],
      pushed: { digest, mediaType: '' },
    },
    { name: 'no line', lines: ['Getting image source signatures', 'Writing manifest'], pushed: undefined },
    { name: 'a line that ends early', lines: ['v2: digest: sha256:123 size: 5'], pushed: undefined },
  ])('is read from what docker push said in $name', ({ lines, pushed }) => {
    expect(readPush(lines)).toEqual(pushed);
  });

  it.each([
    { mediaType, is: false },
    { mediaType: 'application/vnd.docker.distribution.manifest.v2+json', is: false },
    { mediaType: 'application/vnd.oci.image.index.v1+json', is: true },
    { mediaType: 'application/vnd.docker.distribution.manifest.list.v2+json', is: true },
    { mediaType: '', is: false },
  ])('knows whether $mediaType is an index', ({ mediaType: type, is }) => {
    expect(isIndex(type)).toBe(is);
  });
});

describe('lines', () => {
  it.each([
    { name: 'at line breaks of any kind', pieces: ['a\nb\r\nc\rd'], lines: ['a', 'b', 'c', 'd'] },
    { name: 'wherever the pieces end', pieces: ['a', 'b\nc', '', '\n', 'd'], lines: ['ab', 'c', 'd'] },
    { name: 'without colours and what moves the cursor', pieces: ['\x1b[31mred\x1b[0m\x1b[2K \n'], lines: ['red'] },
    { name: 'and not at the end of nothing', pieces: ['a\n'], lines: ['a'] },
  ])('are cut $name', ({ pieces, lines }) => {
    const seen: string[] = [];
    const split = splitLines((line) => seen.push(line));
    for (const piece of pieces) {
      split.write(piece);
    }
    split.end();
    expect(seen).toEqual(lines);
  });

  it('are left out when they do not end', () => {
    const seen: string[] = [];
    const split = splitLines((line) => seen.push(line));
    for (let piece = 0; piece < 100; piece += 1) {
      split.write('x'.repeat(1000));
    }
    split.end();
    expect(seen).toEqual(['[line of 100,000 characters left out]']);
  });
});
