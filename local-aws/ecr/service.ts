import { type ApiRequest, type Input, type Operation, type Reply, type Service, textOf } from '../api.ts';
import { getAuthorizationToken } from './authorization.ts';
import { EcrErrors, standardErrors, toErrorReply } from './errors.ts';
import { getDownloadUrlForLayer } from './layers.ts';
import { batchGetImage, describeImages } from './look.ts';
import { putImage } from './put-image.ts';
import { type EcrStore, refreshImages } from './repositories.ts';

const OPERATIONS: [action: string, run: (store: EcrStore, input: Input) => Reply][] = [
  ['GetAuthorizationToken', getAuthorizationToken],
  ['BatchGetImage', batchGetImage],
  ['DescribeImages', describeImages],
  ['GetDownloadUrlForLayer', getDownloadUrlForLayer],
  ['PutImage', putImage],
];

/** JSON 1.1: every call is a POST to `/`, and a header says which. */
const TARGET = 'AmazonEC2ContainerRegistry_V20150921.';

export function ecrService(store: EcrStore): Service {
  const operations = OPERATIONS.map(
    ([action, run]): Operation => ({
      action,
      iamAction: `ecr:${action}`,
      method: 'POST',
      path: '/',
      resourceOf: (input) => resourceOf(store, action, input),
      prepare: (input) => refreshImages(store, input),
      run: (input) => run(store, input),
    }),
  );
  return {
    name: 'ecr',
    operations,
    match: ({ headers }) => {
      const operation = operations.find(({ action }) => headers['x-amz-target'] === `${TARGET}${action}`);
      return operation === undefined ? undefined : { operation, params: {} };
    },
    readInput,
    toErrorReply,
    errors: standardErrors,
  };
}

/** A sign-in is for every registry at once. */
function resourceOf({ home }: EcrStore, action: string, input: Input): { name: string; arn: string } {
  if (action === 'GetAuthorizationToken') return { name: '*', arn: '*' };
  const name = textOf(input, 'repositoryName') ?? '';
  const account = textOf(input, 'registryId') ?? home.accountId;
  return { name, arn: `arn:aws:ecr:${home.region}:${account}:repository/${name}` };
}

function readInput(request: ApiRequest): Input {
  try {
    return JSON.parse(request.body.toString() || '{}') as Input;
  } catch (cause) {
    throw EcrErrors.malformed(cause);
  }
}
