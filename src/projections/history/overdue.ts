/**
 * Asks the history for orders that should have moved and did not. It trails the actors, so what it names is worth a look
 * and no more. Each question examines a bounded number of rows of one index range, whatever is kept. A test asks the planner.
 */
import { z } from "zod";
import type { OrderStatus, TrackName } from "../../contract/order.ts";
import { OrderId, Tenant } from "../../contract/primitives.ts";
import { within } from "../../platform/deadline.ts";

/** A sweep has nobody waiting for it, but D1 answers one question at a time and others wait. */
const QUERY_DEADLINE_MS = 20_000;

/**
 * Orders that nobody reports stages of stay `confirmed` for ever, each noticed once and marked. A question passes over
 * so many of them at most.
 */
const MAX_EXAMINED = 2_000;

export const OVERDUE_SQL = {
  /** A loose index scan: one seek per tenant, however many orders each has. */
  tenants: `
    WITH RECURSIVE found(tenant) AS (
      SELECT min(tenant) FROM orders
      UNION ALL
      SELECT (SELECT min(tenant) FROM orders WHERE orders.tenant > found.tenant) FROM found WHERE found.tenant IS NOT NULL
    )
    SELECT tenant FROM found WHERE tenant IS NOT NULL LIMIT ?1`,
  /**
   * Whoever is marked was noticed; a held order is always marked, and is asked for because its deadline
   * has passed. The index is named because the planner, which has no statistics, prefers the one by time.
   */
  overdue: `
    SELECT order_id, version FROM (
      SELECT order_id, version, track, attention, updated_at FROM orders INDEXED BY orders_by_status
      WHERE tenant = ?1 AND status = ?2 AND placed_at >= ?3 AND placed_at < ?4
      ORDER BY placed_at, order_id LIMIT ${MAX_EXAMINED}
    ) WHERE updated_at < ?5 AND (attention IS NULL OR attention = 'held') AND (?6 IS NULL OR track = ?6) LIMIT ?7`,
} as const;

/** Every tenant that has an order in the history, at most `limit` of them, in order of their names. */
export async function tenantsOf(d1: D1Database, limit: number): Promise<string[]> {
  const { results } = await within(QUERY_DEADLINE_MS, "listing tenants from D1", d1.prepare(OVERDUE_SQL.tenants).bind(limit).all());
  return z
    .array(z.object({ tenant: Tenant }))
    .parse(results)
    .map(({ tenant }) => tenant);
}

/** Orders of one status that were placed from `from` until `to` and have not changed since `unchangedSince`; milliseconds. */
export interface OverdueRange {
  readonly status: OrderStatus;
  readonly track: TrackName | null;
  readonly from: number;
  readonly to: number;
  readonly unchangedSince: number;
}

export interface OverdueOrder {
  readonly orderId: string;
  /** What the history shows. */
  readonly version: number;
}

const Row = z.object({ order_id: OrderId, version: z.int() });

/** Orders in the ranges, each once: the oldest of every range, then the second oldest, and so on. Rejects when D1 fails or stalls. */
export async function overdueOrders(
  d1: D1Database,
  tenant: string,
  ranges: readonly OverdueRange[],
  limitPerRange: number,
): Promise<OverdueOrder[]> {
  const statements = ranges.map(({ status, track, from, to, unchangedSince }) =>
    d1.prepare(OVERDUE_SQL.overdue).bind(tenant, status, from, to, unchangedSince, track, limitPerRange),
  );
  const answers = await within(QUERY_DEADLINE_MS, "looking for overdue orders in D1", d1.batch(statements));
  const found = answers.flatMap(({ results }) =>
    z
      .array(Row)
      .parse(results)
      .map((row, age) => ({ ...row, age })),
  );
  const oldestFirst = found.sort((a, b) => a.age - b.age);
  return [...new Map(oldestFirst.map(({ order_id: orderId, version }) => [orderId, { orderId, version }])).values()];
}
