import { plainPage } from '../plain.ts';

/** Text that stays text in a summary: whatever Markdown or HTML gives a meaning becomes a character reference. */
export function escapeMarkdown(text: string): string {
  return plainPage(text).replace(/[^\p{L}\p{N} .,/@-]/gu, (character) => `&#${character.codePointAt(0)};`);
}

export function code(text: string): string {
  return text === '' ? '' : `<code>${escapeMarkdown(text)}</code>`;
}

export function link(text: string, url: string): string {
  return `[${escapeMarkdown(text)}](${encodeURI(url).replace(/[()]/g, encodeURIComponent)})`;
}

/** Cells are Markdown already. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');
}
