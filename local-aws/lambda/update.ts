import { type Input, type Reply, textOf } from '../api.ts';
import type { Outcome } from '../faults.ts';
import { readCode } from './code.ts';
import { latestDocument, versionDocument } from './documents.ts';
import { LambdaErrors } from './errors.ts';
import { type LambdaFunction, refuseUpdate, startUpdate } from './function-state.ts';
import { findUnqualified, json, type LambdaStore } from './store.ts';

export function updateFunctionCode(store: LambdaStore, input: Input, outcome: Outcome | undefined): Reply {
  const { fn, arn } = findUnqualified(store, input);
  const code = readCode(input, fn.packageType, readArchitecture(input, fn.code.architecture), store);
  refuseUpdate(fn, arn);
  requireRevision(fn, input);
  if (input.DryRun === true) {
    return json(200, { ...latestDocument(store.home, fn), CodeSha256: code.codeSha256, CodeSize: code.codeSize });
  }
  const version = startUpdate(store, fn, { code, publish: input.Publish === true }, outcome);
  const document = version === undefined ? latestDocument(store.home, fn) : versionDocument(store.home, fn, version);
  return json(200, document, true);
}

/** What the configuration may hold here; everything is shown again as it came. */
const SETTINGS = [
  'Role',
  'Handler',
  'Description',
  'Timeout',
  'MemorySize',
  'VpcConfig',
  'Environment',
  'Runtime',
  'DeadLetterConfig',
  'KMSKeyArn',
  'TracingConfig',
  'Layers',
  'FileSystemConfigs',
  'ImageConfig',
  'EphemeralStorage',
  'SnapStart',
  'LoggingConfig',
];

export function updateFunctionConfiguration(store: LambdaStore, input: Input, outcome: Outcome | undefined): Reply {
  const { fn, arn } = findUnqualified(store, input);
  refuseUpdate(fn, arn);
  requireRevision(fn, input);
  startUpdate(store, fn, { configuration: { ...fn.configuration, ...readSettings(input) } }, outcome);
  return json(200, latestDocument(store.home, fn), true);
}

export function readSettings(input: Input): Input {
  return Object.fromEntries(SETTINGS.filter((name) => input[name] !== undefined).map((name) => [name, input[name]]));
}

export function readArchitecture(input: Input, current: string): string {
  const { Architectures } = input;
  if (!Array.isArray(Architectures) || Architectures.length === 0) return current;
  const [architecture] = Architectures as string[];
  if (architecture === 'x86_64' || architecture === 'arm64') return architecture;
  throw LambdaErrors.validation(
    `[${architecture}]`,
    'architectures',
    'Member must satisfy enum value set: [x86_64, arm64]',
  );
}

export function requireRevision(fn: LambdaFunction, input: Input): void {
  const wanted = textOf(input, 'RevisionId');
  if (wanted !== undefined && wanted !== fn.revisionId) throw LambdaErrors.revision('Function');
}
