/** The messages on the queues. Readers ignore unknown fields, so that two releases can run side by side. */
import { z } from "zod";
import { Cause, OrderStatus, OrderSummary, Priority, ProviderName } from "./order.ts";
import { Millis, OrderId, Tenant } from "./primitives.ts";

/** "Look at this order." Lost, late, doubled or out of order, it changes when an order moves, never what happens to it. */
export const Hint = z.object({
  orderId: OrderId,
  priority: Priority,
  /** Whose order it is, as far as its sender knows: what chooses the queue. */
  tenant: Tenant.optional(),
  trace: z.string().max(64).optional(),
  /** The provider that this order is to try out as the breaker's probe, while other orders wait. */
  probe: ProviderName.optional(),
});
export type Hint = z.infer<typeof Hint>;

/** One commit as a projection hears of it: what happened, and where the order stood then. It holds no personal data. */
export const CommitNote = z.object({
  version: z.int().positive(),
  at: Millis,
  status: OrderStatus,
  stage: z.string().nullable(),
  /** The types of the commit's events. */
  events: z.array(z.string()),
});
export type CommitNote = z.infer<typeof CommitNote>;

/** At some 100 bytes each. An order that goes well has five. */
export const MAX_COMMIT_NOTES = 200;

/**
 * An order's newest committed version, for the projections. Each message carries the notes of all the order's commits, the
 * oldest first. Whichever message arrives therefore tells of every commit, however many other messages were lost. Of an order
 * with more than `MAX_COMMIT_NOTES` commits the oldest notes are missing, and a subscriber that needs them reads the journal.
 */
export const OrderChanged = z.object({ order: OrderSummary, commits: z.array(CommitNote).max(MAX_COMMIT_NOTES) });
export type OrderChanged = z.infer<typeof OrderChanged>;

/** What one message of the order events carries: changes of one tenant's orders, as many as were made at about the same moment. */
export const OrdersChanged = z.object({ changes: z.array(OrderChanged).min(1) });
export type OrdersChanged = z.infer<typeof OrdersChanged>;

/** An order that can go no further by itself, with its cause. The platform's own dead-lettering delivers a bare `Hint` without one. */
export const DeadLetter = z.object({ orderId: OrderId, cause: Cause.optional() });
export type DeadLetter = z.infer<typeof DeadLetter>;
