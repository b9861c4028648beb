import { createHash } from 'node:crypto';
import { pathOfKey, pathVariants } from '../cloudfront/paths.ts';
import { planItems } from '../cloudfront/planner.ts';
import type { Delivery, ObjectChange } from './events.ts';
import type { Log } from './log.ts';
import { nameIn, type Settings, type Site, sitesOf } from './sites.ts';

/** What is cleared in one distribution, and whose deliveries fail when that fails. */
export interface Clearing {
  distributionId: string;
  /** Encoded paths and wildcards, sorted. */
  items: readonly string[];
  deliveries: ReadonlySet<Delivery>;
  /** The CallerReference for a call with these items: the same for the same changes. */
  reference(items: readonly string[]): string;
}

/**
 * What to clear where. In which order the changes of an object happened does not matter, so sequencers are compared for
 * equality only: clearing does not look at what the object is, and it comes after all of them.
 */
export function planClearings(deliveries: readonly Delivery[], { sites, maxPaths }: Settings, log: Log): Clearing[] {
  const drafts = new Map<string, Draft>();
  for (const delivery of deliveries) {
    for (const change of delivery.changes) {
      const matching = sitesOf(sites, change);
      if (matching.length === 0) {
        log.info('skipped, no site has this bucket and prefix', { bucket: change.bucket, key: change.key });
      }
      for (const site of matching) {
        addTo(drafts, site, delivery, change, log);
      }
    }
  }
  return Array.from(drafts, ([distributionId, { paths, changes, deliveries }]) => {
    const plan = planItems(paths, maxPaths);
    if (plan.wildcards.length > 0) {
      const what = { distribution: distributionId, paths: plan.asked, wildcards: plan.wildcards };
      log.info('cleared by wildcards, as there are more paths than MAX_PATHS', what);
    }
    const work = [distributionId, ...[...changes].sort()];
    return { distributionId, items: plan.items, deliveries, reference: (items) => referenceOf(work, items) };
  });
}

interface Draft {
  paths: string[];
  changes: Set<string>;
  deliveries: Set<Delivery>;
}

function addTo(drafts: Map<string, Draft>, site: Site, delivery: Delivery, change: ObjectChange, log: Log): void {
  const { bucket, key, kind, sequencer } = change;
  const about = { bucket, key, distribution: site.distributionId };
  const parsed = pathOfKey(nameIn(site, key));
  if ('problem' in parsed) {
    // No try can ever clear it, so it is no reason to try again.
    log.error('cannot be cleared', { ...about, reason: `its path ${parsed.problem}` });
    return;
  }
  log.debug('to be cleared', { ...about, path: parsed.path, kind });
  const draft = drafts.get(site.distributionId) ?? { paths: [], changes: new Set(), deliveries: new Set() };
  drafts.set(site.distributionId, draft);
  draft.paths.push(...(site.variants ? pathVariants(parsed.path) : [parsed.path]));
  draft.changes.add(JSON.stringify([bucket, key, sequencer]));
  draft.deliveries.add(delivery);
}

/** CloudFront refuses a reference for other items, which the same changes have after a change of the settings. */
function referenceOf(work: readonly string[], items: readonly string[]): string {
  const hash = createHash('sha256').update(JSON.stringify([work, items]));
  return `s3-handler-${hash.digest('hex').slice(0, 40)}`;
}
