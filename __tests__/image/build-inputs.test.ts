import { describe, expect, it } from 'vitest';
import { problemOfArg, problemOfSecret } from '../../src/image/build-inputs.ts';

const job = {
  variable: (name: string) =>
    new Map([
      ['NPM_TOKEN', 'x'],
      ['npm', 'x'],
      ['EMPTY', ''],
    ]).get(name),
  fileBytes(path: string) {
    const bytes = new Map([
      ['.npmrc', 10],
      ['a,b', 10],
      ['a"b', 10],
      ['token', 10],
      ['empty', 0],
      ['large', 600_000],
    ]).get(path);
    if (bytes === undefined) {
      throw new Error('ENOENT');
    }
    return bytes;
  },
};

describe('a secret of a build', () => {
  it.each([
    'id=npm,env=NPM_TOKEN',
    'env=NPM_TOKEN,id=npm',
    'type=env,id=npm',
    'type=env,id=t,src=NPM_TOKEN',
    'type=file,id=t,src=.npmrc',
    'src=.npmrc,id=t',
    'ID=t,Source=.npmrc',
    'id=npm',
    'id=token',
    '"id=t","src=a,b"',
    'id=t,"src=a""b"',
  ])('is taken as docker takes it: %s', (line) => expect(problemOfSecret(line, job)).toBe(''));

  it.each([
    ['id=npm,env=MISSING', 'needs the variable MISSING in env'],
    ['id=npm,env=EMPTY', 'needs the variable EMPTY in env'],
    ['id=EMPTY', 'needs the variable EMPTY in env'],
    ['type=env,id=t,src=MISSING', 'needs the variable MISSING in env'],
    ['id=npm,env=npm_hunter2hunter2', 'needs a variable in env'],
    ['id=t,src=missing', 'names no file that can be read (ENOENT)'],
    ['id=missing', 'names no file that can be read (ENOENT)'],
    ['id=t,src=empty', 'names a file that is empty'],
    ['id=t,src=large', 'names a file of 600000 bytes, and docker takes 512000 at the most'],
    ['id=t,env=NPM_TOKEN,src=missing', 'names no file'],
    ['NPM_TOKEN=npm_hunter2', 'must be as docker build --secret takes it'],
    ['hunter2', 'must be as'],
    ['src=.npmrc', 'must be as'],
    ['id=t,constructor=x', 'must be as'],
    ['id=t,src=a"b', 'must be as'],
    ['type=other,id=npm', 'must be as'],
    ['id=npm,', 'must be as'],
  ])('%s is refused before the build, and not quoted', (line, says) => {
    const problem = problemOfSecret(line, job);
    expect(problem).toContain(says);
    expect(problem).not.toContain('hunter2');
  });
});

describe('an argument of a build', () => {
  it.each(['A=1', 'A=', 'a.b-c=x=y', 'NPM_TOKEN', 'EMPTY'])('is %s', (line) =>
    expect(problemOfArg(line, job)).toBe(''),
  );

  it.each(['MISSING', 'hunter2', 'hunter2/+==', '=hunter2', '1A=x', '- A=hunter2'])('is not %s', (line) => {
    expect(problemOfArg(line, job)).not.toBe('');
    expect(problemOfArg(line, job)).not.toContain('hunter2');
  });
});
