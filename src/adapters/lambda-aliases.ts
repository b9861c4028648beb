import type {
  AliasConfiguration,
  GetProvisionedConcurrencyConfigCommandOutput,
  ListAliasesCommandOutput,
} from '@aws-sdk/client-lambda';
import { DeployError } from '../errors.ts';
import type { AliasState, Attempt, Lambda } from '../world.ts';
import { awsText } from './aws-text.ts';
import type { LambdaCalls } from './lambda-calls.ts';

type AliasCalls = Pick<
  Lambda,
  'lookAtAlias' | 'listAliases' | 'createAlias' | 'updateAlias' | 'provisionedConcurrency' | 'deleteVersion'
>;

/** What the aliases of a function and the versions behind them are worked with. */
export function aliasCalls({ connection, call }: LambdaCalls): AliasCalls {
  return {
    async lookAtAlias(FunctionName, Name, deadline) {
      const { sdk, client } = await connection();
      const answer = await call(FunctionName, deadline, 'read', {
        action: 'lambda:GetAlias',
        failure: 'unexpected',
        send: (abortSignal) => client.send(new sdk.GetAliasCommand({ FunctionName, Name }), { abortSignal }),
        read: toAlias,
      });
      return noneWhenMissing(answer);
    },
    async listAliases(FunctionName, deadline) {
      const { sdk, client } = await connection();
      const aliases: AliasState[] = [];
      let marker: string | undefined;
      do {
        const page = await call(FunctionName, deadline, 'read', {
          action: 'lambda:ListAliases',
          failure: 'unexpected',
          send: (abortSignal) =>
            client.send(new sdk.ListAliasesCommand({ FunctionName, Marker: marker }), { abortSignal }),
          read: ({ Aliases, NextMarker }: ListAliasesCommandOutput) => Aliases && { Aliases, NextMarker },
        });
        if (page.kind !== 'answered') {
          return page;
        }
        aliases.push(...page.value.Aliases.map(toAlias).filter((alias) => alias !== undefined));
        marker = page.value.NextMarker || undefined;
      } while (marker !== undefined);
      return { kind: 'answered', value: aliases };
    },
    async createAlias(FunctionName, Name, FunctionVersion, deadline) {
      const { sdk, client } = await connection();
      return call(FunctionName, deadline, 'write', {
        action: 'lambda:CreateAlias',
        failure: 'version-failed',
        send: (abortSignal) =>
          client.send(new sdk.CreateAliasCommand({ FunctionName, Name, FunctionVersion }), { abortSignal }),
        read: toAlias,
      });
    },
    async updateAlias(FunctionName, Name, { version, weights, revisionId }, deadline) {
      const { sdk, client } = await connection();
      return call(FunctionName, deadline, 'write', {
        action: 'lambda:UpdateAlias',
        failure: 'version-failed',
        send: (abortSignal) =>
          client.send(
            new sdk.UpdateAliasCommand({
              FunctionName,
              Name,
              FunctionVersion: version,
              // Also without any: an update that does not mention weights leaves those that are there.
              RoutingConfig: { AdditionalVersionWeights: { ...weights } },
              RevisionId: revisionId || undefined,
            }),
            { abortSignal },
          ),
        read: toAlias,
        explain: (name, said) => explainMove(name, said, FunctionName, Name),
      });
    },
    async provisionedConcurrency(FunctionName, Qualifier, deadline) {
      const { sdk, client } = await connection();
      const answer = await call(FunctionName, deadline, 'read', {
        action: 'lambda:GetProvisionedConcurrencyConfig',
        failure: 'unexpected',
        send: (abortSignal) =>
          client.send(new sdk.GetProvisionedConcurrencyConfigCommand({ FunctionName, Qualifier }), { abortSignal }),
        read: ({ Status, StatusReason }: GetProvisionedConcurrencyConfigCommandOutput) =>
          Status && { status: awsText(Status), reason: awsText(StatusReason) },
      });
      const found = noneWhenMissing(answer);
      return found.kind === 'answered' ? { kind: 'answered', value: found.value ?? { status: '', reason: '' } } : found;
    },
    async deleteVersion(FunctionName, Qualifier, deadline) {
      const { sdk, client } = await connection();
      return call<true>(FunctionName, deadline, 'write', {
        action: 'lambda:DeleteFunction',
        failure: 'unexpected',
        send: (abortSignal) => client.send(new sdk.DeleteFunctionCommand({ FunctionName, Qualifier }), { abortSignal }),
        read: () => true,
        explain: explainDeletion,
      });
    },
  };
}

/** A function that is there, but has no such thing: the functions themselves have been looked at before. */
function noneWhenMissing<T>(answer: Attempt<T>): Attempt<T | undefined> {
  return answer.kind === 'refused' && answer.error.code === 'not-found'
    ? { kind: 'answered', value: undefined }
    : answer;
}

function toAlias({ Name, AliasArn, FunctionVersion, RoutingConfig, RevisionId }: AliasConfiguration) {
  if (!FunctionVersion) {
    return undefined;
  }
  return {
    name: awsText(Name),
    arn: awsText(AliasArn),
    version: awsText(FunctionVersion),
    weights: { ...RoutingConfig?.AdditionalVersionWeights },
    revisionId: awsText(RevisionId),
  };
}

/** Lambda tells a replica by its sentence only, the same for years (epsagon/clear-lambda-storage#3). */
function explainDeletion(name: string, said: string): DeployError | undefined {
  if (name === 'InvalidParameterValueException' && /\breplicated function\b/.test(said)) {
    return new DeployError('conflict', 'because Lambda@Edge has replicas.', {
      hint: 'Remove it from the distributions that use it. CloudFront deletes the replicas within hours, and a later run the version.',
    });
  }
  return name === 'ResourceConflictException'
    ? new DeployError('conflict', `because it is in use.${said ? ` AWS says: ${said}` : ''}`, {
        hint: 'Check what uses it; a later run deletes it when nothing does.',
      })
    : undefined;
}

function explainMove(name: string, said: string, functionName: string, alias: string): DeployError | undefined {
  const quote = said ? ` AWS says: ${said}` : '';
  if (name === 'PreconditionFailedException') {
    return new DeployError(
      'conflict',
      `Alias ${alias} of function ${functionName} was changed by somebody else.${quote}`,
      {
        hint: 'Give the workflow a concurrency group, then run it again.',
      },
    );
  }
  if (name === 'InvalidParameterValueException') {
    return new DeployError('version-failed', `Alias ${alias} of function ${functionName} cannot be moved so.${quote}`, {
      hint: 'Traffic is shared only between versions with the same role and dead-letter queue: leave traffic-shift out for a release that changes those.',
    });
  }
  return undefined;
}
