/** Counts and sums of money in words, as a report and its notes show them. */

/** Exact: pounds and pence are taken apart as integers. */
export function pounds(pence: number): string {
  const magnitude = Math.abs(pence);
  const whole = Math.floor(magnitude / 100)
    .toString()
    .replace(/\B(?=(?:\d{3})+$)/g, ",");
  return `${pence < 0 ? "-" : ""}£${whole}.${String(magnitude % 100).padStart(2, "0")}`;
}

export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;
