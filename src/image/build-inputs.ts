import type { InputSource } from '../fields.ts';

type Surroundings = Pick<InputSource, 'variable' | 'fileBytes'>;

/**
 * What is wrong with a line of build-args, or nothing. A bare NAME takes its value from the environment, as in docker
 * (docker/buildx, listToMap), which leaves out a variable that is not set; here that is refused, because it is more often
 * the second line of a value.
 */
export function problemOfArg(line: string, { variable }: Surroundings): string {
  const name = /^[A-Za-z_][\w.-]*(?==|$)/.exec(line)?.[0];
  if (name === undefined) {
    return 'must be NAME=value, or NAME for a variable of the environment, one a line';
  }
  const isGiven = line !== name || variable(name) !== undefined;
  return isGiven ? '' : `needs ${named('a variable', name)} in env of this step, or a value for it`;
}

const form =
  'must be as docker build --secret takes it, such as id=name,env=VARIABLE or id=name,src=file; a value goes into env of this step';

/**
 * What is wrong with a line of build-secrets, or nothing: docker/buildx, Secret.UnmarshalText, reads it, and
 * moby/buildkit, secretsprovider.NewStore, says where the value comes from. Docker mounts an empty secret where a
 * variable is not set.
 */
export function problemOfSecret(line: string, surroundings: Surroundings): string {
  const secret = readSecret(line);
  if (secret === undefined) {
    return form;
  }
  const { id, env, file } = secret;
  if (env !== '' || (file === '' && surroundings.variable(id) !== undefined)) {
    const name = env || id;
    const isEmpty = (surroundings.variable(name) ?? '') === '';
    const problem = isEmpty ? `needs ${named('a variable', name)} in env of this step, which is not set or empty` : '';
    return problem || (file === '' ? '' : problemOfFile(file, surroundings));
  }
  return problemOfFile(file || id, surroundings);
}

/** moby/buildkit, secretsprovider.MaxSecretSize */
const mostBytes = 500 * 1024;

function problemOfFile(path: string, { fileBytes }: Surroundings): string {
  try {
    const bytes = fileBytes(path);
    if (bytes === 0) {
      return 'names a file that is empty';
    }
    return bytes > mostBytes ? `names a file of ${bytes} bytes, and docker takes ${mostBytes} at the most` : '';
  } catch (error) {
    return `names no file that can be read (${error instanceof Error ? error.message : error})`;
  }
}

interface Secret {
  id: string;
  env: string;
  file: string;
}

function readSecret(line: string): Secret | undefined {
  const fields = csvFields(line)?.map((field) => /^([^=]*)=(.*)$/s.exec(field));
  if (fields === undefined) {
    return;
  }
  const secret = { id: '', env: '', file: '', type: '' };
  for (const field of fields) {
    const [, key = '', value = ''] = field ?? [];
    const part = parts.get(key.toLowerCase());
    if (part === undefined) {
      return;
    }
    secret[part] = value;
  }
  const { id, env, file, type } = secret;
  if (id === '' || !['', 'env', 'file'].includes(type)) {
    return;
  }
  return type === 'env' && env === '' ? { id, env: file, file: '' } : { id, env, file };
}

const parts = new Map<string, 'id' | 'env' | 'file' | 'type'>([
  ['id', 'id'],
  ['env', 'env'],
  ['src', 'file'],
  ['source', 'file'],
  ['type', 'type'],
]);

/** As encoding/csv reads one record: a field may stand in quotes, with those in it doubled. */
function csvFields(line: string): string[] | undefined {
  const pattern = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  const fields: string[] = [];
  for (;;) {
    const match = pattern.exec(line);
    if (match === null) {
      return;
    }
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
    if (match[3] === '') {
      return fields;
    }
  }
}

/** Variables are written in capitals; anything else may be the value itself. */
function named(what: string, name: string): string {
  return isVariable(name) ? `the variable ${name}` : what;
}

export function isVariable(name: string): boolean {
  return /^[A-Z_][A-Z0-9_]{0,63}$/.test(name);
}
