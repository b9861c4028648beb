import { XMLParser } from 'fast-xml-parser';
import { type Input, recordOf, textOf } from '../api.ts';
import { CloudFrontErrors } from './errors.ts';

// Everything stays text as it was sent: a path may look like a number or end with a space.
const parser = new XMLParser({
  parseTagValue: false,
  trimValues: false,
  htmlEntities: true,
  isArray: (name) => name === 'Path',
});

/** The XML of a request as the document that the API's model describes, not judged yet. */
export function parseBatch(body: Buffer): Input {
  if (body.length === 0) throw CloudFrontErrors.missingBody();
  const batch = recordOf(parse(body.toString()), 'InvalidationBatch') ?? {};
  const paths = recordOf(batch, 'Paths') ?? {};
  return {
    CallerReference: batch.CallerReference,
    Paths: { Quantity: Number(paths.Quantity), Items: recordOf(paths, 'Items')?.Path ?? [] },
  };
}

function parse(text: string): Input {
  try {
    return parser.parse(text, true) as Input;
  } catch (cause) {
    throw CloudFrontErrors.malformed(cause);
  }
}

export interface InvalidationBatch {
  callerReference: string;
  /** Paths and `#tags`, in the order they were sent. */
  items: string[];
}

/** What AWS refuses before it looks at quotas. */
export function readBatch(input: Input): InvalidationBatch {
  const batch = recordOf(input, 'InvalidationBatch') ?? {};
  const paths = recordOf(batch, 'Paths') ?? {};
  const callerReference = textOf(batch, 'CallerReference') ?? '';
  if (callerReference === '') throw CloudFrontErrors.invalid('The parameter CallerReference is required.');
  const items = Array.isArray(paths.Items) ? paths.Items.map(String) : [];
  if (paths.Quantity !== items.length) throw CloudFrontErrors.inconsistentQuantities();
  checkItems(items);
  return { callerReference, items };
}

const MOST_CHARACTERS = 4000;
const MOST_TAG_CHARACTERS = 256;

function checkItems(items: string[]): void {
  if (items.length === 0) throw CloudFrontErrors.invalid('Your request must contain at least one invalidation path.');
  if (new Set(items).size !== items.length) {
    throw CloudFrontErrors.invalid('Your request contains duplicate invalidation paths.');
  }
  if (!items.every((item) => (item.startsWith('#') ? isValidTag(item) : isValidPath(item)))) {
    throw CloudFrontErrors.invalid('Your request contains one or more invalid invalidation paths.');
  }
}

function isValidTag(item: string): boolean {
  return /^#[!-+\--~]+$/.test(item) && item.length - 1 <= MOST_TAG_CHARACTERS;
}

/** ASCII without spaces, a slash first, a `*` only last. */
function isValidPath(item: string): boolean {
  return /^\/[!-)+-~]*\*?$/.test(item) && item.length <= MOST_CHARACTERS;
}
