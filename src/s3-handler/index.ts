import { connectCloudFront } from '../adapters/cloudfront.ts';
import { createHandler } from './handler.ts';
import { createLog } from './log.ts';
import { readSettings } from './sites.ts';

const { env } = process;
const accountUnknown = '';

/** The entry point of the Lambda. Wrong settings end it here, at its start, and not at the first upload. */
export const handler = createHandler({
  settings: readSettings(env),
  cloudFront: connectCloudFront(env.AWS_REGION ?? '', accountUnknown, new AbortController().signal),
  // Past the console, which Lambda has replaced by one that puts the text into a line of its own making.
  log: createLog((line) => process.stdout.write(line), env.AWS_LAMBDA_LOG_LEVEL),
});
