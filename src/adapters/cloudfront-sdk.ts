/** What is used of the CloudFront client, named one by one so that the bundler can leave the rest out; loaded when needed. */
export {
  CloudFrontClient,
  CreateInvalidationCommand,
  CreateInvalidationForDistributionTenantCommand,
  GetDistributionConfigCommand,
  GetDistributionTenantCommand,
  GetInvalidationCommand,
  GetInvalidationForDistributionTenantCommand,
  NoSuchInvalidation,
  waitUntilInvalidationCompleted,
  waitUntilInvalidationForDistributionTenantCompleted,
} from '@aws-sdk/client-cloudfront';
