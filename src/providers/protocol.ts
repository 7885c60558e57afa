/**
 * The JSON that Orderline and a provider exchange over HTTP: `POST {URL}/{operation}` with a `ProviderRequest`. Requests are
 * exact. Answers are read tolerantly, because a company puts this protocol in front of a system that it already has.
 */
import { z } from "zod";
import { Address, Customer, OrderLine, Payment, Priority, TrackName } from "../contract/order.ts";
import { Amount, Currency, OrderId, Tenant } from "../contract/primitives.ts";
import { itemsOf } from "../domain/inventory.ts";
import type { ProviderCall } from "../domain/ports.ts";

const reference = z.string().max(200);

/** The tenant is also sent as the header `orderline-tenant`, so that one provider can serve many and route by it unread. */
const order = { orderId: OrderId, tenant: Tenant };
const money = { amount: Amount, currency: Currency };
/**
 * The idempotency keys of the calls that an undo takes back, as they were sent. The provider finds the effects by them when
 * an answer, and with it the reference, was lost. It undoes the effects under all of these keys. Undoing what never happened
 * succeeds, and leaves a tombstone: a call with one of these keys that arrives later is refused.
 */
const undo = { undoes: z.array(z.string()).min(1) };
const goods = { items: z.array(z.object({ sku: z.string(), quantity: z.int().positive() })) };
const route = { ...goods, shipTo: Address, priority: Priority, track: TrackName };

export const ProviderRequest = z.discriminatedUnion("operation", [
  z.object({
    operation: z.literal("authorize"),
    ...order,
    ...money,
    payment: Payment.pick({ token: true }),
    customerId: z.string().optional(),
  }),
  z.object({ operation: z.literal("capture"), ...order, ...money, authorization: reference.optional() }),
  z.object({ operation: z.literal("void"), ...order, ...money, ...undo, authorization: reference.optional() }),
  z.object({
    operation: z.literal("refund"),
    ...order,
    ...money,
    ...undo,
    authorization: reference.optional(),
    capture: reference.optional(),
  }),
  z.object({ operation: z.literal("reserve"), ...order, ...goods }),
  z.object({ operation: z.literal("commit"), ...order, ...goods, reservation: reference.optional() }),
  z.object({ operation: z.literal("release"), ...order, ...goods, ...undo, reservation: reference.optional() }),
  z.object({ operation: z.literal("route"), ...order, ...route }),
  z.object({ operation: z.literal("cancel"), ...order, ...route, ...undo, route: reference.optional() }),
  z.object({
    operation: z.literal("send"),
    ...order,
    template: z.literal("order_confirmed"),
    customer: Customer.pick({ name: true, email: true }),
    reference: z.string().optional(),
    lines: z.array(OrderLine),
    total: Amount,
    currency: Currency,
  }),
]);
export type ProviderRequest = z.infer<typeof ProviderRequest>;

/** The body of a 2xx. */
export const ProviderDone = z.object({
  /** The provider's own name for what it did. */
  reference: reference.nullish(),
  /** `reserve`: the SKUs whose stock is tracked. */
  tracked: z.array(z.string()).nullish(),
  /** Done without an effect: there was nothing to undo, or no customer to tell. */
  skipped: z.boolean().nullish(),
});

/**
 * `POST {URL}/ledger`, which a provider may serve so that the reconciliation can compare its ledger with the journals. It
 * lists every effect of an order, once for each time that it took place. A provider that keeps none answers 404, 405 or 501.
 */
export const LedgerRequest = z.object({ ...order, operation: z.literal("ledger") });
export type LedgerRequest = z.infer<typeof LedgerRequest>;

export const ProviderLedger = z.object({
  effects: z
    .array(
      z.object({
        operation: z.string().max(50),
        reference: reference.nullish().transform((value) => value ?? undefined),
        amount: Amount.nullish().transform((value) => value ?? undefined),
      }),
    )
    .max(1_000),
});

/** The body of a 402, 409 or 422. Any body is one: the status alone already refuses. */
export const ProviderRefusal = z
  .object({ reason: z.string().optional().catch(undefined), detail: z.string().optional().catch(undefined) })
  .catch({});

/** The request of a call: what its provider needs to know, and no more. */
export function requestOf({ step, undoes: keys, order, facts }: ProviderCall): ProviderRequest {
  const { orderId, tenant, total, currency, shipTo, priority, track } = order;
  const money = { amount: total, currency };
  const items = itemsOf(order.lines);
  const authorization = facts.authorize?.reference;
  const undoes = [...keys];
  switch (step) {
    case "authorize":
      return { operation: "authorize", orderId, tenant, ...money, payment: { token: order.payment.token }, customerId: order.customer.id };
    case "capture":
      return { operation: "capture", orderId, tenant, ...money, authorization };
    case "void":
      return { operation: "void", orderId, tenant, ...money, undoes, authorization };
    case "refund":
      return {
        operation: "refund",
        orderId,
        tenant,
        ...money,
        undoes,
        authorization,
        capture: facts.capture?.reference,
      };
    case "reserve":
      return { operation: "reserve", orderId, tenant, items };
    case "commit":
      return { operation: "commit", orderId, tenant, items, reservation: facts.reserve?.reference };
    case "release":
      return { operation: "release", orderId, tenant, items, undoes, reservation: facts.reserve?.reference };
    case "route":
      return { operation: "route", orderId, tenant, items, shipTo, priority, track };
    case "unroute":
      return {
        operation: "cancel",
        orderId,
        tenant,
        items,
        shipTo,
        priority,
        track,
        undoes,
        route: facts.route?.reference,
      };
    case "confirm":
      return {
        operation: "send",
        orderId,
        tenant,
        template: "order_confirmed",
        customer: { name: order.customer.name, email: order.customer.email },
        reference: order.reference,
        lines: order.lines,
        total,
        currency,
      };
    case "screen":
      throw new Error("risk screening has no HTTP adapter");
  }
}
