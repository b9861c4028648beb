import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Reply } from './api.ts';
import type { Fault } from './faults.ts';

/** One HTTP exchange that an answer, or the lack of one, is written to. */
export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  refuseFor: (ms: number) => void;
}

/** Writes the reply the way the fault wants it; returns the status that left the machine, 0 for none. */
export async function deliver(reply: Reply, fault: Fault | undefined, exchange: Exchange): Promise<number> {
  const { request, response } = exchange;
  const body = Buffer.from(reply.body);
  const half = body.subarray(0, Math.max(1, Math.floor(body.length / 2)));
  const headers: Reply['headers'] =
    reply.status === 204 ? reply.headers : { ...reply.headers, 'content-length': String(body.length) };
  switch (fault?.kind) {
    case 'reset-before':
    case 'reset-after':
      reset(request);
      return 0;
    case 'refuse':
      reset(request);
      exchange.refuseFor(fault.ms);
      return 0;
    case 'hang':
      return 0;
    case 'stall-headers':
      request.socket.write(`HTTP/1.1 ${reply.status} OK\r\ncontent-type: application/json\r\nx-amzn-`);
      return 0;
    case 'stall-body':
      response.writeHead(reply.status, headers).write(half);
      return reply.status;
    case 'reset-in-body':
      response.writeHead(reply.status, headers).write(half, () => reset(request));
      return reply.status;
    case 'drip':
      response.writeHead(reply.status, headers);
      await drip(response, body, fault.everyMs ?? 300);
      return reply.status;
    case 'truncate':
      response.writeHead(200, { ...reply.headers, 'content-length': String(half.length) }).end(half);
      return 200;
    case 'empty-200':
      response.writeHead(200, { ...reply.headers, 'content-length': '0' }).end();
      return 200;
    case 'html-200':
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html><body>Please sign in.</body></html>');
      return 200;
    default:
      response.writeHead(reply.status, headers).end(request.method === 'HEAD' ? undefined : body);
      return reply.status;
  }
}

function reset(request: IncomingMessage): void {
  request.socket.resetAndDestroy();
}

async function drip(response: ServerResponse, body: Buffer, everyMs: number): Promise<void> {
  for (const byte of body) {
    if (response.destroyed) return;
    response.write(Buffer.of(byte));
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  response.end();
}
