import { readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Figure } from './figure.ts';

const DIST = resolve(import.meta.dirname, '../dist');

/** What a runner downloads to load: the JavaScript of the action, without the companion Lambda, which no archive holds. */
export async function measureSize(): Promise<Figure[]> {
  const scripts = readdirSync(DIST).filter((name) => /\.[cm]?js$/.test(name));
  const bytes = scripts.reduce((sum, name) => sum + statSync(join(DIST, name)).size, 0);
  return [{ name: 'size: JavaScript in dist/', value: bytes / 1e6, unit: 'MB', n: 1, goal: { below: 1.6 } }];
}
