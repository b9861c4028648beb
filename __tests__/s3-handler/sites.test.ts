import { describe, expect, it } from 'vitest';
import type { ObjectChange } from '../../src/s3-handler/events.ts';
import type { Log } from '../../src/s3-handler/log.ts';
import { planClearings } from '../../src/s3-handler/plan.ts';
import { readSettings } from '../../src/s3-handler/sites.ts';

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };
const [one, two] = ['E2EXAMPLE1', 'E2EXAMPLE2'];

function change(key: string, { bucket = 'site', sequencer = '1', kind = 'created' as const } = {}): ObjectChange {
  return { bucket, key, kind, sequencer };
}

/** What is cleared in each distribution. */
function cleared(env: Record<string, string>, ...changes: ObjectChange[]) {
  const deliveries = changes.map((one) => ({ messageId: undefined, changes: [one], ignored: [], problems: [] }));
  const clearings = planClearings(deliveries, readSettings(env), silent);
  return Object.fromEntries(clearings.map(({ distributionId, items }) => [distributionId, items]));
}

const sites = (...list: unknown[]) => ({ SITES: JSON.stringify(list) });

describe('DISTRIBUTION_ID', () => {
  it('clears each key as the path that viewers ask for', () => {
    const keys = ['a b.html', 'a+b.html', 'ä/ö.html', '100%.html', 'q?.html', 'dir/', 'x/~1.html', "it's&=,:@$;.html"];
    const paths = [
      ...['/a%20b.html', '/a+b.html', '/%C3%A4/%C3%B6.html', '/100%25.html', '/q%3F.html', '/dir/', '/x/*'],
      "/it's&=,:@$;.html",
    ];
    expect(cleared({ DISTRIBUTION_ID: one }, ...keys.map((key) => change(key)))).toEqual({ [one]: paths.sort() });
  });

  it('takes the changes of every bucket whose events arrive', () => {
    expect(cleared({ DISTRIBUTION_ID: one }, change('x', { bucket: 'one' }), change('y', { bucket: 'two' }))).toEqual({
      [one]: ['/x', '/y'],
    });
  });
});

describe('SITES', () => {
  it('removes the prefix and adds the path prefix', () => {
    const env = sites({ bucket: 'site', prefix: 'public/docs/', pathPrefix: '/help/', distributionId: one });
    expect(cleared(env, change('public/docs/a b.html'))).toEqual({ [one]: ['/help/a%20b.html'] });
  });

  it('leaves other buckets and prefixes alone', () => {
    const env = sites({ bucket: 'site', prefix: 'public/', distributionId: one });
    expect(cleared(env, change('private/a'), change('public'), change('public/a', { bucket: 'other' }))).toEqual({});
  });

  it('clears in every site that shows an object, also twice in one distribution', () => {
    const env = sites(
      { bucket: 'site', distributionId: one },
      { bucket: 'site', prefix: 'blog/', distributionId: one },
      { bucket: 'site', prefix: 'blog/', pathPrefix: '/b/', distributionId: two },
    );
    expect(cleared(env, change('blog/1.html'))).toEqual({ [one]: ['/1.html', '/blog/1.html'], [two]: ['/b/1.html'] });
  });

  it('clears index variants where it is told to', () => {
    const site = { bucket: 'site', distributionId: one };
    expect(cleared(sites({ ...site, variants: true }), change('dir/index.html'), change('index.html'))).toEqual({
      [one]: ['/', '/dir', '/dir/', '/dir/index.html', '/index.html'],
    });
    expect(cleared(sites(site), change('dir/index.html'))).toEqual({ [one]: ['/dir/index.html'] });
  });

  it('collapses above MAX_PATHS', () => {
    const changes = Array.from({ length: 30 }, (_, index) => change(`img/${index}.png`));
    expect(cleared({ DISTRIBUTION_ID: one, MAX_PATHS: '10' }, ...changes, change('a.html'))).toEqual({
      [one]: expect.toSatisfy((items: string[]) => items.length <= 10 && items.includes('/a.html')),
    });
  });
});

