/** Times in figures and in a line of text. All in milliseconds. */

/** An order's wait: from its acceptance to the start of work on it. */
export interface Wait {
  readonly placedAt: number;
  readonly ms: number;
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
