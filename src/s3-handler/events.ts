/** That an object is new, changed or gone: to a cache all the same. */
export interface ObjectChange {
  bucket: string;
  /** As S3 has it; nothing in it is encoded. */
  key: string;
  kind: 'created' | 'removed';
  /** The same when this change is reported again, and another for every other change of the object. */
  sequencer: string;
}

/** What is delivered, and redelivered, as one: a message of a queue, or the whole event where there is no queue. */
export interface Delivery {
  /** Of the SQS message. */
  messageId: string | undefined;
  changes: ObjectChange[];
  /** Why some of it is no reason to clear anything. */
  ignored: string[];
  /** Why some of it can never be understood. */
  problems: string[];
}

/**
 * Reads S3's notifications, which reach a function directly or in messages of SNS, SQS or both, and S3's events of
 * EventBridge, directly or in a queue. Whatever else arrives is a problem of its delivery, never an error.
 */
export function readEvent(event: unknown): Delivery[] {
  const messages = recordsOf(event);
  if (messages.length > 0 && messages.every((message) => message.eventSource === 'aws:sqs')) {
    return messages.map(({ messageId, body }) => {
      const delivery = emptyDelivery(typeof messageId === 'string' ? messageId : undefined);
      readText(body, delivery);
      return delivery;
    });
  }
  const delivery = emptyDelivery(undefined);
  readNotice(event, delivery);
  return [delivery];
}

function emptyDelivery(messageId: string | undefined): Delivery {
  return { messageId, changes: [], ignored: [], problems: [] };
}

type Fields = Record<string, unknown>;

/** JSON in JSON: the body of a message, or what SNS passes on. */
function readText(text: unknown, delivery: Delivery): void {
  let notice: unknown;
  try {
    notice = JSON.parse(textOf(text));
  } catch {
    delivery.problems.push('a message that is not JSON');
    return;
  }
  readNotice(notice, delivery);
}

function readNotice(notice: unknown, delivery: Delivery): void {
  const { Type, Message, Event, source } = fieldsOf(notice);
  const records = recordsOf(notice);
  if (source === 'aws.s3') {
    readBridged(fieldsOf(notice), delivery);
  } else if (Event === 's3:TestEvent') {
    // S3 sends it once, when the notification is set up (https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html).
    delivery.ignored.push('s3:TestEvent');
  } else if (Type === 'Notification') {
    readText(Message, delivery);
  } else if (records.length > 0) {
    for (const record of records) {
      readRecord(record, delivery);
    }
  } else {
    delivery.problems.push('neither a notification of S3 nor an event of EventBridge');
  }
}

function readRecord(record: Fields, delivery: Delivery): void {
  if (record.EventSource === 'aws:sns') {
    readText(fieldsOf(record.Sns).Message, delivery);
  } else if (record.eventSource === 'aws:s3') {
    readNotification(record, delivery);
  } else {
    delivery.problems.push(`a record of ${shown(record.eventSource ?? record.EventSource)}`);
  }
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html */
function readNotification(record: Fields, delivery: Delivery): void {
  const name = textOf(record.eventName).replace(/^s3:/, '');
  // A minor version only adds fields, says S3, and a major one may do anything.
  if (!textOf(record.eventVersion).startsWith('2.')) {
    delivery.problems.push(`a notification of version ${shown(record.eventVersion)}, which is not 2.x`);
    return;
  }
  const kind = kindOfNotification(name);
  if (kind === undefined) {
    delivery.ignored.push(shown(name));
    return;
  }
  const { bucket, object } = fieldsOf(record.s3);
  const { key, sequencer } = fieldsOf(object);
  addChange(delivery, {
    bucket: fieldsOf(bucket).name,
    key: decodeForm(key),
    kind,
    sequencer: sequencer ?? record.eventTime,
  });
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html */
function readBridged(event: Fields, delivery: Delivery): void {
  const kind = kindsOfBridged.get(event['detail-type']);
  if (kind === undefined) {
    delivery.ignored.push(shown(event['detail-type']));
    return;
  }
  const { bucket, object } = fieldsOf(event.detail);
  const { key, sequencer } = fieldsOf(object);
  // Not encoded, unlike in a notification: to decode it would turn the key `a+b` into `a b`.
  addChange(delivery, { bucket: fieldsOf(bucket).name, key, kind, sequencer: sequencer ?? event.id });
}

function kindOfNotification(name: string): ObjectChange['kind'] | undefined {
  if (name.startsWith('ObjectCreated:')) {
    return 'created';
  }
  return /^(?:ObjectRemoved|LifecycleExpiration):/.test(name) ? 'removed' : undefined;
}

const kindsOfBridged = new Map<unknown, ObjectChange['kind']>([
  ['Object Created', 'created'],
  // By a call or by a lifecycle rule, which its `reason` tells apart.
  ['Object Deleted', 'removed'],
]);

function addChange(delivery: Delivery, change: Record<keyof ObjectChange, unknown> & Pick<ObjectChange, 'kind'>): void {
  const { bucket, key, kind, sequencer } = change;
  if (typeof bucket !== 'string' || bucket === '') {
    delivery.problems.push('a change without the name of a bucket');
  } else if (typeof key !== 'string' || key === '') {
    delivery.problems.push('a change without a key that can be decoded');
  } else {
    delivery.changes.push({ bucket, key, kind, sequencer: textOf(sequencer) });
  }
}

/** As HTML forms are encoded, where a plus is a space. */
function decodeForm(key: unknown): string | undefined {
  try {
    return decodeURIComponent(textOf(key).replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

function recordsOf(value: unknown): Fields[] {
  const { Records } = fieldsOf(value);
  return Array.isArray(Records) ? Records.map(fieldsOf) : [];
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function shown(value: unknown): string {
  return `"${textOf(value).slice(0, 100)}"`;
}

/** Not of anything else: an object that came as JSON may have a `toString` that is no function. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
