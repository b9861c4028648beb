import { Agent, get, type IncomingMessage } from 'node:http';
import { setTimeout } from 'node:timers/promises';

/** Where a distribution's pages are, and under which host, where one address serves many. */
export interface Address {
  url: string;
  host?: string;
}

export interface Answer {
  /** As `performance.now()`. */
  askedAt: number;
  page: string;
  status: number | undefined;
  isHit: boolean;
  /** The code that made the page, whenever that was. */
  codeSha256: string;
}

/** Stops by itself at the end of the block that declares it with `await using`. */
export interface Viewer extends AsyncDisposable {
  answers: readonly Answer[];
  /** Resolves once every page was asked for and answered `times` more. */
  seeAll(times: number): Promise<void>;
}

const pauseMs = 40;

/** A viewer who asks for one page after the other and never stops. */
export function startViewer(address: Address, pages: readonly string[]): Viewer {
  const answers: Answer[] = [];
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let isOver = false;
  const view = async () => {
    for (let at = 0; !isOver; at += 1) {
      answers.push(await ask(address, pages[at % pages.length] ?? '/', agent));
      await setTimeout(pauseMs);
    }
  };
  const viewing = view();
  // Whoever waits for the viewer is told; until then it is not a rejection that nobody handles.
  viewing.catch(() => undefined);
  return {
    answers,
    seeAll: async (times) => {
      const began = performance.now();
      const asked = () => answers.filter(({ askedAt }) => askedAt >= began).length;
      while (asked() < times * pages.length) {
        await Promise.race([setTimeout(pauseMs), viewing]);
      }
    },
    [Symbol.asyncDispose]: async () => {
      isOver = true;
      await viewing.finally(() => agent.destroy());
    },
  };
}

async function ask({ url, host }: Address, page: string, agent: Agent): Promise<Answer> {
  const askedAt = performance.now();
  const { statusCode, headers } = await new Promise<IncomingMessage>((done, failed) => {
    get(`${url}${page}`, { agent, ...(host && { headers: { host } }) }, (response) => {
      response
        .resume()
        .once('error', failed)
        .once('end', () => done(response));
    }).once('error', failed);
  });
  return {
    askedAt,
    page,
    status: statusCode,
    isHit: headers['x-cache'] === 'Hit from cloudfront',
    codeSha256: String(headers['x-code-sha256']),
  };
}
