import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytesOfFile, readWorkflowFile } from '../../src/adapters/workflow-file.ts';
import { main } from '../../src/main.ts';
import type { Report } from '../../src/report/report.ts';
import type { Run } from '../../src/world.ts';
import { runAction } from '../support/run-action.ts';
import { distributionId, repository, type Site, startSite } from '../support/site.ts';

const image = `${repository}:v2`;
const deployable = { 'function-name': 'web', 'image-uri': image };
const clearable = { 'distribution-id': distributionId };
const tenantId = 'dt_2wjDZi3hD1ivOXf6rpZJOSNE1AB';
const page = 'https://www.example.com/';
const filler = 'x'.repeat(4001);

const directory = mkdtempSync(join(tmpdir(), 'bad-input-'));
const pathsFile = (name: string, text: string): string => {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
};

interface BadInput {
  name: string;
  inputs: Record<string, string>;
  env?: Record<string, string>;
  /** What the report has to name: the input as action.yml spells it, and the value. */
  says: string[];
}

const cases: BadInput[] = [
  {
    name: 'nothing at all',
    inputs: {},
    says: ['function-name, distribution-id, distribution-tenant-id or assets-dir must be given'],
  },
  {
    name: 'only blanks',
    inputs: { 'function-name': ' \n ', 'distribution-id': ' ' },
    says: ['function-name, distribution-id, distribution-tenant-id or assets-dir must be given'],
  },
  {
    name: 'only a comment',
    inputs: { 'function-name': '# web', 'image-uri': image },
    says: ['function-name must name something', '# web'],
  },
  {
    name: 'distribution-id: only a comment',
    inputs: { 'distribution-id': '# later' },
    says: ['distribution-id must name something', '# later'],
  },

  { name: 'a function without an image', inputs: { 'function-name': 'web' }, says: ['image-uri must be given', 'web'] },
  {
    name: 'one of two functions without an image',
    inputs: { 'function-name': `web=${image} api` },
    says: ['image-uri must be given', 'api'],
  },
  {
    name: 'an image without a function',
    inputs: { 'image-uri': image },
    says: ['image-uri needs function-name', image],
  },
  {
    name: 'an image without a function beside a distribution',
    inputs: { ...clearable, 'image-uri': image },
    says: ['image-uri needs function-name', image],
  },
  {
    name: 'architecture without a function',
    inputs: { ...clearable, architecture: 'arm64' },
    says: ['architecture needs function-name', 'arm64'],
  },
  {
    name: 'version-description without a function',
    inputs: { ...clearable, 'version-description': 'hi' },
    says: ['version-description needs function-name', 'hi'],
  },
  {
    name: 'revision-id without a function',
    inputs: { ...clearable, 'revision-id': 'abc' },
    says: ['revision-id needs function-name', 'abc'],
  },
  {
    name: 'paths without a distribution',
    inputs: { ...deployable, paths: '/a' },
    says: ['paths needs distribution-id', '/a'],
  },
  {
    name: 'paths-file without a distribution',
    inputs: { ...deployable, 'paths-file': '/dev/null' },
    says: ['paths-file needs distribution-id', '/dev/null'],
  },
  {
    name: 'a revision for two functions',
    inputs: { 'function-name': 'web api', 'image-uri': image, 'revision-id': 'abc' },
    says: ['revision-id goes with one function', '2'],
  },
  {
    name: 'a description of a version that is not published',
    inputs: { ...deployable, publish: 'false', 'version-description': 'hi' },
    says: ['version-description needs publish', 'hi'],
  },

  {
    name: 'a function name with a dot',
    inputs: { ...deployable, 'function-name': 'my.web' },
    says: ['function-name must be a name', '"my.web"'],
  },
  {
    name: 'a function name of 65 characters',
    inputs: { ...deployable, 'function-name': 'w'.repeat(65) },
    says: ['function-name must be a name', 'w'.repeat(65)],
  },
  {
    name: 'a function name with a slash',
    inputs: { ...deployable, 'function-name': 'a/b' },
    says: ['function-name must be a name', '"a/b"'],
  },
  {
    name: 'a name with a version',
    inputs: { ...deployable, 'function-name': 'web:7' },
    says: ['function-name must not carry a version or alias,', '"web:7"'],
  },
  {
    name: 'a name with an alias',
    inputs: { ...deployable, 'function-name': 'web:live' },
    says: ['function-name must not carry', 'live'],
  },
  {
    name: 'a name with $LATEST',
    inputs: { ...deployable, 'function-name': 'web:$LATEST' },
    says: ['function-name must not carry', '$LATEST'],
  },
  {
    name: 'a partial ARN with an alias',
    inputs: { ...deployable, 'function-name': '123456789012:function:web:live' },
    says: ['function-name must not carry', 'live'],
  },
  {
    name: 'an ARN with a version',
    inputs: { ...deployable, 'function-name': 'arn:aws:lambda:us-east-1:123456789012:function:web:7' },
    says: ['function-name must not carry', ':web:7"'],
  },
  {
    name: 'an ARN of something else',
    inputs: { ...deployable, 'function-name': 'arn:aws:s3:::bucket' },
    says: ['function-name must be a name', 'arn:aws:s3:::bucket'],
  },
  {
    name: 'an ARN with a short account',
    inputs: { ...deployable, 'function-name': 'arn:aws:lambda:us-east-1:1234:function:web' },
    says: ['function-name must be a name', '1234'],
  },
  {
    name: 'a function twice',
    inputs: { ...deployable, 'function-name': 'web, web' },
    says: ['function-name must name each function once', '"web"'],
  },
  {
    name: 'a function twice, as name and as ARN',
    inputs: { ...deployable, 'function-name': 'web 123456789012:function:web' },
    says: ['function-name must name each function once', '"web"'],
  },
  {
    name: 'a function twice, in the same account',
    inputs: {
      ...deployable,
      'function-name': '123456789012:function:web arn:aws:lambda:us-east-1:123456789012:function:web',
    },
    says: ['function-name must name each function once', '"web"'],
  },
  ...(
    [
      ['function-name', '- web\n- api'],
      ['distribution-id', '  - E2QWRUHAPOMQZL'],
      ['paths', '- /a\n- /b'],
      ['changed-files', '- public/** -> /**'],
      ['alarms', '-  errors'],
      ['regenerate-urls', '- https://www.example.com/'],
      ['build-args', '- VERSION=hunter2'],
    ] as const
  ).map(([name, list]) => ({
    name: `the dashes of YAML in ${name}`,
    inputs: { ...deployable, ...clearable, 'build-context': '.', 'bake-seconds': '1', [name]: list },
    says: [`${name} must be one item a line, without the dashes of a YAML list, got "- …"`],
  })),
  {
    name: 'an own image that is empty',
    inputs: { 'function-name': 'web=' },
    says: ['function-name must look like <account>.dkr.ecr'],
  },
  {
    name: 'an own image that is none',
    inputs: { 'function-name': 'web=v2' },
    says: ['function-name must look like <account>.dkr.ecr', '"web=v2"'],
  },
  {
    name: 'an own image without a name',
    inputs: { 'function-name': `=${image}` },
    says: ['function-name must be a name', '""'],
  },

  {
    name: 'an image that is a bare tag',
    inputs: { ...deployable, 'image-uri': 'v2' },
    says: ['image-uri must look like', '"v2"'],
  },
  {
    name: 'an image in Docker Hub',
    inputs: { ...deployable, 'image-uri': 'docker.io/library/nginx:1' },
    says: ['image-uri must be in a private Amazon ECR', 'docker.io/library/nginx:1'],
  },
  {
    name: 'an image in public ECR',
    inputs: { ...deployable, 'image-uri': 'public.ecr.aws/lambda/nodejs:24' },
    says: ['image-uri must be in a private Amazon ECR', 'public.ecr.aws'],
  },
  {
    name: 'an image with https://',
    inputs: { ...deployable, 'image-uri': `https://${image}` },
    says: ['image-uri must', 'https://'],
  },
  {
    name: 'an image without tag or digest',
    inputs: { ...deployable, 'image-uri': repository },
    says: ['image-uri must end in a tag or a digest', repository],
  },
  {
    name: 'an image with a short digest',
    inputs: { ...deployable, 'image-uri': `${repository}@sha256:abc` },
    says: ['image-uri must look like', '@sha256:abc'],
  },
  {
    name: 'an image with a repository in capitals',
    inputs: { ...deployable, 'image-uri': image.replace('/web', '/Web') },
    says: ['image-uri must name a repository in lower case', '/Web:v2'],
  },
  {
    name: 'an image with a space',
    inputs: { ...deployable, 'image-uri': `${repository}: v2` },
    says: ['image-uri must look like', ': v2'],
  },
  {
    name: 'an image with a line break',
    inputs: { ...deployable, 'image-uri': `${repository}:v\n2` },
    says: ['image-uri must look like', ':v 2'],
  },
  {
    name: 'two images',
    inputs: { ...deployable, 'image-uri': `${image} ${image}` },
    says: ['image-uri must look like'],
  },
  {
    name: 'an image in another region than the function',
    inputs: { ...deployable, 'image-uri': image.replace('us-east-1', 'eu-west-1') },
    says: ['image-uri has an image in eu-west-1', '"web" is in us-east-1'],
  },
  {
    name: 'an own image in another region',
    inputs: { 'function-name': `web=${image.replace('us-east-1', 'ap-south-1')}` },
    says: ['function-name has an image in ap-south-1', '"web" is in us-east-1'],
  },

  {
    name: 'an image and a zip',
    inputs: { ...deployable, 'zip-file': 'out' },
    says: ['image-uri and zip-file exclude each other', 'out'],
  },
  {
    name: 'a zip and a package in S3',
    inputs: { 'function-name': 'web', 'zip-file': 'out', 's3-bucket': 'releases', 's3-key': 'a.zip' },
    says: ['zip-file and s3-bucket exclude each other', 'releases'],
  },
  {
    name: 'a zip without a function',
    inputs: { ...clearable, 'zip-file': 'out' },
    says: ['zip-file needs function-name', '"out"'],
  },
  {
    name: 'a bucket without a key',
    inputs: { 'function-name': 'web', 's3-bucket': 'releases' },
    says: ['s3-bucket needs s3-key', 'releases'],
  },
  {
    name: 'a key without a bucket',
    inputs: { 'function-name': 'web', 's3-key': 'a.zip' },
    says: ['s3-key needs s3-bucket', 'a.zip'],
  },
  {
    name: 'a version of an object without a bucket',
    inputs: { ...deployable, 's3-object-version': 'v1' },
    says: ['s3-object-version needs s3-bucket', 'v1'],
  },
  {
    name: 'a bucket that is none',
    inputs: { 'function-name': 'web', 's3-bucket': 'My_Bucket', 's3-key': 'a.zip' },
    says: ['s3-bucket must be the name of a bucket', 'My_Bucket'],
  },
  {
    name: 'a build without an image',
    inputs: { 'function-name': 'web', 'build-context': '.' },
    says: ['build-context needs image-uri', '"."'],
  },
  {
    name: 'a build without a function',
    inputs: { ...clearable, 'build-context': '.', 'image-uri': image },
    says: ['build-context needs function-name'],
  },
  {
    name: 'build-file without a build',
    inputs: { ...deployable, 'build-file': 'Dockerfile' },
    says: ['build-file needs build-context', 'Dockerfile'],
  },
  {
    name: 'build-target without a build',
    inputs: { ...deployable, 'build-target': 'prod' },
    says: ['build-target needs build-context', 'prod'],
  },
  {
    name: 'build-platform without a build',
    inputs: { ...deployable, 'build-platform': 'linux/arm64' },
    says: ['build-platform needs build-context', 'linux/arm64'],
  },
  {
    name: 'a build pushed to a digest',
    inputs: { ...deployable, 'image-uri': `${repository}@sha256:${'a'.repeat(64)}`, 'build-context': '.' },
    says: ['image-uri must have a tag', '@sha256:aaa'],
  },
  {
    name: 'a build without a tag and without a commit',
    inputs: { ...deployable, 'image-uri': repository, 'build-context': '.' },
    says: ['image-uri needs a tag', repository],
  },
  {
    name: 'a build for two platforms',
    inputs: { ...deployable, 'build-context': '.', 'build-platform': 'linux/amd64,linux/arm64' },
    says: ['build-platform must be linux/amd64 or linux/arm64', 'linux/amd64,linux/arm64'],
  },
  {
    name: 'a build for a platform Lambda does not have',
    inputs: { ...deployable, 'build-context': '.', 'build-platform': 'windows/amd64' },
    says: ['build-platform must be', 'windows/amd64'],
  },
  {
    name: 'a build for another platform than architecture',
    inputs: { ...deployable, 'build-context': '.', 'build-platform': 'linux/amd64', architecture: 'arm64' },
    says: ['build-platform "linux/amd64" does not fit architecture "arm64"'],
  },
  {
    name: 'a build argument without a value',
    inputs: { ...deployable, 'build-context': '.', 'build-args': 'A=1\nB' },
    says: ['build-args needs the variable B in env of this step, or a value for it (line 2).'],
  },
  {
    name: 'invalidate: sometimes',
    inputs: { ...clearable, invalidate: 'sometimes' },
    says: ['invalidate must be always or changed', '"sometimes"'],
  },
  {
    name: 'invalidate: changed without code',
    inputs: { ...clearable, invalidate: 'changed' },
    says: ['invalidate: changed needs function-name', '"changed"'],
  },
  {
    name: 'an unknown architecture',
    inputs: { ...deployable, architecture: 'arm' },
    says: ['architecture must be x86_64 or arm64', '"arm"'],
  },
  {
    name: 'publish: maybe',
    inputs: { ...deployable, publish: 'maybe' },
    says: ['publish must be true or false', '"maybe"'],
  },
  { name: 'publish: yes', inputs: { ...deployable, publish: 'yes' }, says: ['publish must be true or false', '"yes"'] },
  { name: 'dry-run: 1', inputs: { ...deployable, 'dry-run': '1' }, says: ['dry-run must be true or false', '"1"'] },
  {
    name: 'wait-for-invalidation: sometimes',
    inputs: { ...clearable, 'wait-for-invalidation': 'sometimes' },
    says: ['wait-for-invalidation must be true, false or best-effort', '"sometimes"'],
  },
  {
    name: 'a description of 257 characters',
    inputs: { ...deployable, 'version-description': 'd'.repeat(257) },
    says: ['version-description must be one line of at most 256', 'ddd'],
  },
  {
    name: 'a description of two lines',
    inputs: { ...deployable, 'version-description': 'one\ntwo' },
    says: ['version-description must be one line', 'one two'],
  },
  {
    name: 'a revision with a space',
    inputs: { ...deployable, 'revision-id': 'a b' },
    says: ['revision-id must be the RevisionId', '"a b"'],
  },

  {
    name: 'update-timeout: 5x',
    inputs: { ...deployable, 'update-timeout': '5x' },
    says: ['update-timeout must be seconds or a duration', '"5x"'],
  },
  {
    name: 'update-timeout: 0',
    inputs: { ...deployable, 'update-timeout': '0' },
    says: ['update-timeout must be seconds', '"0"'],
  },
  {
    name: 'update-timeout: -5',
    inputs: { ...deployable, 'update-timeout': '-5' },
    says: ['update-timeout must be seconds', '"-5"'],
  },
  {
    name: 'update-timeout: 1.5m',
    inputs: { ...deployable, 'update-timeout': '1.5m' },
    says: ['update-timeout must be seconds', '"1.5m"'],
  },
  {
    name: 'update-timeout: 7h',
    inputs: { ...deployable, 'update-timeout': '7h' },
    says: ['update-timeout must be', '6 hours', '"7h"'],
  },
  {
    name: 'invalidation-timeout: soon',
    inputs: { ...clearable, 'invalidation-timeout': 'soon' },
    says: ['invalidation-timeout must be seconds', '"soon"'],
  },

  {
    name: 'a distribution by its domain',
    inputs: { 'distribution-id': 'd111111abcdef8.cloudfront.net' },
    says: ['distribution-id must be the id', 'd111111abcdef8.cloudfront.net'],
  },
  {
    name: 'a distribution by its ARN',
    inputs: { 'distribution-id': 'arn:aws:cloudfront::123456789012:distribution/E2EXAMPLE1' },
    says: ['distribution-id must be the id', 'arn:aws:cloudfront'],
  },
  {
    name: 'a distribution in small letters',
    inputs: { 'distribution-id': 'e2example1' },
    says: ['distribution-id must be the id', '"e2example1"'],
  },
  {
    name: 'an expression that was not expanded',
    inputs: { 'distribution-id': '$' + '{DIST}' },
    says: ['distribution-id must be the id', '{DIST}'],
  },
  {
    name: 'a distribution twice',
    inputs: { 'distribution-id': `${distributionId}\n${distributionId}` },
    says: ['distribution-id must name each once', distributionId],
  },
  {
    name: 'a tenant by the id of a distribution',
    inputs: { 'distribution-tenant-id': distributionId },
    says: ['distribution-tenant-id must be the id of a distribution tenant', distributionId],
  },
  {
    name: 'a tenant by its ARN',
    inputs: { 'distribution-tenant-id': `arn:aws:cloudfront::123456789012:distribution-tenant/${tenantId}` },
    says: ['distribution-tenant-id must be the id of a distribution tenant', 'arn:aws:cloudfront'],
  },
  {
    name: 'a tenant for a distribution',
    inputs: { 'distribution-id': tenantId },
    says: ['distribution-id must be the id of a distribution', tenantId],
  },
  {
    name: 'a tenant twice',
    inputs: { 'distribution-tenant-id': `${tenantId} ${tenantId}` },
    says: ['distribution-tenant-id must name each once', tenantId],
  },
  {
    name: 'distribution-tenant-id: only a comment',
    inputs: { 'distribution-tenant-id': '# later' },
    says: ['distribution-tenant-id must name something', '# later'],
  },

  {
    name: 'paths: only comments, which must not mean everything',
    inputs: { ...clearable, paths: '# /a\n# /b' },
    says: ['paths must name something', '# /a'],
  },
  {
    name: 'a path without a slash',
    inputs: { ...clearable, paths: 'index.html' },
    says: ['paths must start with "/"', '"index.html"'],
  },
  {
    name: 'a path with * in the middle',
    inputs: { ...clearable, paths: '/a/*/b' },
    says: ['paths may have "*" only as its last character', '"/a/*/b"'],
  },
  { name: 'a path with two *', inputs: { ...clearable, paths: '/a/**' }, says: ['paths may have "*" only', '"/a/**"'] },
  {
    name: 'a path of 4,001 characters',
    inputs: { ...clearable, paths: `/${filler.slice(1)}` },
    says: ['paths must be at most 4000 characters', '[line of 4,001 characters left out]'],
  },
  {
    name: 'a path that is too long once it is encoded',
    inputs: { ...clearable, paths: `/${'ü'.repeat(700)}` },
    says: ['paths must be at most 4000 characters', 'it is 4201 encoded'],
  },
  {
    name: 'a path with a space',
    inputs: { ...clearable, paths: '/a b.html' },
    says: ['paths must start with "/"', 'b.html"'],
  },
  {
    name: 'a path with a line break',
    inputs: { ...clearable, paths: '/a\nb.html' },
    says: ['paths must start with "/"', 'b.html"'],
  },
  {
    name: 'a path with a control character',
    inputs: { ...clearable, paths: '/a\u0007b' },
    says: ['paths must not hold control characters', '"[line of 4 characters left out]"'],
  },
  {
    name: 'a URL for a path',
    inputs: { ...clearable, paths: 'https://example.com/a' },
    says: ['paths must start with "/"', 'https://example.com/a'],
  },
  {
    name: 'a cache tag with a wildcard',
    inputs: { ...clearable, paths: '#product-*' },
    says: ['paths must not hold "*", because a cache tag has no wildcard', '"#product-*"'],
  },
  {
    name: 'a cache tag beyond ASCII',
    inputs: { ...clearable, paths: '#größe' },
    says: ['paths must be a cache tag of visible ASCII characters', '"#größe"'],
  },
  {
    name: 'a cache tag of 257 characters',
    inputs: { ...clearable, paths: `#${'t'.repeat(257)}` },
    says: ['paths must be a cache tag of at most 256 characters, it has 257'],
  },
  {
    name: 'a cache tag in a paths-file with spaces',
    inputs: { ...clearable, 'paths-file': pathsFile('tags', '#product 1\n') },
    says: ['paths-file must be a cache tag of visible ASCII characters', '"#product 1"'],
  },
  {
    name: 'path-variants: maybe',
    inputs: { ...clearable, 'path-variants': 'maybe' },
    says: ['path-variants must be true or false', '"maybe"'],
  },
  ...['0', '20001', '-1', '1.5', '1e3', 'all'].map((text) => ({
    name: `max-paths: ${text}`,
    inputs: { ...clearable, 'max-paths': text },
    says: ['max-paths must be a whole number from 1 to 20000', `"${text}"`],
  })),

  {
    name: 'changed-files without a distribution',
    inputs: { ...deployable, 'changed-files': 'public/** -> /**' },
    says: ['changed-files needs distribution-id or distribution-tenant-id', 'public/** -> /**'],
  },
  {
    name: 'changed-files without an arrow',
    inputs: { ...clearable, 'changed-files': 'public/**' },
    says: ['changed-files must be a glob, "->" and a path', '"public/**"'],
  },
  {
    name: 'changed-files to a path without a slash',
    inputs: { ...clearable, 'changed-files': 'public/** -> **' },
    says: ['changed-files has a path that must start with "/"', '"public/** -> **"'],
  },
  {
    name: 'changed-files with a star that the glob has not',
    inputs: { ...clearable, 'changed-files': 'a.md -> /*/a' },
    says: ['changed-files must not have a "*" or "**" in its path that is not in its glob', '"a.md -> /*/a"'],
  },
  {
    name: 'changed-files with a glob of another kind',
    inputs: { ...clearable, 'changed-files': '!(a)/* -> /*' },
    says: ['changed-files must have a glob of', '"!(a)/* -> /*"'],
  },

  ...['regenerate-urls', 'regenerate-sitemap'].flatMap((name) => [
    {
      name: `${name} without a distribution`,
      inputs: { ...deployable, [name]: page },
      says: [`${name} needs distribution-id or distribution-tenant-id, which is missing.`],
    },
    {
      name: `${name} without waiting for the end of the invalidation`,
      inputs: { ...clearable, [name]: page, 'wait-for-invalidation': 'false' },
      says: [`${name} must not go with wait-for-invalidation: false`, '"false"'],
    },
    {
      name: `${name}: a path`,
      inputs: { ...clearable, [name]: '/about' },
      says: [`${name} must be a whole URL that begins with https:// or http://`, '"/about"'],
    },
    {
      name: `${name}: another protocol`,
      inputs: { ...clearable, [name]: 'ftp://www.example.com/' },
      says: [`${name} must be a whole URL`, '"ftp://www.example.com/"'],
    },
    {
      name: `${name}: two URLs in a line`,
      inputs: { ...clearable, [name]: 'https://www.example .com/' },
      says: [`${name} must be a whole URL`, '"https://www.example .com/"'],
    },
    {
      name: `${name}: a URL with a control character`,
      inputs: { ...clearable, [name]: 'https://www.example.com/a\u0007b' },
      says: [`${name} must not hold control characters`, '[line of 27 characters left out]'],
    },
    {
      name: `${name}: a URL of more than 8,000 characters`,
      inputs: { ...clearable, [name]: `${page}${filler}${filler}` },
      says: [`${name} must be at most 8000 characters`, '[line of 8,026 characters left out]'],
    },
  ]),
  {
    name: 'expect-header without a page',
    inputs: { ...clearable, 'expect-header': 'x-commit: abc' },
    says: ['expect-header needs regenerate-urls or regenerate-sitemap'],
  },
  {
    name: 'expect-body without a page',
    inputs: { ...clearable, 'expect-body': 'abc' },
    says: ['expect-body needs regenerate-urls or regenerate-sitemap'],
  },
  {
    name: 'expect-header without a value',
    inputs: { ...clearable, 'regenerate-urls': page, 'expect-header': 'x-commit' },
    says: ['expect-header must be a header as in HTTP, "name: value"'],
  },
  {
    name: 'expect-header with a name that is none',
    inputs: { ...clearable, 'regenerate-urls': page, 'expect-header': 'x commit: abc' },
    says: ['expect-header must be a header as in HTTP'],
  },
  {
    name: 'expect-header of two lines',
    inputs: { ...clearable, 'regenerate-urls': page, 'expect-header': 'x-a: 1\nx-b: 2' },
    says: ['expect-header must be a header as in HTTP'],
  },
  {
    name: 'a paths-file that is not there',
    inputs: { ...clearable, 'paths-file': '/no/such/file' },
    says: ['paths-file must be a file that can be read (ENOENT)', '"/no/such/file"'],
  },
  {
    name: 'a paths-file that is a directory',
    inputs: { ...clearable, 'paths-file': '/' },
    says: ['paths-file must be a file that can be read (it is no regular file', '"/"'],
  },
  {
    name: 'a paths-file that shows the environment',
    inputs: { ...clearable, 'paths-file': '/proc/self/environ' },
    says: ['paths-file must be a file that can be read'],
  },
  {
    name: 'a paths-file with a wrong path',
    inputs: { ...clearable, 'paths-file': pathsFile('wrong', '/right\nwrong page\n') },
    says: ['paths-file must start with "/"', '"wrong page"'],
  },

  {
    name: 'a region that is none',
    inputs: { ...deployable, region: 'Europe' },
    says: ['region must be an AWS Region', '"Europe"'],
  },
  {
    name: 'an availability zone for a region',
    inputs: { ...deployable, region: 'us-east-1a' },
    says: ['region must be an AWS Region', '"us-east-1a"'],
  },
  { name: 'no region anywhere', inputs: deployable, env: { AWS_REGION: '' }, says: ['region must be given'] },
  {
    name: 'a region in the environment that is none',
    inputs: deployable,
    env: { AWS_REGION: 'mars' },
    says: ['region must be an AWS Region', '"mars" (from AWS_REGION)'],
  },
  {
    name: 'an ARN in another region than region',
    inputs: {
      'function-name': `arn:aws:lambda:eu-west-1:123456789012:function:web=${image.replace('us-east-1', 'eu-west-1')}`,
      region: 'us-east-1',
    },
    says: ['function-name', 'is in eu-west-1, but region is "us-east-1"'],
  },
  {
    name: 'an ARN in another region than AWS_REGION',
    inputs: {
      'function-name': `arn:aws:lambda:eu-west-1:123456789012:function:web=${image.replace('us-east-1', 'eu-west-1')}`,
    },
    says: ['function-name', 'is in eu-west-1', '(from AWS_REGION)'],
  },
  {
    name: 'many things at once, all of them reported',
    inputs: {
      'function-name': 'web:7 my.api',
      'image-uri': 'v2',
      publish: 'maybe',
      'distribution-id': 'nope',
      paths: 'a /b*c',
      'update-timeout': '5x',
      region: 'x',
    },
    says: [
      'function-name must not carry a version or alias,',
      'got "web:7 my.api"',
      'image-uri must',
      'publish must',
      'distribution-id must',
      'paths must start with',
      'got "a /b*c"',
      'update-timeout must',
      'region must',
      '9 problems',
    ],
  },
];

