import type { LambdaClient } from '@aws-sdk/client-lambda';
import type { Attempt } from '../world.ts';
import type { Call } from './attempt.ts';

/** What every kind of call to Lambda is made with: one client, and one pace for all of them. */
export interface LambdaCalls {
  connection(): Promise<{ sdk: typeof import('./lambda-sdk.ts'); client: LambdaClient }>;
  /** Sends one call when it is its turn. `patience` is how long an answer may take, in milliseconds. */
  call<T>(
    functionName: string,
    deadline: number,
    patience: 'read' | 'write' | number,
    rest: Pick<Call<T>, 'action' | 'failure' | 'send' | 'read'> & Partial<Call<T>>,
  ): Promise<Attempt<T>>;
}
