/** The messages on the queues. Readers ignore unknown fields, so that two releases can run side by side. */
import { z } from "zod";
import { Cause, OrderSummary, Priority, ProviderName } from "./order.ts";
import { OrderId } from "./primitives.ts";

/** "Look at this order." Lost, late, doubled or out of order, it changes when an order moves, never what happens to it. */
export const Hint = z.object({
  orderId: OrderId,
  priority: Priority,
  trace: z.string().max(64).optional(),
  /** The provider that this order is to try out as the breaker's probe, while other orders wait. */
  probe: ProviderName.optional(),
});
export type Hint = z.infer<typeof Hint>;

/** An order at its newest committed version, for the projections. */
export const OrderChanged = z.object({ order: OrderSummary });
export type OrderChanged = z.infer<typeof OrderChanged>;

/** An order that can go no further by itself, with its cause. The platform's own dead-lettering delivers a bare `Hint` without one. */
export const DeadLetter = z.object({ orderId: OrderId, cause: Cause.optional() });
export type DeadLetter = z.infer<typeof DeadLetter>;
