const mebibyte = 1_048_576;

/** Larger files go up in parts; also the least that a part holds. */
const leastPartBytes = 16 * mebibyte;
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
const mostParts = 10_000;

export interface Part {
  start: number;
  /** The first byte after it. */
  end: number;
}

/**
 * Where a file is cut. It follows from the length alone, so that the ETag of a file that went up in parts can be worked
 * out again. One part means that it goes up in one piece.
 */
export function partsOf(bytes: number): Part[] {
  let partBytes = leastPartBytes;
  while (partBytes * mostParts < bytes) {
    partBytes *= 2;
  }
  const count = Math.max(1, Math.ceil(bytes / partBytes));
  return Array.from({ length: count }, (_, part) => ({
    start: part * partBytes,
    end: Math.min(bytes, (part + 1) * partBytes),
  }));
}
