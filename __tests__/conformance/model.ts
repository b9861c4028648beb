import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const modules = resolve(import.meta.dirname, '../../node_modules/@aws-sdk');

/** AWS's model of one service, as the installed SDK has it. */
export interface Model {
  /** What an operation takes, returns and throws; undefined where it takes or returns nothing. */
  operation(name: string): { request: string | undefined; answer: string | undefined; errors: string[] };
  /** The members of a structure, in the model's order. */
  members(structure: string): Member[];
  /** The values of an enum; undefined for any other name. */
  values(name: string): string[] | undefined;
}

interface Member {
  name: string;
  /** What is inside of it, through lists and maps: a structure or an enum, where there is one. */
  structure: string | undefined;
  enum: string | undefined;
}

/**
 * Since 3.9xx the clients export their schemas (`FunctionConfiguration$`), which name the members of every structure
 * and what is in them, and their enums as objects. Which member is of which enum stands in the types alone, and what an
 * operation throws in the documentation of its command.
 */
export async function readModel(client: string): Promise<Model> {
  const exported = (await import(`@aws-sdk/${client}`)) as Record<string, unknown>;
  const types = join(modules, client, 'dist-types');
  const declared = readInterfaces(join(types, 'models'));
  const values = (name: string): string[] | undefined => {
    const value = exported[name];
    const isEnum = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isEnum ? Object.values(value).map(String) : undefined;
  };
  return {
    operation(name) {
      const [, , , , request, answer] = schemaOf(exported, name);
      const text = readFileSync(join(types, `commands/${name}Command.d.ts`), 'utf8');
      // The last one is the class of all errors of the service.
      const errors = [...text.matchAll(/@throws \{@link (\w+)\} \(/g)].map(([, error = '']) => error);
      return { request: structureIn(request), answer: structureIn(answer), errors };
    },
    members(structure) {
      const [, , , , names, schemas] = schemaOf(exported, structure);
      return (names as string[]).map((name, index) => {
        const type = (declared.get(structure) ?? declared.get(`_${structure}`))?.get(name);
        if (type === undefined) {
          throw new Error(`The types of ${client} have no ${structure}.${name}: see whether they look otherwise now.`);
        }
        const inner = [...type.matchAll(/\w+/g)].map(([word]) => word);
        return {
          name,
          structure: structureIn((schemas as unknown[])[index]),
          enum: inner.find((word) => values(word) !== undefined),
        };
      });
    },
    values,
  };
}

/** Of smithy's schemas: their first element says what they are. */
const kinds = { list: 1, map: 2, structure: 3, union: 4, operation: 9 } as const;

function schemaOf(exported: Record<string, unknown>, name: string): unknown[] {
  // A name that JavaScript has, too, is `_Object` there.
  const schema = exported[`${name}$`] ?? exported[`_${name}$`];
  if (!Array.isArray(schema)) {
    throw new Error(`The SDK has no schema of ${name}: is it still there, and are schemas still exported?`);
  }
  return schema;
}

/** A schema may be behind a function, and stand beside its traits. */
function structureIn(reference: unknown): string | undefined {
  const schema: unknown = typeof reference === 'function' ? reference() : reference;
  if (!Array.isArray(schema)) {
    return undefined;
  }
  if (typeof schema[0] !== 'number') {
    return structureIn(schema[0]);
  }
  switch (schema[0]) {
    case kinds.list:
    case kinds.map:
      return structureIn(schema.at(-1));
    case kinds.structure:
    case kinds.union:
      return schema[2];
    default:
      return undefined;
  }
}

/** Interface → member → its type, as text. */
function readInterfaces(directory: string): Map<string, Map<string, string>> {
  const found = new Map<string, Map<string, string>>();
  for (const file of readdirSync(directory).filter((name) => name.startsWith('models_'))) {
    const text = readFileSync(join(directory, file), 'utf8');
    for (const [, name = '', body = ''] of text.matchAll(/^export interface (\w+) \{\n(.*?)^\}/gms)) {
      const members = [...body.matchAll(/^ {4}(\w+)\??: (.+);$/gm)];
      found.set(name, new Map(members.map(([, member = '', type = '']) => [member, type])));
    }
  }
  return found;
}
