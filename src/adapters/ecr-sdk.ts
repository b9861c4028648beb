/** What is used of the ECR client, named one by one so that the bundler can leave the rest out; loaded when needed. */
export {
  BatchGetImageCommand,
  ECRClient,
  GetAuthorizationTokenCommand,
  GetDownloadUrlForLayerCommand,
} from '@aws-sdk/client-ecr';
