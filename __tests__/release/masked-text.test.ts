import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ActionRun } from '../support/run-action.ts';
import { maskedLog, partsIn, readableSummary, runnerMask } from '../support/runner-mask.ts';
import { deploy, distributionId, repository, startSite, v2 } from '../support/site.ts';
import { markupOfOthers } from '../support/summary.ts';

const tail = 'Kq3vZx7Lw';
/** Registered with the runner, each made of what GitHub, Markdown, HTML, URLs or this action give a meaning. */
const secrets = [
  `p_a+s=s:w!${tail}0`,
  `a::b${tail}1::c${tail}`,
  `::error::${tail}2`,
  `##[${tail}3]${tail}`,
  `R&D<${tail}4>|${tail}`,
  `*${tail}5*_${tail}_~~${tail}~~`,
  `[${tail}6](${tail})#${tail}`,
  `\`${tail}7\`\`${tail}\\${tail}`,
  `"${tail}8'${tail}"`,
  `www.${tail}9.example/@${tail}`,
  `https://user:${tail}10@${tail}.example/?key=${tail}`,
  `x-amz-security-token: ${tail}11 behind${tail}`,
  `AKIAIOSFODNN7${tail.toUpperCase()}A12${tail}`,
  `pässwörd→${tail}13`,
  `${tail}14${'z9'.repeat(1200)}${tail}`,
];
const multiLine = [
  `-----BEGIN KEY-----\nMIIEow${tail}20/+==\nq83vEj${tail}21::x\n-----END KEY-----`,
  `{\n  "user": "${tail}22",\n  "pass": "a\\"b<${tail}23>"\n}`,
];
const all = [...secrets, ...multiLine];
const base64 = all.slice(0, 3).map((secret) => Buffer.from(secret).toString('base64'));
const lines = [...all, ...base64].flatMap((secret) => `said ${secret} twice`.split('\n'));
const mask = runnerMask(all);

function expectNoPart(run: ActionRun, isShown = true) {
  const texts = [maskedLog(run.log, mask), readableSummary(run.summary, mask), mask(run.outputs.result ?? '')];
  for (const text of texts) {
    expect(partsIn(text, [...secrets, ...multiLine.flatMap((one) => one.split('\n').slice(1, -1)), ...base64])).toEqual(
      [],
    );
    // It was there, and the runner found it.
    expect(text.includes('***') || !isShown).toBe(true);
  }
  expect(markupOfOthers(run.summary)).toEqual([]);
}

