import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ApiRequest } from './api.ts';

export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

export interface Listener {
  url: string;
  /** Closes the port for a while: connections are refused, those open are reset. */
  refuseFor: (ms: number) => void;
  stop: () => Promise<void>;
}

/** An HTTP server on this machine only; port 0 takes a free one. */
export async function listen(handler: Handler, port = 0): Promise<Listener> {
  const server = createServer((request, response) => {
    handler(request, response).catch((error: unknown) => {
      // A client that went away is no failure of ours.
      if (request.destroyed && !request.complete) return;
      console.error('local-aws:', error);
      if (response.headersSent) response.destroy();
      else response.writeHead(500).end();
    });
  });
  // A page or an API that hangs on purpose must not be ended by Node's own timeouts.
  server.requestTimeout = 0;
  server.headersTimeout = 0;
  server.keepAliveTimeout = 60_000;
  await open(port);
  const address = server.address() as AddressInfo;
  let reopening: NodeJS.Timeout | undefined;
  let stopped = false;
  return {
    url: `http://127.0.0.1:${address.port}`,
    refuseFor: (ms) => {
      clearTimeout(reopening);
      server.close();
      server.closeAllConnections();
      reopening = setTimeout(() => reopen(address.port), ms);
    },
    stop: async () => {
      stopped = true;
      clearTimeout(reopening);
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };

  /** Somebody may have taken the port in the meantime; then it is tried until they leave. */
  function reopen(wanted: number): void {
    if (stopped) return;
    open(wanted).catch(() => {
      reopening = setTimeout(() => reopen(wanted), 50);
    });
  }

  function open(wanted: number): Promise<void> {
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(wanted, '127.0.0.1', () => {
        server.off('error', reject);
        resolve();
      });
    });
  }
}

/** Takes a body as it comes, and says what is to be held of it. */
export interface BodyReader {
  write: (chunk: Buffer) => void;
  end: () => Buffer;
}

function wholeBody(): BodyReader {
  const chunks: Buffer[] = [];
  return { write: (chunk) => chunks.push(chunk), end: () => Buffer.concat(chunks) };
}

export async function readRequest(
  request: IncomingMessage,
  readerFor: (method: string, path: string) => BodyReader | undefined = () => undefined,
): Promise<ApiRequest> {
  const target = request.url ?? '/';
  const question = target.indexOf('?');
  const method = request.method ?? 'GET';
  const path = question === -1 ? target : target.slice(0, question);
  const reader = readerFor(method, path) ?? wholeBody();
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    reader.write(chunk);
  }
  return {
    method,
    path,
    query: new URLSearchParams(question === -1 ? '' : target.slice(question + 1)),
    headers: request.headers,
    body: reader.end(),
    size,
  };
}
