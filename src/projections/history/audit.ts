/**
 * The history as an audit reads and repairs it. Rows are returned unparsed, because the audit looks for rows that are wrong.
 * A repair writes whole rows. It never replaces a later version than its own, except the very one that was found wrong.
 */
import { and, eq, getTableColumns, gte, lt, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { z } from "zod";
import type { HistoryKey, JournaledOrder } from "../../contract/order.ts";
import { OrderId } from "../../contract/primitives.ts";
import { within } from "../../platform/deadline.ts";
import { askAll, byDatabase, type HistoryBindings, oldestFirst } from "./databases.ts";
import type { Position } from "./queries.ts";
import { HISTORY_KEY, orders as table } from "./schema.ts";

/** An audit is in no hurry, but D1 runs one query at a time and a slow one holds up requests. */
const AUDIT_DEADLINE_MS = 20_000;

/** A row in the shape of a summary. Its values are whatever the table holds. */
export type HistoryRow = typeof table.$inferSelect;

export const AUDIT_SQL = {
  count: "SELECT count(*) AS orders FROM orders WHERE tenant = ?1",
  missing: `
    SELECT value ->> 2 AS order_id FROM json_each(?1) AS asked
    WHERE NOT EXISTS (SELECT 1 FROM orders WHERE tenant = asked.value ->> 0 AND placed_at = asked.value ->> 1 AND order_id = asked.value ->> 2)`,
} as const;

/**
 * Rows of the orders placed from `from` until `to`, in milliseconds, oldest first and after a position. Rejects when D1 fails
 * or stalls.
 */
export async function auditPage(
  bindings: HistoryBindings,
  tenant: string,
  period: { readonly from: number; readonly to: number },
  after: Position | null,
  limit: number,
): Promise<HistoryRow[]> {
  const found = await within(AUDIT_DEADLINE_MS, "reading history for an audit", () =>
    askAll(bindings, (d1) => auditQuery(d1, tenant, period, after, limit).all()),
  );
  return found.flat().sort(oldestFirst).slice(0, limit);
}

/** Exported for the test that asks SQLite's planner about it. */
export function auditQuery(
  d1: D1Database,
  tenant: string,
  { from, to }: { readonly from: number; readonly to: number },
  after: Position | null,
  limit: number,
) {
  const start =
    after === null ? gte(table.placedAt, from) : sql`(${table.placedAt}, ${table.orderId}) > (${after.placedAt}, ${after.orderId})`;
  return drizzle(d1)
    .select()
    .from(table)
    .where(and(eq(table.tenant, tenant), start, lt(table.placedAt, to)))
    .orderBy(table.placedAt, table.orderId)
    .limit(limit);
}

/** How many orders of a tenant the history has. It reads one index entry per order, which is too much for a request of a client. */
export async function countOrdersOf(bindings: HistoryBindings, tenant: string): Promise<number> {
  const counted = await within(AUDIT_DEADLINE_MS, "counting history", () =>
    askAll(bindings, (d1) => d1.prepare(AUDIT_SQL.count).bind(tenant).first()),
  );
  return z
    .array(z.object({ orders: z.int() }))
    .parse(counted)
    .reduce((sum, { orders }) => sum + orders, 0);
}

/** The orders that have no row in the history. */
export async function missingOrders(bindings: HistoryBindings, orders: readonly HistoryKey[]): Promise<string[]> {
  const asked = ([d1, own]: [D1Database, HistoryKey[]]) => {
    const keys = own.map(({ tenant, placedAt, orderId }) => [tenant, placedAt, orderId]);
    return d1.prepare(AUDIT_SQL.missing).bind(JSON.stringify(keys)).all();
  };
  const answers = await within(AUDIT_DEADLINE_MS, "looking for missing rows", () =>
    Promise.all(byDatabase(bindings, orders, (order) => order).map(asked)),
  );
  const found = answers.flatMap(({ results }) => z.array(z.object({ order_id: OrderId })).parse(results));
  return found.map((row) => row.order_id);
}

const { tenant: _, placedAt: __, orderId: ___, ...columns } = getTableColumns(table);
const WHOLE_ROW = Object.fromEntries(Object.entries(columns).map(([field, column]) => [field, sql.raw(`excluded.${column.name}`)]));

/** Repairs the rows, those of one database in one transaction. A row that shows a later version by now is left alone. Rejects when D1 fails or stalls. */
export async function repairHistory(bindings: HistoryBindings, rows: readonly JournaledOrder[]): Promise<void> {
  await Promise.all(byDatabase(bindings, rows, ({ order }) => order).map(([d1, own]) => repairRows(d1, own)));
}

async function repairRows(d1: D1Database, rows: readonly JournaledOrder[]): Promise<void> {
  const db = drizzle(d1);
  const [first, ...rest] = rows.map(({ order, seen }) =>
    db
      .insert(table)
      .values(order)
      .onConflictDoUpdate({
        target: HISTORY_KEY,
        set: WHOLE_ROW,
        setWhere: sql`excluded.version >= ${table.version} OR ${table.version} = ${seen}`,
      }),
  );
  if (first) await within(AUDIT_DEADLINE_MS, "repairing history", () => db.batch([first, ...rest]));
}
