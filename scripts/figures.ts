/** Figures for people: percentiles of what was measured, and tables. Pure. */

/** The value that `share` of the values do not exceed (nearest rank: one that was really measured), or null for none. */
export function percentile(values: readonly number[], share: number): number | null {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null;
}

/** What a figure begins with, whatever it counts. */
const FIGURE = /^[-≤$£ ]*\d/;

/** A table in Markdown, padded so that a terminal shows it well. A column with nothing but figures is aligned to the right. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const columns = header.map((title, column) => {
    const cells = rows.map((row) => row[column] ?? "");
    const filled = cells.filter((cell) => cell !== "");
    return {
      width: Math.max(3, title.length, ...cells.map(({ length }) => length)),
      isRight: filled.length > 0 && filled.every((cell) => FIGURE.test(cell)),
    };
  });
  const line = (cells: readonly string[]) =>
    `| ${columns.map(({ width, isRight }, column) => (isRight ? cells[column]?.padStart(width) : cells[column]?.padEnd(width)) ?? "").join(" | ")} |`;
  const rule = columns.map(({ width, isRight }) => (isRight ? `${"-".repeat(width - 1)}:` : "-".repeat(width)));
  return [line(header), line(rule), ...rows.map(line)].join("\n");
}
