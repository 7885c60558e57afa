/** What was measured, as Markdown for people. Pure. */
import { table } from "../scripts/figures.ts";
import { ALL, accept99, cpuPerOrder, dollarsPerMillion, medianOf, p50, p95, p99, perOrder, perSecond, summarize, written } from "./bars.ts";
import type { Count, Fairness, Measured, Recovery, Run, Versus } from "./measured.ts";
import { ACTOR_GB, EMPTY_ACTOR_GB, ESTIMATE_PRICES } from "./prices.ts";
import { scaleTables } from "./scale.ts";
import { billOf, dollarsOf, type SourceUnits, totalOf } from "./units.ts";

/** Of a message of a queue: its write, its read and its delete. */
const OPERATIONS_PER_MESSAGE = 3;

export function toMarkdown(measured: Measured): string {
  const { versus, fairness, recovery, paced, loaded, lone, settings } = measured;
  return [
    `Measured on ${measured.machine}.`,
    barsTable(measured),
    ...(versus ? ["The runs that the ratios are of, each the median of its rounds; times in milliseconds:", runsTable(versus)] : []),
    ...(fairness ? ["Standard orders of two tenants, from submitted to confirmed, in milliseconds:", fairnessTable(fairness)] : []),
    ...(recovery
      ? ["Every process killed at once when half of the orders were confirmed, and started again:", recoveryTable(recovery)]
      : []),
    ...(paced && loaded && lone
      ? [
          `Units per order, counted from what the actors and consumers logged; orders of two lines, ${settings.pace} a second:`,
          unitsTable(paced),
          "What a million orders cost at list prices:",
          billTable(paced, loaded, lone, settings.pace),
          estimates(paced),
          "What that comes to for a shop of a size, and which limit of the platform it meets first:",
          scaleTables({
            dollarsPerMillion: { lone: dollarsPerMillion(lone), paced: dollarsPerMillion(paced), flooded: dollarsPerMillion(loaded) },
            eventMessages: (loaded.units.get("order-events")?.queueOperations ?? Number.NaN) / OPERATIONS_PER_MESSAGE / loaded.orders,
          }),
        ]
      : []),
  ].join("\n\n");
}

function barsTable(measured: Measured): string {
  const { figures, missed } = summarize(measured);
  return table(
    ["what", "measured", "rounds", "bar", "goal", ""],
    ALL.flatMap(([key, { what, bar, goal, isLeast }]) => {
      const figure = figures[key];
      if (figure === null) return [];
      const unit = key === "dollarsPerMillion" ? "$" : "";
      const bound = (value: number | null) => (value === null ? "" : `${isLeast ? "≥" : "≤"} ${unit}${value}`);
      const rounds = figure.spread ? figure.spread.map((value) => fixed(value)).join(" to ") : "";
      return [[what, `${unit}${fixed(figure.value)}`, rounds, bound(bar), bound(goal), missed.includes(key) ? "✗" : "✓"]];
    }),
  );
}

function runsTable({ floods, light, slow, hung }: Versus): string {
  const row = (what: string, runs: readonly Run[]) => {
    const middle = (of: (run: Run) => number, digits = 0) => fixed(medianOf(runs.map(of)).value, digits);
    return [
      what,
      middle(perSecond),
      middle(cpuPerOrder, 1),
      middle(({ acceptMs }) => p50(acceptMs)),
      middle(accept99),
      middle(({ confirmMs }) => p50(confirmMs)),
      middle(({ confirmMs }) => p99(confirmMs)),
    ];
  };
  return table(
    ["", "confirmed a second", "CPU per order", "accept p50", "accept p99", "confirmed p50", "confirmed p99"],
    [
      ...(["orderline", "naive", "workflow"] as const).map((name) =>
        row(
          `flood, ${name}`,
          floods.map((round) => round[name]),
        ),
      ),
      ...(["orderline", "naive"] as const).map((name) =>
        row(
          `20 a second, ${name}`,
          light.map((round) => round[name]),
        ),
      ),
      row("the same, orderline, none hung", [hung.calm]),
      row(`the same, orderline, but for ${hung.hung} that hung`, [hung.others]),
      ...(["orderline", "synchronous"] as const).map((name) =>
        row(
          `providers of 100 ms, ${name}`,
          slow.map((round) => round[name]),
        ),
      ),
    ],
  );
}

