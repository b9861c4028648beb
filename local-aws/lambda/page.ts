import type { Answering } from './function-state.ts';

/** What a viewer asked the CDN for. */
interface Visit {
  method: string;
  /** With the query string. */
  path: string;
  /** The name of the function that answers, its version, and the code that runs. */
  functionName: string;
  version: string;
  codeSha256: string;
  imageUri: string | undefined;
}

export interface Page {
  status: number;
  headers: Record<string, string>;
  body: string;
}
export type PageMaker = (visit: Visit) => Partial<Page>;

/** A page that says which code made it. */
export function renderPage(answering: Answering, method: string, path: string, maker: PageMaker | undefined): Page {
  const { fn, code, version } = answering;
  const visit: Visit = {
    method,
    path,
    functionName: fn.name,
    version,
    codeSha256: code.codeSha256,
    imageUri: code.image?.knownAs,
  };
  const page = maker?.(visit) ?? {};
  return {
    status: page.status ?? 200,
    headers: {
      'content-type': 'application/json',
      'x-code-sha256': code.codeSha256,
      'x-function-version': version,
      ...page.headers,
    },
    body: page.body ?? `${JSON.stringify(visit)}\n`,
  };
}
