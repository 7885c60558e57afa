/** What was measured, as Markdown for people and as one line of JSON for machines. Pure. */
import { percentile, table } from "../scripts/figures.ts";
import { ACTOR_GB, EMPTY_ACTOR_GB, ESTIMATE_PRICES } from "./prices.ts";
import { billOf, dollarsOf, type SourceUnits, totalOf, type UnitsBySource } from "./units.ts";

export const BARS = {
  /** Times that of the bare Worker, at most. */
  acceptP99Ratio: 1.5,
  /** Per confirmed order of two lines, alarms included, at most. */
  rowsWrittenPerOrder: 20,
  /** At list prices, at most. */
  dollarsPerMillion: 30,
} as const;

/** Latencies in milliseconds of the same load against both, in neighbouring moments. */
export interface Round {
  readonly orderline: readonly number[];
  readonly bare: readonly number[];
}

export interface Throughput {
  readonly orders: number;
  /** From the first order sent until the counters show the last one confirmed. */
  readonly confirmedAfterMs: number;
  readonly acceptedAfterMs: number;
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
  readonly bursts: readonly Round[];
  readonly floods: readonly Round[];
  readonly throughput: readonly Throughput[];
  readonly paced: Count;
  readonly loaded: Count;
}

/** On a quiet machine the slowest round of the bare Worker takes less than this many times as long as its fastest. */
const CALM_SPREAD = 2;

export interface Summary {
  readonly acceptP99Ratio: number;
  readonly acceptP99RatioFlooded: number;
  readonly confirmedPerSecond: number;
  readonly rowsWrittenPerOrder: number;
  readonly rowsWrittenPerOrderFlooded: number;
  readonly dollarsPerMillion: number;
  readonly dollarsPerMillionFlooded: number;
  /** The bare Worker's own bursts differ so much that something else was running: the accept figures say little. */
  readonly disturbed: boolean;
  readonly missed: readonly (keyof typeof BARS)[];
}

export function summarize(measured: Measured): Summary {
  const numbers = {
    acceptP99Ratio: medianRatio(measured.bursts, 0.99),
    acceptP99RatioFlooded: medianRatio(measured.floods, 0.99),
    confirmedPerSecond: confirmedPerSecond(measured.throughput),
    rowsWrittenPerOrder: rowsWrittenPerOrder(measured.paced),
    rowsWrittenPerOrderFlooded: rowsWrittenPerOrder(measured.loaded),
    dollarsPerMillion: dollarsPerMillion(measured.paced),
    dollarsPerMillionFlooded: dollarsPerMillion(measured.loaded),
  };
  const missed = (Object.keys(BARS) as (keyof typeof BARS)[]).filter((bar) => !(numbers[bar] <= BARS[bar]));
  return { ...numbers, disturbed: isDisturbed(measured.bursts), missed };
}

/** For `--json`: the summary with what it rests on, numbers rounded to what they are good for. */
export function toJson(measured: Measured): string {
  const latency = (rounds: readonly Round[]) => ({
    orderline: percentilesOf(rounds.flatMap((round) => round.orderline)),
    bare: percentilesOf(rounds.flatMap((round) => round.bare)),
    p99RatioByRound: ratios(rounds, 0.99),
  });
  const counted = ({ orders, units, logLines, cpuMs }: Count) => ({
    orders,
    perOrder: Object.fromEntries([...units].map(([source, sum]) => [source, perOrder(sum, orders)])),
    logLinesPerOrder: logLines / orders,
    cpuMsPerOrder: cpuMs === null ? null : cpuMs / orders,
  });
  const { machine, settings, throughput } = measured;
  const result = {
    ...summarize(measured),
    ...{ machine, settings, throughput },
    accept: latency(measured.bursts),
    acceptFlooded: latency(measured.floods),
    paced: counted(measured.paced),
    flooded: counted(measured.loaded),
  };
  return JSON.stringify(result, (_, value) => (typeof value === "number" ? Number(value.toPrecision(6)) : value));
}

export function toMarkdown(measured: Measured): string {
  const summary = summarize(measured);
  return [
    `Measured on ${measured.machine}.${summary.disturbed ? " **Something else was running: do not trust the accept figures; run it again.**" : ""}`,
    barsTable(summary, measured.settings),
    "Accepting an order, in milliseconds:",
    acceptTable(measured),
    `Units per order, counted from what the actors and consumers logged; orders of two lines, ${measured.settings.pace} a second:`,
    unitsTable(measured.paced),
    "What a million orders cost at list prices:",
    billTable(measured),
    estimates(measured.paced),
  ].join("\n\n");
}

