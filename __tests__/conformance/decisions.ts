import type { Model } from './model.ts';

/** The lines of decisions.yaml about one service. */
export interface ServiceDecisions {
  requests: Record<string, Record<string, string>>;
  answers: Record<string, Record<string, string>>;
  enums: Record<string, Record<string, string>>;
  errors: Record<string, string>;
}

const everywhere = '*';
const nothing = 'ignored';

export function isHandled(decision: string): boolean {
  return !/^(?:ignored|not sent)\b/.test(decision);
}

/** What the model has and no line is about, and what lines are about that the model has not. */
export function problemsOf(lines: ServiceDecisions, model: Model, operations: string[]): string[] {
  const called = operations.map((name) => model.operation(name));
  const requests = walk(
    lines.requests,
    model,
    called.map(({ request }) => request),
  );
  const answers = walk(
    lines.answers,
    model,
    called.map(({ answer }) => answer),
  );
  const enums = [...new Set([...requests.enums, ...answers.enums, ...Object.keys(lines.enums)])].sort();
  const thrown = [...new Set(called.flatMap(({ errors }) => errors))];
  return [
    ...requests.problems,
    ...answers.problems,
    ...enums.flatMap((name) =>
      compare(lines.enums[name] ?? {}, model.values(name) ?? [], (value) => `${name} "${value}"`),
    ),
    ...compare(lines.errors, thrown, (name) => `error ${name}`),
  ];
}

/** From the structures that calls take or return to those inside of what is handled. */
function walk(lines: Record<string, Record<string, string>>, model: Model, roots: (string | undefined)[]) {
  const { [everywhere]: shared = {}, ...named } = lines;
  const enums = new Set<string>();
  const problems: string[] = [];
  const members = new Set<string>();
  const reached = new Set(roots.filter((name) => name !== undefined));
  for (const structure of reached) {
    const own = named[structure] ?? {};
    const found = model.members(structure);
    const names = found.map(({ name }) => name);
    problems.push(...compare({ ...pick(shared, names), ...own }, names, (name) => `${structure}.${name}`));
    for (const name of names) if (own[name] === undefined) members.add(name);
    const handled = found.filter(({ name }) => isHandled(own[name] ?? shared[name] ?? nothing));
    for (const inside of handled.flatMap((member) => member.structure ?? [])) reached.add(inside);
    for (const inside of handled.flatMap((member) => member.enum ?? [])) enums.add(inside);
  }
  problems.push(
    ...missing(Object.keys(named), reached).map((name) => `${name} is gone`),
    ...missing(Object.keys(shared), members).map((name) => `*.${name} is gone`),
  );
  return { problems, enums };
}

function compare(lines: Record<string, string>, found: string[], say: (name: string) => string): string[] {
  const decided = Object.keys(lines);
  return [
    ...missing(found, new Set(decided)).map((name) => `${say(name)} is new`),
    ...missing(decided, new Set(found)).map((name) => `${say(name)} is gone`),
  ];
}

function missing(names: string[], among: Set<string>): string[] {
  return names.filter((name) => !among.has(name));
}

function pick(lines: Record<string, string>, names: string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(lines).filter(([name]) => names.includes(name)));
}
