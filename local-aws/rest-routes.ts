import type { ApiRequest, Operation } from './api.ts';

/**
 * Finds the operation of a REST call; a trailing slash is ignored, as some clients send one. Where a query tells two
 * operations of one path apart, the one with `?name=value` in its path stands first.
 */
export function restRoutes(operations: Operation[]) {
  const routes = operations.map((operation) => {
    const [path = '', query] = operation.path.split('?');
    return { operation, parts: partsOf(path), query: [...new URLSearchParams(query)] };
  });
  return (request: ApiRequest): { operation: Operation; params: Record<string, string> } | undefined => {
    const parts = partsOf(request.path);
    for (const route of routes) {
      if (route.operation.method !== request.method) continue;
      if (route.query.some(([name, value]) => request.query.get(name) !== value)) continue;
      const params = matchParts(route.parts, parts);
      if (params !== undefined) return { operation: route.operation, params };
    }
    return undefined;
  };
}

function partsOf(path: string): string[] {
  return path.replace(/\/$/, '').split('/');
}

function matchParts(template: string[], parts: string[]): Record<string, string> | undefined {
  if (template.length !== parts.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, expected] of template.entries()) {
    const actual = parts[index] ?? '';
    if (expected.startsWith('{')) params[expected.slice(1, -1)] = decode(actual);
    else if (expected !== actual) return undefined;
  }
  return params;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
