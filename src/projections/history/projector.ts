/**
 * Writes orders into the history. Delivery is at least once and in any order, so the write is idempotent: a row only ever
 * moves to a higher version. No other record of what was projected is kept.
 */
import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { OrderSummary } from "../../contract/order.ts";
import { within } from "../../platform/deadline.ts";
import { orders as table } from "./schema.ts";

/** Healthy D1 databases have stalled for up to 25 s. A delivery that waits longer than this is better retried by its queue. */
export const PROJECTION_DEADLINE_MS = 10_000;

/** D1 binds at most 100 values per statement, and an order has 20 columns. */
const ORDERS_PER_STATEMENT = 5;

/** What D1 bills for one projection. */
export interface RowsBilled {
  readonly rowsRead: number;
  readonly rowsWritten: number;
}

/**
 * Brings the history up to the given orders in one batch, which is one transaction. Of several versions of an order the
 * highest is written. Rejects when D1 fails or takes longer than `PROJECTION_DEADLINE_MS`, and may then be called again.
 */
export async function projectHistory(d1: D1Database, orders: readonly OrderSummary[]): Promise<RowsBilled> {
  const db = drizzle(d1);
  const statements = chunksOf(ORDERS_PER_STATEMENT, highestVersions(orders)).map((rows) => upsert(db, rows));
  const [first, ...rest] = statements;
  if (first === undefined) return { rowsRead: 0, rowsWritten: 0 };
  const results = await within(PROJECTION_DEADLINE_MS, "projecting into D1", db.batch([first, ...rest]));
  return {
    rowsRead: results.reduce((sum, { meta }) => sum + meta.rows_read, 0),
    rowsWritten: results.reduce((sum, { meta }) => sum + meta.rows_written, 0),
  };
}

/** Each order once, at its highest version among those given. */
export function highestVersions(orders: readonly OrderSummary[]): OrderSummary[] {
  const highest = new Map<string, OrderSummary>();
  for (const order of orders) {
    const known = highest.get(order.orderId);
    if (known === undefined || order.version > known.version) highest.set(order.orderId, order);
  }
  return [...highest.values()];
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
      target: table.orderId,
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
