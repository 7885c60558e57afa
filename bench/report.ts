/** What was measured, as Markdown for people and as one line of JSON for machines. Pure. */
import { percentile, table } from "../scripts/figures.ts";
import { ACTOR_GB, EMPTY_ACTOR_GB, ESTIMATE_PRICES } from "./prices.ts";
import { scaleTables } from "./scale.ts";
import { billOf, dollarsOf, type SourceUnits, totalOf, type UnitsBySource } from "./units.ts";

/** Accept latencies in milliseconds of the same burst against both, in neighbouring moments. */
export interface Burst {
  readonly orderline: readonly number[];
  readonly bare: readonly number[];
}

/** One turn of one server. Times in milliseconds. */
export interface Run {
  readonly orders: number;
  /** From the first order sent until the last confirmation was. */
  readonly elapsedMs: number;
  /** What each client waited for its answer. */
  readonly acceptMs: readonly number[];
  /** From an order's being sent to its confirmation's being sent. */
  readonly confirmMs: readonly number[];
  /** CPU time of the whole runtime, or null where it cannot be had. */
  readonly cpuMs: number | null;
}

type Round<Name extends string> = Readonly<Record<Name, Run>>;

/** Orderline and its peers in turns. */
export interface Versus {
  readonly floods: readonly Round<"orderline" | "naive" | "workflow">[];
  readonly light: readonly Round<"orderline" | "naive">[];
  readonly slow: readonly Round<"orderline" | "synchronous">[];
  /** The same load with no call that hangs, and the orders whose own calls did not hang; `hung` is how many did. */
  readonly hung: { readonly calm: Run; readonly others: Run; readonly hung: number };
}

/** One crash of one server, half way through its orders. Times in milliseconds. */
export interface Recovery {
  readonly orders: number;
  /** How many were confirmed when it was killed. */
  readonly confirmedBefore: number;
  /** How many the clients had no answer to, and sent again. */
  readonly resent: number;
  /** From the kill until the server answers again. */
  readonly restartMs: number;
  /** From then until all of the orders are confirmed. */
  readonly confirmedMs: number;
  /** From the restart's end until, besides, its own history, or its counters, show them. */
  readonly restMs: number;
}

/** What a tenant with steady orders waited from submitting to the confirmation, in milliseconds, alone and beside another's flood. */
export interface Fairness {
  readonly alone: readonly number[];
  readonly beside: readonly number[];
  /** What those of the flood waited. */
  readonly others: readonly number[];
  /** How fast the flood was accepted, and how fast the steady orders were sent. */
  readonly floodPerSecond: number;
  readonly steadyPerSecond: number;
}

/** One pass with `METER=true`. */
export interface Count {
  readonly orders: number;
  readonly units: UnitsBySource;
  /** Lines logged other than the units themselves. */
  readonly logLines: number;
  /** CPU time of the whole runtime in milliseconds, or null where it cannot be had. */
  readonly cpuMs: number | null;
}

export interface Measured {
  readonly machine: string;
  readonly settings: {
    readonly orders: number;
    readonly concurrency: number;
    readonly rounds: number;
    readonly pace: number;
    readonly email: boolean;
  };
  /** Null for what was left out. */
  readonly bursts: readonly Burst[] | null;
  readonly versus: Versus | null;
  readonly fairness: Fairness | null;
  readonly recovery: readonly Readonly<Record<"orderline" | "naive", Recovery>>[] | null;
  readonly paced: Count | null;
  readonly loaded: Count | null;
  readonly lone: Count | null;
}

/** A figure with the range of the single rounds that it is the median of. */
interface Figure {
  readonly value: number;
  readonly spread: readonly [least: number, most: number] | null;
}

interface Bar {
  readonly what: string;
  /** What must be reached, and what is wanted; both are the most that may be, or the least. */
  readonly bar: number;
  readonly goal: number | null;
  readonly isLeast?: true;
  readonly of: (measured: Measured) => Figure | null;
}

const p = (share: number) => (values: readonly number[]) => percentile(values, share) ?? Number.NaN;
const p50 = p(0.5);
const p95 = p(0.95);
const p99 = p(0.99);

/** Its write, its read and its delete. */
const OPERATIONS_PER_MESSAGE = 3;

