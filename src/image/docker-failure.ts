import { DeployError } from '../errors.ts';
import { partitionOf } from '../partition.ts';
import { plain } from '../plain.ts';
import { isIndex, taggedName } from './docker-build.ts';
import type { ImageUri } from './image-uri.ts';

export type DockerStep = 'sign-in' | 'build' | 'push';

const shownLines = 15;

/** Docker ended badly: what it said last, and what to do. */
export function dockerFailure(
  step: DockerStep,
  { image, exitCode, lines }: { image: ImageUri; exitCode: number | null; lines: readonly string[] },
): DeployError {
  const ended = exitCode === null ? 'was killed' : `ended with exit code ${exitCode}`;
  const subject = {
    'sign-in': `docker login to ${image.registry}`,
    build: `The build of ${taggedName(image)}`,
    push: `The push of ${taggedName(image)}`,
  }[step];
  const last = lines
    .filter((line) => /[^\s-]/.test(line))
    .slice(-shownLines)
    .map((line) => plain(line));
  const message = [`${subject} ${ended}${last.length === 0 ? ', saying nothing.' : ':'}`, ...last].join('\n');
  return new DeployError('build-failed', message, { hint: hintFor(step, lines, image) });
}

export function noDocker(cause: unknown): DeployError {
  return new DeployError('build-failed', 'There is no docker on this runner.', {
    hint: 'Use a runner that has it, such as ubuntu-latest, or build the image elsewhere and leave build-context out.',
    cause,
  });
}

export function otherDocker(what: string): DeployError {
  return new DeployError('build-failed', `The docker of this runner is not Docker but "${plain(what)}".`, {
    hint: 'build-context needs Docker itself, which tells the digest it pushed; or build and push in a step of your own and leave build-context out.',
  });
}

export function noDigest(image: ImageUri): DeployError {
  return new DeployError('build-failed', `${taggedName(image)} was pushed, but docker did not say as which digest.`, {
    hint: 'Use a current Docker with buildx (docker/setup-buildx-action), or deploy the pushed image by its digest.',
  });
}

export function indexPushed(image: ImageUri, mediaType: string): DeployError | undefined {
  return isIndex(mediaType)
    ? new DeployError('build-failed', `${taggedName(image)} was pushed as an index (${plain(mediaType)}).`, {
        hint: 'Lambda takes only a plain image. Use a builder that can leave attestations out (--provenance=false --sbom=false), such as that of docker/setup-buildx-action.',
      })
    : undefined;
}

interface Sign {
  pattern: RegExp;
  hint: string | ((image: ImageUri) => string);
  /** Only where the registry of the image speaks, not that of a base image. */
  pushing?: boolean;
}

