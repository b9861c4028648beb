import { describe, expect, it } from 'vitest';
import { readEvent } from '../../src/s3-handler/events.ts';
import { history } from './history.ts';
import { missingForMoto, motoMessages } from './moto.ts';

const missing = missingForMoto();
if (missing.length > 0) {
  console.log(`Skipped the tests with S3's notifications as moto makes them, as there is no ${missing.join(', no ')}.`);
}

describe.skipIf(missing.length > 0)("S3's notifications as moto makes them", { concurrent: true }, () => {
  it.each([
    { route: 'sqs', name: 'a queue' },
    { route: 'sns', name: 'a topic and a queue' },
    { route: 'eventbridge', name: 'EventBridge and a queue' },
  ] as const)('by $name are read as what happened in the bucket', async ({ route }) => {
    const changes = history(60);
    const deliveries = readEvent({ Records: await motoMessages({ route, changes }) });
    const read = deliveries.flatMap(({ changes }) => changes.map(({ kind, key }) => [kind, key]));
    expect(read).toEqual(changes.map(([verb, key]) => [verb === 'put' ? 'created' : 'removed', key]));
    expect(deliveries.flatMap(({ problems }) => problems)).toEqual([]);
  });
});
