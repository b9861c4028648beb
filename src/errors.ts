import { plain } from './plain.ts';

export type ErrorCode =
  | 'invalid-input'
  | 'access-denied'
  | 'not-found'
  | 'busy'
  | 'conflict'
  | 'image-rejected'
  | 'update-failed'
  | 'version-failed'
  | 'warm-up-failed'
  | 'alarm'
  | 'rolled-back'
  | 'rollback-failed'
  | 'build-failed'
  | 'upload-failed'
  | 'invalidation-failed'
  | 'stale-cache'
  | 'timed-out'
  | 'cancelled'
  | 'unexpected';

/** A failure that is understood: the message says what happened to which subject, the hint says what to do next. */
export class DeployError extends Error {
  override readonly name = 'DeployError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, { hint, cause }: { hint?: string | undefined; cause?: unknown } = {}) {
    super(message, { cause });
    this.code = code;
    this.hint = hint;
  }
}

/** Anything thrown, as a DeployError; what is not one already is a defect of ours and says so. */
export function toDeployError(error: unknown): DeployError {
  if (error instanceof DeployError) {
    return error;
  }
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return new DeployError('unexpected', `The release stopped on an error nobody expected: ${plain(what)}.`, {
    hint: 'Run it again; if it comes back, please report it with this log.',
    cause: error,
  });
}
