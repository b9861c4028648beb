import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readEvent } from '../../src/s3-handler/events.ts';
import {
  objectCreated,
  objectExpired,
  s3Event,
  s3Record,
  snsEnvelope,
  snsEvent,
  sqsEvent,
  testEvent,
} from './samples.ts';

const changesOf = (event: unknown) => readEvent(event).flatMap(({ changes }) => changes);
const keysOf = (event: unknown) => changesOf(event).map(({ key }) => key);
const problemsOf = (event: unknown) => readEvent(event).flatMap(({ problems }) => problems);
const ignoredOf = (event: unknown) => readEvent(event).flatMap(({ ignored }) => ignored);

describe('a notification of S3', () => {
  const event = s3Event(
    s3Record({ key: 'a+b%2Bc.html' }),
    s3Record({ key: '2.html', eventName: 'ObjectRemoved:Delete' }),
  );
  const changes = [
    { bucket: 'amzn-s3-demo-bucket', key: 'a b+c.html', kind: 'created', sequencer: '005E4D3B5B8F4F6DAE' },
    { bucket: 'amzn-s3-demo-bucket', key: '2.html', kind: 'removed', sequencer: '005E4D3B5B8F4F6DAE' },
  ];

  it.each([
    { route: 'directly', delivered: event },
    { route: 'by SNS', delivered: snsEvent(event) },
    { route: 'by SQS', delivered: sqsEvent(event) },
    { route: 'by SNS in SQS', delivered: sqsEvent(snsEnvelope(event)) },
    { route: 'by SNS in SQS, raw', delivered: sqsEvent(event) },
    { route: 'one record a message', delivered: sqsEvent(...event.Records.map((record) => s3Event(record))) },
  ])('that arrives $route is read with all its records, keys decoded', ({ delivered }) => {
    expect(changesOf(delivered)).toEqual(changes);
    expect(problemsOf(delivered)).toEqual([]);
  });

  it.each([
    { name: 'ObjectCreated:Put', kind: 'created' },
    { name: 'ObjectCreated:CompleteMultipartUpload', kind: 'created' },
    { name: 'ObjectRemoved:Delete', kind: 'removed' },
    { name: 'ObjectRemoved:DeleteMarkerCreated', kind: 'removed' },
    { name: 'LifecycleExpiration:Delete', kind: 'removed' },
    { name: 's3:LifecycleExpiration:DeleteMarkerCreated', kind: 'removed' },
  ])('of $name says that the object is $kind', ({ name, kind }) => {
    expect(changesOf(s3Event(s3Record({ eventName: name })))).toMatchObject([{ kind }]);
  });

  it.each(['ObjectRestore:Completed', 'ObjectTagging:Put', 'ObjectAcl:Put', 'LifecycleTransition', 'Replication:X'])(
    'of %s is ignored, as what the object holds stays',
    (eventName) => {
      const delivered = s3Event(s3Record({ eventName }));
      expect(changesOf(delivered)).toEqual([]);
      expect(ignoredOf(delivered)).toEqual([`"${eventName}"`]);
      expect(problemsOf(delivered)).toEqual([]);
    },
  );

  it.each(['2.0', '2.1', '2.3', '2.5', '2.10'])('of version %s is read', (eventVersion) => {
    expect(keysOf(s3Event(s3Record({ eventVersion })))).toEqual(['HappyFace.jpg']);
  });

  it.each(['3.0', '1.0', '2', ''])('of version "%s" is a problem', (eventVersion) => {
    expect(problemsOf(s3Event(s3Record({ eventVersion })))).toEqual([
      `a notification of version "${eventVersion}", which is not 2.x`,
    ]);
  });

  it('tells a change of an object from another by the time where there is no sequencer', () => {
    const { s3, ...rest } = s3Record();
    const { sequencer: _, ...object } = s3.object;
    const record = { ...rest, s3: { ...s3, object } };
    expect(changesOf({ Records: [record] })).toMatchObject([{ sequencer: rest.eventTime }]);
  });

  it('decodes any key as S3 encodes it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (key) => {
        const encoded = new URLSearchParams([['', key]]).toString().slice(1);
        expect(keysOf(s3Event(s3Record({ key: encoded })))).toEqual([key]);
      }),
    );
  });
});

