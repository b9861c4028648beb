import type { DistributionOutcome, FunctionOutcome, Outcome } from '../outcome.ts';
import { plain } from '../plain.ts';

/** Where every function and distribution stands at the end, a line each. */
export function standingLines({ functions, distributions }: Outcome): string[] {
  return [
    ...functions.map((one) => `${one.name}: ${functionStanding(one)}${codeText(one)}`),
    ...distributions.map((one) => `${one.id}: ${distributionStanding(one)}`),
  ];
}

function codeText({ stage, plan, after }: FunctionOutcome): string {
  return stage === 'ready' ? `, ${plain(after?.resolvedImageUri || plan.image.text)}` : '';
}

export function functionStanding({ stage, version, plan }: FunctionOutcome): string {
  switch (stage) {
    case 'untouched':
      return 'was not changed';
    case 'update-sent':
      return `the update to ${plan.image.text} was sent, its end was not seen`;
    case 'updated':
      return `holds the new code${plan.version ? ', no version of it was published' : ''}`;
    case 'published':
      return `holds the new code; version ${version} is published, but was not seen Active`;
    case 'ready':
      return `serves the new code${version ? ` as version ${version}` : ''}`;
  }
}

export function distributionStanding({ invalidationId, invalidationStatus }: DistributionOutcome): string {
  return invalidationId === ''
    ? 'was not cleared'
    : `invalidation ${plain(invalidationId)} is ${plain(invalidationStatus)}`;
}

/** What a real run would do. */
export function planLines({ plan, functions }: Outcome): string[] {
  const clearing = plan?.clearing;
  return [
    'Plan (nothing was changed):',
    ...functions.map(({ name, plan, before, accepted }) => {
      const from = plain(before?.resolvedImageUri || before?.imageUri || 'unknown code');
      const publish = plan.version ? ', publish a version and wait until it is Active' : '';
      return `- ${name}: ${accepted ? '' : 'wait until it is free, then '}update from ${from} to ${plan.image.text}${publish}`;
    }),
    ...(clearing?.distributionIds ?? []).map((id) => `- ${id}: ${clearing ? clearingText(clearing) : ''}`),
  ];
}

function clearingText({ paths, wait }: { paths: readonly string[]; wait: string }): string {
  if (paths.length === 0) {
    return 'nothing to clear, paths-file lists no path';
  }
  const shown = paths.slice(0, 10).join(' ');
  const more = paths.length > 10 ? ` and ${paths.length - 10} more` : '';
  return `clear ${shown}${more}${wait === 'false' ? '' : ' and wait until that is done'}`;
}
