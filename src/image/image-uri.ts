/** An image in a registry; `accountId` and `region` are empty for a registry on this machine. */
export interface ImageUri {
  text: string;
  registry: string;
  accountId: string;
  region: string;
  repository: string;
  tag: string;
  /** `sha256:…`, or empty. */
  digest: string;
}

// Dual-stack and FIPS names and the partitions of https://docs.aws.amazon.com/general/latest/gr/ecr.html
const ecrHost =
  /^(?<accountId>\d{12})\.(?:dkr\.ecr(?:-fips)?|dkr-ecr(?:-fips)?)\.(?<region>[a-z0-9-]{1,30})\.(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu|on\.aws|on\.amazonwebservices\.com\.cn|c2s\.ic\.gov|sc2s\.sgov\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)$/;
const loopbackHost = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/;
const repositoryPart = /^[a-z0-9]+(?:[._-]+[a-z0-9]+)*$/;
const reference =
  /^(?<registry>[^/@]{1,255})\/(?<repository>[^:@]{1,256})(?::(?<tag>\w[\w.-]{0,127}))?(?:@(?<digest>sha256:[0-9a-f]{64}))?$/;

/** Why a text is not an image that can be deployed, or the image. */
export function parseImageUri(text: string): ImageUri | { problem: string } {
  const groups = reference.exec(text)?.groups;
  if (!groups) {
    return {
      problem: 'must look like <account>.dkr.ecr.<region>.amazonaws.com/<repository>:<tag> or …@sha256:<digest>',
    };
  }
  const { registry = '', repository = '', tag = '', digest = '' } = groups;
  const { region = '', accountId = '' } = ecrHost.exec(registry)?.groups ?? {};
  if (region === '' && !loopbackHost.test(registry)) {
    return { problem: 'must be in a private Amazon ECR registry, the only kind that Lambda pulls from' };
  }
  if (!repository.split('/').every((part) => repositoryPart.test(part))) {
    return { problem: 'must name a repository in lower case, as ECR does' };
  }
  return { text, registry, accountId, region, repository, tag, digest };
}
