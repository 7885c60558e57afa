/** What a flood showed, as text for people and as figures for machines. Pure. */
import { table } from "../../scripts/figures.ts";
import type { FloodResult, Phase } from "./flood-run.ts";
import { sparkline } from "./waits.ts";

/** p95 of the expedited orders' wait under the flood, by that without. */
const MOST_RATIO = 1.25;

/** The flood is to be what it says, give or take what the last batch was late. */
const LEAST_SHARE_OF_MULTIPLE = 0.9;

const PLOT_WIDTH = 72;

/** A sentence for each bar that was not reached. */
export function missedBars({ ratio, flood, plan, lost, dropped, bugs }: FloodResult): string[] {
  return [
    ...(ratio !== null && ratio <= MOST_RATIO
      ? []
      : [`expedited p95 is ${ratio?.toFixed(2) ?? "not"} times that without a flood, the bar is ${MOST_RATIO}`]),
    ...(flood.multiple >= plan.multiple * LEAST_SHARE_OF_MULTIPLE
      ? []
      : [`the flood was only ${flood.multiple.toFixed(1)} times the drain rate`]),
    ...(lost.length === 0 ? [] : [`${lost.length} accepted orders are lost: ${lost.slice(0, 5).join(", ")}`]),
    ...(dropped.length === 0 ? [] : [`${dropped.length} accepted orders came to no end: ${dropped.slice(0, 5).join(", ")}`]),
    ...(bugs.length === 0 ? [] : [`${bugs.length} answers of 500: ${bugs[0]}`]),
  ];
}

/** One run, as Markdown. */
export function describe(result: FloodResult): string {
  const missed = missedBars(result);
  const { drainPerSecond, flood, expedited, standard, ratio, plan } = result;
  const ms = (value: number | null) => (value === null ? "–" : `${Math.round(value)} ms`);
  const row = (what: string, { orders, p50, p95, max }: Phase) => [what, String(orders), ms(p50), ms(p95), ms(max)];
  return [
    `Providers answer in ${plan.latencyMs} ms. The standard lane drains ${drainPerSecond.toFixed(1)} orders a second; the flood brought ${flood.orders}`,
    `at ${flood.perSecond.toFixed(0)} a second (${flood.multiple.toFixed(1)} times that) and was drained ${(flood.drainedMs / 1_000).toFixed(0)} s after its last order.`,
    "",
    table(
      ["waiting time", "orders", "p50", "p95", "longest"],
      [
        row("expedited, alone", expedited.baseline),
        row("expedited, while standard is flooded", expedited.flooded),
        row("standard, flooded", standard),
      ],
    ),
    "",
    `Expedited p95 under the flood: ${ratio?.toFixed(2) ?? "–"} × that without (bar: ${MOST_RATIO} ×). Accepted orders lost: ${result.lost.length}. Dropped: ${result.dropped.length}.`,
    `All orders: ${Object.entries(result.byStatus)
      .map(([status, count]) => `${count} ${status}`)
      .join(", ")}.`,
    "",
    ...plot(result),
    "",
    ...(missed.length === 0 ? ["Every bar is reached."] : missed.map((each) => `MISSED: ${each}`)),
  ].join("\n");
}

function plot({ waits, expedited, standard }: FloodResult): string[] {
  const from = Math.min(...waits.expedited.map(({ placedAt }) => placedAt));
  const range = { from, to: waits.drainedAt, width: PLOT_WIDTH };
  const most = (...phases: readonly Phase[]) => Math.max(1, ...phases.map(({ max }) => max ?? 0));
  const top = { expedited: most(expedited.baseline, expedited.flooded), standard: most(standard) };
  const floodColumn = Math.floor(((waits.floodedFrom - from) / (waits.drainedAt - from)) * PLOT_WIDTH);
  return [
    "```",
    `longest wait of the orders placed in each ${((waits.drainedAt - from) / PLOT_WIDTH / 1_000).toFixed(1)} s`,
    `expedited |${sparkline(waits.expedited, { ...range, most: top.expedited })}| █ = ${Math.round(top.expedited)} ms`,
    `standard  |${sparkline(waits.standard, { ...range, most: top.standard })}| █ = ${Math.round(top.standard)} ms`,
    `${" ".repeat("standard  |".length + floodColumn)}^ the flood begins; right edge: it is drained`,
    "```",
  ];
}

/** One run as one object: the four figures that it is judged by first. */
export function figuresOf(result: FloodResult): object {
  const { waits: _, ratio, flood, lost, dropped, ...rest } = result;
  return {
    ...{ expeditedP95Ratio: ratio, floodFactor: flood.multiple, lost: lost.length, dropped: dropped.length },
    ...{ missed: missedBars(result), flood, ...rest },
  };
}

/** A run of the matrix, and where its store lay. */
export interface Cell {
  readonly store: string;
  readonly result: FloodResult;
}

/** All runs of the matrix, a row each, as Markdown. */
export function describeMatrix(cells: readonly Cell[]): string {
  const ms = (value: number | null) => (value === null ? "–" : String(Math.round(value)));
  const rows = cells.map(({ store, result }) => {
    const { plan, drainPerSecond, flood, expedited, ratio, lost, dropped } = result;
    return [
      ...[`${plan.latencyMs} ms`, store, drainPerSecond.toFixed(1), flood.multiple.toFixed(1)],
      ...[ms(expedited.baseline.p95), ms(expedited.flooded.p95), ratio?.toFixed(2) ?? "–"],
      ...[String(lost.length), String(dropped.length), missedBars(result).length === 0 ? "✓" : "✗"],
    ];
  });
  return table(
    ["providers", "store", "drained a second", "flood, times that", "p95 alone", "p95 flooded", "ratio", "lost", "dropped", ""],
    rows,
  );
}
