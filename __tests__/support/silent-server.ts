import { createServer, type Socket } from 'node:net';

/** Takes connections, and never answers. */
export async function startSilentServer(port = 0) {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => undefined));
  });
  await new Promise<void>((ready) => server.listen(port, '127.0.0.1', ready));
  return {
    port: (server.address() as { port: number }).port,
    onConnection: (listen: () => unknown) => void server.once('connection', listen),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) {
        socket.destroy();
      }
      await new Promise((closed) => server.close(closed));
    },
  };
}
