import { plain } from '../plain.ts';
import { cancellation, persist } from '../retry.ts';
import type { Timeline } from '../timeline.ts';
import type { Attempt, Bucket, SealedUpload } from '../world.ts';
import { keysToClear } from './compare.ts';
import { type AssetsOutcome, type AssetsPlan, type AssetsWorld, type PlannedUpload, placeOf } from './outcome.ts';
import { type Progress, startProgress } from './progress.ts';
import { eachSideBySide } from './side-by-side.ts';

/** Of the first it is the way there and back that takes the time, of the others the line. */
const smallBytes = 1_048_576;
const smallAtOnce = 32;
const largeAtOnce = 4;
const partsAtOnce = 4;
const capMs = 5000;

interface Uploading {
  bucket: Bucket;
  world: AssetsWorld;
  outcome: AssetsOutcome;
  progress: Progress;
  deadline: number;
}

/** Sends what the look found to be new or changed. Nothing is deleted, so whatever serves meanwhile finds its files. */
export async function uploadAssets(
  plan: AssetsPlan,
  outcome: AssetsOutcome,
  world: AssetsWorld,
  timeline: Timeline,
  deadline: number,
): Promise<void> {
  outcome.unchanged = plan.unchanged;
  const total = plan.new + plan.changed;
  if (total > 0) {
    await timeline.step(placeOf(plan.request), 'upload assets', async (note) => {
      const bucket = world.assets.bucket(plan.request.bucket, plan.request.prefix);
      const progress = startProgress(note, total, 'files');
      outcome.stage = 'uploading';
      for (const wave of plan.uploads) {
        await uploadWave(wave, { bucket, world, outcome, progress, deadline });
      }
      note(`${total} ${total === 1 ? 'file' : 'files'} uploaded, ${plan.bytes.toLocaleString('en-US')} bytes`);
    });
  }
  outcome.stage = 'uploaded';
  outcome.changedKeys = keysToClear(plan);
}

/** The large ones beside the small ones, so that the line is never idle. */
async function uploadWave(wave: readonly PlannedUpload[], uploading: Uploading): Promise<void> {
  const isSmall = ({ file }: PlannedUpload) => file.bytes <= smallBytes;
  const work = (upload: PlannedUpload) => uploadOne(upload, uploading);
  const ended = await Promise.allSettled([
    eachSideBySide(wave.filter(isSmall), smallAtOnce, work),
    eachSideBySide(
      wave.filter((upload) => !isSmall(upload)),
      largeAtOnce,
      work,
    ),
  ]);
  const failed = ended.find((end) => end.status === 'rejected');
  if (failed !== undefined) {
    throw failed.reason;
  }
}

async function uploadOne(upload: PlannedUpload, uploading: Uploading): Promise<void> {
  const { world, outcome, progress } = uploading;
  if (world.cancelled.aborted) {
    throw cancellation(world.cancelled.reason);
  }
  const fingerprint = upload.fingerprint ?? (await world.assets.files.fingerprint(upload.file));
  const sealed = { ...upload, fingerprint };
  if (fingerprint.parts.length === 1) {
    await trying(uploading, `PutObject of ${upload.key}`, () => uploading.bucket.put(sealed, uploading.deadline));
  } else {
    await uploadParts(sealed, uploading);
  }
  outcome.uploaded += 1;
  outcome.bytes += upload.file.bytes;
  progress.advance();
}

async function uploadParts(upload: SealedUpload, uploading: Uploading): Promise<void> {
  const { bucket, deadline } = uploading;
  const uploadId = await trying(uploading, `CreateMultipartUpload of ${upload.key}`, () =>
    bucket.beginParts(upload, deadline),
  );
  try {
    const etags: string[] = [];
    await eachSideBySide(upload.fingerprint.parts, partsAtOnce, async (_, part) => {
      etags[part] = await trying(uploading, `UploadPart ${part + 1} of ${upload.key}`, () =>
        bucket.putPart(upload, uploadId, part, deadline),
      );
    });
    await trying(uploading, `CompleteMultipartUpload of ${upload.key}`, () =>
      finish(upload, uploadId, etags, uploading),
    );
  } catch (error) {
    await bucket.abandonParts(upload, uploadId);
    throw error;
  }
}

/** An upload that an unanswered call has completed is not there any more, so the second call is refused. */
async function finish(
  upload: SealedUpload,
  uploadId: string,
  etags: readonly string[],
  { bucket, deadline }: Uploading,
): Promise<Attempt<true>> {
  const attempt = await bucket.finishParts(upload, uploadId, etags, deadline);
  if (attempt.kind !== 'refused' || attempt.error.code !== 'not-found') {
    return attempt;
  }
  const left = await bucket.readFingerprint(upload.key, deadline);
  return left.kind === 'answered' && left.value === upload.fingerprint.etag
    ? { kind: 'answered', value: true }
    : attempt;
}

function trying<T>(
  { deadline, world, progress }: Uploading,
  subject: string,
  call: () => Promise<Attempt<T>>,
): Promise<T> {
  const { clock } = world;
  return persist(call, { subject: plain(subject), deadline, capMs, clock, onRetry: progress.retried });
}
