/**
 * Asks the history for orders that should have moved and did not. The history trails the actors, so its answers are only
 * candidates for a look. Each statement examines a bounded number of rows in one index range, however many orders are kept.
 * A test asks SQLite's planner.
 */
import { z } from "zod";
import type { OrderStatus, TrackName } from "../../contract/order.ts";
import { OrderId, Tenant } from "../../contract/primitives.ts";
import { within } from "../../platform/deadline.ts";
import { askAll, type HistoryBindings } from "./databases.ts";

/** A sweep is in no hurry, but D1 runs one query at a time and a slow one holds up requests. */
const QUERY_DEADLINE_MS = 20_000;

/**
 * Rows that one statement examines at most. Where a merchant reports no stages, orders stay `confirmed` for ever, and a
 * statement has to skip all of them that have `attention` set.
 */
const MAX_EXAMINED = 2_000;

export const OVERDUE_SQL = {
  /** A loose index scan: one seek per tenant, however many orders a tenant has. */
  tenants: `
    WITH RECURSIVE found(tenant) AS (
      SELECT min(tenant) FROM orders
      UNION ALL
      SELECT (SELECT min(tenant) FROM orders WHERE orders.tenant > found.tenant) FROM found WHERE found.tenant IS NOT NULL
    )
    SELECT tenant FROM found WHERE tenant IS NOT NULL LIMIT ?1`,
  /**
   * Orders with `attention` set are skipped: a person already sees them. Held orders are the exception, because the
   * passing of their deadline is what is looked for. The index is named because D1 gathers no statistics, and without
   * them the planner prefers the index by time.
   */
  overdue: `
    SELECT order_id, version FROM (
      SELECT order_id, version, track, attention, updated_at FROM orders INDEXED BY orders_by_status
      WHERE tenant = ?1 AND status = ?2 AND placed_at >= ?3 AND placed_at < ?4
      ORDER BY placed_at, order_id LIMIT ${MAX_EXAMINED}
    ) WHERE updated_at < ?5 AND (attention IS NULL OR attention = 'held') AND (?6 IS NULL OR track = ?6) LIMIT ?7`,
} as const;

/** The tenants that have an order in the history, at most `limit`, sorted by name. */
export async function tenantsOf(bindings: HistoryBindings, limit: number): Promise<string[]> {
  const answers = await within(QUERY_DEADLINE_MS, "listing tenants from D1", () =>
    askAll(bindings, (d1) => d1.prepare(OVERDUE_SQL.tenants).bind(limit).all()),
  );
  const found = answers.flatMap(({ results }) => z.array(z.object({ tenant: Tenant })).parse(results));
  return [...new Set(found.map(({ tenant }) => tenant))].sort().slice(0, limit);
}

/** Orders of one status, placed from `from` until `to` and not changed since `unchangedSince`. All times in milliseconds. */
export interface OverdueRange {
  readonly status: OrderStatus;
  readonly track: TrackName | null;
  readonly from: number;
  readonly to: number;
  readonly unchangedSince: number;
}

export interface OverdueOrder {
  readonly orderId: string;
  /** The version that the history shows. */
  readonly version: number;
}

const Row = z.object({ order_id: OrderId, version: z.int() });

/**
 * The orders in the ranges without duplicates, the oldest of every range first, then the second oldest. Rejects when D1 fails
 * or stalls.
 */
export async function overdueOrders(
  bindings: HistoryBindings,
  tenant: string,
  ranges: readonly OverdueRange[],
  limitPerRange: number,
): Promise<OverdueOrder[]> {
  const statements = (d1: D1Database) =>
    ranges.map(({ status, track, from, to, unchangedSince }) =>
      d1.prepare(OVERDUE_SQL.overdue).bind(tenant, status, from, to, unchangedSince, track, limitPerRange),
    );
  const answers = await within(QUERY_DEADLINE_MS, "looking for overdue orders in D1", () =>
    askAll(bindings, (d1) => d1.batch(statements(d1))),
  );
  const found = answers.flat().flatMap(({ results }) =>
    z
      .array(Row)
      .parse(results)
      .map((row, age) => ({ ...row, age })),
  );
  const oldestFirst = found.sort((a, b) => a.age - b.age);
  return [...new Map(oldestFirst.map(({ order_id: orderId, version }) => [orderId, { orderId, version }])).values()];
}
