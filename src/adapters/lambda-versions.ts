import type {
  FunctionConfiguration,
  GetFunctionCommandOutput,
  ListVersionsByFunctionCommandOutput,
} from '@aws-sdk/client-lambda';
import { DeployError } from '../errors.ts';
import type { Attempt, Lambda, SavePackage, Zip } from '../world.ts';
import { awsText } from './aws-text.ts';
import type { LambdaCalls } from './lambda-calls.ts';

/** A download without a byte for so long is given up, and begun again. */
const mostIdleMs = 15_000;

/** The published versions of a function, and their packages. */
export function versionCalls({
  connection,
  call,
}: LambdaCalls): Pick<Lambda, 'listVersions' | 'listPublished' | 'fetchPackage'> {
  /** Without $LATEST and $LATEST.PUBLISHED, whose code may change. */
  const list = async (functionName: string, deadline: number): Promise<Attempt<FunctionConfiguration[]>> => {
    const { sdk, client } = await connection();
    const versions: FunctionConfiguration[] = [];
    let Marker: string | undefined;
    do {
      const page = await call(functionName, deadline, 'read', {
        action: 'lambda:ListVersionsByFunction',
        failure: 'unexpected',
        send: (abortSignal) =>
          client.send(new sdk.ListVersionsByFunctionCommand({ FunctionName: functionName, Marker }), { abortSignal }),
        read: ({ Versions, NextMarker }: ListVersionsByFunctionCommandOutput) => Versions && { Versions, NextMarker },
      });
      if (page.kind !== 'answered') {
        return page;
      }
      versions.push(...page.value.Versions.filter(({ Version }) => Number(Version) > 0));
      Marker = page.value.NextMarker || undefined;
    } while (Marker !== undefined);
    return { kind: 'answered', value: versions };
  };

  return {
    async listVersions(functionName, deadline) {
      const listed = await list(functionName, deadline);
      return listed.kind === 'answered'
        ? { kind: 'answered', value: listed.value.map(({ Version }) => Number(Version)) }
        : listed;
    },
    async listPublished(functionName, deadline) {
      const listed = await list(functionName, deadline);
      if (listed.kind !== 'answered') {
        return listed;
      }
      const value = listed.value.map(({ Version, CodeSha256, Architectures = [], CodeSize }) => ({
        version: awsText(Version),
        codeSha256: awsText(CodeSha256),
        architectures: Architectures.map((one) => awsText(one)),
        bytes: CodeSize ?? Number.POSITIVE_INFINITY,
      }));
      return { kind: 'answered', value };
    },
    async fetchPackage(functionName, version, save, deadline) {
      const { sdk, client } = await connection();
      // As long as bytes come, it may take all the time that is left.
      return call<Zip>(functionName, deadline, Math.max(mostIdleMs, deadline - performance.now()), {
        action: 'lambda:GetFunction',
        failure: 'rollback-failed',
        send: async (abortSignal) => {
          const { Code }: GetFunctionCommandOutput = await client.send(
            new sdk.GetFunctionCommand({ FunctionName: functionName, Qualifier: version }),
            { abortSignal },
          );
          return download(Code?.Location ?? '', save, abortSignal);
        },
        read: (zip: Zip | undefined) => zip,
      });
    },
  };
}

/** A presigned URL: nothing of it, and nothing that fetch says about it, goes any further. */
async function download(url: string, save: SavePackage, signal: AbortSignal): Promise<Zip | undefined> {
  const idle = new AbortController();
  const timer = setTimeout(() => idle.abort(), mostIdleMs);
  async function* asTheyCome(body: AsyncIterable<Uint8Array>) {
    for await (const piece of body) {
      timer.refresh();
      yield piece;
    }
  }
  try {
    const answer = await fetch(url, { redirect: 'error', signal: AbortSignal.any([signal, idle.signal]) });
    if (answer.status >= 400 && answer.status < 500 && ![408, 429].includes(answer.status)) {
      throw new DeployError('rollback-failed', `S3 refused to hand out the package (HTTP ${answer.status}).`, {
        hint: 'Check that this job may reach the S3 bucket of Lambda, or use an alias: then every release can be rolled back.',
      });
    }
    return answer.ok && answer.body !== null ? await save(asTheyCome(answer.body)) : undefined;
  } catch (error) {
    if (error instanceof DeployError) {
      throw error;
    }
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
