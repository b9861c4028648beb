import type { FunctionConfiguration, GetFunctionCommandOutput } from '@aws-sdk/client-lambda';
import { DeployError, type ErrorCode } from '../errors.ts';
import { functionArn, parseFunctionRef } from '../lambda/function-ref.ts';
import { patientWithNew } from '../retry.ts';
import type { Attempt, CodeChange, FunctionState, FunctionTraits, Lambda, Wait, Waited } from '../world.ts';
import { attempt, type Call } from './attempt.ts';
import { awsText } from './aws-text.ts';
import { clientSettings, once } from './client-settings.ts';
import { guardedWait } from './guarded-wait.ts';
import { aliasCalls } from './lambda-aliases.ts';
import type { LambdaCalls } from './lambda-calls.ts';
import { invokeCall } from './lambda-invoke.ts';
import { versionCalls } from './lambda-versions.ts';
import { createPacer } from './pacer.ts';
import { patienceFor } from './upload-progress.ts';
import { streamZip } from './zip-body.ts';

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

export function connectLambda(region: string, cancelled: AbortSignal): Lambda {
  const connection = once(async () => {
    const sdk = await import(/* webpackMode: "eager" */ './lambda-sdk.ts');
    return { sdk, client: new sdk.LambdaClient(clientSettings(region)) };
  });
  const invoking = once(async () => {
    const { sdk } = await connection();
    return { sdk, client: new sdk.LambdaClient(clientSettings(region, { maxSockets: Number.POSITIVE_INFINITY })) };
  });
  /** As Lambda told them, so that a hint can name the whole ARN. */
  const arns = new Map<string, string>();
  const lookTurn = createPacer(lookIntervalMs, cancelled);
  const functionTurns = new Map<string, (deadline: number) => Promise<void>>();
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

  const paced: LambdaCalls = {
    connection,
    invoking,
    async call(functionName, deadline, patience, rest) {
      const patienceMs = { read: readPatienceMs, write: writePatienceMs };
      // Invocations have a quota of their own, and are to run at the same time.
      if (typeof patience === 'number') {
        return call(functionName, deadline, patience, rest);
      }
      await otherTurn(deadline);
      return call(functionName, deadline, patienceMs[patience], rest);
    },
  };

  const get = async (
    functionName: string,
    qualifier: string | undefined,
    deadline: number,
  ): Promise<Attempt<FunctionState>> => {
    const { sdk, client } = await connection();
    const functionTurn = functionTurns.get(functionName) ?? createPacer(sameFunctionIntervalMs, cancelled);
    functionTurns.set(functionName, functionTurn);
    await functionTurn(deadline);
    await lookTurn(deadline);
    const answer = await call(functionName, deadline, readPatienceMs, {
      action: 'lambda:GetFunction',
      failure: 'unexpected',
      send: (abortSignal) =>
        client.send(new sdk.GetFunctionCommand({ FunctionName: functionName, Qualifier: qualifier }), { abortSignal }),
      read: ({ Configuration, Code, Concurrency }: GetFunctionCommandOutput) =>
        toState(Configuration, { Code, Concurrency }),
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
    await otherTurn(deadline);
    const patienceMs = change.code.kind === 'zip' ? patienceFor(change.code.bytes) : writePatienceMs;
    return call(functionName, deadline, patienceMs, {
      action: 'lambda:UpdateFunctionCode',
      failure: 'update-failed',
      send: (abortSignal, goesOn) => {
        const command = new sdk.UpdateFunctionCodeCommand({
          FunctionName: functionName,
          ...toInput(change),
          Architectures: change.architecture === undefined ? undefined : [change.architecture as 'arm64'],
          RevisionId: change.revisionId,
          DryRun: dryRun || undefined,
        });
        return client.send(change.code.kind === 'zip' ? streamZip(command, change.code, goesOn) : command, {
          abortSignal,
        });
      },
      read: (configuration: FunctionConfiguration) => toState(configuration),
      explain: (name, said) => explainUpdate(name, said, functionName, change),
    });
  };

  const wait = async (
    functionName: string,
    qualifier: string | undefined,
    waiter: 'waitUntilFunctionUpdatedV2' | 'waitUntilFunctionActiveV2',
    waiting: Wait<FunctionState>,
    see: (answer: Attempt<FunctionState>) => Attempt<FunctionState>,
  ): Promise<Waited<FunctionState>> => {
    const { sdk } = await connection();
    return guardedWait({
      waiter: sdk[waiter],
      input: { FunctionName: functionName, Qualifier: qualifier },
      look: async () => see(await get(functionName, qualifier, waiting.deadline)),
      wait: waiting,
      pace,
      cancelled,
    });
  };

  return {
    ...aliasCalls(paced),
    ...invokeCall(paced),
    ...versionCalls(paced),
    lookAtVersion: get,
    look: (functionName, deadline) => get(functionName, undefined, deadline),
    checkUpdate: (functionName, change, deadline) => update(functionName, change, true, deadline),
    updateCode: (functionName, change, deadline) => update(functionName, change, false, deadline),
    waitForUpdate: (functionName, waiting) =>
      wait(functionName, undefined, 'waitUntilFunctionUpdatedV2', waiting, (answer) => answer),
    // GetFunction with a qualifier stays in the quota of 100 a second; waitUntilPublishedVersionActive does not.
    waitForVersion: (functionName, version, waiting) =>
      wait(
        functionName,
        version,
        'waitUntilFunctionActiveV2',
        waiting,
        patientWithNew(() => performance.now()),
      ),
    publishVersion: async (functionName, { codeSha256, description, isLatestPublished, revisionId }, deadline) => {
      const { sdk, client } = await connection();
      await otherTurn(deadline);
      return call(functionName, deadline, writePatienceMs, {
        action: 'lambda:PublishVersion',
        failure: 'version-failed',
        send: (abortSignal) =>
          client.send(
            new sdk.PublishVersionCommand({
              FunctionName: functionName,
              CodeSha256: codeSha256 || undefined,
              Description: description,
              PublishTo: isLatestPublished ? 'LATEST_PUBLISHED' : undefined,
              RevisionId: revisionId || undefined,
            }),
            { abortSignal },
          ),
        read: (configuration: FunctionConfiguration) => (configuration.Version ? toState(configuration) : undefined),
        explain: (name, said) => explainPublish(name, said, functionName),
      });
    },
  };
}

/** An answer that says nothing is none, such as the empty body of a broken proxy. */
function toState(
  configuration: FunctionConfiguration | undefined,
  { Code, Concurrency }: Pick<GetFunctionCommandOutput, 'Code' | 'Concurrency'> = {},
): FunctionState | undefined {
  const { FunctionArn, FunctionName, CodeSha256, LastUpdateStatus, RevisionId } = configuration ?? {};
  if (configuration === undefined || !(FunctionArn || FunctionName || CodeSha256 || LastUpdateStatus || RevisionId)) {
    return undefined;
  }
  const text = (field: keyof FunctionConfiguration) => awsText(configuration[field]);
  return {
    arn: text('FunctionArn'),
    version: text('Version'),
    state: text('State'),
    stateReasonCode: text('StateReasonCode'),
    stateReason: text('StateReason'),
    lastUpdateStatus: text('LastUpdateStatus'),
    lastUpdateStatusReasonCode: text('LastUpdateStatusReasonCode'),
    lastUpdateStatusReason: text('LastUpdateStatusReason'),
    codeSha256: text('CodeSha256'),
    revisionId: text('RevisionId'),
    description: text('Description'),
    snapStart:
      configuration.SnapStart?.ApplyOn === 'PublishedVersions'
        ? awsText(configuration.SnapStart.OptimizationStatus)
        : '',
    packageType: text('PackageType'),
    architectures: (configuration.Architectures ?? []).map((one) => awsText(one)),
    imageUri: awsText(Code?.ImageUri),
    resolvedImageUri: awsText(Code?.ResolvedImageUri),
    traits: toTraits(configuration, { Code, Concurrency }),
  };
}

function toTraits(
  { Timeout, CapacityProviderConfig, DurableConfig, TenancyConfig }: FunctionConfiguration,
  { Code, Concurrency }: Pick<GetFunctionCommandOutput, 'Code' | 'Concurrency'>,
): FunctionTraits {
  const { S3Bucket, S3Key, S3ObjectVersion } = Code?.ResolvedS3Object ?? {};
  return {
    timeout: Timeout,
    capacityProvider: awsText(
      CapacityProviderConfig?.LambdaManagedInstancesCapacityProviderConfig?.CapacityProviderArn,
    ),
    executionTimeout: DurableConfig?.ExecutionTimeout,
    tenantIsolation: awsText(TenancyConfig?.TenantIsolationMode),
    reservedConcurrency: Concurrency?.ReservedConcurrentExecutions,
    sourceKmsKey: awsText(Code?.SourceKMSKeyArn),
    s3Object: S3Bucket && S3Key ? { bucket: S3Bucket, key: S3Key, version: S3ObjectVersion } : undefined,
  };
}

/** What is left out is not kept: Lambda goes back to its own key and to a copy (UpdateFunctionCode of its API). */
function toInput({ code, sourceKmsKey, byReference }: CodeChange) {
  const SourceKMSKeyArn = sourceKmsKey || undefined;
  switch (code.kind) {
    case 'image':
      return { ImageUri: code.imageUri };
    case 's3':
      return {
        S3Bucket: code.bucket,
        S3Key: code.key,
        S3ObjectVersion: code.version,
        S3ObjectStorageMode: byReference ? ('REFERENCE' as const) : undefined,
        SourceKMSKeyArn,
      };
    case 'zip':
      return { SourceKMSKeyArn };
  }
}

function explainUpdate(
  name: string,
  said: string,
  functionName: string,
  { code, revisionId }: CodeChange,
): DeployError | undefined {
  const explain = (errorCode: ErrorCode, message: string, hint: string) =>
    new DeployError(errorCode, `${message} (${name}).${said ? ` AWS says: ${said}` : ''}`, { hint });
  const what = code.kind === 'image' ? code.imageUri : 'the package';

  if (name === 'PreconditionFailedException') {
    return explain(
      'conflict',
      `Function ${functionName} does not have revision-id ${revisionId ?? ''} any more`,
      'Somebody changed it since that revision was read: look at the change, then run this again with the new revision.',
    );
  }
  if (name === 'InvalidParameterValueException') {
    return code.kind === 'image'
      ? explain(
          'image-rejected',
          `Lambda rejected ${what} for function ${functionName}`,
          'See that the tag or digest is in that repository, that Lambda may pull it, and that it was built for one platform without attestations (docker buildx build --platform linux/amd64 or linux/arm64, --provenance=false --sbom=false).',
        )
      : explain(
          'update-failed',
          `Lambda rejected ${what} for function ${functionName}`,
          'See the reason AWS gives: the package must be a zip that Lambda can open, and in S3 a bucket in the same Region that the role of this job may read.',
        );
  }
  // Lambda's own right to the image, not the caller's to Lambda; the same error name, so only the sentence tells.
  if (name === 'AccessDeniedException' && /\bECR\b/.test(said)) {
    return explain(
      'access-denied',
      `Lambda may not pull ${what} for function ${functionName}`,
      'Allow lambda.amazonaws.com ecr:BatchGetImage and ecr:GetDownloadUrlForLayer in the policy of that ECR repository, or let the role of this job set it (ecr:GetRepositoryPolicy, ecr:SetRepositoryPolicy).',
    );
  }
  // The same with the caller's right to the package in S3, which Lambda reads in the caller's name.
  if (name === 'AccessDeniedException' && code.kind === 's3' && /\bS3\b/.test(said)) {
    const action = code.version === undefined ? 's3:GetObject' : 's3:GetObjectVersion';
    return explain(
      'access-denied',
      `The package for function ${functionName} could not be read`,
      `Allow ${action} on arn:*:s3:::${code.bucket}/${code.key} to the role of this job.`,
    );
  }
  if (name === 'CodeStorageExceededException') {
    return explain(
      'update-failed',
      `The account has no code storage left for function ${functionName}`,
      'Delete versions that nothing uses, or ask for a higher quota of function and layer storage.',
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
