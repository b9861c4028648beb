import { describe, expect, it } from 'vitest';
import { type DockerStep, dockerFailure, indexPushed } from '../../src/image/docker-failure.ts';

const ecr = {
  text: '',
  registry: '123456789012.dkr.ecr.eu-west-1.amazonaws.com',
  accountId: '123456789012',
  region: 'eu-west-1',
  repository: 'team/web',
  tag: 'v2',
  digest: '',
};
const loopback = { ...ecr, registry: '127.0.0.1:5000', accountId: '', region: '' };

/** Said by dockers from 20.10 to 29 and by ECR; what is not here is met for real in docker.test.ts. */
const failures: { name: string; step: DockerStep; lines: string[]; hint: RegExp }[] = [
  {
    name: 'a full disk',
    step: 'build',
    lines: ['ERROR: failed to solve: failed to copy files: copy file range failed: no space left on device'],
    hint: /^The disk of the runner is full/,
  },
  {
    name: 'a full disk that a command met',
    step: 'build',
    lines: [
      '#7 0.42 npm error code ENOSPC: no space left on device, write',
      '#7 ERROR: process "/bin/sh -c npm ci" did not complete successfully: exit code: 228',
      '------',
      ' > [2/2] RUN npm ci:',
      '------',
      'Dockerfile:2',
      'ERROR: failed to solve: process "/bin/sh -c npm ci" did not complete successfully: exit code: 228',
    ],
    hint: /^The disk of the runner is full/,
  },
  {
    name: 'a daemon that does not run (28)',
    step: 'build',
    lines: ['ERROR: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?'],
    hint: /^Start the Docker daemon/,
  },
  {
    name: 'a daemon that does not run (29)',
    step: 'build',
    lines: [
      'ERROR: failed to connect to the docker API at unix:///var/run/docker.sock; check if the path is correct and if the daemon is running: dial unix /var/run/docker.sock: connect: no such file or directory',
    ],
    hint: /^Start the Docker daemon/,
  },
  {
    name: 'a daemon that only others may use',
    step: 'build',
    lines: [
      'permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get "http://%2Fvar%2Frun%2Fdocker.sock/_ping": dial unix /var/run/docker.sock: connect: permission denied',
    ],
    hint: /group docker/,
  },
  {
    name: 'a sign-in to a daemon that does not run',
    step: 'sign-in',
    lines: ['Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?'],
    hint: /^Start the Docker daemon/,
  },
  {
    name: 'no buildx',
    step: 'build',
    lines: ['ERROR: BuildKit is enabled but the buildx component is missing or broken.'],
    hint: /docker\/setup-buildx-action/,
  },
  {
    name: 'an old buildx',
    step: 'build',
    lines: ['unknown flag: --provenance', "See 'docker buildx build --help'."],
    hint: /older than 0\.10/,
  },
  {
    name: 'a refused sign-in',
    step: 'sign-in',
    lines: [
      'Error response from daemon: login attempt to https://123456789012.dkr.ecr.eu-west-1.amazonaws.com/v2/ failed with status: 400 Bad Request',
    ],
    hint: /^Allow ecr:GetAuthorizationToken on \*/,
  },
  {
    name: 'a push that is denied, by ECR to docker push',
    step: 'push',
    lines: [
      'denied: User: arn:aws:sts::123456789012:assumed-role/ci/x is not authorized to perform: ecr:InitiateLayerUpload on resource: arn:aws:ecr:eu-west-1:123456789012:repository/team/web because no identity-based policy allows the ecr:InitiateLayerUpload action',
    ],
    hint: /ecr:BatchGetImage on arn:aws:ecr:eu-west-1:123456789012:repository\/team\/web/,
  },
  {
    name: 'a push that is denied, by ECR to BuildKit',
    step: 'build',
    lines: [
      'ERROR: failed to solve: failed to push 123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/web:v2: unexpected status from POST request to https://123456789012.dkr.ecr.eu-west-1.amazonaws.com/v2/team/web/blobs/uploads/: 403 Forbidden',
    ],
    hint: /ecr:BatchCheckLayerAvailability/,
  },
  {
    name: 'a push without a sign-in, by the engine',
    step: 'build',
    lines: [
      '#6 pushing 123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/web:v2 with docker',
      '#6 ERROR: no basic auth credentials',
      '------',
      ' > pushing 123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/web:v2 with docker:',
      '------',
      'ERROR: no basic auth credentials',
    ],
    hint: /ecr:CompleteLayerUpload/,
  },
  {
    name: 'a push into nothing',
    step: 'push',
    lines: ["name unknown: The repository with name 'team/web' does not exist in the registry with id '123456789012'"],
    hint: /^Create the repository "team\/web" in 123456789012\.dkr/,
  },
  {
    name: 'a push that breaks off',
    step: 'push',
    lines: ['Put "https://123456789012.dkr.ecr.eu-west-1.amazonaws.com/v2/team/web/blobs/uploads/x": EOF'],
    hint: /^See whether there is a registry at/,
  },
  {
    name: 'a base image that is private, which is not about our registry',
    step: 'build',
    lines: [
      '#2 ERROR: failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://ghcr.io/token: 401 Unauthorized',
      'ERROR: failed to solve: ghcr.io/octo/base:1: failed to resolve source metadata for ghcr.io/octo/base:1: failed to authorize: 401 Unauthorized',
    ],
    hint: /^The base image could not be read/,
  },
  {
    name: 'a base image that is not there, on Docker Hub',
    step: 'build',
    lines: [
      'ERROR: failed to solve: nodde:24: failed to resolve source metadata for docker.io/library/nodde:24: pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed',
    ],
    hint: /^The base image could not be read/,
  },
  {
    name: 'Docker Hub, when it has had enough',
    step: 'build',
    lines: [
      'ERROR: failed to solve: node:24: failed to resolve source metadata for docker.io/library/node:24: unexpected status from HEAD request: 429 Too Many Requests: toomanyrequests: You have reached your unauthenticated pull rate limit.',
    ],
    hint: /throttles anonymous pulls/,
  },
  {
    name: 'a base image for other processors',
    step: 'build',
    lines: [
      'ERROR: failed to solve: octo/amd-only: failed to resolve source metadata for docker.io/octo/amd-only:latest: no match for platform in manifest: not found',
    ],
    hint: /does not exist for this platform/,
  },
  {
    name: 'a command for the other processor',
    step: 'build',
    lines: [
      '#6 [2/2] RUN npm ci',
      '#6 0.105 exec /bin/sh: exec format error',
      '#6 ERROR: process "/bin/sh -c npm ci" did not complete successfully: exit code: 255',
      'Dockerfile:2',
      '--------------------',
      'ERROR: failed to solve: process "/bin/sh -c npm ci" did not complete successfully: exit code: 255',
    ],
    hint: /docker\/setup-qemu-action/,
  },
  {
    name: 'a command that fails',
    step: 'build',
    lines: [
      '#6 0.105 denied: unauthorized',
      '#6 ERROR: process "/bin/sh -c npm ci" did not complete successfully: exit code: 1',
      'Dockerfile:2',
      '--------------------',
      'ERROR: failed to solve: process "/bin/sh -c npm ci" did not complete successfully: exit code: 1',
    ],
    hint: /^A command of the Dockerfile failed/,
  },
  { name: 'something nobody knows', step: 'build', lines: ['ERROR: the moon is full'], hint: /^What docker said/ },
];

