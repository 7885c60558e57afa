/** The bars that the figures are held to, and the figures themselves, for people and for machines. Pure. */
import { percentile } from "../scripts/figures.ts";
import type { Count, Measured, Run } from "./measured.ts";
import { billOf, dollarsOf, type SourceUnits, totalOf } from "./units.ts";

/** A figure with the range of the single rounds that it is the median of. */
export interface Figure {
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
export const p50 = p(0.5);
export const p95 = p(0.95);
export const p99 = p(0.99);

export const perSecond = ({ orders, elapsedMs }: Run) => (orders / elapsedMs) * 1_000;
export const cpuPerOrder = ({ cpuMs, orders }: Run) => (cpuMs ?? Number.NaN) / orders;
export const accept99 = ({ acceptMs }: Run) => p99(acceptMs);

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

export const ALL = Object.entries<Bar>(BARS) as [Key, Bar][];

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

export const written = ({ rowsWritten, alarmsSet }: SourceUnits): number => rowsWritten + alarmsSet;

export const rowsWrittenPerOrder = ({ units, orders }: Count): number => written(totalOf(units)) / orders;

export const dollarsPerMillion = ({ units, orders }: Count): number => (dollarsOf(billOf(units, orders)) / orders) * 1_000_000;

export const perOrder = (sum: SourceUnits, orders: number): SourceUnits => ({
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
export function medianOf(rounds: readonly number[]): Figure {
  const sorted = rounds.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  const value = Number.isInteger(middle) ? ((sorted[middle - 1] ?? Number.NaN) + upper) / 2 : upper;
  return { value, spread: rounds.length > 1 ? [sorted[0] ?? Number.NaN, sorted.at(-1) ?? Number.NaN] : null };
}
