import type { ApiError, ApiRequest, Input, Operation, Reply } from './api.ts';

/** AWS's JSON protocols, 1.0 and 1.1: every call is a POST to `/`, and a header says which. */
export function startJsonProtocol(version: '1.0' | '1.1', targetPrefix: string) {
  const headers = { 'content-type': `application/x-amz-json-${version}` };
  return {
    matchIn: (operations: Operation[]) => {
      const byTarget = new Map(operations.map((operation) => [`${targetPrefix}.${operation.action}`, operation]));
      return (request: ApiRequest) => {
        const operation = byTarget.get(String(request.headers['x-amz-target']));
        return operation === undefined ? undefined : { operation, params: {} };
      };
    },
    readInput: (request: ApiRequest, malformed: (cause: unknown) => ApiError): Input => {
      try {
        return JSON.parse(request.body.toString() || '{}') as Input;
      } catch (cause) {
        throw malformed(cause);
      }
    },
    reply: (document: object, effect = false): Reply => ({
      status: 200,
      headers,
      body: JSON.stringify(document),
      effect,
    }),
    toErrorReply: (error: ApiError): Reply => ({
      status: error.status,
      headers: { ...headers, ...error.details.headers },
      body: JSON.stringify({ __type: error.code, message: error.message }),
    }),
  };
}

/** Times are seconds since 1970 on these wires. */
export function epochSeconds(date: Date): number {
  return date.getTime() / 1000;
}
