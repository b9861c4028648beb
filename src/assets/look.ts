import { DeployError } from '../errors.ts';
import { isOfGit } from '../file-glob.ts';
import { plain } from '../plain.ts';
import { cancellation, persist } from '../retry.ts';
import type { Note, Timeline } from '../timeline.ts';
import type { AssetFile, AssetFiles, AssetUpload, Bucket, StoredObject } from '../world.ts';
import { type Comparison, compare, inOrder } from './compare.ts';
import { findHashedNames } from './hashed-names.ts';
import { headersOf } from './headers.ts';
import { isTooLong } from './keys.ts';
import { isManifest, listedNames } from './manifests.ts';
import { type AssetsPlan, type AssetsRequest, type AssetsWorld, type PlannedUpload, placeOf } from './outcome.ts';
import { startProgress } from './progress.ts';
import { eachSideBySide } from './side-by-side.ts';

const looksAtOnce = 32;
const capMs = 5000;
const mostNamed = 5;

/**
 * What an upload would do, found out without changing anything: one listing of the bucket, and the contents only of
 * files that are there with the same length. Headers are not compared, because no listing shows them.
 */
export async function lookAtAssets(
  request: AssetsRequest,
  world: AssetsWorld,
  timeline: Timeline,
  deadline: number,
): Promise<AssetsPlan> {
  return timeline.step(placeOf(request), 'compare assets', async (note) => {
    const files = await toUploads(request, world);
    const bucket = world.assets.bucket(request.bucket, request.prefix);
    const stored = await listAll(request, bucket, world, note, deadline);
    const comparison = compare(files, stored, (key) => isKept(request, key));
    const changed = await findChanged(comparison, bucket, world, note, deadline);
    const plan = toPlan(request, comparison, changed);
    note(describe(plan));
    return plan;
  });
}

/** Excluded, or what no run would have uploaded. */
function isKept({ prefix, isExcluded }: AssetsRequest, key: string): boolean {
  const path = key.slice(prefix.length);
  return isOfGit(path) || isExcluded(path);
}

async function toUploads(request: AssetsRequest, world: AssetsWorld): Promise<AssetUpload[]> {
  // Its tables are large, and most runs have no assets.
  const { contentTypeOf } = await import(/* webpackMode: "eager" */ './content-type.ts');
  const files = world.assets.files.find(request.directory, request.isExcluded);
  if (files.length === 0 && request.deletes) {
    throw new DeployError(
      'invalid-input',
      `assets-dir "${plain(request.directory)}" is empty, and assets-delete would delete everything under ${placeOf(request)}.`,
      { hint: 'Check that the build ran before this step, in the same job, and that the directory is the right one.' },
    );
  }
  const hashed = findHashed(files, request.prefix, world.assets.files);
  const uploads = files.map((file) => {
    const isHashed = hashed.has(file.path);
    return {
      key: `${request.prefix}${file.path}`,
      file,
      headers: headersOf(file.path, isHashed, contentTypeOf(file.path), request.headerRules),
      isHashed,
    };
  });
  refuseTooLong(uploads);
  return uploads;
}

function findHashed(files: readonly AssetFile[], prefix: string, { text }: Pick<AssetFiles, 'text'>): Set<string> {
  const paths = files.map(({ path }) => path);
  const known = new Set(paths);
  const listed = files
    .filter(({ path }) => isManifest(path))
    .flatMap((file) => listedNames(file.path, text(file) ?? '', known));
  return findHashedNames(paths, { listed: new Set(listed), prefix });
}

function refuseTooLong(uploads: readonly AssetUpload[]): void {
  const tooLong = uploads.filter(({ key }) => isTooLong(key)).map(({ file }) => `"${plain(file.path)}"`);
  if (tooLong.length > 0) {
    const more = tooLong.length > mostNamed ? ` and ${tooLong.length - mostNamed} more` : '';
    throw new DeployError(
      'invalid-input',
      `assets-dir holds files whose keys would be longer than the 1024 bytes that S3 takes: ${tooLong.slice(0, mostNamed).join(', ')}${more}.`,
      { hint: 'Give them shorter names, or a shorter assets-prefix. Nothing was uploaded.' },
    );
  }
}

async function listAll(
  request: AssetsRequest,
  bucket: Bucket,
  { clock }: AssetsWorld,
  note: Note,
  deadline: number,
): Promise<StoredObject[]> {
  const all: StoredObject[] = [];
  let from: string | undefined;
  do {
    const start = from;
    const page = await persist(() => bucket.list(start, deadline), {
      subject: `ListObjectsV2 of ${request.bucket}`,
      deadline,
      capMs,
      clock,
      onRetry: note,
    });
    all.push(...page.objects);
    from = page.next;
  } while (from !== undefined);
  return all;
}

/** Of the files that are there with the same length, those with other contents. */
async function findChanged(
  { alike }: Comparison,
  bucket: Bucket,
  world: AssetsWorld,
  note: Note,
  deadline: number,
): Promise<PlannedUpload[]> {
  const changed: PlannedUpload[] = [];
  const progress = startProgress(note, alike.length, 'files compared');
  await eachSideBySide(alike, looksAtOnce, async ({ upload, etag }) => {
    if (world.cancelled.aborted) {
      throw cancellation(world.cancelled.reason);
    }
    const fingerprint = await world.assets.files.fingerprint(upload.file);
    if (fingerprint.etag !== etag && (await leftFingerprint(bucket, upload, deadline)) !== fingerprint.etag) {
      changed.push({ ...upload, kind: 'changed', fingerprint });
    }
    progress.advance();
  });
  return changed;
}

/**
 * What this action wrote beside an object whose ETag is not that of the contents, as under a key of KMS. Whoever may not
 * read it uploads once more than needed, which is no failure.
 */
async function leftFingerprint(bucket: Bucket, { key }: AssetUpload, deadline: number): Promise<string | undefined> {
  const answer = await bucket.readFingerprint(key, deadline);
  return answer.kind === 'answered' ? answer.value : undefined;
}

function toPlan(request: AssetsRequest, comparison: Comparison, changed: readonly PlannedUpload[]): AssetsPlan {
  const { different, alike, stale } = comparison;
  const uploads = [...different, ...changed];
  const isNew = ({ kind }: PlannedUpload) => kind === 'new';
  return {
    request,
    uploads: inOrder(uploads),
    new: uploads.filter(isNew).length,
    changed: uploads.filter((upload) => !isNew(upload)).length,
    unchanged: alike.length - changed.length,
    bytes: uploads.reduce((sum, { file }) => sum + file.bytes, 0),
    stale,
  };
}

function describe({ new: added, changed, unchanged, stale, request }: AssetsPlan): string {
  const left =
    stale.length === 0 ? '' : `, ${stale.length} not in the directory${request.deletes ? '' : ' (they stay)'}`;
  return `${added} new, ${changed} changed, ${unchanged} unchanged${left}`;
}
