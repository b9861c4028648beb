import { setTimeout as sleep } from 'node:timers/promises';

interface Answer {
  /** As `performance.now()`. */
  askedAt: number;
  /** The code that made the page, whenever that was. */
  codeSha256: string | null;
}

export interface Viewers {
  answers: readonly Answer[];
  /** Resolves when the last answer is in; throws what went wrong for a viewer. */
  stop: () => Promise<void>;
}

const PAUSE_MS = 40;

/** Viewers who ask a CDN for one page after the other, side by side, until they are stopped. */
export function startViewers(cdnUrl: string, pages: readonly string[], count: number): Viewers {
  const answers: Answer[] = [];
  let stopped = false;

  const view = async (first: number) => {
    for (let at = first; !stopped; at += 1) {
      const askedAt = performance.now();
      const response = await fetch(`${cdnUrl}${pages[at % pages.length]}`);
      await response.text();
      if (!response.ok) {
        throw new Error(`a viewer got HTTP ${response.status} from the CDN.`);
      }
      answers.push({ askedAt, codeSha256: response.headers.get('x-code-sha256') });
      await sleep(PAUSE_MS);
    }
  };
  const viewing = Promise.all(Array.from({ length: count }, (_, viewer) => view(viewer)));
  // Whoever stops them is told; until then it is not a rejection that nobody handles.
  viewing.catch(() => undefined);

  return {
    answers,
    stop: async () => {
      stopped = true;
      await viewing;
    },
  };
}