function barsTable(summary: Summary, settings: Measured["settings"]): string {
  const mark = (bar: keyof typeof BARS) => (summary.missed.includes(bar) ? "✗" : "✓");
  return table(
    ["what", "measured", "bar", ""],
    [
      [
        `accept p99, ${settings.concurrency} clients at once, times the bare Worker's`,
        fixed(summary.acceptP99Ratio),
        `≤ ${BARS.acceptP99Ratio}`,
        mark("acceptP99Ratio"),
      ],
      ["the same in a flood, while earlier orders are carried out", fixed(summary.acceptP99RatioFlooded), "", ""],
      ["orders confirmed per second, everything on", fixed(summary.confirmedPerSecond, 0), "", ""],
      [
        "rows written per confirmed order",
        fixed(summary.rowsWrittenPerOrder),
        `≤ ${BARS.rowsWrittenPerOrder}`,
        mark("rowsWrittenPerOrder"),
      ],
      ["dollars per million orders", `$${fixed(summary.dollarsPerMillion)}`, `≤ $${BARS.dollarsPerMillion}`, mark("dollarsPerMillion")],
    ],
  );
}

function acceptTable({ bursts, floods }: Measured): string {
  const row = (name: string, latencies: number[]) => {
    const { p50, p95, p99 } = percentilesOf(latencies);
    return [name, fixed(p50, 0), fixed(p95, 0), fixed(p99, 0), String(latencies.length)];
  };
  const spread = (rounds: readonly Round[]) =>
    ratios(rounds, 0.99)
      .map((ratio) => fixed(ratio))
      .join(", ");
  return [
    table(
      ["", "p50", "p95", "p99", "orders"],
      [
        row(
          "burst, Orderline",
          bursts.flatMap((round) => [...round.orderline]),
        ),
        row(
          "burst, bare",
          bursts.flatMap((round) => [...round.bare]),
        ),
        row(
          "flood, Orderline",
          floods.flatMap((round) => [...round.orderline]),
        ),
        row(
          "flood, bare",
          floods.flatMap((round) => [...round.bare]),
        ),
      ],
    ),
    `\nRatio of the p99s round by round; the table above shows the median. Burst: ${spread(bursts)}. Flood: ${spread(floods)}.`,
  ].join("\n");
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

function billTable({ paced, loaded, settings }: Measured): string {
  const bills = [billOf(paced.units, paced.orders), billOf(loaded.units, loaded.orders)] as const;
  const money = (dollars: number, orders: number) => `$${fixed((dollars / orders) * 1_000_000)}`;
  const rows = (Object.keys(BILLED) as (keyof typeof BILLED)[]).map((unit) => [
    BILLED[unit],
    fixed(bills[0][unit].units / paced.orders),
    money(bills[0][unit].dollars, paced.orders),
    fixed(bills[1][unit].units / loaded.orders),
    money(bills[1][unit].dollars, loaded.orders),
  ]);
  const sum = ["**sum**", "", money(dollarsOf(bills[0]), paced.orders), "", money(dollarsOf(bills[1]), loaded.orders)];
  return table(["", `per order, ${settings.pace} a second`, "per million", "per order, flooded", "per million"], [...rows, sum]);
}

/** Providers that answer in 100 ms, in the four groups of a saga that goes well. */
const ASSUMED_SAGA_SECONDS = 0.4;

/** Of the order and of its customer. */
const ACTORS_KEPT = 2;

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
    `- storage: ${perMillion(ACTORS_KEPT * EMPTY_ACTOR_GB * ESTIMATE_PRICES.storedGb)} a month for what is kept of each order and its customer`,
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

function confirmedPerSecond(runs: readonly Throughput[]): number {
  const orders = runs.reduce((sum, run) => sum + run.orders, 0);
  const ms = runs.reduce((sum, run) => sum + run.confirmedAfterMs, 0);
  return (orders / ms) * 1_000;
}

const ratios = (rounds: readonly Round[], share: number): number[] =>
  rounds.map(({ orderline, bare }) => (percentile(orderline, share) ?? Number.NaN) / (percentile(bare, share) ?? Number.NaN));

/**
 * The median of the rounds' ratios. Both halves of a round are seconds apart, so a slow moment of the machine hits both;
 * a ratio of pooled percentiles would compare the worst moment of one with the worst moment of the other.
 */
function medianRatio(rounds: readonly Round[], share: number): number {
  const sorted = ratios(rounds, share).sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  return Number.isInteger(middle) ? ((sorted[middle - 1] ?? Number.NaN) + upper) / 2 : upper;
}

function isDisturbed(rounds: readonly Round[]): boolean {
  const slowest = rounds.map(({ bare }) => percentile(bare, 0.99) ?? 0);
  return Math.max(...slowest) > CALM_SPREAD * Math.min(...slowest);
}

const percentilesOf = (latencies: readonly number[]) => ({
  p50: percentile(latencies, 0.5) ?? Number.NaN,
  p95: percentile(latencies, 0.95) ?? Number.NaN,
  p99: percentile(latencies, 0.99) ?? Number.NaN,
});

const fixed = (value: number, digits = 2): string => value.toFixed(digits);
