import { createHash } from 'node:crypto';
import { parse } from 'yaml';
import { type Input, recordOf, textOf } from '../api.ts';
import { CodeDeployErrors } from './errors.ts';

/** What an AppSpec for the Lambda platform asks for. */
export interface Shift {
  functionName: string;
  alias: string;
  currentVersion: string;
  targetVersion: string;
  /** Lifecycle event → the function that validates it. */
  hooks: Record<string, string>;
}

/** A revision as it was sent, with the AppSpec in it as a value. */
export interface Revision {
  document: Input;
  appSpec: unknown;
}

/** An AppSpec in the request itself: `AppSpecContent`, or `String`, its older name; in YAML or in JSON. */
export function readRevision(input: Input): Revision {
  const document = recordOf(input, 'revision');
  if (document === undefined) throw CodeDeployErrors.required('Revision');
  const type = textOf(document, 'revisionType');
  const member = type === 'String' ? 'string' : 'appSpecContent';
  const source = type === 'String' || type === 'AppSpecContent' ? recordOf(document, member) : undefined;
  const content = source && textOf(source, 'content');
  if (source === undefined || content === undefined) {
    throw CodeDeployErrors.invalidRevision('The revision must be an AppSpec, of the type AppSpecContent or String.');
  }
  const sha256 = textOf(source, 'sha256');
  if (sha256 !== undefined && sha256 !== createHash('sha256').update(content).digest('hex')) {
    throw CodeDeployErrors.invalidRevision('The sha256 does not match the content.');
  }
  return { document, appSpec: parseAppSpec(content) };
}

export function writeRevision({ hooks: _hooks, ...shift }: Shift): Revision {
  const { functionName, alias, currentVersion, targetVersion } = shift;
  const Properties = { Name: functionName, Alias: alias, CurrentVersion: currentVersion, TargetVersion: targetVersion };
  const appSpec = { version: 0, Resources: [{ [functionName]: { Type: 'AWS::Lambda::Function', Properties } }] };
  const content = JSON.stringify(appSpec);
  const sha256 = createHash('sha256').update(content).digest('hex');
  return { document: { revisionType: 'AppSpecContent', appSpecContent: { content, sha256 } }, appSpec };
}

function parseAppSpec(content: string): unknown {
  try {
    return content.trimStart().startsWith('{') ? JSON.parse(content) : parse(content);
  } catch (cause) {
    throw CodeDeployErrors.invalidRevision('BundleType must be either YAML or JSON', cause);
  }
}

/** Undefined where a property is missing: that is found out only when the deployment starts. */
export function readShift(appSpec: unknown): Shift | undefined {
  const [resource, ...others] = entriesOf(appSpec, 'Resources');
  if (resource === undefined || others.length > 0) return undefined;
  const definition = resource[1] as Input;
  const properties = recordOf(definition, 'Properties') ?? {};
  // A version in YAML may have been read as a number.
  const [functionName, alias, currentVersion, targetVersion] = PROPERTIES.map((name) => String(properties[name] ?? ''));
  if (definition.Type !== 'AWS::Lambda::Function' || !functionName || !alias || !currentVersion || !targetVersion) {
    return undefined;
  }
  const hooks = Object.fromEntries(entriesOf(appSpec, 'Hooks').map(([event, name]) => [event, String(name)]));
  return { functionName, alias, currentVersion, targetVersion, hooks };
}

const PROPERTIES = ['Name', 'Alias', 'CurrentVersion', 'TargetVersion'];

/** `- name: value` each, as AppSpecs have their lists. */
function entriesOf(appSpec: unknown, member: string): [string, unknown][] {
  const list = (appSpec as Input | null)?.[member];
  return Array.isArray(list) ? list.flatMap((item: object) => Object.entries(item)) : [];
}
