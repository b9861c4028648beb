import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { SQSRecord } from 'aws-lambda';
import { history } from './history.ts';
import { find } from './lambda-runtime.ts';

export type Change = readonly ['put' | 'delete', string];

interface Happening {
  route: 'sqs' | 'sns' | 'eventbridge';
  changes: readonly Change[];
  /** How many messages SQS delivers twice, at least. */
  twice?: number;
}

/** What is missing for S3's notifications as moto makes them. */
export function missingForMoto(): string[] {
  return python === undefined ? ['moto'] : [];
}

const python = pythonBeside(find('moto_server'));

function pythonBeside(program: string | undefined): string | undefined {
  const file = join(dirname(program ?? ''), 'python3');
  return program !== undefined && existsSync(file) ? file : undefined;
}

/** The messages of the queue, of which the first says that the notification was set up. */
export function motoMessages({ route, changes, twice = 0 }: Happening): Promise<SQSRecord[]> {
  return new Promise((done, failed) => {
    const options = { maxBuffer: 256 * 1_048_576 };
    const child = execFile(python ?? '', [join(import.meta.dirname, 'moto-events.py')], options, (error, stdout) => {
      if (error) failed(error);
      else done(JSON.parse(stdout));
    });
    child.stdin?.end(JSON.stringify({ route, changes, twice }));
  });
}

const recording = join(import.meta.dirname, 'fixtures/moto-messages.json');

/** The bodies of such messages as moto wrote them, for machines without it: of the first 60 changes of the history. */
export function recordedBodies(): string[] {
  return JSON.parse(readFileSync(recording, 'utf8'));
}

// To record them again: node __tests__/s3-handler/moto.ts
if (import.meta.main) {
  const messages = await motoMessages({ route: 'sqs', changes: history(60), twice: 5 });
  writeFileSync(
    recording,
    `${JSON.stringify(
      messages.map(({ body }) => body),
      null,
      2,
    )}\n`,
  );
}