/** The whole program but for the runner; nothing may connect to AWS. */
async function reportOf(inputs: Record<string, string>, { AWS_REGION: awsRegion = 'us-east-1' }): Promise<Report> {
  const reports: Report[] = [];
  const source = {
    text: (name: string) => (inputs[name] ?? '').trim(),
    file: readWorkflowFile,
    variable: () => undefined,
    fileBytes: bytesOfFile,
  };
  await main(
    { inputs: source, run: { ...run, awsRegion }, publish: async (report) => void reports.push(report) },
    () => {
      throw new Error('It goes on with bad inputs.');
    },
  );
  const [report] = reports;
  if (report === undefined) {
    throw new Error('It published no report.');
  }
  return report;
}

const run: Run = {
  serverUrl: 'https://github.com',
  repository: 'octo/site',
  runId: '',
  runAttempt: '',
  job: '',
  step: '',
  sha: '',
  push: undefined,
  awsRegion: 'us-east-1',
};

let site: Site;
beforeAll(async () => {
  site = await startSite();
});
afterAll(async () => {
  rmSync(directory, { recursive: true });
  await site.stop();
});

describe.concurrent('bad input', () => {
  it.each(cases)('$name', async ({ inputs, env = {}, says }) => {
    const { succeeded, outputs } = await reportOf(inputs, env);
    expect(succeeded).toBe(false);
    expect(outputs.status).toBe('failed');
    const { code, message } = JSON.parse(outputs.result).error;
    expect(code).toBe('invalid-input');
    for (const words of says) {
      expect(message).toContain(words);
    }
  });

  // Every one of them as a process would take as long as the rest of the tests together.
  it.each(cases.filter((_, index) => index % 12 === 0))(
    'ends the process: $name',
    async ({ inputs, env = {}, says }) => {
      const run = await runAction(inputs, { env: { ...site.env, ...env } });
      expect(run.exitCode).toBe(1);
      expect(run.result.error.code).toBe('invalid-input');
      expect(run.outputs.status).toBe('failed');
      for (const words of says) {
        expect(run.result.error.message).toContain(words);
      }
      expect(run.log).toMatch(/^::error title=lambda-cloudfront-deploy%3A invalid-input::/m);
      expect(site.calls).toEqual([]);
    },
  );

  it('does not repeat the password in a URL', async () => {
    const inputs = { ...clearable, 'regenerate-urls': 'https://user:hunter2@www.example.com/' };
    const run = await runAction(inputs, { env: site.env });
    expect(run.result.error.message).toContain('regenerate-urls must not hold a user or a password');
    expect(JSON.stringify(run)).not.toContain('hunter2');
  });

  it('does not repeat what may be a secret', async () => {
    const inputs = {
      ...deployable,
      'build-context': '.',
      'build-secrets': 'id=token,hunter2-secret',
      'build-args': 'hunter2=secret\n=hunter2-x',
    };
    const run = await runAction(inputs, { env: site.env });
    expect(run.result.error.message).toContain('build-secrets must be as docker build --secret takes it, such as');
    expect(run.result.error.message).toContain('build-args must be NAME=value');
    expect(JSON.stringify(run)).not.toMatch(/hunter2-(secret|x)/);
  });
});
