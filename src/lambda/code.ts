import type { ImageUri } from '../image/image-uri.ts';
import { plain } from '../plain.ts';
import type { Code, FunctionState } from '../world.ts';

/** Where the code of a function comes from, as the workflow says it. */
export type CodeSource =
  | { kind: 'image'; image: ImageUri; isBuilt: boolean }
  | { kind: 'zip'; path: string; isExcluded?(path: string): boolean }
  | { kind: 's3'; bucket: string; key: string; version: string | undefined };

export function sourceText(source: CodeSource): string {
  switch (source.kind) {
    case 'image':
      return source.image.text;
    case 'zip':
      return plain(source.path);
    case 's3':
      return plain(`s3://${source.bucket}/${source.key}${source.version ? `?versionId=${source.version}` : ''}`);
  }
}

/** The package type of a function that takes this code (PackageType of GetFunction). */
export function packageTypeOf(source: CodeSource): 'Image' | 'Zip' {
  return source.kind === 'image' ? 'Image' : 'Zip';
}

/**
 * Whether the function holds the code that was asked for. A hash proves it; an image is also known by the tag it was
 * deployed by, and a package in S3, whose hash nobody told us, by what Lambda said when it took it.
 */
export function holds(state: FunctionState, code: Code, expectedSha256: string | undefined): boolean {
  return (
    (code.kind === 'image' && state.imageUri === code.imageUri) ||
    (expectedSha256 !== undefined && state.codeSha256 === expectedSha256)
  );
}

/**
 * Whether an update would change nothing. Only for a function that is well: a Failed update shows its new code while the
 * old one serves, and an Inactive function is woken by an update. On Lambda Managed Instances, $LATEST is ActiveNonInvocable
 * when it is well.
 */
export function isUpToDate(
  state: FunctionState,
  expectedSha256: string | undefined,
  architecture: string | undefined,
): boolean {
  return (
    expectedSha256 !== undefined &&
    state.codeSha256 === expectedSha256 &&
    ['Active', 'ActiveNonInvocable'].includes(state.state) &&
    state.lastUpdateStatus === 'Successful' &&
    (architecture === undefined || state.architectures.includes(architecture))
  );
}
