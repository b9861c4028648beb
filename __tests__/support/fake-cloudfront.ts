import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeCall {
  method: string;
  path: string;
  /** Of a CreateInvalidation; empty otherwise. */
  reference: string;
}

export interface FakeAnswer {
  /** By the clock of the service. */
  createdAt?: number;
  answeredAt?: number;
  status?: string;
  id?: string;
  /** Resets the connection instead of answering. */
  isLost?: boolean;
  httpStatus?: number;
  code?: string;
}

/** A CloudFront that knows none of local-aws's rules: it answers each call as it is told, with times of its own. */
export async function startFakeCloudFront(answer: (call: FakeCall, count: number) => FakeAnswer) {
  const calls: FakeCall[] = [];
  const server = createServer(async (request, response) => {
    const body = await textOf(request);
    const call = {
      method: request.method ?? '',
      path: request.url ?? '',
      reference: /<CallerReference>(.*)<\/CallerReference>/.exec(body)?.[1] ?? '',
    };
    calls.push(call);
    const said = answer(call, calls.filter(({ method }) => method === call.method).length);
    if (said.isLost) {
      request.socket.destroy();
      return;
    }
    response.sendDate = false;
    if (said.answeredAt !== undefined) {
      response.setHeader('date', new Date(said.answeredAt).toUTCString());
    }
    response.writeHead(said.httpStatus ?? (call.method === 'POST' ? 201 : 200), { 'content-type': 'text/xml' });
    response.end(said.code === undefined ? invalidation(call, said) : failure(said.code));
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return {
    calls,
    creations: () => calls.filter(({ method }) => method === 'POST'),
    env: {
      AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'secret',
      AWS_REGION: 'us-east-1',
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  return Buffer.concat(await request.toArray()).toString();
}

function invalidation({ path, reference }: FakeCall, { id = 'I1', status = 'InProgress', createdAt }: FakeAnswer) {
  const time = createdAt === undefined ? '' : `<CreateTime>${new Date(createdAt).toISOString()}</CreateTime>`;
  const asked = /invalidation\/(\w+)$/.exec(path)?.[1] ?? id;
  return `<?xml version="1.0"?><Invalidation xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/"><Id>${asked}</Id><Status>${status}</Status>${time}<InvalidationBatch><Paths><Quantity>1</Quantity><Items><Path>/*</Path></Items></Paths><CallerReference>${reference}</CallerReference></InvalidationBatch></Invalidation>`;
}

function failure(code: string): string {
  return `<?xml version="1.0"?><ErrorResponse xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${code}</Message></Error><RequestId>r</RequestId></ErrorResponse>`;
}
