/**
 * The user's config.json of docker, made fit to take our sign-in: it stays in this file, while all others go where they
 * are. Undefined when the text is no such file.
 */
export function privateConfig(text: string, registry: string): string | undefined {
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch {
    return;
  }
  if (!isRecord(config)) {
    return;
  }
  const credHelpers = isRecord(config.credHelpers) ? config.credHelpers : {};
  // No helper for this registry means this file, even where a `credsStore` (a keychain) takes everything else. It also
  // keeps docker from choosing a keychain by itself, as it does when a configuration has no sign-in at all.
  return JSON.stringify({ ...config, credHelpers: { ...credHelpers, [registry]: '' } });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
