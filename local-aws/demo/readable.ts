/** Turns lines of the action's log into what people see of them on GitHub: groups as headings, commands as words. */
export function startLogReader(): (line: string) => string[] {
  let indent = '   ';
  return (line) => {
    const [, command, text = ''] = /^::([a-z-]+)(?: [^:]*)?::(.*)$/.exec(line) ?? [];
    switch (command) {
      case undefined:
        return [`${indent}${shorten(line)}`];
      case 'group':
        indent = '     ';
        return [`   ▸ ${text}`];
      case 'endgroup':
        indent = '   ';
        return [];
      default:
        return decode(text)
          .split('\n')
          .map((part) => `${indent}${command}: ${shorten(part)}`);
    }
  };
}

/** Registry and digest make a name that no line of a terminal holds. */
function shorten(line: string): string {
  return line
    .replace(/\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com\//g, '')
    .replace(/@sha256:([0-9a-f]{12})[0-9a-f]{52}/g, '@$1');
}

/** Data of a command, as @actions/core escapes it. */
function decode(text: string): string {
  return text.replaceAll('%0D', '').replaceAll('%0A', '\n').replaceAll('%25', '%');
}

/** Rows under a heading, indented; the first column is text, the others are figures. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  const cells = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells.map((row) => {
    const padded = row.map((cell, column) => {
      const width = widths[column] ?? 0;
      return column === 0 ? cell.padEnd(width) : cell.padStart(width);
    });
    return `   ${padded.join('   ')}`.trimEnd();
  });
}
