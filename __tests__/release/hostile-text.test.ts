import { describe, expect, it } from 'vitest';
import { deploy, repository, startSite, v2 } from '../support/site.ts';
import { markupOf, markupOfOthers } from '../support/summary.ts';

const secret = 'hunter2-is-the-database-password';
const hostile = [
  'boom\n::set-output name=status::succeeded',
  '\r\n::add-mask::e',
  '  ::stop-commands::x',
  '##[set-output name=status]succeeded',
  '\u001b[31m##[error]red',
  '\u2028::error::forged\u2029',
  '<img src=x onerror=alert(1)><!-- ',
  '| broken | table |\n\n# heading',
  '```\n```mermaid',
  '[click](javascript:alert(1)) `code` @everyone',
].join(' ');

/** The runner trims a line before it looks for `::`, and finds `##[` anywhere. */
function commandsIn(log: string): string[] {
  return log.split(/\r\n|[\r\n]/).filter((line) => /^\s*::|##\[/.test(line));
}

const ours =
  /^::(?:group::|endgroup::|error title=lambda-cloudfront-deploy%3A [a-z-]+::|warning title=lambda-cloudfront-deploy::)/;

describe.concurrent('text that AWS or an attacker wrote', () => {
  const places = [
    {
      name: 'the reason of a failed update',
      fault: { action: 'UpdateFunctionCode', kind: 'ends-failed', reasonCode: 'InvalidImage', reason: hostile },
    },
    {
      name: 'the code of a reason',
      fault: { action: 'UpdateFunctionCode', kind: 'ends-failed', reasonCode: hostile, reason: 'x' },
    },
    {
      name: 'the reason of a failed version',
      fault: { action: 'PublishVersion', kind: 'ends-failed', reasonCode: 'InvalidImage', reason: hostile },
    },
    {
      name: 'the message of an error',
      fault: {
        action: 'UpdateFunctionCode',
        kind: 'error',
        status: 400,
        code: 'InvalidParameterValueException',
        message: hostile,
      },
    },
    {
      name: 'the message of a conflict',
      fault: {
        action: 'UpdateFunctionCode',
        kind: 'error',
        status: 409,
        code: 'ResourceConflictException',
        message: hostile,
        times: 2,
      },
    },
    {
      name: 'the message of a denial by CloudFront',
      fault: { action: 'CreateInvalidation', kind: 'error', status: 403, code: 'AccessDenied', message: hostile },
    },
    {
      name: 'the name of an error',
      fault: { action: 'UpdateFunctionCode', kind: 'error', status: 400, code: 'Bad##[error]x', message: hostile },
    },
  ] as const;
  it.each(places)('in $name runs no workflow command, forges no output and breaks no summary', async ({ fault }) => {
    await using site = await startSite();
    site.fault(fault);
    const run = await deploy(site);
    const commands = commandsIn(run.log).filter((line) => !ours.test(line));
    expect(commands).toEqual([]);
    expect(run.log).not.toMatch(/(?![\n\t])\p{Cc}|[\u2028\u2029]/u);
    expect(run.exitCode === 0 ? ['succeeded'] : ['failed', 'rolled-back']).toContain(run.outputs.status);
    expect(Object.keys(run.outputs)).toHaveLength(13);
    expect(markupOfOthers(run.summary)).toEqual([]);
    expect(markupOf(run.summary)).not.toMatch(/^# heading/m);
    expect(run.summary.match(/^```mermaid/gm)).toHaveLength(1);
  });

  it('in the inputs is shown, not obeyed', async () => {
    await using site = await startSite();
    const run = await deploy(site, { ...v2, 'function-name': hostile, region: hostile });
    expect(commandsIn(run.log).filter((line) => !ours.test(line))).toEqual([]);
    expect(run.result.error.code).toBe('invalid-input');
    expect(markupOfOthers(run.summary)).toEqual([]);
    expect(markupOf(run.summary)).not.toMatch(/^# heading/m);
  });

  it('in the name of the repository and the commit reaches the version, not the log', async () => {
    await using site = await startSite();
    const run = await deploy(site, v2, { env: { GITHUB_SHA: '##[x]::', GITHUB_REPOSITORY: 'o/r\n::error::x' } });
    expect(run.exitCode).toBe(0);
    expect(commandsIn(run.log).filter((line) => !ours.test(line))).toEqual([]);
    expect(site.functionNamed('web').versions[0]?.description).not.toContain('\n');
  });
});

describe.concurrent('secrets', () => {
  const env = {
    AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMIexampleKEYsecret',
    AWS_SESSION_TOKEN: 'session-token-that-nobody-may-see',
  };
  const secrets = [secret, ...Object.values(env), 'X-Amz-Signature', 'X-Amz-Credential'];
  const expectNone = (run: { log: string; summary: string; outputs: Record<string, string> }) => {
    for (const text of [run.log, run.summary, JSON.stringify(run.outputs)]) {
      for (const each of secrets) {
        expect(text).not.toContain(each);
      }
    }
  };
  const functions = [{ name: 'web', imageUri: `${repository}:v1`, environment: { PASSWORD: secret } }];

  it.each([
    { name: 'success', fault: undefined },
    {
      name: 'a failed update',
      fault: { action: 'UpdateFunctionCode', kind: 'ends-failed', reasonCode: 'InvalidImage' },
    },
    { name: 'a failed version', fault: { action: 'PublishVersion', kind: 'ends-failed', reasonCode: 'InvalidImage' } },
    { name: 'an update that never ends', fault: { action: 'UpdateFunctionCode', kind: 'stuck' } },
    { name: 'a cut answer', fault: { action: 'GetFunction', kind: 'truncate', after: 2, times: 999 } },
    { name: 'a denial', fault: { action: 'GetFunction', kind: 'denied', after: 2, times: 999 } },
    {
      name: 'an error that quotes a presigned URL and a key',
      fault: {
        action: 'UpdateFunctionCode',
        kind: 'error',
        status: 400,
        code: 'InvalidParameterValueException',
        message: 'see https://awslambda.s3.amazonaws.com/x?X-Amz-Credential=AKIAIOSFODNN7EXAMPLE&X-Amz-Signature=abc',
      },
    },
  ] as const)('none is shown after $name', async ({ fault }) => {
    await using site = await startSite({ functions });
    if (fault) {
      site.fault(fault);
    }
    const run = await deploy(site, { ...v2, 'update-timeout': '3s' }, { env });
    expectNone(run);
    expect(run.log).not.toContain('AKIAIOSFODNN7EXAMPLE');
  });

  it('none is shown with debug logging on', async () => {
    await using site = await startSite({ functions });
    expectNone(await deploy(site, v2, { env: { ...env, RUNNER_DEBUG: '1', ACTIONS_STEP_DEBUG: 'true' } }));
  });
});