describe('a failure of docker', () => {
  it.each(failures)('is understood: $name', ({ step, lines, hint }) => {
    const error = dockerFailure(step, { image: ecr, exitCode: 1, lines });
    expect(error.code).toBe('build-failed');
    expect(error.hint).toMatch(hint);
  });

  it('does not speak of AWS to a registry on this machine', () => {
    const { hint } = dockerFailure('push', { image: loopback, exitCode: 1, lines: ['denied: requested access'] });
    expect(hint).toBe('The registry 127.0.0.1:5000 refuses this user and password, or what they may do.');
  });

  it.each([
    { region: 'cn-north-1', arn: 'arn:aws-cn:ecr:cn-north-1:' },
    { region: 'us-gov-west-1', arn: 'arn:aws-us-gov:ecr:us-gov-west-1:' },
  ])('names the repository in its partition: $region', ({ region, arn }) => {
    const { hint } = dockerFailure('push', { image: { ...ecr, region }, exitCode: 1, lines: ['403 Forbidden'] });
    expect(hint).toContain(arn);
  });

  it('shows the exit code and the last lines, made safe', () => {
    const lines = [
      ...Array.from({ length: 40 }, (_, at) => `line ${at}`),
      '------',
      '',
      '::error::x ##[y',
      'z'.repeat(999),
    ];
    const { message } = dockerFailure('build', { image: ecr, exitCode: 17, lines });
    const [first, ...last] = message.split('\n');
    expect(first).toBe(
      'The build of 123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/web:v2 ended with exit code 17:',
    );
    expect(last).toHaveLength(15);
    expect(last[0]).toBe('line 27');
    expect(last[13]).toBe('[line of 15 characters left out]');
    expect(last[14]).toBe('z'.repeat(999));
  });

  it.each([
    { name: 'killed', exitCode: null, message: 'docker login to 127.0.0.1:5000 was killed, saying nothing.' },
    { name: 'silent', exitCode: 2, message: 'docker login to 127.0.0.1:5000 ended with exit code 2, saying nothing.' },
  ])('says so when docker was $name', ({ exitCode, message }) => {
    expect(dockerFailure('sign-in', { image: loopback, exitCode, lines: [] }).message).toBe(message);
  });
});

it('refuses an index, which Lambda would', () => {
  const error = indexPushed(ecr, 'application/vnd.oci.image.index.v1+json');
  expect(error?.code).toBe('build-failed');
  expect(error?.hint).toContain('--provenance=false --sbom=false');
  expect(indexPushed(ecr, 'application/vnd.oci.image.manifest.v1+json')).toBeUndefined();
});
