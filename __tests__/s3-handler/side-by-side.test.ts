import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readEvent } from '../../src/s3-handler/events.ts';
import { createHandler } from '../../src/s3-handler/handler.ts';
import { createLog } from '../../src/s3-handler/log.ts';
import { readSettings } from '../../src/s3-handler/sites.ts';
import type { CloudFront } from '../../src/world.ts';
import { callsTo, distributionId, startSite } from '../support/site.ts';
import { history, type Kind, kindOf, kinds } from './history.ts';
import { find, startFunction } from './lambda-runtime.ts';
import { missingForMoto, motoMessages, recordedBodies } from './moto.ts';
import { sqsRecord } from './samples.ts';

const python = find('python3');
if (python === undefined) {
  console.log('Skipped the handler of 2016 beside ours, as there is no python3.');
}
const missing = missingForMoto();
if (missing.length > 0) {
  console.log(`Compared the handler of 2016 on recorded events only, as there is no ${missing.join(', no ')}.`);
}

/** What was cleared in one invocation for what had happened. */
interface Invocation {
  keys: string[];
  /** The items of each call. */
  calls: string[][];
}

interface Tally {
  calls: number;
  missed: Record<Kind, number>;
}

/** The bodies of messages, each with one change, as events that carry up to five of them. */
function toEvents(bodies: readonly string[]): unknown[] {
  const notices = bodies.map((body) => JSON.parse(body));
  const records = notices.flatMap(({ Records }) => Records ?? []);
  const events: unknown[] = notices.filter(({ Records }) => Records === undefined);
  for (let at = 0; at < records.length; ) {
    const size = 1 + (events.length % 5);
    events.push({ Records: records.slice(at, at + size) });
    at += size;
  }
  return events;
}

const keysOf = (event: unknown) => readEvent(event).flatMap(({ changes }) => changes.map(({ key }) => key));

function withHandlerOf2016(events: readonly unknown[]): Invocation[] {
  const options = { input: JSON.stringify(events), encoding: 'utf8', maxBuffer: 64 * 1_048_576 } as const;
  const answers = JSON.parse(execFileSync('python3', [join(import.meta.dirname, 'handler-2016.py')], options));
  return events.map((event, index) => ({
    keys: keysOf(event),
    calls: answers[index] === null ? [] : [answers[index]],
  }));
}

/** As the one of 2016, which is called with a client that only notes what it is asked for. */
async function withOurs(events: readonly unknown[]): Promise<Invocation[]> {
  let calls: string[][] = [];
  const cloudFront: Pick<CloudFront, 'createInvalidation'> = {
    async createInvalidation(_, { paths }) {
      calls.push([...paths]);
      return { kind: 'answered', value: { id: 'I1', status: 'InProgress', ageMs: 0 } };
    },
  };
  const handler = createHandler({
    settings: readSettings({ DISTRIBUTION_ID: distributionId }),
    cloudFront: cloudFront as CloudFront,
    log: createLog(() => {}),
  });
  const invocations: Invocation[] = [];
  for (const event of events) {
    calls = [];
    await handler(event, { getRemainingTimeInMillis: () => 60_000 });
    invocations.push({ keys: keysOf(event), calls });
  }
  return invocations;
}

/** The set-up that is documented: the bundle behind a queue that hands out a hundred messages at a time. */
async function withOursBehindQueue(bodies: readonly string[]): Promise<Invocation[]> {
  await using site = await startSite();
  await using lambda = await startFunction({ ...site.env, DISTRIBUTION_ID: distributionId });
  const invocations: Invocation[] = [];
  for (let at = 0; at < bodies.length; at += 100) {
    const Records = bodies.slice(at, at + 100).map((body, index) => sqsRecord(body, `message-${at + index}`));
    const before = callsTo(site, 'CreateInvalidation').length;
    expect(await lambda.invoke({ Records })).toEqual({ kind: 'response', value: { batchItemFailures: [] } });
    const calls = callsTo(site, 'CreateInvalidation').slice(before);
    const made = site.distribution(distributionId).invalidations.slice(-calls.length);
    invocations.push({ keys: keysOf({ Records }), calls: made.map(({ paths }) => [...paths]) });
  }
  return invocations;
}

function tally(invocations: readonly Invocation[]): Tally {
  const missed = Object.fromEntries(kinds.map((kind) => [kind, 0])) as Record<Kind, number>;
  for (const { keys, calls } of invocations) {
    const items = new Set(calls.flat());
    for (const key of keys.filter((one) => !isCleared(one, items))) {
      missed[kindOf(key)] += 1;
    }
  }
  return { calls: invocations.reduce((sum, { calls }) => sum + calls.length, 0), missed };
}

/** By the path that a browser asks for; not by anything of ours. */
function isCleared(key: string, items: ReadonlySet<string>): boolean {
  const path = `/${encodeURI(key).replace(/[#?]/g, encodeURIComponent)}`;
  const wildcards = [...items].filter((item) => item.endsWith('*'));
  // CloudFront matches no `~` (https://github.com/aws/aws-sdk/issues/525).
  return (items.has(path) && !path.includes('~')) || wildcards.some((item) => path.startsWith(item.slice(0, -1)));
}

const sum = (counts: Record<Kind, number>) => Object.values(counts).reduce((total, one) => total + one, 0);

describe.skipIf(python === undefined)('the handler of 2016 and ours, side by side', () => {
  const tables: string[] = [];
  afterAll(() => console.log(tables.join('\n\n')));

  it('ours misses none of the recorded events', () => compare('the recorded events', recordedBodies()));

  it.skipIf(missing.length > 0)('ours misses none of 1,000 events of moto', async () => {
    const messages = await motoMessages({ route: 'sqs', changes: history(1000), twice: 50 });
    await compare(
      '1,000 events of moto',
      messages.map(({ body }) => body),
    );
  });

  /** At most one call for each event, too. */
  async function compare(name: string, recorded: readonly string[]): Promise<void> {
    // moto encodes the slash, which S3 does not.
    const bodies = recorded.map((body) => body.replaceAll('%2F', '/'));
    const events = toEvents(bodies);
    const old = tally(withHandlerOf2016(events));
    const direct = await withOurs(events);
    const queued = await withOursBehindQueue(bodies);
    tables.push(toTable(`${name}, in ${events.length} invocations`, events, old, tally(direct), tally(queued)));

    for (const ours of [direct, queued]) {
      expect(sum(tally(ours).missed)).toBe(0);
      expect(Math.max(...ours.map(({ calls }) => calls.length))).toBe(1);
    }
    expect(queued).toHaveLength(Math.ceil(bodies.length / 100));
    // Otherwise it would not be the handler of 2016.
    for (const kind of ['plain', 'with a space', 'with +'] as const) {
      expect(old.missed[kind]).toBeGreaterThan(0);
    }
  }
});

function toTable(title: string, events: readonly unknown[], ...[old, direct, queued]: [Tally, Tally, Tally]): string {
  const keys = events.flatMap(keysOf);
  const row = (name: string, ...cells: unknown[]) =>
    name.padEnd(18) + cells.map((cell) => String(cell).padStart(14)).join('');
  return [
    title,
    row('', 'changes', '2016: missed', 'ours: missed', 'ours, queued'),
    ...kinds.map((kind) =>
      row(
        kind,
        keys.filter((key) => kindOf(key) === kind).length,
        ...[old, direct, queued].map(({ missed }) => missed[kind]),
      ),
    ),
    row('all', keys.length, ...[old, direct, queued].map(({ missed }) => sum(missed))),
    row('calls', '', old.calls, direct.calls, queued.calls),
  ].join('\n');
}
