import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { plant, runScript, source, temporary } from './trees.ts';

const most = 150;

const packAndSend = `
  import { readFileSync } from 'node:fs';
  const { LambdaClient, UpdateFunctionCodeCommand } = await import(${source('lambda-sdk.ts')});
  const { connectZips } = await import(${source('zips.ts')});
  const { streamZip } = await import(${source('zip-body.ts')});
  const peak = () => Math.ceil(/VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1] / 1024);
  const [root, endpoint] = process.argv.slice(1);
  const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'x' };
  const client = new LambdaClient({ region: 'eu-west-1', endpoint, credentials });
  const before = peak();
  const zips = connectZips();
  const zip = await zips.pack(root);
  const packed = peak();
  await client.send(streamZip(new UpdateFunctionCodeCommand({ FunctionName: 'web' }), zip));
  await zips.clean();
  console.log(JSON.stringify({ before, packed, sent: peak(), bytes: zip.bytes }));`;

const isLinux = process.platform === 'linux';
if (!isLinux) {
  console.log('Only Linux says how much memory a process ever had, so nobody measures it here.');
}

it.skipIf(!isLinux).each([
  { name: 'few big files', files: 8 },
  { name: 'hundreds of files', files: 400 },
])(`a directory of 40 MB in $name is packed and sent in less than ${most} MB`, async ({ files }) => {
  using temp = temporary();
  const bytes = (40 * 1_048_576) / files;
  const tree = Object.fromEntries(Array.from({ length: files }, (_, n) => [`d${n % 20}/f${n}`, randomBytes(bytes)]));
  const server = createServer((request, response) => {
    request.resume().once('end', () => response.end('{"FunctionName":"web"}'));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const printed = await runScript(packAndSend, [plant(join(temp.path, 'in'), tree), `http://127.0.0.1:${port}`]);
  server.close();
  const { before, packed, sent, bytes: sentBytes } = JSON.parse(printed);
  console.log(`${files} files: ${before} MB before, ${packed} MB packed, ${sent} MB sent`);
  expect(sentBytes).toBeGreaterThan(40 * 1_048_576);
  expect(sent).toBeLessThan(most);
});
