/** One measured number, and what it is meant to be. */
export interface Figure {
  name: string;
  value: number;
  unit: string;
  /** How many runs it is taken from. */
  n: number;
  goal?: Goal;
}

type Goal = { atMost: number } | { atLeast: number } | { below: number };

export function isMet({ value, goal }: Figure): boolean {
  if (goal === undefined) {
    return true;
  }
  if ('atLeast' in goal) {
    return value >= goal.atLeast;
  }
  return 'atMost' in goal ? value <= goal.atMost : value < goal.below;
}

/** Cells for a table: name, value, goal, verdict, n. */
export function toCells(figure: Figure): string[] {
  const { name, value, unit, n, goal } = figure;
  return [name, `${round(value)} ${unit}`.trim(), goalText(goal), goal ? verdict(figure) : '', String(n)];
}

export function verdict(figure: Figure): 'met' | 'missed' {
  return isMet(figure) ? 'met' : 'missed';
}

function goalText(goal: Goal | undefined): string {
  if (goal === undefined) {
    return '';
  }
  if ('atLeast' in goal) {
    return `>= ${goal.atLeast}`;
  }
  return 'atMost' in goal ? `<= ${goal.atMost}` : `< ${goal.below}`;
}

/** Three digits say all that a noisy machine can. */
function round(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 2 : 1);
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...lines.map((row) => row[column]?.length ?? 0)));
  return lines
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
