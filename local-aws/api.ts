import type { Outcome } from './faults.ts';

/** One HTTP request as a service sees it; a deployment package in its body is a summary by now. */
export interface ApiRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
  /** Bytes of body that came, which may be more than are held. */
  size: number;
}

export interface Reply {
  status: number;
  headers: Record<string, string>;
  body: string | Buffer;
  /** Did the call change anything? Reads, dry runs and repeated calls do not. */
  effect?: boolean;
  /** Work that takes time before the answer, such as an invocation. */
  delayMs?: number;
}

/** Path parameters, query and parsed body of a call under the names the API gives them. */
export type Input = Record<string, unknown>;

/** What IAM checks and faults match: a name people type, and the ARN in messages. */
interface Resource {
  name: string;
  arn: string;
}

export interface Operation {
  action: string;
  iamAction: string;
  method: string;
  /** As in the API model: `/2015-03-31/functions/{FunctionName}`. */
  path: string;
  /** Rights that only some inputs need, such as publishing with an update. */
  alsoNeeds?: (input: Input) => string[];
  resourceOf: (input: Input) => Resource;
  /** Fetches from outside what `run` needs, before it. */
  prepare?: (input: Input) => Promise<void>;
  /** Synchronous, so that no other call can slip between reading and changing state. */
  run: (input: Input, outcome: Outcome | undefined) => Reply;
}

/** What the server needs from a service; each service is one folder. */
export interface Service {
  name: string;
  operations: Operation[];
  match: (request: ApiRequest) => { operation: Operation; params: Record<string, string> } | undefined;
  readInput: (request: ApiRequest, operation: Operation, params: Record<string, string>) => Input;
  toErrorReply: (error: ApiError) => Reply;
  errors: StandardErrors;
}

/** The same mishap has another name, status and shape in every service. */
export interface StandardErrors {
  throttled: () => ApiError;
  unavailable: () => ApiError;
  internal: () => ApiError;
  denied: (message: string) => ApiError;
  expired: () => ApiError;
  /** An error of this service by its code, with the status and the words that AWS gives it. */
  named?: (code: string) => ApiError | undefined;
}

export interface ErrorDetails {
  headers?: Record<string, string> | undefined;
  /** Further members of the error's body. */
  fields?: Record<string, string> | undefined;
  cause?: unknown;
}

/** An answer that a service gives on purpose; everything else thrown is a bug in here. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly details: ErrorDetails;

  constructor(status: number, code: string, message: string, details: ErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.details = details;
  }
}

export function textOf(input: Input, name: string): string | undefined {
  const value = input[name];
  return typeof value === 'string' ? value : undefined;
}

export function recordOf(input: Input, name: string): Record<string, unknown> | undefined {
  const value = input[name];
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
}
