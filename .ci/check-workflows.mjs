// Reads action.yml and every workflow as GitHub does, with GitHub's own parser: node .ci/check-workflows.mjs TOOLS
// (TOOLS is the directory that .ci/tools filled). actionlint knows more about workflows, but does not read action.yml.
import { readdirSync, readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

// The parser imports its schemas without saying that they are JSON.
registerHooks({
  load: (url, context, next) =>
    next(url, url.endsWith('.json') ? { ...context, importAttributes: { type: 'json' } } : context),
});

const parser = pathToFileURL(resolve(process.argv[2], 'node_modules/@actions/workflow-parser/dist/'));
const { parseWorkflow, NoOperationTraceWriter } = await import(`${parser}/index.js`);
const { parseAction } = await import(`${parser}/actions/action-parser.js`);

const workflows = readdirSync('.github/workflows').map((name) => join('.github/workflows', name));
const trace = new NoOperationTraceWriter();
const problems = [
  ...problemsOf(parseAction, 'action.yml'),
  ...workflows.flatMap((name) => problemsOf(parseWorkflow, name)),
];
for (const problem of problems) console.log(problem);
console.log(`${workflows.length + 1} files read, ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;

function problemsOf(parse, name) {
  const { context } = parse({ name, content: readFileSync(name, 'utf8') }, trace);
  return context.errors.getErrors().map(({ message }) => message);
}
