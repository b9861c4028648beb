import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import * as cloudfront from '../../src/adapters/cloudfront-sdk.ts';
import * as cloudwatch from '../../src/adapters/cloudwatch-sdk.ts';
import * as codedeploy from '../../src/adapters/codedeploy-sdk.ts';
import * as ecr from '../../src/adapters/ecr-sdk.ts';
import * as lambda from '../../src/adapters/lambda-sdk.ts';
import * as s3 from '../../src/adapters/s3-sdk.ts';
import { isHandled, problemsOf, type ServiceDecisions } from './decisions.ts';
import { type Model, readModel } from './model.ts';

const root = resolve(import.meta.dirname, '../..');
const table = readFileSync(join(import.meta.dirname, 'decisions.yaml'), 'utf8');
const decisions: Record<string, ServiceDecisions> = parse(table);

/** What the bundle may call: its modules name every command, or the bundler would take them all. */
const clients = {
  'client-cloudfront': cloudfront,
  'client-cloudwatch': cloudwatch,
  'client-codedeploy': codedeploy,
  'client-ecr': ecr,
  'client-lambda': lambda,
  'client-s3': s3,
};

const operationsOf = (sdk: object) =>
  Object.keys(sdk).flatMap((name) => (name.endsWith('Command') ? [name.slice(0, -'Command'.length)] : []));

function linesOf(client: string): ServiceDecisions {
  const lines = decisions[client];
  if (lines === undefined) {
    throw new Error(`${client} has no decisions.`);
  }
  return lines;
}

const question = 'decide in __tests__/conformance/decisions.yaml what this action does about it';

it.each(Object.entries(clients))('%s says nothing that nobody has decided about', async (client, sdk) => {
  expect(problemsOf(linesOf(client), await readModel(client), operationsOf(sdk)), question).toEqual([]);
});

describe('a newer SDK', () => {
  const ask = async (model: Partial<Model>, change: (lines: ServiceDecisions) => void = () => {}) => {
    const lines = structuredClone(linesOf('client-lambda'));
    change(lines);
    return problemsOf(lines, { ...(await readModel('client-lambda')), ...model }, operationsOf(lambda));
  };

  it('asks about a new member of an answer or a request', async () => {
    const { members } = await readModel('client-lambda');
    const more = (name: string) => [...members(name), { name: 'New', structure: undefined, enum: undefined }];
    const problems = await ask({ members: (name) => (name.startsWith('List') ? members(name) : more(name)) });
    expect(problems).toContain('FunctionConfiguration.New is new');
    expect(problems).toContain('SnapStartResponse.New is new');
    expect(problems).toContain('UpdateFunctionCodeRequest.New is new');
    expect(problems).not.toContain('EnvironmentResponse.New is new');
  });

  it('asks about a new value and a new error', async () => {
    const { values, operation } = await readModel('client-lambda');
    const problems = await ask({
      values: (name) => values(name)?.concat('New'),
      operation: (name) => ({ ...operation(name), errors: ['NewException', ...operation(name).errors] }),
    });
    expect(problems).toContain('State "New" is new');
    expect(problems).toContain('ThrottleReason "New" is new');
    expect(problems).toContain('error NewException is new');
  });

  it('asks about lines whose subject is gone', async () => {
    const ignored = { Old: 'ignored, as it was never there' };
    const problems = await ask({}, (lines) => {
      lines.answers.OldResponse = ignored;
      Object.assign(lines.answers.FunctionConfiguration ?? {}, ignored);
      Object.assign(lines.requests['*'] ?? {}, ignored);
      Object.assign(lines.enums.State ?? {}, ignored);
      Object.assign(lines.errors, ignored);
    });
    expect(problems.sort()).toEqual([
      '*.Old is gone',
      'FunctionConfiguration.Old is gone',
      'OldResponse is gone',
      'State "Old" is gone',
      'error Old is gone',
    ]);
  });
});

describe('a decision', () => {
  const lines = Object.values(decisions).flatMap(({ answers, requests, enums, errors }) => [
    ...[answers, requests].flatMap((part) => told(part, (member) => member)),
    ...[enums, { errors }].flatMap((part) => told(part, () => '')),
  ]);

  it('names what handles it, or says why nothing needs to', () => {
    expect(lines.filter(({ decision, spelled }) => !isSaid(decision, spelled)).map(({ about }) => about)).toEqual([]);
  });

  it.each(['src/gone.ts isBusy', 'src/lambda/state.ts isGone', 'src/lambda/state.ts', 'ignored', 'ignored, as', ''])(
    'is not "%s"',
    (said) => {
      expect(isSaid(said, '')).toBe(false);
    },
  );

  it('names a file that spells the member', () => {
    expect(isSaid('src/adapters/lambda.ts toState', 'RevisionId')).toBe(true);
    expect(isSaid('src/adapters/lambda.ts toState', 'TracingConfig')).toBe(false);
  });
});

function told(part: Record<string, Record<string, string>>, spell: (name: string) => string) {
  return Object.entries(part).flatMap(([about, values]) =>
    Object.entries(values).map(([name, decision]) => ({ about: `${about}.${name}`, decision, spelled: spell(name) })),
  );
}

/** `spelled` is what must stand in the file that handles it. */
function isSaid(decision: string, spelled: string): boolean {
  if (!isHandled(decision)) {
    return /^(?:ignored|not sent), \S.{7,}$/.test(decision);
  }
  const [, file = '', symbol = ''] = /^(src\/\S+\.ts) (\w+)(?:, .+)?$/.exec(decision) ?? [];
  const path = join(root, file);
  if (file === '' || !existsSync(path)) {
    return false;
  }
  const text = readFileSync(path, 'utf8');
  return new RegExp(`(?:function|const) ${symbol}\\b`).test(text) && new RegExp(`\\b${spelled}`).test(text);
}
