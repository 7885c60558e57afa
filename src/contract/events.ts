/**
 * The events of an order's journal as they are stored (event sourcing). Stored events outlive the code that wrote them, so
 * the schema only grows: add optional fields or types, never rename, and never change what a field means.
 */
import { z } from "zod";
import { Address, Cause, Charge, Customer, OrderLine, Payment, Priority, ProviderName, Refusal, Step, TrackName } from "./order.ts";
import { Amount, Currency, Millis, OrderId, Tenant } from "./primitives.ts";
import { PinnedProfile } from "./profile.ts";

/**
 * An order as it was accepted. `requestDigest` is the digest of the submitted body; it tells a repeat from another order under
 * the same key.
 */
export const PlacedOrder = z.object({
  orderId: OrderId,
  tenant: Tenant,
  requestDigest: z.string(),
  reference: z.string().optional(),
  priority: Priority,
  track: TrackName,
  currency: Currency,
  total: Amount,
  lines: z.array(OrderLine),
  charges: z.array(Charge),
  customer: Customer,
  shipTo: Address,
  payment: Payment,
  trace: z.string().optional(),
});
export type PlacedOrder = z.infer<typeof PlacedOrder>;

/**
 * How an attempt went wrong. `transient`: it failed and a retry may work. `unknown`: it may have had its effect. `poison`: it
 * can never work. `refused`: a refusal of a step that the saga cannot go on without, such as a refund. `bug`: our own code threw.
 */
export const FailureKind = z.enum(["transient", "unknown", "poison", "refused", "bug"]);
export type FailureKind = z.infer<typeof FailureKind>;

/** What a step brought back that later steps or people need. */
export const StepFacts = z.object({
  /** The provider's own name for what it did. */
  reference: z.string().max(200).optional(),
  /** `screen`: the risk rules that want a person to look. */
  flags: z.array(z.string()).optional(),
  /** `reserve`: the SKUs with tracked stock. The others are made to order and need no commit. */
  tracked: z.array(z.string()).optional(),
});
export type StepFacts = z.infer<typeof StepFacts>;

/** What may be corrected in a parked order. Its total never changes. Each part replaces the old one whole. */
export const Correction = z.object({ customer: Customer, shipTo: Address, payment: Payment }).partial();
export type Correction = z.infer<typeof Correction>;

const by = z.string().max(100);
const attempt = z.int().positive();

export const OrderEvent = z.discriminatedUnion("type", [
  /**
   * What the order was accepted under, and is carried to its end by. `saga`: the version of the graph, kept in `domain/saga.ts`.
   * `profile`: the parts of its tenant's profile that its life needs, by value; absent for the embedded default.
   */
  z.object({ type: z.literal("OrderPlaced"), order: PlacedOrder, saga: z.int().positive(), profile: PinnedProfile.optional() }),
  /** The order left its lane: its first run began at `startedAt`. */
  z.object({ type: z.literal("OrderStarted"), startedAt: Millis }),
  /** The intent, written ahead of the call. `attempt` is the fencing token that its answer must carry. */
  z.object({ type: z.literal("StepStarted"), step: Step, attempt }),
  z.object({ type: z.literal("StepSucceeded"), step: Step, attempt, facts: StepFacts }),
  z.object({ type: z.literal("StepRefused"), step: Step, attempt, refusal: Refusal }),
  /**
   * `retryAt` is null when the retries are used up, or when no retry can ever work. `detail` is in our own words; `said` is in those of the
   * outside, which may quote anything, and is for the eyes of `ops` only.
   */
  z.object({
    type: z.literal("StepFailed"),
    step: Step,
    attempt,
    failure: FailureKind,
    detail: z.string().max(1_000),
    said: z.string().max(1_000).optional(),
    retryAt: Millis.nullable(),
  }),
  /** The circuit breaker of the step's provider let no call pass. No attempt was made and none is counted. */
  z.object({ type: z.literal("StepBlocked"), step: Step, provider: ProviderName, since: Millis }),
  /**
   * An answer with a stale fencing token: its attempt had been given up. It changes nothing, except that its effect may need
   * another undo.
   */
  z.object({
    type: z.literal("LateAnswerRecorded"),
    step: Step,
    attempt,
    outcome: z.enum(["succeeded", "refused", "failed"]),
    facts: StepFacts.optional(),
  }),
  z.object({ type: z.literal("OrderHeld"), flags: z.array(z.string()), until: Millis }),
  z.object({ type: z.literal("OrderApproved"), by, reason: z.string().max(1_000).optional() }),
  z.object({ type: z.literal("OrderRejected"), by, refusal: Refusal }),
  z.object({ type: z.literal("OrderPromoted"), to: Priority, because: z.enum(["requested", "aged"]) }),
  z.object({ type: z.literal("CancellationRequested"), by, reason: z.string().max(1_000).optional() }),
  z.object({ type: z.literal("OrderConfirmed") }),
  z.object({ type: z.literal("OrderCancelled") }),
  z.object({ type: z.literal("OrderFailed") }),
  z.object({ type: z.literal("OrderQuarantined"), cause: Cause }),
  z.object({ type: z.literal("OrderCorrected"), by, reason: z.string().max(1_000), changes: Correction }),
  z.object({ type: z.literal("OrderRedriven"), by, reason: z.string().max(1_000).optional() }),
  z.object({ type: z.literal("StageReached"), stage: z.string(), by }),
  z.object({ type: z.literal("StageOverran"), stage: z.string() }),
  z.object({ type: z.literal("OrderCompleted") }),
]);
export type OrderEvent = z.infer<typeof OrderEvent>;

/** One row of the journal: events that became true in one transaction. `version` counts from 1 without gaps. */
export const Commit = z.object({ version: z.int().positive(), at: Millis, events: z.array(OrderEvent).min(1) });
export type Commit = z.infer<typeof Commit>;
