/** What ARNs of a Region begin with (https://docs.aws.amazon.com/general/latest/gr/aws-arns-and-namespaces.html). */
export function partitionOf(region: string): string {
  if (region.startsWith('cn-')) {
    return 'aws-cn';
  }
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}
