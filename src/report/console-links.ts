import { partitionOf } from '../partition.ts';

const hosts: Record<string, string> = {
  'aws-cn': 'console.amazonaws.cn',
  'aws-us-gov': 'console.amazonaws-us-gov.com',
};

function consoleHost(region: string): string {
  return hosts[partitionOf(region)] ?? 'console.aws.amazon.com';
}

export function functionLink(region: string, name: string, version: string): string {
  const page = version === '' ? '' : `/versions/${version}`;
  return `https://${consoleHost(region)}/lambda/home?region=${region}#/functions/${name}${page}`;
}

export function invalidationLink(region: string, distributionId: string, invalidationId: string): string {
  const page = invalidationId === '' ? '' : `/details/${invalidationId}`;
  return `https://${consoleHost(region)}/cloudfront/v4/home#/distributions/${distributionId}/invalidations${page}`;
}
