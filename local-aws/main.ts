import { parseArgs } from 'node:util';
import { startLocalAws } from './server.ts';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    function: { type: 'string', multiple: true, default: ['web'] },
    distribution: { type: 'string', default: 'E2EXAMPLE1' },
    'update-ms': { type: 'string', default: '1500' },
    'version-ms': { type: 'string', default: '800' },
    'invalidation-ms': { type: 'string', default: '1000' },
  },
});

const [functionName = 'web'] = values.function;
const aws = await startLocalAws({
  port: Number(values.port),
  clocks: {
    updateMs: Number(values['update-ms']),
    versionMs: Number(values['version-ms']),
    invalidationMs: Number(values['invalidation-ms']),
  },
  functions: values.function.map((name) => ({ name })),
  distributions: [{ id: values.distribution, functionName }],
});

// The AWS CLI, version 1, knows the second name only.
// The workflow that tries the action reads these lines.
const variables = Object.entries({ ...aws.env, AWS_DEFAULT_REGION: aws.env.AWS_REGION }).map(
  ([name, value]) => `  export ${name}=${value}`,
);
console.log(`An AWS on this machine: Lambda ${values.function.join(', ')} behind CloudFront ${values.distribution}.

Export this where your client runs:
${variables.join('\n')}

Then, for example:
  aws lambda update-function-code --function-name ${functionName} --image-uri 123456789012.dkr.ecr.us-east-1.amazonaws.com/${functionName}:v2

The function through its CDN:   ${aws.cdnUrl(values.distribution)}/
What happened so far:           ${aws.url}/_local-aws/events
Stop with Ctrl-C.`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void aws.stop());
}
