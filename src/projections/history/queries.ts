/**
 * Questions to the history. Every one is answered from an index, at a cost that does not grow with the number of orders
 * kept; a test asks the planner. The answers trail the actors by seconds: whoever must know what an order is asks its actor.
 */
import { and, asc, count, desc, eq, gte, lt, type SQL, sql, sum } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { type OrderStatus, OrderSummary, type Priority, type Refusal } from "../../contract/order.ts";
import { within } from "../../platform/deadline.ts";
import { encodeCursor, type Position, readCursor } from "./cursor.ts";
import { orders } from "./schema.ts";

/** A page of this size answers in some milliseconds; D1 serves one query at a time, so longer ones would hold up the rest. */
export const MAX_PAGE_SIZE = 200;

/** A list that takes longer is worth an error that says so: the caller repeats it without harm. */
const LIST_DEADLINE_MS = 10_000;

/** An order's alarm waits for this one; it has better things to do than to wait out a stall of D1. */
const VERSION_DEADLINE_MS = 2_000;

/** Absent fields do not restrict. `from` is inclusive, `to` exclusive, both milliseconds since the epoch, on `placedAt`. */
export interface OrderFilter {
  readonly status?: OrderStatus | undefined;
  readonly priority?: Priority | undefined;
  /** The merchant's own customer number. */
  readonly customer?: string | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

/** `next` is the cursor of the page that follows, null when there is none. */
export type OrderPage =
  | { readonly outcome: "listed"; readonly orders: OrderSummary[]; readonly next: string | null }
  | { readonly outcome: "refused"; readonly refusal: Refusal };

/**
 * One page of a tenant's orders, newest first. An order whose row changes between two pages keeps its place, because
 * the place is when it was placed. A cursor that cannot be read, or that belongs to other filters, is refused.
 * @param limit orders wanted, from 1; more than `MAX_PAGE_SIZE` are never returned
 */
export async function listOrders(
  d1: D1Database,
  tenant: string,
  filter: OrderFilter,
  cursor: string | null,
  limit: number,
): Promise<OrderPage> {
  const filters = canonical(filter);
  const after = cursor === null ? null : await readCursor(cursor, filters);
  if (after?.outcome === "refused") return { outcome: "refused", refusal: { reason: after.reason, detail: CURSOR_REFUSALS[after.reason] } };
  const size = Math.min(limit, MAX_PAGE_SIZE);
  // One more than asked for tells whether there is a next page without a count.
  const rows = await within(
    LIST_DEADLINE_MS,
    "listing orders from D1",
    pageQuery(d1, tenant, filter, after?.position ?? null, size + 1).all(),
  );
  const page = rows.slice(0, size).map((row) => OrderSummary.parse(row));
  const last = page.at(-1);
  return { outcome: "listed", orders: page, next: last !== undefined && rows.length > size ? await encodeCursor(last, filters) : null };
}

/** The version that the history has of an order, null when it has none. Rejects when D1 fails or takes over two seconds. */
export async function historyVersion(d1: D1Database, orderId: string): Promise<number | null> {
  const query = drizzle(d1).select({ version: orders.version }).from(orders).where(eq(orders.orderId, orderId));
  const row = await within(VERSION_DEADLINE_MS, "reading a version from D1", query.get());
  return row?.version ?? null;
}

/** How many orders of one status and currency there are, and what they add up to in minor units. */
export interface Total {
  readonly status: OrderStatus;
  readonly currency: string;
  readonly count: number;
  readonly sum: number;
}

/** For reconciling counters and books with the history. It reads every order of the tenant: for audits, not for screens. */
export async function totals(d1: D1Database, tenant: string): Promise<Total[]> {
  const rows = await drizzle(d1)
    .select({ status: orders.status, currency: orders.currency, count: count(), sum: sum(orders.total).mapWith(Number) })
    .from(orders)
    .where(eq(orders.tenant, tenant))
    .groupBy(orders.status, orders.currency)
    .orderBy(asc(orders.status), asc(orders.currency));
  return rows.map((row) => ({ ...row, sum: row.sum ?? 0 }));
}

/** Exported for the test that asks SQLite how it would run each combination; callers use `listOrders`. */
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
 * The most selective filter chooses the index: the customer, else the status, else the expedited minority, else time.
 * Left alone, the planner guesses between two that fit and gets it wrong as long as it has no statistics, which D1 never
 * gathers by itself. So the one that drives is called unlikely, and a unary plus hides the others from it.
 * A partial index is only considered when its condition stands in the statement as a literal, so no parameter there;
 * `customer_id = ?` by itself implies that it is not null.
 */
function conditions({ status, priority, customer }: OrderFilter): SQL[] {
  const found: SQL[] = [];
  if (customer !== undefined) found.push(sql`${orders.customerId} = ${customer}`);
  if (status !== undefined) found.push(sql`${orders.status} = ${status}`);
  if (priority === "expedited") found.push(sql`${orders.priority} = 'expedited'`);
  const [driving, ...others] = found;
  const standard = priority === "standard" ? [sql`${orders.priority} = 'standard'`] : [];
  return driving === undefined ? standard : [sql`unlikely(${driving})`, ...others.map((other) => sql`+${other}`), ...standard];
}

/** A position lies before `to` already, since the page that ended there obeyed it. */
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
