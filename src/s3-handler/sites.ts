import type { ObjectChange } from './events.ts';

/** Which objects of a bucket a distribution shows, and where. */
export interface Site {
  /** Undefined for every bucket whose events arrive. */
  bucket: string | undefined;
  /** What keys begin with and paths do not: empty, or with a slash at its end. */
  prefix: string;
  /** What paths begin with and keys do not: `/`, or with a slash at both ends. */
  pathPrefix: string;
  distributionId: string;
  /** Whether `/dir/`, `/dir` and `/dir/index.html` are cleared for one another. */
  variants: boolean;
}

export interface Settings {
  sites: readonly Site[];
  /** Above it, the paths of a distribution collapse into wildcards. */
  maxPaths: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** From the variables of the function; throws one error with all that is wrong. */
export function readSettings(environment: Environment): Settings {
  const problems: string[] = [];
  const sites = readSites(environment, problems);
  const maxPaths = readMaxPaths(environment.MAX_PATHS || '1000', problems);
  if (problems.length > 0) {
    throw new Error(`The settings of the function are wrong. ${problems.join(' ')}`);
  }
  return { sites, maxPaths };
}

/** Every site that shows an object: one bucket may feed several distributions, and one distribution show it twice. */
export function sitesOf(sites: readonly Site[], { bucket, key }: ObjectChange): Site[] {
  return sites.filter((site) => (site.bucket ?? bucket) === bucket && key.startsWith(site.prefix));
}

/** The raw path, without the slash in front, under which a site shows a key. */
export function nameIn({ prefix, pathPrefix }: Site, key: string): string {
  return `${pathPrefix}${key.slice(prefix.length)}`.slice(1);
}

function readSites({ DISTRIBUTION_ID = '', SITES = '' }: Environment, problems: string[]): Site[] {
  if ((DISTRIBUTION_ID === '') === (SITES === '')) {
    problems.push('Either DISTRIBUTION_ID or SITES must be set, and not both.');
    return [];
  }
  if (DISTRIBUTION_ID !== '') {
    if (!distributionIds.test(DISTRIBUTION_ID)) {
      problems.push(`DISTRIBUTION_ID must be ${idRule}, got ${shown(DISTRIBUTION_ID)}.`);
    }
    return [{ bucket: undefined, prefix: '', pathPrefix: '/', distributionId: DISTRIBUTION_ID, variants: false }];
  }
  const list = parseJson(SITES);
  if (!Array.isArray(list) || list.length === 0) {
    problems.push(`SITES must be a JSON array of at least one site, got ${shown(SITES)}.`);
    return [];
  }
  return list.map((site, index) => readSite(site, `SITES[${index}]`, problems));
}

const distributionIds = /^E[A-Z0-9]{8,31}$/;
const idRule = 'the id of a distribution such as E2QWRUHAPOMQZL';

/** What each field of a site must be; those with a default may be left out. */
const rules: Record<string, { what: string; fallback?: unknown; isValid: (value: unknown) => boolean }> = {
  bucket: { what: 'the name of a bucket', isValid: (value) => isText(value, /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/) },
  prefix: {
    what: 'empty, or begin without a slash and end with one',
    fallback: '',
    isValid: (value) => isText(value, /^(?:[^/].*\/)?$/s),
  },
  pathPrefix: {
    what: 'empty, or begin and end with a slash',
    fallback: '',
    isValid: (value) => isText(value, /^(?:\/|\/.*\/)?$/s),
  },
  distributionId: { what: idRule, isValid: (value) => isText(value, distributionIds) },
  variants: { what: 'true or false', fallback: false, isValid: (value) => typeof value === 'boolean' },
};

function readSite(value: unknown, name: string, problems: string[]): Site {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    problems.push(`${name} must be an object, got ${shown(value)}.`);
    return {} as Site;
  }
  const unknown = Object.keys(value).filter((field) => !Object.hasOwn(rules, field));
  if (unknown.length > 0) {
    problems.push(`${name} has ${unknown.map(shown).join(', ')}; a site has only ${Object.keys(rules).join(', ')}.`);
  }
  const site = Object.fromEntries(
    Object.entries(rules).map(([field, { what, fallback, isValid }]) => {
      const given = (value as Record<string, unknown>)[field] ?? fallback;
      if (!isValid(given)) {
        problems.push(`${name}.${field} must be ${what}, got ${shown(given)}.`);
      }
      return [field, given];
    }),
  );
  return { ...site, pathPrefix: site.pathPrefix || '/' } as Site;
}

function readMaxPaths(text: string, problems: string[]): number {
  const value = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > 3000) {
    problems.push(`MAX_PATHS must be a whole number from 1 to 3000, got ${shown(text)}.`);
  }
  return value;
}

function isText(value: unknown, pattern: RegExp): boolean {
  return typeof value === 'string' && pattern.test(value);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 120);
}