const perSecond = ({ orders, elapsedMs }: Run) => (orders / elapsedMs) * 1_000;
const cpuPerOrder = ({ cpuMs, orders }: Run) => (cpuMs ?? Number.NaN) / orders;
const accept99 = ({ acceptMs }: Run) => p99(acceptMs);

/** By the key that `--json` prints it under. */
export const BARS = {
  confirmedVsNaive: {
    what: "orders confirmed per second, times the naive actor's",
    ...{ bar: 0.9, goal: 1.2, isLeast: true },
    of: ({ versus }) => versus && medianOf(versus.floods.map(({ orderline, naive }) => perSecond(orderline) / perSecond(naive))),
  },
  confirmedVsWorkflow: {
    what: "the same, times the Workflow's",
    ...{ bar: 2, goal: 3, isLeast: true },
    of: ({ versus }) => versus && medianOf(versus.floods.map(({ orderline, workflow }) => perSecond(orderline) / perSecond(workflow))),
  },
  cpuVsNaive: {
    what: "CPU of the runtime per order, times the naive actor's",
    ...{ bar: 1.4, goal: 1 },
    of: ({ versus }) => versus && medianOf(versus.floods.map(({ orderline, naive }) => cpuPerOrder(orderline) / cpuPerOrder(naive))),
  },
  lightLoadP50VsNaive: {
    what: "20 orders a second: submitted to confirmed, p50, times the naive actor's",
    ...{ bar: 2, goal: 1.2 },
    of: ({ versus }) => versus && medianOf(versus.light.map(({ orderline, naive }) => p50(orderline.confirmMs) / p50(naive.confirmMs))),
  },
  lightLoadP99VsNaive: {
    what: "the same, p99",
    ...{ bar: 2, goal: 1.2 },
    of: ({ versus }) => versus && medianOf(versus.light.map(({ orderline, naive }) => p99(orderline.confirmMs) / p99(naive.confirmMs))),
  },
  acceptP99VsNaiveFlood: {
    what: "accept p99 in a flood, times the naive actor's in its own",
    ...{ bar: 1.3, goal: 1 },
    of: ({ versus }) => versus && medianOf(versus.floods.map(({ orderline, naive }) => accept99(orderline) / accept99(naive))),
  },
  acceptP99VsBareBurst: {
    what: "accept p99 in bursts, times the bare Worker's",
    ...{ bar: 1.5, goal: null },
    of: ({ bursts }) => bursts && medianOf(bursts.map(({ orderline, bare }) => p99(orderline) / p99(bare))),
  },
  rowsWrittenPerOrder: {
    what: "rows written per confirmed order of two lines",
    ...{ bar: 12, goal: 10 },
    of: ({ paced }) => paced && counted(rowsWrittenPerOrder(paced)),
  },
  rowsWrittenLoneOrder: {
    what: "rows written for a lone order",
    ...{ bar: 14, goal: 10 },
    of: ({ lone }) => lone && counted(rowsWrittenPerOrder(lone)),
  },
  dollarsPerMillion: {
    what: "dollars per million orders",
    ...{ bar: 15, goal: 12 },
    of: ({ paced }) => paced && counted(dollarsPerMillion(paced)),
  },
  confirmVsSync100ms: {
    what: "providers of 100 ms: submitted to confirmed, p50, times the synchronous backend's",
    ...{ bar: 0.7, goal: 0.55 },
    of: ({ versus }) =>
      versus && medianOf(versus.slow.map(({ orderline, synchronous }) => p50(orderline.confirmMs) / p50(synchronous.confirmMs))),
  },
  clientWaitVsSync100ms: {
    what: "the same: what the client waits for its answer",
    ...{ bar: 0.2, goal: null },
    of: ({ versus }) =>
      versus && medianOf(versus.slow.map(({ orderline, synchronous }) => p50(orderline.acceptMs) / p50(synchronous.acceptMs))),
  },
  hungP95Ratio: {
    what: "a provider hangs for 2 % of orders: p95 of the others, times that of none hung",
    ...{ bar: 1.25, goal: null },
    of: ({ versus }) => versus && counted(p95(versus.hung.others.confirmMs) / p95(versus.hung.calm.confirmMs)),
  },
  fairShareP95Ratio: {
    what: "a tenant floods the standard lane: p95 of another's, submitted to confirmed, times that of it alone",
    ...{ bar: 2, goal: 1.25 },
    of: ({ fairness }) => fairness && counted(p95(fairness.beside) / p95(fairness.alone)),
  },
  recoveryVsNaive: {
    what: "killed half way: from the restart's end until all orders are at rest, times the naive actor's",
    ...{ bar: 1.5, goal: 1 },
    of: ({ recovery }) => recovery && medianOf(recovery.map(({ orderline, naive }) => orderline.restMs / naive.restMs)),
  },
} as const satisfies Record<string, Bar>;

