/** What the HTTP face shows of orders. Instants are ISO 8601 in UTC; amounts are integer minor units. */
import { z } from "zod";
import { BreakerStateName } from "./breaker.ts";
import {
  Action,
  Address,
  AttemptResult,
  Cause,
  Charge,
  Customer,
  DiagnosisAction,
  OrderLine,
  OrderStatus,
  OrderSummary,
  Priority,
  ProviderName,
  Situation,
  Step,
  StepPhase,
  TrackName,
} from "./order.ts";
import { Amount, Currency, IdempotencyKey, Instant, OrderId } from "./primitives.ts";
import { Problem } from "./problems.ts";

export const Links = z.object({ self: z.string(), events: z.string() }).meta({ id: "OrderLinks" });

/** The answer to a submission. A repeated submission gets the same answer, whatever has become of the order since. */
export const OrderReceipt = z
  .object({ id: OrderId, status: z.literal("accepted"), placedAt: Instant, total: Amount, currency: Currency, links: Links })
  .meta({ id: "OrderReceipt" });
export type OrderReceipt = z.infer<typeof OrderReceipt>;

const StepView = z
  .object({
    step: Step,
    state: StepPhase,
    attempt: z.int().meta({ description: "Which attempt this is, or which is due next." }),
    retryAt: Instant.nullable(),
    reference: z.string().nullable().meta({
      description: "The provider's own name for what it did; null when it is no identifier and the key lacks the scope `ops`.",
    }),
    lastFailure: z.string().nullable(),
  })
  .meta({ id: "OrderStep" });

export const OrderView = z
  .object({
    id: OrderId,
    status: OrderStatus,
    version: z.int().meta({ description: "Grows by one with each change; also the ETag." }),
    priority: Priority,
    profileVersion: z
      .int()
      .meta({ description: "Version of the tenant's profile that the order was accepted under and keeps; 0: the embedded default." }),
    track: TrackName,
    stage: z.string().nullable(),
    reason: z.string().nullable().meta({ description: "Why it failed, was cancelled, is held or parked." }),
    cause: Cause.nullable(),
    reference: z.string().nullable(),
    currency: Currency,
    total: Amount,
    lines: z.array(OrderLine),
    charges: z.array(Charge),
    customer: Customer,
    shipTo: Address,
    steps: z.array(StepView),
    ahead: z.array(Step).meta({ description: "The steps that have not begun, in their order; none once it is undone or confirmed." }),
    nextStage: z.string().nullable().meta({ description: "The stage that `stage` may report next." }),
    actions: z.array(Action).meta({ description: "What a person may do now that changes something." }),
    placedAt: Instant,
    startedAt: Instant.nullable(),
    confirmedAt: Instant.nullable(),
    updatedAt: Instant,
    links: Links,
  })
  .meta({ id: "Order" });
export type OrderView = z.infer<typeof OrderView>;

/** What a command answers to a key that may not read orders: that it was carried out, and nothing of what was ordered. */
export const CommandReceipt = z
  .object({ id: OrderId, status: OrderStatus, version: z.int(), updatedAt: Instant, links: Links })
  .meta({ id: "CommandReceipt" });
export type CommandReceipt = z.infer<typeof CommandReceipt>;

/** A summary as a client sees it: its tenant is the caller's own. */
export const OrderListItem = OrderSummary.omit({ orderId: true, tenant: true })
  .extend({
    id: OrderId,
    placedAt: Instant,
    startedAt: Instant.nullable(),
    confirmedAt: Instant.nullable(),
    updatedAt: Instant,
    links: Links,
  })
  .meta({ id: "OrderListItem" });
export type OrderListItem = z.infer<typeof OrderListItem>;

export const OrderList = z
  .object({
    orders: z.array(OrderListItem),
    nextCursor: z.string().nullable().meta({ description: "Send it as `cursor` for the next page; null on the last." }),
  })
  .meta({ id: "OrderList" });

export const TimelineEntry = z
  .object({ version: z.int(), at: Instant, type: z.string(), data: z.record(z.string(), z.unknown()) })
  .meta({ id: "TimelineEntry" });

export const Timeline = z.object({ id: OrderId, events: z.array(TimelineEntry) }).meta({ id: "Timeline" });

export const DiagnosisView = z
  .object({
    id: OrderId,
    status: OrderStatus,
    situation: Situation,
    sentence: z.string().meta({ description: "All of it in plain words." }),
    undoing: z.boolean(),
    since: Instant,
    steps: z.array(Step).meta({ description: "The steps that are out, due or waiting." }),
    provider: z
      .object({ name: ProviderName, state: BreakerStateName, since: Instant.nullable(), waiting: z.int().nullable() })
      .nullable()
      .meta({ description: "The provider that blocks it. `waiting` is null when the provider's account is shared with other tenants." }),
    lane: z.object({ waiting: z.int(), oldestMs: z.int(), deferredShare: z.number(), deferredUpToMs: z.int() }).nullable().meta({
      description: "The lane that it waits in: hints there, age of the oldest, share of starts that are put off, and by how much.",
    }),
    nextWakeAt: Instant.nullable().meta({ description: "When the order looks for itself, whatever else happens." }),
    attempts: z.array(
      z.object({
        step: Step,
        attempt: z.int(),
        at: Instant,
        result: AttemptResult,
        detail: z.string().nullable(),
        said: z.string().nullable().meta({ description: "The provider's own words; null unless the key has the scope `ops`." }),
      }),
    ),
    actions: z.array(DiagnosisAction).meta({
      description: "What a person may do now that changes something. `resume_provider` concerns every order that waits for the provider.",
    }),
  })
  .meta({ id: "Diagnosis" });

/** Each order of a batch costs the request one call of an actor. */
export const MAX_BATCH_ORDERS = 100;

/** `order` is not validated here. Each order is judged by itself, so that a bad one spoils no other. */
export const PlaceOrders = z
  .strictObject({
    orders: z
      .array(z.strictObject({ idempotencyKey: IdempotencyKey, order: z.unknown() }))
      .min(1)
      .max(MAX_BATCH_ORDERS),
  })
  .meta({ id: "PlaceOrders" });

export const PlaceOrdersResult = z
  .object({
    results: z.array(
      z.object({
        idempotencyKey: IdempotencyKey,
        status: z.int().meta({ description: "The status that the order would have got by itself." }),
        replayed: z.boolean(),
        receipt: OrderReceipt.nullable(),
        problem: Problem.nullable(),
      }),
    ),
  })
  .meta({ id: "PlaceOrdersResult" });
