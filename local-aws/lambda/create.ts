import { type Input, type Reply, recordOf, textOf } from '../api.ts';
import type { Outcome } from '../faults.ts';
import { readCode } from './code.ts';
import { latestDocument } from './documents.ts';
import { LambdaErrors } from './errors.ts';
import { startCreation } from './function-state.ts';
import { readIdentifier } from './identifiers.ts';
import { newFunction } from './new-function.ts';
import { json, type LambdaStore } from './store.ts';
import { readArchitecture, readSettings } from './update.ts';

export function createFunction(store: LambdaStore, input: Input, outcome: Outcome | undefined): Reply {
  const { name } = readIdentifier(input, store.home);
  if (store.functions.has(name)) throw LambdaErrors.conflict(`Function already exist: ${name}`);
  const packageType = textOf(input, 'PackageType') === 'Image' ? 'Image' : 'Zip';
  const code = readCode(recordOf(input, 'Code') ?? {}, packageType, readArchitecture(input, 'x86_64'), store);
  const fn = newFunction(name, packageType, code, readSettings(input));
  store.functions.set(name, fn);
  startCreation(store, fn, outcome);
  return json(201, latestDocument(store.home, fn), true);
}
