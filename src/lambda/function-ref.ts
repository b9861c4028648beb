import { partitionOf } from '../partition.ts';

/** A function as the workflow names it; what a bare name leaves open is empty. */
export interface FunctionRef {
  /** As given: what is sent to AWS. */
  text: string;
  name: string;
  region: string;
  accountId: string;
  partition: string;
}

const name = '(?<name>[A-Za-z0-9_-]{1,64})';
const forms = [
  new RegExp(`^${name}$`),
  new RegExp(`^(?:(?<accountId>\\d{12}):)?function:${name}$`),
  new RegExp(
    `^arn:(?<partition>aws[a-z-]{0,20}):lambda:(?<region>[a-z0-9-]{1,30}):(?<accountId>\\d{12}):function:${name}$`,
  ),
];

/**
 * Name, partial ARN (`123456789012:function:web`) or ARN; undefined for anything else.
 * Source: FunctionName of https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html
 */
export function parseFunctionRef(text: string): FunctionRef | undefined {
  for (const form of forms) {
    const groups = form.exec(text)?.groups;
    if (groups) {
      const { name = '', region = '', accountId = '', partition = '' } = groups;
      return { text, name, region, accountId, partition };
    }
  }
  return undefined;
}

/** The version or alias behind a function's name or ARN, if that is what is wrong with it. */
export function qualifierOf(text: string): string | undefined {
  const [, unqualified = '', qualifier] = /^(.+):(\$LATEST|[A-Za-z0-9_-]{1,128})$/.exec(text) ?? [];
  return parseFunctionRef(unqualified) ? qualifier : undefined;
}

/** The ARN to name in an IAM policy; what is not known is `*`. */
export function functionArn(ref: FunctionRef, region: string): string {
  const partition = ref.partition || partitionOf(region);
  return `arn:${partition}:lambda:${ref.region || region || '*'}:${ref.accountId || '*'}:function:${ref.name}`;
}
