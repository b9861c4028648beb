import type { ApiRequest, Input, Operation, Reply, Service } from '../api.ts';
import { textOf } from '../api.ts';
import type { Outcome } from '../faults.ts';
import { restRoutes } from '../rest-routes.ts';
import { type CloudFrontStore, type Distribution, distributionArn } from './distributions.ts';
import { getDistribution, getDistributionConfig, getDistributionTenant } from './documents.ts';
import { CloudFrontErrors, standardErrors, toErrorReply } from './errors.ts';
import { parseBatch } from './invalidation-batch.ts';
import { createInvalidation, getInvalidation, listInvalidations } from './invalidations.ts';

type Run = (store: CloudFrontStore, distribution: Distribution, input: Input, outcome: Outcome | undefined) => Reply;

const DISTRIBUTION = '/2020-05-31/distribution/{DistributionId}';
const TENANT = '/2020-05-31/distribution-tenant/{DistributionId}';

const OPERATIONS: [action: string, method: string, path: string, run: Run][] = [
  ['GetDistribution', 'GET', DISTRIBUTION, getDistribution],
  ['GetDistributionConfig', 'GET', `${DISTRIBUTION}/config`, getDistributionConfig],
  ['CreateInvalidation', 'POST', `${DISTRIBUTION}/invalidation`, createInvalidation],
  ['ListInvalidations', 'GET', `${DISTRIBUTION}/invalidation`, listInvalidations],
  ['GetInvalidation', 'GET', `${DISTRIBUTION}/invalidation/{Id}`, getInvalidation],
  ['GetDistributionTenant', 'GET', TENANT, getDistributionTenant],
  ['CreateInvalidationForDistributionTenant', 'POST', `${TENANT}/invalidation`, createInvalidation],
  ['ListInvalidationsForDistributionTenant', 'GET', `${TENANT}/invalidation`, listInvalidations],
  ['GetInvalidationForDistributionTenant', 'GET', `${TENANT}/invalidation/{Id}`, getInvalidation],
];

export function cloudFrontService(store: CloudFrontStore): Service {
  const operations = OPERATIONS.map(([action, method, path, run]): Operation => {
    const kind = path.startsWith(TENANT) ? 'tenant' : 'distribution';
    return {
      action,
      iamAction: `cloudfront:${action}`,
      method,
      path,
      resourceOf: (input) => {
        const name = textOf(input, 'DistributionId') ?? '';
        return { name, arn: distributionArn(store.accountId, name, kind) };
      },
      run: (input, outcome) => run(store, findDistribution(store, input, kind), input, outcome),
    };
  });
  return {
    name: 'cloudfront',
    operations,
    match: restRoutes(operations),
    readInput,
    toErrorReply,
    errors: standardErrors,
  };
}

function findDistribution(store: CloudFrontStore, input: Input, kind: Distribution['kind']): Distribution {
  const found = store.distributions.get(textOf(input, 'DistributionId') ?? '');
  if (found?.kind === kind) return found;
  throw kind === 'tenant' ? CloudFrontErrors.noSuchTenant() : CloudFrontErrors.noSuchDistribution();
}

function readInput(request: ApiRequest, operation: Operation, params: Record<string, string>): Input {
  const input: Input = { ...Object.fromEntries(request.query), ...params };
  return operation.method === 'POST' ? { ...input, InvalidationBatch: parseBatch(request.body) } : input;
}
