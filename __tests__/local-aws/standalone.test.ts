import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import { startAws } from './clients.ts';

/** Starts main.ts and waits until it has said where it is. */
async function startProcess(...parameters: string[]) {
  const child = spawn(process.execPath, ['local-aws/main.ts', ...parameters], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let text = '';
  for await (const chunk of child.stdout) {
    text += String(chunk);
    if (text.includes('Ctrl-C')) break;
  }
  return { child, text, url: /AWS_ENDPOINT_URL=(\S+)/.exec(text)?.[1] ?? '' };
}

it('runs on its own, is controlled over HTTP, and stops cleanly', async () => {
  const { child, text, url } = await startProcess('--function', 'shop', '--distribution', 'E2SHOP');
  const control = async (method: string, path: string, body?: unknown) => {
    const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
    return (await fetch(`${url}/_local-aws/${path}`, init)).json();
  };
  const fn = `${url}/2015-03-31/functions/shop`;
  expect((await fetch(fn)).status).toBe(200);
  expect(text).toContain('aws lambda update-function-code --function-name shop');

  const cdn = /CDN:\s+(\S+)/.exec(text)?.[1] ?? '';
  expect(await (await fetch(cdn)).json()).toMatchObject({ functionName: 'shop' });
  expect(await control('GET', 'state')).toMatchObject({
    functions: [{ name: 'shop' }],
    distributions: [{ id: 'E2SHOP', cache: [{ url: '/' }] }],
  });

  await control('POST', 'faults', { action: 'GetFunction', kind: 'service-unavailable', times: 9 });
  expect((await fetch(fn)).status).toBe(503);
  await control('DELETE', 'faults');
  await control('PUT', 'denied', ['lambda:*']);
  expect((await fetch(fn)).status).toBe(403);
  expect(await control('GET', 'calls')).toMatchObject([{ status: 200 }, { status: 503 }, { status: 403 }]);
  expect(await control('GET', 'nothing')).toEqual({ message: 'local-aws has no GET nothing.' });

  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
});

it('starts fast and answers many calls', async () => {
  const aws = await startAws();
  const started = performance.now();
  for (let batch = 0; batch < 10; batch += 1) {
    const calls = Array.from({ length: 20 }, async () => (await fetch(`${aws.url}/2015-03-31/functions/web`)).text());
    await Promise.all(calls);
  }
  // Far slower than measured (above 1,000 a second), so that a busy machine does not fail it.
  expect(performance.now() - started).toBeLessThan(2000);
});

it('says so when it does not know a call', async () => {
  const aws = await startAws();
  const response = await fetch(`${aws.url}/2015-03-31/layers`);
  expect(response.status).toBe(404);
  expect(await response.json()).toMatchObject({ message: 'local-aws does not know GET /2015-03-31/layers.' });
});

it('draws the same from the same seed', async () => {
  const draw = async (seed: number) => {
    const aws = await startAws({ seed });
    const InvalidationBatch = { CallerReference: 'r', Paths: { Quantity: 1, Items: ['/*'] } };
    aws.apply('CreateInvalidation', { DistributionId: 'E2EXAMPLE1', InvalidationBatch });
    return aws.distribution('E2EXAMPLE1').invalidations[0]?.id;
  };
  expect(await draw(7)).toBe(await draw(7));
  expect(await draw(7)).not.toBe(await draw(8));
});