/** The first that fits tells; so what can show up anywhere comes first, and what is vague comes last. */
const signs: readonly Sign[] = [
  {
    pattern: /no space left on device|disk quota exceeded/i,
    hint: 'The disk of the runner is full: free some (docker system prune --all --force) or use a larger runner.',
  },
  {
    pattern: /permission denied while trying to connect to the docker/i,
    hint: 'The user of the runner may not use the Docker daemon: add it to the group docker.',
  },
  {
    pattern:
      /cannot connect to the docker daemon|failed to connect to the docker api|error during connect|is the docker daemon running/i,
    hint: 'Start the Docker daemon on the runner, or point DOCKER_HOST or the docker context at one that runs.',
  },
  {
    pattern: /buildx component is missing|requires? (?:the )?(?:buildkit|buildx)|buildx is not a docker command/i,
    hint: 'This docker needs buildx to build: add a step with docker/setup-buildx-action before this one.',
  },
  {
    pattern: /unknown flag: --(?:provenance|sbom|metadata-file|push|secret|progress)/i,
    hint: 'The buildx of this runner is older than 0.10: add a step with docker/setup-buildx-action before this one.',
  },
  {
    pushing: true,
    // BuildKit keeps to itself why a manifest was not taken.
    pattern: /tag is immutable|repository is immutable|tag invalid|PUT request to \S+\/manifests\/\S+: 400/i,
    hint: 'A repository with immutable tags takes each tag only once: give image-uri a tag that is new in each run, or leave build-context out to deploy the image that is there.',
  },
  {
    pushing: true,
    pattern: /name unknown|repository (?:with name .*)?does not exist|\b404 Not Found/i,
    hint: ({ repository, registry }) =>
      `Create the repository "${repository}" in ${registry}, or correct image-uri; a push does not create it.`,
  },
  {
    pushing: true,
    pattern:
      /\bdenied\b|unauthorized|\b40[13] |\b40[13]$|status: 400 Bad Request|no basic auth credentials|not authorized|forbidden|insufficient_scope|authentication required|token has expired/i,
    hint: allowPush,
  },
  {
    pushing: true,
    pattern: /./,
    hint: ({ registry }) =>
      `See whether there is a registry at ${registry} and the runner reaches it, then run it again.`,
  },
  {
    pattern: /unable to prepare context|context .*(?:not found|does not exist)|resolve : lstat/i,
    hint: 'build-context must be a directory in the workspace (is actions/checkout missing?), relative to its root.',
  },
  {
    pattern: /failed to read dockerfile|unable to evaluate symlinks in dockerfile path/i,
    hint: 'build-file must name the Dockerfile relative to the workspace; empty, it is <build-context>/Dockerfile.',
  },
  {
    pattern: /target stage .*could not be found/i,
    hint: 'build-target must be the name of a stage in the Dockerfile.',
  },
  {
    pattern: /failed to stat .*|invalid field '|secret .*(?:not found|could not be found)/i,
    hint: 'Check the ids in build-secrets and the Dockerfile; a file or variable that build-secrets names must exist.',
  },
  {
    pattern: /toomanyrequests|too many requests|pull rate limit/i,
    hint: "The base image's registry throttles anonymous pulls: sign in to it before this step (docker/login-action), or use a mirror such as public.ecr.aws.",
  },
  {
    pattern: /no match(?:ing manifest)? for |no match for platform/i,
    hint: 'The base image does not exist for this platform: choose one that does, or another architecture or build-platform.',
  },
  {
    pattern: /exec format error/i,
    hint: 'A RUN of the Dockerfile needs the other processor: add a step with docker/setup-qemu-action before this one, use a runner of that architecture (ubuntu-24.04-arm), or cross-compile in a stage FROM --platform=$BUILDPLATFORM.',
  },
  {
    pattern: /load metadata for|resolve source metadata|pull access denied|failed to authorize|manifest unknown/i,
    hint: 'The base image could not be read: correct its name, or sign in to its registry before this step (docker/login-action).',
  },
  {
    pattern: /failed to compute cache key|failed to calculate checksum|file not found in build context/i,
    hint: 'A file that COPY or ADD wants is not in build-context; see .dockerignore, too.',
  },
  {
    pattern: /dockerfile parse error|unknown instruction|syntax error|failed to parse/i,
    hint: 'Correct the Dockerfile.',
  },
  {
    pattern: /did not complete successfully|returned a non-zero code|executor failed running/i,
    hint: 'A command of the Dockerfile failed; what it said is in the log above.',
  },
  {
    pattern: /no such host|i\/o timeout|TLS handshake timeout|connection refused|connection reset/i,
    hint: 'Something the Dockerfile downloads could not be reached; run it again.',
  },
];

function hintFor(step: DockerStep, lines: readonly string[], image: ImageUri): string {
  // What a RUN printed is not docker's, so only how it ended counts: its last words and those of the failed step.
  const text = lines.filter(isVerdict).join('\n');
  const pushing = step !== 'build' || /failed to push |> pushing .* with docker|^push access denied/m.test(text);
  const sign = signs.find((one) => (pushing || !one.pushing) && one.pattern.test(text));
  if (sign === undefined) {
    return "What docker said is in the log above; the same command on your machine shows whether it is the runner's.";
  }
  return typeof sign.hint === 'string' ? sign.hint : sign.hint(image);
}

function isVerdict(line: string, at: number, lines: readonly string[]): boolean {
  return (
    at >= lines.length - 3 || /^(?:ERROR|error|#\d+ ERROR)\b|^ > |exec format error|no space left on device/.test(line)
  );
}

function allowPush({ registry, accountId, region, repository }: ImageUri): string {
  if (region === '') {
    return `The registry ${registry} refuses this user and password, or what they may do.`;
  }
  return (
    'Allow ecr:GetAuthorizationToken on *, and ecr:BatchCheckLayerAvailability, ecr:InitiateLayerUpload, ' +
    'ecr:UploadLayerPart, ecr:CompleteLayerUpload, ecr:PutImage and ecr:BatchGetImage on ' +
    `arn:${partitionOf(region)}:ecr:${region}:${accountId}:repository/${repository}; a policy of the repository must not deny it.`
  );
}