export type Key = keyof typeof BARS;

const ALL = Object.entries<Bar>(BARS) as [Key, Bar][];

export interface Summary {
  readonly figures: Readonly<Record<Key, Figure | null>>;
  readonly missed: readonly Key[];
}

export function summarize(measured: Measured): Summary {
  const figures = Object.fromEntries(ALL.map(([key, { of }]) => [key, of(measured)])) as Record<Key, Figure | null>;
  const missed = ALL.filter(([key, { bar, isLeast }]) => {
    const figure = figures[key];
    return figure !== null && !(isLeast ? figure.value >= bar : figure.value <= bar);
  });
  return { figures, missed: missed.map(([key]) => key) };
}

/** For `--json`: each figure under its key, null where it was not measured, with what it rests on. */
export function toJson(measured: Measured): string {
  const { figures, missed } = summarize(measured);
  const { machine, settings, versus, recovery } = measured;
  const units = (count: Count | null) =>
    count && {
      orders: count.orders,
      perOrder: Object.fromEntries([...count.units].map(([source, sum]) => [source, perOrder(sum, count.orders)])),
      logLinesPerOrder: count.logLines / count.orders,
    };
  const result = {
    ...Object.fromEntries(ALL.map(([key]) => [key, figures[key]?.value ?? null])),
    spread: Object.fromEntries(ALL.flatMap(([key]) => (figures[key]?.spread ? [[key, figures[key].spread]] : []))),
    ...{ missed, machine, settings },
    runs: versus && { floods: versus.floods.map(described), light: versus.light.map(described), slow: versus.slow.map(described) },
    ...{ recovery, paced: units(measured.paced), flooded: units(measured.loaded), lone: units(measured.lone) },
  };
  return JSON.stringify(result, (_, value) => (typeof value === "number" ? Number(value.toPrecision(6)) : value));
}

const described = (round: Readonly<Record<string, Run>>) =>
  Object.fromEntries(
    Object.entries(round).map(([name, run]) => [
      name,
      {
        ...{ orders: run.orders, perSecond: perSecond(run), cpuMsPerOrder: cpuPerOrder(run) },
        ...{ accept: { p50: p50(run.acceptMs), p99: p99(run.acceptMs) }, confirm: { p50: p50(run.confirmMs), p99: p99(run.confirmMs) } },
      },
    ]),
  );

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

const written = ({ rowsWritten, alarmsSet }: SourceUnits): number => rowsWritten + alarmsSet;

const rowsWrittenPerOrder = ({ units, orders }: Count): number => written(totalOf(units)) / orders;

const dollarsPerMillion = ({ units, orders }: Count): number => (dollarsOf(billOf(units, orders)) / orders) * 1_000_000;

const perOrder = (sum: SourceUnits, orders: number): SourceUnits => ({
  rowsRead: sum.rowsRead / orders,
  rowsWritten: sum.rowsWritten / orders,
  alarmsSet: sum.alarmsSet / orders,
  requests: sum.requests / orders,
  queueOperations: sum.queueOperations / orders,
  kvReads: sum.kvReads / orders,
  flushes: sum.flushes / orders,
});

const counted = (value: number): Figure => ({ value, spread: null });

/**
 * The median of the rounds' ratios. Both halves of a round are seconds apart, so a slow moment of the machine hits both; a
 * ratio of pooled percentiles would compare the worst moment of one with the worst moment of the other.
 */
function medianOf(rounds: readonly number[]): Figure {
  const sorted = rounds.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  const value = Number.isInteger(middle) ? ((sorted[middle - 1] ?? Number.NaN) + upper) / 2 : upper;
  return { value, spread: rounds.length > 1 ? [sorted[0] ?? Number.NaN, sorted.at(-1) ?? Number.NaN] : null };
}

const fixed = (value: number, digits = 2): string => value.toFixed(digits);
