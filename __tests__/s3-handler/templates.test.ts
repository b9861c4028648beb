import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readSettings } from '../../src/s3-handler/sites.ts';
import { startSite } from '../support/site.ts';
import { find, startFunction } from './lambda-runtime.ts';
import { s3Event, s3Record } from './samples.ts';

const directory = 'docs/s3-handler';
const programs = ['cfn-lint', 'hcl2tojson', 'terraform'] as const;
const isHere = Object.fromEntries(programs.map((name) => [name, find(name) !== undefined])) as Record<string, boolean>;
for (const name of programs.filter((one) => !isHere[one])) {
  console.log(`Skipped what ${name} says of ${directory}, as it is not there.`);
}

interface Statement {
  Sid: string;
  Action: string | string[];
  Resource: unknown;
}

// The tags of CloudFormation are left out, so `!GetAtt Queue.Arn` reads as the text behind it.
const { Resources: resources } = parse(readFileSync(`${directory}/template.yaml`, 'utf8'), { logLevel: 'silent' });
const roleOfTemplate: Statement[] = resources.Role.Properties.Policies[0].PolicyDocument.Statement;
const actions = (statements: readonly Statement[]) =>
  Object.fromEntries(statements.map(({ Sid, Action }) => [Sid, [Action].flat().sort()]));

describe('template.yaml', () => {
  it.skipIf(!isHere['cfn-lint'])('has nothing that cfn-lint finds wrong', () => {
    const { stdout, status } = spawnSync('cfn-lint', [`${directory}/template.yaml`], { encoding: 'utf8' });
    expect(stdout).toBe('');
    expect(status).toBe(0);
  });

  it('allows the function to clear one distribution, and nothing anywhere', async () => {
    await using site = await startSite();
    await using lambda = await startFunction({ ...site.env, DISTRIBUTION_ID: 'E2EXAMPLE1' });
    await lambda.invoke(s3Event(s3Record()));
    const called = new Set(site.calls.map(({ action }) => `cloudfront:${action}`));
    const [clear] = roleOfTemplate;
    expect([...called]).toEqual([clear?.Action].flat());
    expect(clear?.Resource).toMatch(/:distribution\/\$\{DistributionId\}$/);
    for (const { Resource } of roleOfTemplate) {
      expect(Resource).toMatch(/^arn:|\.Arn$/);
    }
  });

  it('lets only its rule send to the queue', () => {
    const [statement] = resources.QueuePolicy.Properties.PolicyDocument.Statement;
    expect(statement).toMatchObject({
      Action: 'sqs:SendMessage',
      Resource: 'Queue.Arn',
      Condition: { ArnEquals: { 'aws:SourceArn': 'Changes.Arn' } },
    });
  });

  it('gives back single messages, and keeps them hidden for six times the time of the function', () => {
    const { Timeout, Events } = resources.Function.Properties;
    expect(Events.Queue.Properties.FunctionResponseTypes).toEqual(['ReportBatchItemFailures']);
    expect(resources.Queue.Properties.VisibilityTimeout).toBe(6 * Timeout);
  });

  it.each([
    { name: 'as they are by default', Prefix: '', PathPrefix: '', IndexVariants: 'true' },
    { name: 'with prefixes', Prefix: 'site/', PathPrefix: '/docs/', IndexVariants: 'false' },
  ])('has settings that the function takes, $name', ({ name: _, ...given }) => {
    const parameters: Record<string, string> = { BucketName: 'site', DistributionId: 'E2EXAMPLE1', ...given };
    const { SITES, MAX_PATHS } = resources.Function.Properties.Environment.Variables;
    expect(MAX_PATHS).toBe('MaxPaths');
    const text = SITES.replace(/\$\{(\w+)\}/g, (_: string, parameter: string) => parameters[parameter]);
    expect(readSettings({ SITES: text }).sites).toMatchObject([{ prefix: given.Prefix, distributionId: 'E2EXAMPLE1' }]);
  });
});

describe.skipIf(!isHere.hcl2tojson)('main.tf', () => {
  // biome-ignore lint/suspicious/noExplicitAny: blocks of any kind.
  let main: any;
  beforeAll(() => {
    // The parser leaves the quotes on names and texts.
    const text = execFileSync('hcl2tojson', [`${directory}/main.tf`], { encoding: 'utf8', stdio: 'pipe' });
    main = JSON.parse(text.replaceAll('\\"', ''));
  });
  const block = (kind: 'resource' | 'data', type: string, name: string) =>
    // biome-ignore lint/suspicious/noExplicitAny: blocks of any kind.
    main[kind].find((one: any) => one[type]?.[name])?.[type][name];

  it('allows what template.yaml allows', () => {
    // biome-ignore lint/suspicious/noExplicitAny: as it was parsed.
    const statements = block('data', 'aws_iam_policy_document', 'handler').statement.map((one: any) => ({
      Sid: one.sid,
      Action: one.actions,
      Resource: one.resources,
    }));
    expect(actions(statements)).toEqual(actions(roleOfTemplate));
    expect(JSON.stringify(statements)).not.toContain('"*"');
  });

  it('runs the function as template.yaml does', () => {
    const { Runtime, Architectures, Handler, Timeout, MemorySize, Events } = resources.Function.Properties;
    expect(block('resource', 'aws_lambda_function', 'handler')).toMatchObject({
      runtime: Runtime,
      architectures: Architectures,
      handler: Handler,
      timeout: Timeout,
      memory_size: MemorySize,
    });
    expect(block('resource', 'aws_lambda_event_source_mapping', 'queue')).toMatchObject({
      batch_size: Events.Queue.Properties.BatchSize,
      function_response_types: Events.Queue.Properties.FunctionResponseTypes,
    });
    expect(block('resource', 'aws_sqs_queue', 'changes').visibility_timeout_seconds).toBe(
      resources.Queue.Properties.VisibilityTimeout,
    );
  });

  it.skipIf(!isHere.terraform)('is formatted as terraform formats', () => {
    const { stdout, status } = spawnSync('terraform', ['fmt', '-check', '-diff', directory], { encoding: 'utf8' });
    expect(stdout).toBe('');
    expect(status).toBe(0);
  });
});

it('names the policies of the template in the page for those who click', () => {
  const page = readFileSync(`${directory}/README.md`, 'utf8');
  const documents = [...page.matchAll(/```json\n(\s*\{[\s\S]*?)```/g)].map(([, text = '']) => JSON.parse(text));
  const [queue, role] = documents.map(({ Statement }) => Statement);
  expect(queue[0].Condition).toEqual({
    ArnEquals: { 'aws:SourceArn': 'arn:aws:s3:::site' },
    StringEquals: { 'aws:SourceAccount': '123456789012' },
  });
  const [clear, receive] = roleOfTemplate.map(({ Action }) => [Action].flat());
  expect(role.map(({ Action }: Statement) => [Action].flat())).toEqual([clear, receive]);
  const [, sites = ''] = /```json\n(\[[\s\S]*?)```/.exec(page) ?? [];
  expect(readSettings({ SITES: sites }).sites).toHaveLength(1);
});
