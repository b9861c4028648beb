/** The Runtime API's client, as short as its documentation: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const { AWS_LAMBDA_RUNTIME_API, LAMBDA_TASK_ROOT = '' } = process.env;
const api = `http://${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime`;

async function post(path: string, body: unknown): Promise<void> {
  await (await fetch(`${api}/${path}`, { method: 'POST', body: JSON.stringify(body) ?? 'null' })).text();
}

function toError(error: unknown) {
  const { name, message } = error as Error;
  return { errorType: name, errorMessage: message };
}

async function load() {
  try {
    return (await import(pathToFileURL(join(LAMBDA_TASK_ROOT, 'index.mjs')).href)).handler;
  } catch (error) {
    await post('init/error', toError(error));
    process.exit(1);
  }
}

const handler = await load();
for (;;) {
  const next = await fetch(`${api}/invocation/next`);
  const id = next.headers.get('lambda-runtime-aws-request-id');
  const deadline = Number(next.headers.get('lambda-runtime-deadline-ms'));
  const context = { awsRequestId: id, getRemainingTimeInMillis: () => deadline - Date.now() };
  try {
    await post(`invocation/${id}/response`, await handler(await next.json(), context));
  } catch (error) {
    await post(`invocation/${id}/error`, toError(error));
  }
}
