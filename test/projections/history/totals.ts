/** The history added up. */
import { asc, count, eq, sum } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { OrderStatus } from "../../../src/contract/order.ts";
import { orders } from "../../../src/projections/history/schema.ts";

/** How many orders of one status and currency there are, and what they add up to in minor units. */
interface Total {
  readonly status: OrderStatus;
  readonly currency: string;
  readonly count: number;
  readonly sum: number;
}

/** For comparing counters with the history. */
export async function totals(d1: D1Database, tenant: string): Promise<Total[]> {
  const rows = await drizzle(d1)
    .select({ status: orders.status, currency: orders.currency, count: count(), sum: sum(orders.total).mapWith(Number) })
    .from(orders)
    .where(eq(orders.tenant, tenant))
    .groupBy(orders.status, orders.currency)
    .orderBy(asc(orders.status), asc(orders.currency));
  return rows.map((row) => ({ ...row, sum: row.sum ?? 0 }));
}
