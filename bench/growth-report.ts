/** What growth showed, as Markdown for people and as one line of JSON for machines. Pure. */
import { percentile, table } from "../scripts/figures.ts";
import type { Count } from "./measured.ts";
import { type SourceUnits, totalOf } from "./units.ts";

/** One load on one store. */
export interface Sized extends Count {
  /** From an order's being sent to its confirmation's being sent, in milliseconds. */
  readonly confirmMs: readonly number[];
}

/** What the runtime held when so many orders had come to rest; null where it cannot be seen. */
export interface Held {
  readonly orders: number;
  readonly bytes: number | null;
}

interface Pair<Value> {
  readonly few: Value;
  readonly many: Value;
}

export interface Growth {
  readonly machine: string;
  /** Orders in the history, and how many of them were carried by an actor that lies in the store. */
  readonly rows: Pair<number>;
  readonly carried: Pair<number>;
  readonly rounds: readonly Pair<Sized>[];
  readonly held: Pair<Held>;
}

/** By how many times an order may cost more, and the runtime hold more. */
const MOST = 1.1;
const MOST_HELD = 1.2;

const each = (of: (units: SourceUnits) => number) => (sized: Sized) => of(totalOf(sized.units)) / sized.orders;

/** By the key that the JSON has them under. */
const FIGURES = {
  rowsWrittenGrowth: { what: "rows written and alarms set per order", of: each(({ rowsWritten, alarmsSet }) => rowsWritten + alarmsSet) },
  rowsReadGrowth: { what: "rows read per order", of: each(({ rowsRead }) => rowsRead) },
  requestsGrowth: { what: "actor requests per order", of: each(({ requests }) => requests) },
  cpuGrowth: { what: "CPU of the runtime per order, ms", of: ({ cpuMs, orders }: Sized) => (cpuMs ?? Number.NaN) / orders },
  p50Growth: { what: "submitted to confirmed, p50, ms", of: ({ confirmMs }: Sized) => percentile(confirmMs, 0.5) ?? Number.NaN },
} as const;

interface Row extends Pair<number> {
  readonly key: string;
  readonly what: string;
  readonly ratio: number;
  readonly bar: number;
  readonly isMissed: boolean;
}

/** The median of the rounds' ratios, because both halves of a round lie in neighbouring moments. */
function rowsOf({ rounds, held }: Growth): Row[] {
  const median = (values: readonly number[]) => percentile(values, 0.5) ?? Number.NaN;
  const row = (key: string, what: string, bar: number, pairs: readonly Pair<number>[]): Row => {
    const ratio = median(pairs.map(({ few, many }) => many / few));
    const [few, many] = [median(pairs.map((pair) => pair.few)), median(pairs.map((pair) => pair.many))];
    return { key, what, few, many, ratio, bar, isMissed: !(ratio <= bar) };
  };
  const megabytes = ({ bytes }: Held) => (bytes ?? Number.NaN) / 1_048_576;
  return [
    ...Object.entries(FIGURES).map(([key, { what, of }]) =>
      row(
        key,
        what,
        MOST,
        rounds.map(({ few, many }) => ({ few: of(few), many: of(many) })),
      ),
    ),
    row("memoryGrowth", `memory of the runtime with ${held.few.orders} and ${held.many.orders} orders at rest, MB`, MOST_HELD, [
      { few: megabytes(held.few), many: megabytes(held.many) },
    ]),
  ];
}

/** The keys of the bars that were missed. */
export const missedGrowth = (growth: Growth): string[] => rowsOf(growth).flatMap(({ key, isMissed }) => (isMissed ? [key] : []));

export function describeGrowth(growth: Growth): string {
  const { machine, rows, carried, rounds } = growth;
  return [
    `Measured on ${machine}.`,
    `The history holds ${rows.few} orders, of which ${carried.few} were carried, against ${rows.many}, of which ${carried.many} were; the others are rows. Rounds: ${rounds.length}.`,
    table(
      ["what", "few", "many", "times", "bar", ""],
      rowsOf(growth).map(({ what, few, many, ratio, bar, isMissed }) => [
        ...[what, few.toFixed(2), many.toFixed(2), ratio.toFixed(2), `≤ ${bar}`, isMissed ? "✗" : "✓"],
      ]),
    ),
  ].join("\n\n");
}

export function growthJson(growth: Growth): string {
  const { machine, rows, carried } = growth;
  const figures = rowsOf(growth);
  return JSON.stringify({
    ...Object.fromEntries(figures.map(({ key, ratio }) => [key, Number.isNaN(ratio) ? null : Number(ratio.toPrecision(6))])),
    ...{ missed: missedGrowth(growth), machine, rows, carried },
  });
}
