import type {
  FunctionConfiguration,
  GetFunctionCommandOutput,
  ListVersionsByFunctionCommandOutput,
} from '@aws-sdk/client-lambda';
import { DeployError } from '../errors.ts';
import { functionArn, parseFunctionRef } from '../lambda/function-ref.ts';
import type { Attempt, CodeChange, FunctionState, Lambda, Wait, Waited } from '../world.ts';
import { attempt, type Call } from './attempt.ts';
import { clientSettings, once } from './client-settings.ts';
import { guardedWait } from './guarded-wait.ts';
import { createPacer } from './pacer.ts';

const readPatienceMs = 10_000;
const writePatienceMs = 15_000;

/** A wait ends about a third of a second late at the worst. */
const pace = { minDelay: 0.26, maxDelay: 0.36 };
/** Between two looks at one function, also where one wait follows another: no more than four a second. */
const sameFunctionIntervalMs = 260;

// Quotas per account and Region: GetFunction 100 a second, the rest of the control plane 15 together
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html). Other jobs want some of it.
const lookIntervalMs = 50;
const otherIntervalMs = 90;

/** How long a version may be unknown to reads after it was published. */
const visibleWithinMs = 10_000;

export function connectLambda(region: string, cancelled: AbortSignal): Lambda {
  const connection = once(async () => {
    const sdk = await import(/* webpackMode: "eager" */ './lambda-sdk.ts');
    return { sdk, client: new sdk.LambdaClient(clientSettings(region)) };
  });
  /** As Lambda told them, so that a hint can name the whole ARN. */
  const arns = new Map<string, string>();
  const lookTurn = createPacer(lookIntervalMs, cancelled);
  const functionTurns = new Map<string, () => Promise<void>>();
  const otherTurn = createPacer(otherIntervalMs, cancelled);

  const call = <T>(
    functionName: string,
    deadline: number,
    patienceMs: number,
    rest: Pick<Call<T>, 'action' | 'failure' | 'send' | 'read'> & Partial<Call<T>>,
  ): Promise<Attempt<T>> => {
    const ref = parseFunctionRef(functionName);
    const resource = arns.get(functionName) ?? (ref ? functionArn(ref, region) : functionName);
    return attempt<T>(
      { subject: `Function ${ref?.name ?? functionName}`, resource, ...rest },
      { patienceMs, deadline, cancelled },
    );
  };

  const get = async (
    functionName: string,
    qualifier: string | undefined,
    deadline: number,
  ): Promise<Attempt<FunctionState>> => {
    const { sdk, client } = await connection();
    const functionTurn = functionTurns.get(functionName) ?? createPacer(sameFunctionIntervalMs, cancelled);
    functionTurns.set(functionName, functionTurn);
    await functionTurn();
    await lookTurn();
    const answer = await call(functionName, deadline, readPatienceMs, {
      action: 'lambda:GetFunction',
      failure: 'unexpected',
      send: (abortSignal) =>
        client.send(new sdk.GetFunctionCommand({ FunctionName: functionName, Qualifier: qualifier }), { abortSignal }),
      read: ({ Configuration, Code }: GetFunctionCommandOutput) => toState(Configuration, Code),
    });
    if (answer.kind === 'answered' && qualifier === undefined && answer.value.arn !== '') {
      arns.set(functionName, answer.value.arn);
    }
    return answer;
  };

  const update = async (
    functionName: string,
    change: CodeChange,
    dryRun: boolean,
    deadline: number,
  ): Promise<Attempt<FunctionState>> => {
    const { sdk, client } = await connection();
    await otherTurn();
    return call(functionName, deadline, writePatienceMs, {
      action: 'lambda:UpdateFunctionCode',
      failure: 'update-failed',
      send: (abortSignal) =>
        client.send(
          new sdk.UpdateFunctionCodeCommand({
            FunctionName: functionName,
            ImageUri: change.imageUri,
            Architectures: change.architecture === undefined ? undefined : [change.architecture as 'arm64'],
            RevisionId: change.revisionId,
            DryRun: dryRun || undefined,
          }),
          { abortSignal },
        ),
      read: (configuration: FunctionConfiguration) => toState(configuration),
      explain: (name, said) => explainUpdate(name, said, functionName, change),
    });
  };

  const wait = async (
    functionName: string,
    qualifier: string | undefined,
    waiter: 'waitUntilFunctionUpdatedV2' | 'waitUntilFunctionActiveV2',
    waiting: Wait<FunctionState>,
    isVisible: (answer: Attempt<FunctionState>) => boolean,
  ): Promise<Waited<FunctionState>> => {
    const { sdk } = await connection();
    return guardedWait({
      waiter: sdk[waiter],
      input: { FunctionName: functionName, Qualifier: qualifier },
      look: async () => {
        const answer = await get(functionName, qualifier, waiting.deadline);
        return isVisible(answer) ? answer : { kind: 'unanswered', reason: 'not visible yet', retryAfterMs: 0 };
      },
      wait: waiting,
      pace,
      cancelled,
    });
  };

  return {
    look: (functionName, deadline) => get(functionName, undefined, deadline),
    checkUpdate: (functionName, change, deadline) => update(functionName, change, true, deadline),
    updateCode: (functionName, change, deadline) => update(functionName, change, false, deadline),
    waitForUpdate: (functionName, waiting) =>
      wait(functionName, undefined, 'waitUntilFunctionUpdatedV2', waiting, () => true),
    waitForVersion: (functionName, version, waiting) => {
      const patientUntil = performance.now() + visibleWithinMs;
      // GetFunction with a qualifier stays in the quota of 100 a second; waitUntilPublishedVersionActive does not.
      return wait(functionName, version, 'waitUntilFunctionActiveV2', waiting, (answer) => {
        const isMissing = answer.kind === 'refused' && answer.error.code === 'not-found';
        return !isMissing || performance.now() > patientUntil;
      });
    },
    publishVersion: async (functionName, { codeSha256, description }, deadline) => {
      const { sdk, client } = await connection();
      await otherTurn();
      return call(functionName, deadline, writePatienceMs, {
        action: 'lambda:PublishVersion',
        failure: 'version-failed',
        send: (abortSignal) =>
          client.send(
            new sdk.PublishVersionCommand({
              FunctionName: functionName,
              CodeSha256: codeSha256 || undefined,
              Description: description,
            }),
            { abortSignal },
          ),
        read: (configuration: FunctionConfiguration) => (configuration.Version ? toState(configuration) : undefined),
        explain: (name, said) => explainPublish(name, said, functionName),
      });
    },
    newestVersion: async (functionName, deadline) => {
      const { sdk, client } = await connection();
      let newest = 0;
      let marker: string | undefined;
      do {
        await otherTurn();
        const page = await call(functionName, deadline, readPatienceMs, {
          action: 'lambda:ListVersionsByFunction',
          failure: 'unexpected',
          send: (abortSignal) =>
            client.send(new sdk.ListVersionsByFunctionCommand({ FunctionName: functionName, Marker: marker }), {
              abortSignal,
            }),
          read: ({ Versions, NextMarker }: ListVersionsByFunctionCommandOutput) => Versions && { Versions, NextMarker },
        });
        if (page.kind !== 'answered') {
          return page;
        }
        for (const { Version } of page.value.Versions) {
          newest = Math.max(newest, Number(Version) || 0);
        }
        marker = page.value.NextMarker || undefined;
      } while (marker !== undefined);
      return { kind: 'answered', value: newest === 0 ? undefined : String(newest) };
    },
  };
}

