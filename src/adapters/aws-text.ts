import { plain, wholeLines } from '../plain.ts';

/**
 * A text out of an AWS answer, safe to pass on: whatever it is, it cannot be a command, run over several lines or hold
 * our own credentials. The fields that are ids, hashes and names stay as they are.
 */
export function awsText(value: unknown): string {
  const { AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_ACCESS_KEY_ID } = process.env;
  const text = value === undefined || value === null ? '' : String(value);
  const secrets = [AWS_SESSION_TOKEN, AWS_SECRET_ACCESS_KEY, AWS_ACCESS_KEY_ID].filter(
    // A short one, such as that of a local AWS, is no secret and may be part of any word.
    (secret) => secret !== undefined && secret.length >= 16,
  );
  const bare = wholeLines(text, (line) => !secrets.some((secret) => line.includes(secret ?? '')));
  return plain(bare.join('\n'));
}
