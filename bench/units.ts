/**
 * Adds up what Orderline says that it is billed for: the `units` lines that `METER=true` makes its actors and consumers
 * log (`src/platform/meter.ts`). Pure: lines in, sums out. What is not on a line is not counted.
 */
import { z } from "zod";
import type { Units } from "../src/platform/meter.ts";
import { PRICES } from "./prices.ts";

const count = z.int().nonnegative().default(0);

/** The type says that no unit of the meter is forgotten here. */
const UNITS = {
  rowsRead: count,
  rowsWritten: count,
  alarmsSet: count,
  requests: count,
  queueOperations: count,
  kvReads: count,
} satisfies Record<keyof Units, z.ZodType>;

const UnitsLine = z.object({ event: z.literal("units"), source: z.string(), ...UNITS });

/** Units of one source, over `flushes` lines: for a consumer, one per delivery. */
export type SourceUnits = Units & { readonly flushes: number };

export type UnitsBySource = ReadonlyMap<string, SourceUnits>;

/** What every line of `src/platform/log.ts` has, and what many have. */
interface LogLine {
  readonly event: unknown;
  readonly orderId?: unknown;
  readonly status?: unknown;
}

/** The object of a log line of Orderline; null for anything else that wrangler prints. */
export function eventOf(line: string): LogLine | null {
  const start = line.indexOf("{");
  if (start === -1) return null;
  try {
    const parsed: unknown = JSON.parse(line.slice(start));
    return typeof parsed === "object" && parsed !== null && "event" in parsed ? { ...parsed } : null;
  } catch {
    return null;
  }
}

/** @throws when a line of units is not what it should be, because a count with holes is worse than none */
export function sumUnits(lines: Iterable<string>): Map<string, SourceUnits> {
  const sums = new Map<string, SourceUnits>();
  for (const line of lines) {
    const event = eventOf(line);
    if (event?.event !== "units") continue;
    const { source, event: _, ...units } = UnitsLine.parse(event);
    sums.set(source, add(sums.get(source) ?? NOTHING, { ...units, flushes: 1 }));
  }
  return sums;
}

export const NOTHING: SourceUnits = {
  rowsRead: 0,
  rowsWritten: 0,
  alarmsSet: 0,
  requests: 0,
  queueOperations: 0,
  kvReads: 0,
  flushes: 0,
};

export function add(a: SourceUnits, b: SourceUnits): SourceUnits {
  return {
    rowsRead: a.rowsRead + b.rowsRead,
    rowsWritten: a.rowsWritten + b.rowsWritten,
    alarmsSet: a.alarmsSet + b.alarmsSet,
    requests: a.requests + b.requests,
    queueOperations: a.queueOperations + b.queueOperations,
    kvReads: a.kvReads + b.kvReads,
    flushes: a.flushes + b.flushes,
  };
}

export const totalOf = (sums: UnitsBySource): SourceUnits => [...sums.values()].reduce(add, NOTHING);

/** A consumer's line is one delivery, and a delivery is an invocation of the Worker. */
const isConsumer = (source: string): boolean => source.startsWith("consumer ") || source === "order-events";

export interface Bill {
  /** How many of the unit, over all orders of the count. */
  readonly units: number;
  readonly dollars: number;
}

/** What is billed, by the lines of the invoice. @param httpRequests those that the benchmark itself made */
export function billOf(sums: UnitsBySource, httpRequests: number): Record<keyof typeof PRICES, Bill> {
  const total = totalOf(sums);
  const deliveries = [...sums].reduce((sum, [source, { flushes }]) => sum + (isConsumer(source) ? flushes : 0), 0);
  const billed = (unit: keyof typeof PRICES, units: number): Bill => ({ units, dollars: units * PRICES[unit] });
  return {
    rowWritten: billed("rowWritten", total.rowsWritten + total.alarmsSet),
    rowRead: billed("rowRead", total.rowsRead),
    actorRequest: billed("actorRequest", total.requests),
    queueOperation: billed("queueOperation", total.queueOperations),
    workerRequest: billed("workerRequest", httpRequests + deliveries),
    kvRead: billed("kvRead", total.kvReads),
  };
}

export const dollarsOf = (bill: Readonly<Record<string, Bill>>): number =>
  Object.values(bill).reduce((sum, { dollars }) => sum + dollars, 0);
