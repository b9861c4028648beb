import { createHash } from 'node:crypto';

/** What is kept of a deployment package. */
export interface Zip {
  /** In base64, as CodeSha256 has it. */
  sha256: string;
  bytes: number;
  /** Whether it starts as a zip does; whether it would unpack is not tried. */
  isZip: boolean;
  /** In base64, so that it can be fetched again; undefined of a large one, which is only summed up. */
  content: string | undefined;
}

const MOST_KEPT_BYTES = 2 * 1024 * 1024;

/** Hashes a package piece by piece. */
export function startZip(): { write: (bytes: Buffer) => void; end: () => Zip } {
  const hash = createHash('sha256');
  let size = 0;
  let start = Buffer.alloc(0);
  let kept: Buffer[] | undefined = [];
  return {
    write: (bytes) => {
      hash.update(bytes);
      size += bytes.length;
      if (size > MOST_KEPT_BYTES) kept = undefined;
      kept?.push(Buffer.from(bytes));
      if (start.length < SIGNATURE_BYTES) {
        start = Buffer.concat([start, bytes.subarray(0, SIGNATURE_BYTES - start.length)]);
      }
    },
    end: () => ({
      sha256: hash.digest('base64'),
      bytes: size,
      isZip: SIGNATURES.includes(start.toString('latin1')),
      content: kept && Buffer.concat(kept).toString('base64'),
    }),
  };
}

export function summariseZip(bytes: Buffer): Zip {
  const zip = startZip();
  zip.write(bytes);
  return zip.end();
}

const SIGNATURE_BYTES = 4;
/** Of a file in a zip, and of a zip without files. */
const SIGNATURES = ['PK\u0003\u0004', 'PK\u0005\u0006'];
