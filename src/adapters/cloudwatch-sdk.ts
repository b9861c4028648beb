/** What is used of the CloudWatch client, named one by one so that the bundler can leave the rest out; loaded when needed. */
export { AlarmType, CloudWatchClient, DescribeAlarmsCommand } from '@aws-sdk/client-cloudwatch';
