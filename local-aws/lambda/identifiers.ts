import { ApiError, type Input, textOf } from '../api.ts';
import { LambdaErrors } from './errors.ts';

/** A function named in a call: `web`, `123456789012:function:web`, an ARN, each optionally `:qualifier`. */
export interface Identifier {
  name: string;
  qualifier: string | undefined;
}

const PATTERN =
  /^(?:arn:(?:aws[a-zA-Z-]*)?:lambda:)?(?:(?<region>[a-z]{2}(?:-[a-z]+)+-\d):)?(?:(?<account>\d{12}):)?(?:function:)?(?<name>[a-zA-Z0-9-_]+)(?::(?<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+))?$/;

export interface Home {
  accountId: string;
  region: string;
}

export function readIdentifier(input: Input, home: Home): Identifier {
  const text = textOf(input, 'FunctionName') ?? '';
  const groups = PATTERN.exec(text)?.groups;
  if (groups === undefined) {
    throw LambdaErrors.validation(
      text,
      'functionName',
      `Member must satisfy regular expression pattern: ${PATTERN.source}`,
    );
  }
  const { region, account, name = '', qualifier } = groups;
  if (account !== undefined && account !== home.accountId) {
    // AWS never says whether another account has such a function.
    throw new ApiError(
      403,
      'AccessDeniedException',
      `User is not authorized to perform this action on resource: ${text}`,
      {
        fields: { Type: '' },
      },
    );
  }
  if (region !== undefined && region !== home.region) throw LambdaErrors.notFound(text);
  const parameter = textOf(input, 'Qualifier');
  if (qualifier !== undefined && parameter !== undefined && qualifier !== parameter) {
    throw LambdaErrors.invalid('The derived qualifier from the function name does not match the specified qualifier.');
  }
  return { name, qualifier: parameter ?? qualifier };
}

/** The name for the log of calls, where nothing may throw. */
export function nameIn(input: Input): string {
  const text = textOf(input, 'FunctionName') ?? '';
  return PATTERN.exec(text)?.groups?.name ?? text;
}

export function functionArn(home: Home, name: string, qualifier?: string): string {
  const arn = `arn:aws:lambda:${home.region}:${home.accountId}:function:${name}`;
  return qualifier === undefined ? arn : `${arn}:${qualifier}`;
}