describe.concurrent('a secret that the runner knows is hidden whole', () => {
  const half = Math.ceil(lines.length / 2);
  const parts = [lines.slice(0, half), lines.slice(half)];

  it.each(parts.map((part) => ({ said: part.join('\n') })))('in the reason of AWS %#', async ({ said }) => {
    await using site = await startSite();
    site.fault({ action: 'UpdateFunctionCode', kind: 'ends-failed', reasonCode: 'InvalidImage', reason: said });
    expectNoPart(await deploy(site));
  });

  it.each(parts.map((part) => ({ said: part.join('\n') })))(
    'in the error and the log of a function %#',
    async ({ said }) => {
      await using site = await startSite();
      site.fault({
        action: 'Invoke',
        kind: 'function-error',
        payload: { errorType: 'Error', errorMessage: said },
        log: said,
      });
      expectNoPart(await deploy(site, { ...v2, 'warm-up': '1' }));
    },
  );

  it.each(parts.map((part) => ({ part })))('in what docker says last %#', async ({ part }) => {
    const directory = mkdtempSync(join(tmpdir(), 'masked-text-'));
    const host = '127.0.0.1:5000';
    await using site = await startSite({ registry: { host, user: 'AWS', password: 'the-password-of-the-registry' } });
    writeFileSync(join(directory, 'said'), `${part.slice(-14).join('\n')}\n`);
    const script = [
      '#!/bin/sh',
      'case "$*" in',
      '  "buildx version") echo github.com/docker/buildx v0.30.1 9e66234 ;;',
      '  login*) exit 0 ;;',
      `  *) cat '${directory}/said' >&2; exit 1 ;;`,
      'esac',
    ];
    writeFileSync(join(directory, 'docker'), `${script.join('\n')}\n`, { mode: 0o755 });
    const inputs = { 'function-name': 'web', 'image-uri': `${host}/app:v2`, 'build-context': directory };
    const env = { PATH: `${directory}:${process.env.PATH}`, RUNNER_TEMP: directory };
    const run = await deploy(site, inputs, { env });
    rmSync(directory, { recursive: true });
    expect(run.result.error.code).toBe('build-failed');
    expectNoPart(run);
  });

  it.each(all.map((secret) => ({ secret })))('in inputs that are wrong: $secret', async ({ secret }) => {
    await using site = await startSite();
    const run = await deploy(site, {
      'function-name': secret,
      alias: `!${secret}`,
      'image-uri': secret,
      region: secret,
      'distribution-id': secret,
      paths: `x/${secret}`,
      'revision-id': `!${secret}`,
      'traffic-shift': secret,
      'build-target': `!${secret}`,
      'changed-files': secret,
      'update-timeout': secret,
      'expect-header': `!${secret}`,
      'regenerate-urls': `ftp://h/${secret}`,
      'build-args': `A=1\n${secret}`,
      'build-secrets': secret,
      'warm-up-payload': secret,
    });
    expect(run.result.error.code).toBe('invalid-input');
    expect(run.exitCode).toBe(1);
    expectNoPart(run, run.summary.includes(secret.split('\n')[1] ?? secret));
  });

  it('in a path and in the address of a page', async () => {
    await using site = await startSite();
    const inside = secrets.filter((secret) => !/[\s,*?#]|^##/.test(secret) && secret.length < 1000);
    const dry = { 'distribution-id': distributionId, 'dry-run': 'true' };
    for (const secret of inside) {
      const run = await deploy(site, {
        ...dry,
        paths: `/a/${secret}`,
        'regenerate-urls': `https://h.example/${secret}`,
      });
      const texts = [maskedLog(run.log, mask), readableSummary(run.summary, mask)];
      expect(texts.flatMap((text) => partsIn(text, [secret]))).toEqual([]);
    }
  });
});

describe('a text of others', () => {
  it('is never a link, and stands in a code block', async () => {
    await using site = await startSite();
    const reason =
      'Approve at www.evil.example/aws or https://evil.example, mail ops@evil.example, ask @octo in #12 :tada:';
    site.fault({ action: 'UpdateFunctionCode', kind: 'ends-failed', reasonCode: 'InvalidImage', reason });
    const run = await deploy(site);
    expect(run.summary).toContain(reason);
    expect(markupOfOthers(run.summary)).toEqual([]);
  });

  it('leaves the summary, the annotations and the result small, failures first', async () => {
    const names = Array.from({ length: 220 }, (_, index) => `function-${index}-${'x'.repeat(40)}`);
    await using site = await startSite({ functions: names.map((name) => ({ name, imageUri: `${repository}:v1` })) });
    site.fault({
      action: 'UpdateFunctionCode',
      kind: 'error',
      status: 400,
      code: 'InvalidParameterValueException',
      message: 'why '.repeat(400),
      times: 9999,
    });
    const run = await deploy(site, { ...v2, 'function-name': names.join('\n'), 'distribution-id': '' });
    expect(Buffer.byteLength(run.summary)).toBeLessThan(200_000);
    expect(run.summary).toMatch(/… and \d+ more failures/);
    expect(run.log.match(/^::error/gm)).toHaveLength(10);
    // GitHub counts an output as UTF-16.
    expect(run.outputs.result?.length).toBeLessThan(500_000);
    expect(run.result.leftOut).toEqual(['steps', 'messages'].slice(0, run.result.leftOut.length));
    expect(run.result.functions).toHaveLength(names.length);
  });
});
