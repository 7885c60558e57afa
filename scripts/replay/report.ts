/** The end of a replay in words and figures, for people; `--json` prints the same object for machines. */
import { table } from "../figures.ts";
import type { Conversion } from "./invoices.ts";
import { type Counts, formatPercentiles, type Percentiles } from "./progress.ts";
import type { Comparison } from "./reconcile.ts";
import { plural, pounds } from "./words.ts";

/** Everything that a replay found out. Money is in pence, times are in milliseconds. */
export interface Result {
  readonly file: string;
  readonly run: string;
  readonly equal: boolean;
  readonly orders: number;
  readonly value: number;
  readonly skipped: Readonly<Record<string, { readonly invoices: number; readonly value: number }>>;
  readonly rounded: Conversion["rounded"];
  readonly counts: Counts;
  /** Submissions per second. */
  readonly rate: number;
  readonly elapsedMs: number;
  readonly accept: Percentiles;
  readonly confirm: Percentiles;
  readonly comparisons: readonly Comparison[];
  readonly notes: readonly string[];
}

/** The reasons of `skipped` in words. */
const SKIPPED: Readonly<Record<string, string>> = {
  cancellation: "cancellations of earlier sales",
  correction: "stock corrections",
  no_value: "without any value",
  no_goods: "charges without goods",
  too_many_lines: "with too many lines",
  inconsistent: "with two customers or countries",
  unknown_country: "to a country without a known code",
  invalid: "that the contract refuses",
};

/** With other traffic the counters cannot be told apart to the penny, and the report does not claim it. */
const EQUAL = { wholly: "Equal to the penny.", apart: "File and history are equal to the penny; the counters include other traffic." };

/** Skips that are the sender's to mend; these are named one by one, the others are only counted. */
const NAMED: ReadonlySet<string> = new Set(["too_many_lines", "inconsistent", "unknown_country", "invalid"]);
const MAX_NAMED = 10;

/** What the file came to, before anything is sent. */
export function describeConversion(file: string, { orders, skipped, rounded }: Conversion): string {
  const value = orders.reduce((sum, order) => sum + order.total, 0);
  const named = skipped.filter(({ why }) => NAMED.has(why));
  return lines([
    `${file}: ${plural(orders.length + skipped.length, "invoice")}, of which ${plural(orders.length, "order")} worth ${pounds(value)}`,
    ...Object.entries(bySkipReason(skipped)).map(
      ([why, { invoices, value }]) => `  not an order: ${invoices} × ${SKIPPED[why] ?? why}${value === 0 ? "" : `, ${pounds(value)}`}`,
    ),
    ...named.slice(0, MAX_NAMED).map(({ invoice, detail }) => `    ${invoice}: ${detail}`),
    named.length > MAX_NAMED ? `    and ${named.length - MAX_NAMED} more` : undefined,
    rounded.length > 0 ? `  prices with a fraction of a penny, rounded: ${rounded.length}` : undefined,
    ...rounded
      .slice(0, MAX_NAMED)
      .map(({ invoice, line, written, pence }) => `    ${invoice}, line ${line}: ${written} as ${pounds(pence)}`),
  ]);
}

export function bySkipReason(skipped: Conversion["skipped"]): Record<string, { invoices: number; value: number }> {
  const reasons: Record<string, { invoices: number; value: number }> = {};
  for (const { why, value } of skipped) {
    reasons[why] ??= { invoices: 0, value: 0 };
    reasons[why].invoices++;
    reasons[why].value += value;
  }
  return reasons;
}

export function describeResult({ run, counts, rate, elapsedMs, accept, confirm, comparisons, notes, equal }: Result): string {
  const { accepted, replayed, refused, unanswered, confirmed, failed, waiting } = counts;
  return lines([
    `run ${run}: ${accepted} accepted (${replayed} of them replayed), ${refused} refused, ${unanswered} without an answer, ${rate.toFixed(1)}/s, ${(elapsedMs / 1_000).toFixed(1)} s in all`,
    `  ${confirmed} confirmed, ${failed} failed or cancelled, ${waiting} waiting for a person`,
    `  accept ${formatPercentiles(accept)}, placed to confirmed ${formatPercentiles(confirm)}`,
    "",
    table(["", "file", "history (D1)", "counters", ""], comparisons.map(cellsOf)),
    "",
    ...notes.map((note) => `note: ${note}`),
    equal ? EQUAL[comparisons.some(({ verdict }) => verdict === "other_traffic") ? "apart" : "wholly"] : "NOT EQUAL.",
  ]);
}

function cellsOf({ what, unit, verdict, ...witness }: Comparison): string[] {
  const show = (value: number | null) => (value === null ? "" : unit === "pence" ? pounds(value) : String(value));
  return [what, show(witness.file), show(witness.history), show(witness.counters), verdict.replace("_", " ")];
}

const lines = (parts: readonly (string | undefined)[]): string => parts.filter((part) => part !== undefined).join("\n");
