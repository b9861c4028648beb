import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseInputs } from '../../src/inputs.ts';
import { planRelease } from '../../src/plan.ts';
import type { Run } from '../../src/world.ts';

const readme = readFileSync('README.md', 'utf8');

describe('the table of failures', () => {
  const documented = [...between('errors').matchAll(/^\| `([a-z-]+)`/gm)].map(([, code]) => code);

  it('has exactly the codes that src/ produces', () => {
    expect(documented.toSorted()).toEqual(producedCodes());
  });

  it('has exactly the codes of the schema', () => {
    const schema = JSON.parse(readFileSync('docs/result.schema.json', 'utf8'));
    expect(schema.$defs.error.oneOf[1].properties.code.enum).toEqual(documented);
  });
});

describe('the workflows', () => {
  const stepsOf = (text: string) => codeBlocks(text, 'yaml').flatMap((block) => stepsIn(parse(block)));
  const steps = ['README.md', 'docs/releasing.md', 'docs/assets.md'].flatMap((file) =>
    stepsOf(readFileSync(file, 'utf8')).map((step, index) => ({ file, index, step })),
  );

  it.each(steps)('have inputs that are right in step $index of $file', ({ step }) => {
    expect(problemsOf(step)).toEqual([]);
  });

  it('show the action in most blocks, and in the first one by line 30', () => {
    expect(stepsOf(readme).length).toBeGreaterThanOrEqual(codeBlocks(readme, 'yaml').length - 1);
    expect(readme.split('\n').findIndex((line) => line.includes(`uses: ${self}`))).toBeLessThan(30);
  });
});

it.each(['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...globSync('docs/**/*.md').toSorted()])(
  'has no broken link in %s',
  (file) => {
    const links = [...readFileSync(file, 'utf8').matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
    expect(links.filter((link) => !/^https:/.test(link) && !leadsSomewhere(file, link))).toEqual([]);
  },
);

const self = 'your-org/lambda-cloudfront-deploy@v1';

function between(name: string): string {
  return readme.split(`<!-- ${name} -->`)[1]?.split(`<!-- /${name} -->`)[0] ?? '';
}

function codeBlocks(markdown: string, language: string): string[] {
  return [...markdown.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
    .filter(([, name]) => name === language)
    .map(([, , text = '']) => text);
}

interface Step {
  uses: string;
  with: Record<string, string | number | boolean>;
}

/** The steps that use this action, however deep in a workflow they stand. */
function stepsIn(node: unknown): Step[] {
  if (typeof node !== 'object' || node === null) {
    return [];
  }
  return 'uses' in node && node.uses === self ? [node as Step] : Object.values(node).flatMap(stepsIn);
}

/** What the expressions of the workflows come to in a run. */
const values: Record<string, string> = {
  'github.sha': '0123456789abcdef0123456789abcdef01234567',
  "github.event_name == 'pull_request'": 'true',
  'inputs.image': '123456789012.dkr.ecr.eu-west-1.amazonaws.com/web:v1',
};

const run: Run = {
  serverUrl: 'https://github.com',
  repository: 'octo/site',
  runId: '4711',
  runAttempt: '1',
  job: 'deploy',
  step: '__self',
  sha: '0123456789abcdef0123456789abcdef01234567',
  push: undefined,
  awsRegion: 'eu-west-1',
};

/** What this action would say to the `with:` of a step. */
function problemsOf({ with: inputs }: Step): string[] {
  const problems: string[] = [];
  const names = new Set(Object.keys(inputs));
  const source = {
    text(name: string) {
      names.delete(name);
      return String(inputs[name] ?? '').replace(/\$\{\{ (.*?) \}\}/g, (_, expression: string) => {
        return values[expression] ?? `no value for ${expression}`;
      });
    },
    file: (path: string) => (path.endsWith('.json') ? '{}' : '/a.css\n/b c.css\n'),
    variable: () => 'set',
    fileBytes: () => 1,
  };
  planRelease(parseInputs(source, problems), run, problems);
  return [...problems, ...[...names].map((name) => `${name} is no input`)];
}

function leadsSomewhere(from: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const file = path === '' ? from : join(dirname(from), path);
  if (!existsSync(file)) {
    return false;
  }
  const headings = anchor === undefined ? [] : readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm);
  // As GitHub makes an anchor of a heading.
  const anchors = [...headings].map(([, text = '']) =>
    text
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
  return anchor === undefined || anchors.includes(anchor);
}

/** Every text in src/ that the compiler takes for an ErrorCode; one that is only compared with is none. */
function producedCodes(): string[] {
  const { config } = ts.readConfigFile('tsconfig.json', ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, '.');
  const program = ts.createProgram(['src/index.ts'], options);
  const checker = program.getTypeChecker();
  const codes = new Set<string>();
  const visit = (node: ts.Node) => {
    if (ts.isStringLiteral(node) && checker.getContextualType(node)?.aliasSymbol?.name === 'ErrorCode') {
      codes.add(node.text);
    }
    ts.forEachChild(node, visit);
  };
  program
    .getSourceFiles()
    .filter(({ fileName }) => !fileName.includes('/node_modules/'))
    .forEach(visit);
  return [...codes].toSorted();
}
