import type { LambdaClient } from '@aws-sdk/client-lambda';
import type { Attempt } from '../world.ts';
import type { Call } from './attempt.ts';

export interface Connection {
  sdk: typeof import('./lambda-sdk.ts');
  client: LambdaClient;
}

/** What every kind of call to Lambda is made with: one pace for all of them. */
export interface LambdaCalls {
  connection(): Promise<Connection>;
  /**
   * The same with sockets of its own, as many as there are invocations: those of a client are 50 by default
   * (@smithy/node-http-handler), and whoever looks at a function must not wait for the end of an invocation.
   */
  invoking(): Promise<Connection>;
  /** Sends one call when it is its turn. `patience` is how long an answer may take, in milliseconds. */
  call<T>(
    functionName: string,
    deadline: number,
    patience: 'read' | 'write' | number,
    rest: Pick<Call<T>, 'action' | 'failure' | 'send' | 'read'> & Partial<Call<T>>,
  ): Promise<Attempt<T>>;
}
