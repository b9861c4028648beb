import { type ApiRequest, type Input, type Operation, type Reply, recordOf, type Service, textOf } from '../api.ts';
import type { Outcome } from '../faults.ts';
import { restRoutes } from '../rest-routes.ts';
import { createAlias, deleteAlias, getAlias, listAliases, updateAlias } from './aliases.ts';
import { createFunction } from './create.ts';
import { LambdaErrors, standardErrors, toErrorReply } from './errors.ts';
import { functionArn, nameIn } from './identifiers.ts';
import { invoke } from './invoke.ts';
import { getFunction, getFunctionConfiguration, listFunctions, listVersionsByFunction } from './look.ts';
import { deleteProvisioned, getProvisioned, listProvisioned, putProvisioned } from './provisioned.ts';
import type { LambdaStore } from './store.ts';
import { updateFunctionCode, updateFunctionConfiguration } from './update.ts';
import { deleteFunction, publishVersion } from './versions.ts';

type Run = (store: LambdaStore, input: Input, outcome: Outcome | undefined) => Reply;

const ALL = '/2015-03-31/functions';
const ONE = `${ALL}/{FunctionName}`;
const PROVISIONED = '/2019-09-30/functions/{FunctionName}/provisioned-concurrency';

const OPERATIONS: [action: string, method: string, path: string, run: Run][] = [
  ['ListFunctions', 'GET', ALL, listFunctions],
  ['CreateFunction', 'POST', ALL, createFunction],
  ['GetFunction', 'GET', ONE, getFunction],
  ['DeleteFunction', 'DELETE', ONE, deleteFunction],
  ['GetFunctionConfiguration', 'GET', `${ONE}/configuration`, getFunctionConfiguration],
  ['UpdateFunctionConfiguration', 'PUT', `${ONE}/configuration`, updateFunctionConfiguration],
  ['UpdateFunctionCode', 'PUT', `${ONE}/code`, updateFunctionCode],
  ['PublishVersion', 'POST', `${ONE}/versions`, publishVersion],
  ['ListVersionsByFunction', 'GET', `${ONE}/versions`, listVersionsByFunction],
  ['CreateAlias', 'POST', `${ONE}/aliases`, createAlias],
  ['ListAliases', 'GET', `${ONE}/aliases`, listAliases],
  ['GetAlias', 'GET', `${ONE}/aliases/{Name}`, getAlias],
  ['UpdateAlias', 'PUT', `${ONE}/aliases/{Name}`, updateAlias],
  ['DeleteAlias', 'DELETE', `${ONE}/aliases/{Name}`, deleteAlias],
  ['ListProvisionedConcurrencyConfigs', 'GET', `${PROVISIONED}?List=ALL`, listProvisioned],
  ['GetProvisionedConcurrencyConfig', 'GET', PROVISIONED, getProvisioned],
  ['PutProvisionedConcurrencyConfig', 'PUT', PROVISIONED, putProvisioned],
  ['DeleteProvisionedConcurrencyConfig', 'DELETE', PROVISIONED, deleteProvisioned],
  ['Invoke', 'POST', `${ONE}/invocations`, invoke],
];

export function lambdaService(store: LambdaStore): Service {
  const operations = OPERATIONS.map(
    ([action, method, path, run]): Operation => ({
      action,
      iamAction: action === 'Invoke' ? 'lambda:InvokeFunction' : `lambda:${action}`,
      method,
      path,
      alsoNeeds: (input) => (input.Publish === true ? ['lambda:PublishVersion'] : []),
      resourceOf: (input) => ({ name: nameIn(input), arn: functionArn(store.home, nameIn(input)) }),
      prepare: (input) => prepare(store, input),
      run: (input, outcome) => run(store, input, outcome),
    }),
  );
  return {
    name: 'lambda',
    operations,
    match: restRoutes(operations),
    readInput,
    toErrorReply,
    errors: standardErrors,
  };
}

/** An image in a real registry is looked up there, each time. */
async function prepare(store: LambdaStore, input: Input): Promise<void> {
  const uri = textOf(recordOf(input, 'Code') ?? input, 'ImageUri');
  if (uri !== undefined) await store.images.refresh(uri);
}

/** For what AWS calls synchronous: everything but invocations, which have limits of their own. */
const MOST_BYTES = 70_167_211;

/** Path, query and body under the API's names; an invocation's body is the function's own business. */
function readInput(request: ApiRequest, operation: Operation, params: Record<string, string>): Input {
  const input: Input = { ...Object.fromEntries(request.query), ...params };
  if (operation.action !== 'Invoke') {
    if (request.size > MOST_BYTES) throw LambdaErrors.tooLarge(MOST_BYTES, operation.action);
    return { ...readBody(request.body), ...input };
  }
  return {
    ...input,
    InvocationType: request.headers['x-amz-invocation-type'],
    LogType: request.headers['x-amz-log-type'],
    Payload: request.body.toString(),
  };
}

function readBody(body: Buffer): Input {
  if (body.length === 0) return {};
  try {
    return JSON.parse(body.toString()) as Input;
  } catch (cause) {
    throw LambdaErrors.malformed(cause);
  }
}