function recoveryTable(rounds: readonly Readonly<Record<"orderline" | "naive", Recovery>>[]): string {
  const seconds = (ms: number) => `${fixed(ms / 1_000, 1)} s`;
  const row = (who: string, { orders, confirmedBefore, resent, restartMs, confirmedMs, restMs }: Recovery) => [
    ...[who, String(orders), String(confirmedBefore), String(resent), seconds(restartMs), seconds(confirmedMs), seconds(restMs)],
  ];
  return table(
    ["", "orders", "confirmed before", "sent again", "restart", "then until all confirmed", "until all at rest"],
    rounds.flatMap(({ orderline, naive }) => [row("orderline", orderline), row("naive", naive)]),
  );
}

function fairnessTable({ alone, beside, others, floodPerSecond, steadyPerSecond }: Fairness): string {
  const row = (what: string, waits: readonly number[], perSecond: number) => [
    ...[what, String(waits.length), fixed(perSecond, 0), fixed(p50(waits), 0), fixed(p95(waits), 0), fixed(Math.max(...waits), 0)],
  ];
  return table(
    ["", "orders", "a second", "p50", "p95", "longest"],
    [
      row("steady, alone", alone, steadyPerSecond),
      row("steady, beside the flood", beside, steadyPerSecond),
      row("the flood", others, floodPerSecond),
    ],
  );
}

function unitsTable({ orders, units }: Count): string {
  const row = (source: string, sum: SourceUnits) => {
    const each = perOrder(sum, orders);
    const cells = [each.rowsWritten, each.alarmsSet, each.rowsRead, each.requests, each.queueOperations];
    return [source, ...cells.map((value) => (value === 0 ? "" : fixed(value)))];
  };
  const sorted = [...units].sort(([, a], [, b]) => written(b) - written(a) || b.queueOperations - a.queueOperations);
  return table(
    ["", "rows written", "alarms set", "rows read", "actor requests", "queue operations"],
    [...sorted.map(([source, sum]) => row(source, sum)), row("**sum**", totalOf(units))],
  );
}

const BILLED = {
  rowWritten: "rows written and alarms set",
  rowRead: "rows read",
  actorRequest: "actor requests and alarms fired",
  queueOperation: "queue operations",
  workerRequest: "Worker requests and deliveries",
  kvRead: "reads of API keys",
} as const;

function billTable(paced: Count, loaded: Count, lone: Count, pace: number): string {
  const counts = [paced, loaded, lone];
  const bills = counts.map((count) => billOf(count.units, count.orders));
  const money = (dollars: number, orders: number) => `$${fixed((dollars / orders) * 1_000_000)}`;
  const rows = (Object.keys(BILLED) as (keyof typeof BILLED)[]).map((unit) => [
    BILLED[unit],
    ...counts.flatMap(({ orders }, index) => {
      const { units, dollars } = bills[index]?.[unit] ?? { units: 0, dollars: 0 };
      return [fixed(units / orders), money(dollars, orders)];
    }),
  ]);
  const sum = ["**sum**", ...counts.flatMap(({ orders }, index) => ["", money(dollarsOf(bills[index] ?? {}), orders)])];
  const header = [`per order, ${pace} a second`, "per order, flooded", "a lone order"].flatMap((what) => [what, "per million"]);
  return table(["", ...header], [...rows, sum]);
}

/** Providers that answer in 100 ms, in the four groups of a saga that goes well. */
const ASSUMED_SAGA_SECONDS = 0.4;

/** That of the order; the others are shared. */
const ACTORS_KEPT = 1;

/** Shown apart, because each rests on an assumption. */
function estimates({ orders, logLines, cpuMs }: Count): string {
  const perMillion = (dollars: number) => `$${fixed(dollars * 1_000_000)}`;
  const duration = ASSUMED_SAGA_SECONDS * ACTOR_GB * ESTIMATE_PRICES.actorGbSecond;
  const cpu = cpuMs === null ? null : (cpuMs / orders) * ESTIMATE_PRICES.cpuMs;
  return [
    "Not in the sum, because it can only be estimated here, per million orders:",
    `- logs: ${perMillion((logLines / orders) * ESTIMATE_PRICES.logEvent)} for ${fixed(logLines / orders)} lines per order, less by \`head_sampling_rate\``,
    `- duration of the order's actor: ${perMillion(duration)}, if providers take 100 ms each`,
    ...(cpu === null
      ? []
      : [
          `- CPU: at most ${perMillion(cpu)}, as if all that the local runtime used (${fixed((cpuMs ?? 0) / orders)} ms per order, actors and disk included) were the Worker's`,
        ]),
    `- storage: ${perMillion(ACTORS_KEPT * EMPTY_ACTOR_GB * ESTIMATE_PRICES.storedGb)} a month for what is kept of each order`,
    "- mail, if Orderline sends it: $350, at $0.35 per 1,000",
  ].join("\n");
}

const fixed = (value: number, digits = 2): string => value.toFixed(digits);
