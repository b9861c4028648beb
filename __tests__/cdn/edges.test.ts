// CDN_SEED=… repeats the release that a failure names, CDN_TIMINGS=… tries more timings; see experiment.ts.
import { describe, it } from 'vitest';
import { expectNothingStale } from './experiment.ts';

describe("with local-aws's own edges as the CDN", () => {
  it('after a release no answer is stale, under random timings', { timeout: 600_000 }, () =>
    expectNothingStale('Edges of local-aws', 72, (site, id) => ({ url: site.cdnUrl(id) })),
  );
});