describe('a change that is reported again', () => {
  const references = (...changes: ObjectChange[]) => {
    const deliveries = [{ messageId: undefined, changes, ignored: [], problems: [] }];
    const clearings = planClearings(deliveries, readSettings({ DISTRIBUTION_ID: one }), silent);
    return clearings.map(({ items, reference }) => reference(items));
  };
  const [a, b] = [change('a', { sequencer: '0055' }), change('b', { sequencer: '0056' })];

  it('has the reference that it had, in any order and however often', () => {
    expect(references(a, b)).toEqual(references(b, a, b));
  });

  it.each([
    { name: 'the next change of the object', other: change('a', { sequencer: '0057' }) },
    { name: 'another object', other: change('c', { sequencer: '0055' }) },
    { name: 'the same key in another bucket', other: change('a', { sequencer: '0055', bucket: 'other' }) },
  ])('has another reference than $name', ({ other }) => {
    expect(references(a)).not.toEqual(references(other));
  });
});

describe('wrong settings', () => {
  const site = { bucket: 'site', distributionId: one };
  it.each([
    { name: 'neither', env: {}, problem: 'Either DISTRIBUTION_ID or SITES must be set, and not both.' },
    { name: 'empty', env: { DISTRIBUTION_ID: '', SITES: '' }, problem: 'Either DISTRIBUTION_ID or SITES must be set' },
    { name: 'both', env: { DISTRIBUTION_ID: one, ...sites(site) }, problem: 'and not both.' },
    { name: 'no id', env: { DISTRIBUTION_ID: 'd1.cloudfront.net' }, problem: 'got "d1.cloudfront.net".' },
    {
      name: 'no JSON',
      env: { SITES: 'site' },
      problem: 'SITES must be a JSON array of at least one site, got "site".',
    },
    { name: 'no array', env: { SITES: '{}' }, problem: 'SITES must be a JSON array of at least one site, got "{}".' },
    { name: 'no site', env: sites(), problem: 'SITES must be a JSON array of at least one site, got "[]".' },
    { name: 'no object', env: sites(site, 'x'), problem: 'SITES[1] must be an object, got "x".' },
    { name: 'no bucket', env: sites({ distributionId: one }), problem: 'SITES[0].bucket must be the name of a bucket' },
    { name: 'no distribution', env: sites({ bucket: 'site' }), problem: 'SITES[0].distributionId must be the id of a' },
    {
      name: 'unknown field',
      env: sites({ ...site, path: '/' }),
      problem: 'SITES[0] has "path"; a site has only bucket,',
    },
    {
      name: 'prefix',
      env: sites({ ...site, prefix: '/a/' }),
      problem: 'SITES[0].prefix must be empty, or begin without',
    },
    { name: 'open prefix', env: sites({ ...site, prefix: 'a' }), problem: 'SITES[0].prefix must be empty, or begin' },
    {
      name: 'path prefix',
      env: sites({ ...site, pathPrefix: '/a' }),
      problem: 'SITES[0].pathPrefix must be empty, or',
    },
    {
      name: 'text',
      env: sites({ ...site, variants: 'yes' }),
      problem: 'SITES[0].variants must be true or false, got "yes".',
    },
    {
      name: 'no number',
      env: { DISTRIBUTION_ID: one, MAX_PATHS: 'x' },
      problem: 'MAX_PATHS must be a whole number from 1',
    },
    {
      name: 'zero',
      env: { DISTRIBUTION_ID: one, MAX_PATHS: '0' },
      problem: 'MAX_PATHS must be a whole number from 1 to 3000',
    },
    { name: 'too many', env: { DISTRIBUTION_ID: one, MAX_PATHS: '3001' }, problem: 'MAX_PATHS must be a whole number' },
  ])('are refused: $name', ({ env, problem }) => {
    expect(() => readSettings(env)).toThrow(problem);
  });

  it('are all named at once', () => {
    const env = { ...sites({ ...site, prefix: 'a', variants: 1 }, { bucket: 'B' }), MAX_PATHS: 'many' };
    const text = (() => {
      try {
        return String(readSettings(env));
      } catch (error) {
        return String(error);
      }
    })();
    for (const name of [
      'SITES[0].prefix',
      'SITES[0].variants',
      'SITES[1].bucket',
      'SITES[1].distributionId',
      'MAX_PATHS',
    ]) {
      expect(text).toContain(`${name} must be`);
    }
  });
});
