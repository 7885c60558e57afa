/**
 * Questions of clients to the history. Each is answered from an index, at a cost that does not grow with the number of orders
 * kept; a test asks SQLite's planner. The answers trail the actors by seconds. The truth about one order is in its actor.
 */
import { and, desc, eq, gte, lt, type SQL, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { z } from "zod";
import { DEFAULT_PRIORITY } from "../../contract/lanes.ts";
import { type HistoryKey, type OrderStatus, OrderSummary, type Priority, type Refusal } from "../../contract/order.ts";
import { Millis, OrderId } from "../../contract/primitives.ts";
import { cursorOf } from "../../platform/cursor.ts";
import { within } from "../../platform/deadline.ts";
import { askAll, databasesOf, type HistoryBindings, oldestFirst } from "./databases.ts";
import { orders, UNUSUAL_PRIORITY } from "./schema.ts";

/** A page of this size takes some milliseconds. D1 runs one query at a time, so a longer one would hold up the rest. */
export const MAX_PAGE_SIZE = 200;

/** After this the client gets an error instead of waiting on. A list only reads, so the client may repeat it. */
const LIST_DEADLINE_MS = 10_000;

/** An order's alarm waits for this answer. It asks again later rather than wait out a stall of D1. */
const VERSION_DEADLINE_MS = 2_000;

/** Absent fields do not restrict. `from` (inclusive) and `to` (exclusive) bound `placedAt`, in milliseconds since the Unix epoch. */
export interface OrderFilter {
  readonly status?: OrderStatus | undefined;
  readonly priority?: Priority | undefined;
  /** The merchant's own customer number. */
  readonly customer?: string | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

/** After which order a page begins. */
const Position = z.object({ placedAt: Millis, orderId: OrderId });
export type Position = z.infer<typeof Position>;

const cursors = cursorOf(Position);

/** `next` is the cursor of the page that follows, null when there is none. */
export type OrderPage =
  | { readonly outcome: "listed"; readonly orders: OrderSummary[]; readonly next: string | null }
  | { readonly outcome: "refused"; readonly refusal: Refusal };

/**
 * One page of a tenant's orders, newest first. The sort key is the time of placing, which never changes, so an order that
 * moves on between two pages is neither skipped nor repeated. A cursor that cannot be read, or that belongs to other
 * filters, is refused.
 * @param limit orders wanted, from 1; more than `MAX_PAGE_SIZE` are never returned
 */
export async function listOrders(
  bindings: HistoryBindings,
  tenant: string,
  filter: OrderFilter,
  cursor: string | null,
  limit: number,
): Promise<OrderPage> {
  const filters = canonical(filter);
  const after = cursor === null ? null : await cursors.read(cursor, filters);
  if (after?.outcome === "refused") return { outcome: "refused", refusal: { reason: after.reason, detail: CURSOR_REFUSALS[after.reason] } };
  const size = Math.min(limit, MAX_PAGE_SIZE);
  // One more than asked for tells whether there is a next page without a count.
  const found = await within(LIST_DEADLINE_MS, "listing orders from D1", () =>
    askAll(bindings, (d1) => pageQuery(d1, tenant, filter, after?.position ?? null, size + 1).all()),
  );
  const rows = found.flat().sort((a, b) => oldestFirst(b, a));
  const page = rows.slice(0, size).map((row) => OrderSummary.parse(row));
  const last = page.at(-1);
  return {
    outcome: "listed",
    orders: page,
    next:
      last !== undefined && rows.length > size ? await cursors.write({ placedAt: last.placedAt, orderId: last.orderId }, filters) : null,
  };
}

/** Exported for the test that asks SQLite's planner. Every order asks it, and a query builder takes longer than the query. */
export const VERSION_SQL = "SELECT version FROM orders WHERE tenant = ? AND placed_at = ? AND order_id = ?";

/** The version that the history has of an order, null when it has none. Rejects when D1 fails or takes over two seconds. */
export async function historyVersion(bindings: HistoryBindings, order: HistoryKey): Promise<number | null> {
  const { tenant, placedAt, orderId } = order;
  const query = databasesOf(bindings).of(order).prepare(VERSION_SQL).bind(tenant, placedAt, orderId);
  const version = await within(VERSION_DEADLINE_MS, "reading a version from D1", () => query.first("version"));
  return z.int().nullable().parse(version);
}

/** Exported for the test that asks SQLite's planner about each combination of filters; callers use `listOrders`. */
export function pageQuery(d1: D1Database, tenant: string, filter: OrderFilter, after: Position | null, rows: number) {
  return drizzle(d1)
    .select()
    .from(orders)
    .where(and(eq(orders.tenant, tenant), ...conditions(filter), ...range(filter, after)))
    .orderBy(desc(orders.placedAt), desc(orders.orderId))
    .limit(rows);
}

const CURSOR_REFUSALS = {
  cursor_invalid: "The cursor is not one that this list has handed out.",
  cursor_of_other_filters: "The cursor belongs to a list with other filters; leave it out to begin this list.",
} as const;

/**
 * The most selective filter chooses the index: the customer, else the status, else a priority that is not the usual one, else time.
 * D1 gathers no statistics, and without them SQLite's planner often picks the wrong one of two indexes that fit. So the
 * filter that is to choose is marked `unlikely`, and a unary plus hides the other filters from the planner.
 * SQLite considers a partial index only when the statement implies its condition. The condition of the index by priority
 * therefore stands in the statement as a literal. `customer_id = ?` implies `customer_id IS NOT NULL` by itself.
 */
function conditions({ status, priority, customer }: OrderFilter): SQL[] {
  const found: SQL[] = [];
  if (customer !== undefined) found.push(sql`${orders.customerId} = ${customer}`);
  if (status !== undefined) found.push(sql`${orders.status} = ${status}`);
  const usual = priority === DEFAULT_PRIORITY ? [sql`${orders.priority} = ${priority}`] : [];
  if (priority !== undefined && priority !== DEFAULT_PRIORITY) {
    if (found.length === 0) return [sql`unlikely(${orders.priority} = ${priority})`, UNUSUAL_PRIORITY];
    found.push(sql`${orders.priority} = ${priority}`);
  }
  const [driving, ...others] = found;
  return driving === undefined ? usual : [sql`unlikely(${driving})`, ...others.map((other) => sql`+${other}`), ...usual];
}

/** A cursor's position already lies before `to`, because the page that ended there was bounded by it. */
function range({ from, to }: OrderFilter, after: Position | null): SQL[] {
  const found: SQL[] = [];
  if (from !== undefined) found.push(gte(orders.placedAt, from));
  if (after !== null) found.push(sql`(${orders.placedAt}, ${orders.orderId}) < (${after.placedAt}, ${after.orderId})`);
  else if (to !== undefined) found.push(lt(orders.placedAt, to));
  return found;
}

function canonical({ status, priority, customer, from, to }: OrderFilter): string {
  return JSON.stringify([status ?? null, priority ?? null, customer ?? null, from ?? null, to ?? null]);
}