describe('an event of EventBridge', () => {
  const key = 'a+b%20c ä.html';

  it.each([
    { route: 'directly', wrap: (event: unknown) => event },
    { route: 'by SQS', wrap: (event: unknown) => sqsEvent(event) },
    { route: 'by SNS in SQS', wrap: (event: unknown) => sqsEvent(snsEnvelope(event)) },
  ])('that arrives $route has its key taken as it is', ({ wrap }) => {
    expect(changesOf(wrap(objectCreated(key)))).toMatchObject([
      { key, kind: 'created', sequencer: '617f08299329d189' },
    ]);
    expect(changesOf(wrap(objectExpired(key)))).toMatchObject([{ key, kind: 'removed' }]);
  });

  it('of another type is ignored', () => {
    const event = { ...objectCreated(), 'detail-type': 'Object Tags Added' };
    expect(changesOf(event)).toEqual([]);
    expect(ignoredOf(event)).toEqual(['"Object Tags Added"']);
  });
});

it.each([
  { route: 'directly', event: testEvent },
  { route: 'by SNS', event: snsEvent(testEvent) },
  { route: 'by SQS', event: sqsEvent(testEvent) },
  { route: 'by SNS in SQS', event: sqsEvent(snsEnvelope(testEvent)) },
])('"s3:TestEvent crashes": $route it is nothing', ({ event }) => {
  expect(changesOf(event)).toEqual([]);
  expect(problemsOf(event)).toEqual([]);
});

describe('what cannot be understood', () => {
  it.each([
    { name: 'no JSON', body: 'hello', problem: 'a message that is not JSON' },
    { name: 'no event', body: {}, problem: 'neither a notification of S3 nor an event of EventBridge' },
    { name: 'null', body: 'null', problem: 'neither a notification of S3 nor an event of EventBridge' },
    { name: 'no records', body: { Records: [] }, problem: 'neither a notification of S3 nor an event of EventBridge' },
    { name: 'another service', body: { Records: [{ eventSource: 'aws:ses' }] }, problem: 'a record of "aws:ses"' },
    { name: 'no key', body: s3Event(s3Record({ key: '' })), problem: 'a change without a key that can be decoded' },
    {
      name: 'no UTF-8',
      body: s3Event(s3Record({ key: '%E4' })),
      problem: 'a change without a key that can be decoded',
    },
    { name: 'no bucket', body: s3Event(s3Record({ bucket: '' })), problem: 'a change without the name of a bucket' },
    { name: 'SNS with no JSON', body: { Type: 'Notification', Message: 'x' }, problem: 'a message that is not JSON' },
  ])('in a message ($name) is a problem of that message alone', ({ body, problem }) => {
    const deliveries = readEvent(sqsEvent(s3Event(s3Record()), body));
    expect(deliveries.map(({ problems }) => problems)).toEqual([[], [problem]]);
    expect(deliveries.map(({ changes }) => changes.length)).toEqual([1, 0]);
  });

  it('in a record leaves the other records of its message', () => {
    expect(keysOf(s3Event(s3Record({ key: '%E4' }), s3Record({ key: 'b' })))).toEqual(['b']);
  });

  it('never throws, whatever it is and wherever it stands', () => {
    const anything = fc.oneof(fc.anything(), fc.constant({ toString: 0, valueOf: 0 }));
    const event = fc.oneof(
      anything,
      fc.record({ Records: fc.array(corrupted(s3Record(), anything)) }),
      corrupted(objectCreated(), anything),
      corrupted(snsEvent({}), anything),
      corrupted(sqsEvent({}), anything),
    );
    fc.assert(
      fc.property(event, (one) => {
        for (const delivered of [one, sqsEvent(JSON.stringify(one) ?? '')]) {
          readEvent(delivered);
        }
      }),
    );
  });
});

/** The sample with anything in the place of any of its fields, at any depth. */
function corrupted(sample: unknown, anything: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  if (typeof sample !== 'object' || sample === null) {
    return fc.oneof({ weight: 9, arbitrary: fc.constant(sample) }, { weight: 1, arbitrary: anything });
  }
  const fields = Object.entries(sample).map(([name, value]) => [name, corrupted(value, anything)]);
  const whole = fc.record(Object.fromEntries(fields)).map((one) => (Array.isArray(sample) ? Object.values(one) : one));
  return fc.oneof({ weight: 9, arbitrary: whole }, { weight: 1, arbitrary: anything });
}
