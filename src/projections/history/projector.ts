/**
 * Writes orders into the history. Delivery is at least once and in any order, so the write is idempotent: a row only ever
 * moves to a higher version. No other record of what was projected is kept.
 */
import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { OrderSummary } from "../../contract/order.ts";
import { within } from "../../platform/deadline.ts";
import { excerpt, log } from "../../platform/log.ts";
import { Meter } from "../../platform/meter.ts";
import type { Projected, Projection } from "../projection.ts";
import { repairHistory } from "./audit.ts";
import { byDatabase, type HistoryBindings } from "./databases.ts";
import { HISTORY_KEY, orders as table } from "./schema.ts";

/** Healthy D1 databases have stalled for up to 25 s. A delivery that waits longer than this is better retried by its queue. */
export const PROJECTION_DEADLINE_MS = 10_000;

/** D1 binds at most 100 values per statement, and an order has 20 columns. */
const ORDERS_PER_STATEMENT = 5;

/** The databases, and the variable that sets the meter. */
interface Bindings extends HistoryBindings {
  readonly METER?: string;
}

/** The databases are written side by side. The orders of one that fails are missing from the answer, and only those. */
export function historyProjection(bindings: Bindings): Projection {
  const write = async ([d1, orders]: [D1Database, OrderSummary[]]): Promise<Projected> => {
    try {
      const rowsWritten = await writeOrders(d1, bindings, orders);
      return { durable: new Set(orders.map(({ orderId }) => orderId)), rowsWritten };
    } catch (error) {
      log.error("events.failed", { projection: "history", orders: orders.length, error: excerpt(error) });
      return { durable: new Set(), rowsWritten: 0 };
    }
  };
  return {
    name: "history",

    async project(changes) {
      const orders = changes.map(({ order }) => order);
      const written = await Promise.all(byDatabase(bindings, orders, (order) => order).map(write));
      return {
        durable: new Set(written.flatMap(({ durable }) => [...durable])),
        rowsWritten: written.reduce((sum, { rowsWritten }) => sum + rowsWritten, 0),
      };
    },

    rebuild: (_tenant, orders) => repairHistory(bindings, orders),
  };
}

/**
 * Brings a database up to the given orders, each given once, in one batch, which is one transaction. Resolves with the rows
 * billed as written. Rejects when D1 fails or takes longer than `PROJECTION_DEADLINE_MS`, and may then be called again.
 */
async function writeOrders(d1: D1Database, variables: { readonly METER?: string }, orders: readonly OrderSummary[]): Promise<number> {
  const db = drizzle(d1);
  const [first, ...rest] = chunksOf(ORDERS_PER_STATEMENT, orders).map((rows) => upsert(db, rows));
  if (first === undefined) return 0;
  const results = await within(PROJECTION_DEADLINE_MS, "projecting into D1", () => db.batch([first, ...rest]));
  const sumOf = (unit: "rows_read" | "rows_written") => results.reduce((sum, { meta }) => sum + meta[unit], 0);
  const meter = new Meter("D1", variables);
  meter.add({ rowsRead: sumOf("rows_read"), rowsWritten: sumOf("rows_written") });
  meter.flush();
  return sumOf("rows_written");
}

/**
 * Sets only the columns that can change in an order's life. SQLite rewrites an index entry whenever the statement names one
 * of its columns, even with an equal value, and each rewritten entry is a row billed.
 */
function upsert(db: ReturnType<typeof drizzle>, rows: OrderSummary[]) {
  return db
    .insert(table)
    .values(rows)
    .onConflictDoUpdate({
      target: HISTORY_KEY,
      set: {
        version: sql`excluded.version`,
        status: sql`excluded.status`,
        stage: sql`excluded.stage`,
        priority: sql`excluded.priority`,
        reason: sql`excluded.reason`,
        attention: sql`excluded.attention`,
        causeClass: sql`excluded.cause_class`,
        causeFingerprint: sql`excluded.cause_fingerprint`,
        startedAt: sql`excluded.started_at`,
        confirmedAt: sql`excluded.confirmed_at`,
        updatedAt: sql`excluded.updated_at`,
      },
      setWhere: sql`excluded.version > ${table.version}`,
    });
}

function chunksOf<T>(size: number, items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}
