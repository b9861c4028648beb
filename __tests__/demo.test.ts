import { execFile } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';

const demo = resolve(import.meta.dirname, '../local-aws/demo.ts');

describe('npm run demo', () => {
  it('shows the naive order leaving stale answers and the action leaving none', { timeout: 60_000 }, async () => {
    // Rejects on any exit code but 0.
    const { stdout } = await promisify(execFile)(process.execPath, [demo]);

    const [, naive, action] = /stale answers among them +(\d+) +(\d+)/.exec(stdout) ?? [];
    expect(Number(naive)).toBeGreaterThan(0);
    expect(action).toBe('0');

    const [, summary = ''] = /Job summary +(.+)/.exec(stdout) ?? [];
    const [, outputs = ''] = /Outputs +(.+)/.exec(stdout) ?? [];
    onTestFinished(() => rmSync(dirname(summary), { recursive: true }));
    expect(readFileSync(summary, 'utf8')).toContain('serves the new code as version 1');
    expect(readFileSync(outputs, 'utf8')).toContain('succeeded');
  });
});
