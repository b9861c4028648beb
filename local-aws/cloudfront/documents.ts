import type { Reply } from '../api.ts';
import { type CloudFrontStore, type Distribution, distributionArn, type Invalidation } from './distributions.ts';
import { type Element, xmlDocument } from './xml.ts';

export function xmlReply(status: number, root: string, content: Element): Reply {
  return { status, headers: { 'content-type': 'text/xml' }, body: xmlDocument(root, content) };
}

export function invalidationElement(invalidation: Invalidation): Element {
  return {
    Id: invalidation.id,
    Status: invalidation.status,
    CreateTime: invalidation.createdAt.toISOString(),
    InvalidationBatch: {
      Paths: { Quantity: invalidation.items.length, Items: { Path: invalidation.items } },
      CallerReference: invalidation.callerReference,
    },
  };
}

export function getDistribution(store: CloudFrontStore, distribution: Distribution): Reply {
  const running = distribution.invalidations.filter((invalidation) => invalidation.status === 'InProgress');
  const content = {
    Id: distribution.id,
    ARN: distributionArn(store.accountId, distribution.id, distribution.kind),
    Status: 'Deployed',
    LastModifiedTime: distribution.createdAt.toISOString(),
    InProgressInvalidationBatches: running.length,
    DomainName: domainName(distribution),
    DistributionConfig: configElement(distribution),
  };
  return withETag(xmlReply(200, 'Distribution', content));
}

export function getDistributionConfig(_store: CloudFrontStore, distribution: Distribution): Reply {
  return withETag(xmlReply(200, 'DistributionConfig', configElement(distribution)));
}

export function getDistributionTenant(store: CloudFrontStore, tenant: Distribution): Reply {
  const content = {
    Id: tenant.id,
    DistributionId: tenant.parentId,
    Name: tenant.id,
    Arn: distributionArn(store.accountId, tenant.id, 'tenant'),
    Domains: { member: [{ Domain: domainName(tenant), Status: 'active' }] },
    CreatedTime: tenant.createdAt.toISOString(),
    LastModifiedTime: tenant.createdAt.toISOString(),
    Enabled: true,
    Status: 'Deployed',
  };
  return withETag(xmlReply(200, 'DistributionTenant', content));
}

/** The members that the API promises, and whether cache tags work. */
function configElement(distribution: Distribution): Element {
  const origin = `${distribution.functionName}.lambda-url.us-east-1.on.aws`;
  return {
    CallerReference: `local-${distribution.id}`,
    Aliases: { Quantity: 0 },
    DefaultRootObject: '',
    Origins: { Quantity: 1, Items: { Origin: [{ Id: 'function', DomainName: origin, OriginPath: '' }] } },
    DefaultCacheBehavior: { TargetOriginId: 'function', ViewerProtocolPolicy: 'allow-all', Compress: true },
    Comment: 'A distribution of local-aws',
    PriceClass: 'PriceClass_All',
    Enabled: true,
    ...(distribution.cacheTagHeader !== undefined && { CacheTagConfig: { HeaderName: distribution.cacheTagHeader } }),
  };
}

function domainName(distribution: Distribution): string {
  return `${distribution.id.toLowerCase()}.cloudfront.net`;
}

function withETag(reply: Reply): Reply {
  return { ...reply, headers: { ...reply.headers, etag: 'ELOCAL1' } };
}
