import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * Stands before an AWS and answers looks at a function, for a while after each update, as it would have before: reads
 * that are behind, as those of a service of many machines can be.
 */
export async function startLaggingReads(awsUrl: string, lagMs: number): Promise<{ url: string } & AsyncDisposable> {
  let old: Answer | undefined;
  let behindUntil = 0;
  const server = createServer(async (request, response) => {
    const isLook = request.method === 'GET' && /^\/2015-03-31\/functions\/[^/]+$/.test(request.url ?? '');
    const isBehind = isLook && performance.now() < behindUntil;
    const answer = (isBehind ? old : undefined) ?? (await forward(awsUrl, request));
    if (isLook) {
      old = answer;
    }
    if (request.method === 'PUT') {
      behindUntil = performance.now() + lagMs;
    }
    response.writeHead(answer.status, answer.headers).end(answer.body);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

interface Answer {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

async function forward(awsUrl: string, request: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) {
    chunks.push(chunk as Buffer);
  }
  const { host: _, ...headers } = request.headers as Record<string, string>;
  const body = chunks.length > 0 ? { body: Buffer.concat(chunks) } : {};
  const answer = await fetch(new URL(request.url ?? '', awsUrl), { method: request.method ?? 'GET', headers, ...body });
  const kept = ['content-type', 'x-amzn-errortype'].map((name) => [name, answer.headers.get(name) ?? '']);
  return {
    status: answer.status,
    headers: Object.fromEntries(kept.filter(([, value]) => value !== '')),
    body: Buffer.from(await answer.arrayBuffer()),
  };
}
