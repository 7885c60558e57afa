/** `npm run flood`: what expedited orders notice of a flood of standard ones; see `flood-run.ts`. Prints Markdown. */

import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { z } from "zod";
import { table } from "../../scripts/figures.ts";
import { wholeNumber } from "../../scripts/flags.ts";
import { runCommand } from "./command.ts";
import { type FloodResult, type Phase, runFlood } from "./flood-run.ts";
import { sparkline } from "./waits.ts";

const USAGE = `Floods the standard lane of the real server while expedited orders arrive steadily, and compares their waiting times.

Usage: npm run flood -- [flags]

  --latency MS       what each provider call takes              (500)
  --expedited N      expedited orders a second, in both phases  (2)
  --baseline SECONDS expedited orders alone                     (60)
  --multiple N       flood by how many times the drain rate     (10)
  --flood SECONDS    how long the flood flows in                (8)
  --probe N          orders to measure the drain rate with      (300)
  --timeout SECONDS  give up after this                         (420)
  --store DIR        where the server's store is made           (/dev/shm if there is one)
  --log PATH         keep the server's log there                (nowhere)
  --json             print the result as one line of JSON
  --help             print this

Exit code: 0 when every bar is reached, 1 when not, 2 for flags that make no sense.`;

/** A folder in memory, on every Linux. */
const MEMORY = "/dev/shm";

const Flags = z.object({
  latency: wholeNumber(0, 5_000).default(500),
  expedited: wholeNumber(1, 100).default(2),
  baseline: wholeNumber(5, 600).default(60),
  multiple: wholeNumber(1, 100).default(10),
  flood: wholeNumber(1, 120).default(8),
  probe: wholeNumber(50, 2_000).default(300),
  timeout: wholeNumber(30, 3_600).default(420),
  store: z.string().default(() => (existsSync(MEMORY) ? MEMORY : tmpdir())),
  log: z.string().optional(),
  json: z.boolean().default(false),
});

/** p95 of the expedited orders' wait under the flood, by that without. */
const MOST_RATIO = 1.25;

/** The flood is to be what it says, give or take what the last batch was late. */
const LEAST_SHARE_OF_MULTIPLE = 0.9;

const PLOT_WIDTH = 72;

process.exitCode = await runCommand(USAGE, Flags, async (flags, surroundings) => {
  const {
    latency: latencyMs,
    expedited: expeditedPerSecond,
    baseline: baselineSeconds,
    multiple,
    flood: floodSeconds,
    probe: probeOrders,
  } = flags;
  const plan = { latencyMs, expeditedPerSecond, baselineSeconds, multiple, floodSeconds, probeOrders };
  const result = await runFlood(plan, { ...surroundings, logFile: flags.log, storeIn: flags.store });
  const missed = missedBars(result);
  const { waits: _, ...figures } = result;
  return { text: flags.json ? JSON.stringify({ ...figures, missed }) : describe(result, missed), passed: missed.length === 0 };
});

function missedBars({ ratio, flood, plan, lost, dropped, bugs }: FloodResult): string[] {
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

function describe(result: FloodResult, missed: readonly string[]): string {
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
