/** Times in figures and in a line of text: percentiles, and how waiting times went. All in milliseconds. */

/** An order's wait: from its acceptance to the start of work on it. */
export interface Wait {
  readonly placedAt: number;
  readonly ms: number;
}

/** The value that `share` of the values do not exceed (nearest rank: one that was really measured), or null for none. */
export function percentile(values: readonly number[], share: number): number | null {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null;
}

export const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

const BARS = "▁▂▃▄▅▆▇█";

/**
 * One character per stretch of time, as high as the longest wait of the orders placed in it; a space where none was.
 * @param most the wait that fills a whole character
 */
export function sparkline(
  waits: readonly Wait[],
  { from, to, width, most }: { from: number; to: number; width: number; most: number },
): string {
  const longest = new Array<number | null>(width).fill(null);
  for (const { placedAt, ms } of waits) {
    const column = Math.floor(((placedAt - from) / (to - from)) * width);
    if (column >= 0 && column < width) longest[column] = Math.max(longest[column] ?? 0, ms);
  }
  return longest.map((ms) => (ms === null ? " " : BARS[Math.min(BARS.length - 1, Math.floor((ms / most) * BARS.length))])).join("");
}
