/**
 * The tables of the history database, a read model for lists, audits and sweeps. Every row can be rebuilt from the journals
 * in the actors. `migrations/` is generated from this file by drizzle-kit and then edited by hand for what drizzle cannot
 * express; comments in the migrations name those edits.
 */
import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { DEFAULT_PRIORITY } from "../../contract/lanes.ts";
import type { Attention, CauseClass, OrderStatus, Priority, TrackName } from "../../contract/order.ts";

/** The condition of the index by priority, as a literal, because SQLite matches a partial index by the words of its condition. */
export const UNUSUAL_PRIORITY = sql.raw(`priority <> '${DEFAULT_PRIORITY}'`);

/**
 * One row per order: its `OrderSummary` at the highest version seen. Money is in minor units, times are milliseconds since
 * the Unix epoch. A write is billed once for the table and once for every index that holds the row. So the rows lie in the order
 * in which they are listed, which takes no index, and each index below serves a filter that nothing else serves.
 */
export const orders = sqliteTable(
  "orders",
  {
    orderId: text("order_id").notNull(),
    tenant: text("tenant").notNull(),
    version: integer("version").notNull(),
    status: text("status").$type<OrderStatus>().notNull(),
    stage: text("stage"),
    priority: text("priority").$type<Priority>().notNull(),
    track: text("track").$type<TrackName>().notNull(),
    reference: text("reference"),
    customerId: text("customer_id"),
    currency: text("currency").notNull(),
    total: integer("total").notNull(),
    lineCount: integer("line_count").notNull(),
    reason: text("reason"),
    attention: text("attention").$type<Attention>(),
    causeClass: text("cause_class").$type<CauseClass>(),
    causeFingerprint: text("cause_fingerprint"),
    placedAt: integer("placed_at").notNull(),
    startedAt: integer("started_at"),
    confirmedAt: integer("confirmed_at"),
    updatedAt: integer("updated_at").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenant, table.placedAt, table.orderId] }),
    index("orders_by_status").on(table.tenant, table.status, table.placedAt, table.orderId),
    // Most orders have the usual priority. They are found by time, with few rows skipped.
    index("orders_by_priority").on(table.tenant, table.priority, table.placedAt, table.orderId).where(UNUSUAL_PRIORITY),
    // Few orders ever need a person. The others have no entry in this partial index and cost it nothing.
    index("orders_for_attention")
      .on(table.tenant, table.attention, table.causeFingerprint, table.placedAt, table.orderId)
      .where(sql`attention IS NOT NULL`),
    index("orders_by_customer").on(table.tenant, table.customerId, table.placedAt, table.orderId).where(sql`customer_id IS NOT NULL`),
  ],
);

/** The columns of a `HistoryKey`: what a row of an order is found by. */
export const HISTORY_KEY = [orders.tenant, orders.placedAt, orders.orderId];

/** Dead letters: messages that fit no schema, so that no order can be parked for them. They are kept for a person. */
export const deadLetters = sqliteTable("dead_letters", {
  /** The queue's own id of the message, so that a redelivery records nothing new. */
  id: text("id").primaryKey(),
  queue: text("queue").notNull(),
  cause: text("cause").notNull(),
  /** The beginning of the message as JSON; see `dead-letters.ts` for how much of it. */
  body: text("body").notNull(),
  receivedAt: integer("received_at").notNull(),
});
