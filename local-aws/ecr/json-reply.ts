import type { Reply } from '../api.ts';

export function jsonReply(document: object, effect = false): Reply {
  const headers = { 'content-type': 'application/x-amz-json-1.1' };
  return { status: 200, headers, body: JSON.stringify(document), effect };
}
