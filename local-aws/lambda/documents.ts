import type { Code } from './code.ts';
import {
  type Alias,
  type Configuration,
  hasSnapStart,
  type LambdaFunction,
  type LatestPublished,
  type Reason,
  type State,
  type Version,
  weightsOf,
} from './function-state.ts';
import { functionArn, type Home } from './identifiers.ts';
import { snapshotPath } from './snapshots.ts';

/** $LATEST as a FunctionConfiguration; `qualifier` only when the caller gave one. */
export function latestDocument(home: Home, fn: LambdaFunction, qualifier?: string): Record<string, unknown> {
  return {
    ...commonFields(fn, fn.code, fn.configuration),
    FunctionArn: functionArn(home, fn.name, qualifier),
    Version: '$LATEST',
    LastModified: timestamp(fn.lastModified),
    RevisionId: fn.revisionId,
    State: fn.state,
    ...reasonFields('State', fn.stateReason),
    LastUpdateStatus: fn.lastUpdateStatus,
    ...reasonFields('LastUpdateStatus', fn.lastUpdateReason),
  };
}

/** A version as a FunctionConfiguration; with an alias as qualifier the ARN names the alias. */
export function versionDocument(
  home: Home,
  fn: LambdaFunction,
  version: Version,
  qualifier = version.version,
): Record<string, unknown> {
  return {
    ...commonFields(fn, version.code, version.configuration),
    FunctionArn: functionArn(home, fn.name, qualifier),
    Version: version.version,
    LastModified: timestamp(version.lastModified),
    RevisionId: version.revisionId,
    State: version.state,
    ...reasonFields('State', version.stateReason),
    // Versions are never updated: this is Successful even while State is Pending, and no sign of readiness.
    LastUpdateStatus: 'Successful',
    SnapStart: snapStartOf(version.configuration, version.state),
  };
}

/** `$LATEST.PUBLISHED` as a FunctionConfiguration; unlike a version with a number, it is updated. */
export function latestPublishedDocument(
  home: Home,
  fn: LambdaFunction,
  latest: LatestPublished,
): Record<string, unknown> {
  return {
    ...versionDocument(home, fn, latest),
    LastUpdateStatus: latest.lastUpdateStatus,
    ...reasonFields('LastUpdateStatus', latest.lastUpdateReason),
  };
}

export function aliasDocument(home: Home, fn: LambdaFunction, alias: Alias): Record<string, unknown> {
  const weights = weightsOf(alias);
  return {
    AliasArn: functionArn(home, fn.name, alias.name),
    Name: alias.name,
    FunctionVersion: alias.version,
    Description: alias.description,
    ...(Object.keys(weights).length > 0 && { RoutingConfig: { AdditionalVersionWeights: weights } }),
    RevisionId: alias.revisionId,
  };
}

/** The Code member of GetFunction: where the code came from, and for packages where it can be had. */
export function codeLocation(url: string, fn: LambdaFunction, code: Code): Record<string, unknown> {
  if (code.image !== undefined) {
    return { RepositoryType: 'ECR', ImageUri: code.image.uri, ResolvedImageUri: code.image.resolvedUri };
  }
  const { sourceKmsKey, s3Object } = code;
  return {
    RepositoryType: 'S3',
    Location: `${url}${snapshotPath(fn, code)}`,
    ...(sourceKmsKey !== undefined && { SourceKMSKeyArn: sourceKmsKey }),
    ...(s3Object !== undefined && { ResolvedS3Object: s3Object }),
  };
}

function commonFields(fn: LambdaFunction, code: Code, configuration: Configuration): Record<string, unknown> {
  return {
    FunctionName: fn.name,
    Description: '',
    Timeout: 3,
    MemorySize: 128,
    TracingConfig: { Mode: 'PassThrough' },
    EphemeralStorage: { Size: 512 },
    LoggingConfig: { LogFormat: 'Text', LogGroup: `/aws/lambda/${fn.name}` },
    ...configuration,
    SnapStart: snapStartOf(configuration),
    PackageType: fn.packageType,
    Architectures: [code.architecture],
    CodeSize: code.codeSize,
    CodeSha256: code.codeSha256,
  };
}

/** Optimised is only a published version, once it is Active. */
function snapStartOf(configuration: Configuration, state?: State): Record<string, string> {
  const ApplyOn = hasSnapStart(configuration) ? 'PublishedVersions' : 'None';
  return { ApplyOn, OptimizationStatus: ApplyOn !== 'None' && state === 'Active' ? 'On' : 'Off' };
}

function reasonFields(prefix: 'State' | 'LastUpdateStatus', reason: Reason | undefined): Record<string, string> {
  return reason === undefined ? {} : { [`${prefix}Reason`]: reason.text, [`${prefix}ReasonCode`]: reason.code };
}

/** Lambda writes offsets as `+0000`. */
export function timestamp(date: Date): string {
  return date.toISOString().replace('Z', '+0000');
}
