/**
 * How a runner hides registered secrets: each as it is and encoded in some ways, whole and each of its lines
 * (actions/runner: Worker.InitializeSecretMasker, HostContext, ValueEncoders, SecretMasker.MaskSecrets).
 */
export function runnerMask(secrets: readonly string[]): (text: string) => string {
  const values = secrets.flatMap((secret) => [secret.trim(), ...secret.split(/[\r\n]/).map((line) => line.trim())]);
  const forms = [...new Set(values.filter((value) => value !== '').flatMap(formsOf))].filter((form) => form !== '');
  return (text) => {
    const hidden = new Array<boolean>(text.length).fill(false);
    for (const form of forms) {
      for (let at = text.indexOf(form); at !== -1; at = text.indexOf(form, at + 1)) {
        hidden.fill(true, at, at + form.length);
      }
    }
    return [...hidden.keys()].map((at) => (hidden[at] ? (hidden[at - 1] ? '' : '***') : text[at])).join('');
  };
}

function formsOf(value: string): string[] {
  const bytes = Buffer.from(value);
  const base64 = [0, 1, 2].map((shift) => (bytes.length > shift ? bytes.subarray(shift) : bytes).toString('base64'));
  return [
    value,
    ...base64,
    value.replaceAll('"', '\\"'),
    value.replaceAll("'", "''"),
    JSON.stringify(value).slice(1, -1),
    encodeURIComponent(value).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`),
    value.replace(
      /[<>"'&]/g,
      (one) => ({ '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;', '&': '&amp;' })[one] ?? '',
    ),
    value.length > 8 && /^".*"$/s.test(value) ? value.slice(1, -1) : '',
  ];
}

/** What a standard output becomes in the log and in annotations: the data of a command is decoded before it is masked. */
export function maskedLog(log: string, mask: (text: string) => string): string {
  return log
    .split(/\r\n|[\r\n]/)
    .filter((line) => !line.startsWith('::add-mask::'))
    .map((line) => {
      const data = /^::(?:error|warning)[^:]*::(.*)$/.exec(line)?.[1];
      return mask(data?.replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%25', '%') ?? line);
    })
    .join('\n');
}

/** The file of a summary, which is masked a line at a time (CreateStepSummaryCommand), as people then read it. */
export function readableSummary(summary: string, mask: (text: string) => string): string {
  return summary
    .split(/\r\n|[\r\n]/)
    .map(mask)
    .join('\n')
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
    .replace(
      /&(lt|gt|quot|apos|amp);/g,
      (_, name: string) => ({ lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' })[name] ?? '',
    )
    .replace(/\\([!-/:-@[-`{-~])/g, '$1');
}

/** Parts of the secrets that can be read in a text: 8 characters or more. */
export function partsIn(text: string, secrets: readonly string[]): string[] {
  const isCommon = (part: string) => /^https?:\/\/|^x-amz-|security|^-----|KEY-----/.test(part);
  return secrets.flatMap((secret) =>
    Array.from({ length: Math.max(0, secret.length - 7) }, (_, at) => secret.slice(at, at + 8)).filter(
      (part) => !isCommon(part) && text.includes(part),
    ),
  );
}