/** An answer that does not even say which function it speaks of is none, such as the empty body of a broken proxy. */
function toState(
  configuration: FunctionConfiguration | undefined,
  code?: GetFunctionCommandOutput['Code'],
): FunctionState | undefined {
  const { FunctionArn = '', FunctionName = '' } = configuration ?? {};
  if (configuration === undefined || FunctionArn + FunctionName === '') {
    return undefined;
  }
  const text = (field: keyof FunctionConfiguration) => String(configuration[field] ?? '');
  return {
    arn: FunctionArn,
    version: text('Version'),
    state: text('State'),
    stateReasonCode: text('StateReasonCode'),
    stateReason: text('StateReason'),
    lastUpdateStatus: text('LastUpdateStatus'),
    lastUpdateStatusReasonCode: text('LastUpdateStatusReasonCode'),
    lastUpdateStatusReason: text('LastUpdateStatusReason'),
    codeSha256: text('CodeSha256'),
    revisionId: text('RevisionId'),
    packageType: text('PackageType'),
    architectures: configuration.Architectures ?? [],
    imageUri: code?.ImageUri ?? '',
    resolvedImageUri: code?.ResolvedImageUri ?? '',
  };
}

function explainUpdate(name: string, said: string, functionName: string, change: CodeChange): DeployError | undefined {
  if (name === 'PreconditionFailedException') {
    return new DeployError(
      'conflict',
      `Function ${functionName} does not have revision-id ${change.revisionId ?? ''} any more (${name}).`,
      {
        hint: 'Somebody changed it since that revision was read: look at the change, then run this again with the new revision.',
      },
    );
  }
  if (name === 'InvalidParameterValueException') {
    return new DeployError(
      'image-rejected',
      `Lambda rejected ${change.imageUri} for function ${functionName} (${name}). AWS says: ${said}`,
      {
        hint: 'See that the tag or digest is in that repository, that Lambda may pull it, and that it was built for one platform without attestations (docker buildx build --platform linux/amd64 or linux/arm64, --provenance=false --sbom=false).',
      },
    );
  }
  // Lambda's own right to the image, not the caller's to Lambda; the same error name, so only the sentence tells.
  if (name === 'AccessDeniedException' && /\bECR\b/.test(said)) {
    return new DeployError(
      'access-denied',
      `Lambda may not pull ${change.imageUri} for function ${functionName} (${name}). AWS says: ${said}`,
      {
        hint: `Allow lambda.amazonaws.com ecr:BatchGetImage and ecr:GetDownloadUrlForLayer in the policy of that ECR repository, or let the role of this job set it (ecr:GetRepositoryPolicy, ecr:SetRepositoryPolicy).`,
      },
    );
  }
  if (name === 'CodeStorageExceededException') {
    return new DeployError(
      'update-failed',
      `The account has no code storage left for function ${functionName} (${name}).`,
      {
        hint: 'Delete versions that nothing uses, or ask for a higher quota of function and layer storage.',
      },
    );
  }
  return undefined;
}

function explainPublish(name: string, said: string, functionName: string): DeployError | undefined {
  if (name === 'InvalidParameterValueException' || name === 'PreconditionFailedException') {
    return new DeployError(
      'conflict',
      `Function ${functionName} no longer holds the code this run deployed, so it was not published (${name}). AWS says: ${said}`,
      {
        hint: 'Somebody else deployed at the same time. Give the workflow a concurrency group, then run it again.',
      },
    );
  }
  return undefined;
}
