/** What a client sends to place an order, and what it is shown of one. */
import { z } from "zod";
import { DEFAULT_PRIORITY, Priority } from "./lanes.ts";
import { Amount, Country, Currency, Email, MAX_AMOUNT, Millis, OrderId, Tenant, text } from "./primitives.ts";

export { Priority };

/** Tracks and stages are named in lists and logs, and a kitchen's board has a stage in its path: short and plain. */
const PlainName = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,39}$/, "must be 1 to 40 lower-case letters, digits or underscores, the first a letter");

/** What happens after `confirmed`: a track of the tenant's profile, see `contract/profile.ts`. */
export const TrackName = PlainName;
export type TrackName = z.infer<typeof TrackName>;

/** A stage of a track. */
export const StageName = PlainName;

export const OrderStatus = z.enum([
  "accepted",
  "processing",
  "held",
  "confirmed",
  "in_fulfilment",
  "completed",
  "cancelling",
  "cancelled",
  "failed",
  "quarantined",
]);
export type OrderStatus = z.infer<typeof OrderStatus>;

/** The steps of the saga that carry an order forward, and those that undo one. */
export const ForwardStep = z.enum(["screen", "authorize", "reserve", "route", "capture", "commit", "confirm"]);
export type ForwardStep = z.infer<typeof ForwardStep>;
export const UndoStep = z.enum(["void", "release", "unroute", "refund"]);
export type UndoStep = z.infer<typeof UndoStep>;
export const Step = z.enum([...ForwardStep.options, ...UndoStep.options]);
export type Step = z.infer<typeof Step>;

/** What a person may do with an order, as the last part of its path. In the order in which it is offered. */
export const Action = z.enum(["approve", "reject", "correct", "redrive", "stage", "expedite", "cancel"]);
export type Action = z.infer<typeof Action>;

/** What the diagnosis names besides: `resume_provider` concerns every order that waits for the provider. */
export const DiagnosisAction = z.enum([...Action.options, "resume_provider"]);
export type DiagnosisAction = z.infer<typeof DiagnosisAction>;

/**
 * Where a step stands. `started`: the intent is journaled. `failed`: the attempt failed, and a further one may be due.
 * `blocked`: it waits for its provider.
 */
export const StepPhase = z.enum(["started", "succeeded", "refused", "failed", "blocked"]);
export type StepPhase = z.infer<typeof StepPhase>;

/** What became of one attempt of a step. `late`: the answer came after the attempt had been given up. */
export const AttemptResult = z.enum([...StepPhase.exclude(["started"]).options, "late"]);
export type AttemptResult = z.infer<typeof AttemptResult>;

/** What an order does or waits for. */
export const Situation = z.enum([
  "in_lane",
  "running",
  "between_steps",
  "waiting_for_retry",
  "waiting_for_provider",
  "about_to_be_parked",
  "held",
  "waiting_for_stage",
  "stage_overran",
  "quarantined",
  "at_rest",
]);
export type Situation = z.infer<typeof Situation>;

/** The largest invoice of `samples/` has 593 lines. */
export const MAX_LINES = 1_000;
export const MAX_CHARGES = 50;

/** A stock keeping unit as the merchant writes it. It is part of an actor's name, hence printable ASCII only. */
export const Sku = z.string().regex(/^[\x21-\x7e](?:[\x20-\x7e]{0,62}[\x21-\x7e])?$/, "must be 1 to 64 printable ASCII characters");

export const OrderLine = z
  .strictObject({
    sku: Sku.meta({ example: "85123A" }),
    description: text(200).optional().meta({ example: "White hanging heart t-light holder" }),
    quantity: z.int().min(1).max(1_000_000).meta({ example: 6 }),
    unitPrice: Amount.min(0).meta({ description: "Minor units for one. 0 is a sample or a gift.", example: 255 }),
  })
  .meta({ id: "OrderLine" });
export type OrderLine = z.infer<typeof OrderLine>;

const chargeOf = <Code extends string>(codes: readonly [Code, ...Code[]], amount: typeof Amount) =>
  z.strictObject({ code: z.enum(codes), description: text(200).optional(), amount });

/** Money that is no goods, such as postage or a discount. It is charged, but nothing is reserved for it. Its sign follows from its code. */
export const Charge = z
  .discriminatedUnion("code", [
    chargeOf(["postage", "fee"], Amount.min(0).meta({ description: "Minor units; 0 or more.", example: 1800 })),
    chargeOf(["discount"], Amount.max(0).meta({ description: "Minor units; 0 or less.", example: -500 })),
    chargeOf(["adjustment"], Amount.meta({ description: "Minor units; negative lowers the total.", example: -1 })),
  ])
  .meta({ id: "Charge" });
export type Charge = z.infer<typeof Charge>;

/** The outside services that carry out steps. */
export const ProviderName = z.enum(["payment", "inventory", "fulfilment", "notification"]);
export type ProviderName = z.infer<typeof ProviderName>;

export const Customer = z
  .strictObject({
    id: text(64).optional().meta({ description: "The merchant's own customer number; absent for a guest.", example: "17850" }),
    name: text(200).optional(),
    email: Email.optional().meta({ description: "Where the confirmation goes.", example: "ada@example.com" }),
  })
  .meta({ id: "Customer" });

export const Address = z
  .strictObject({
    name: text(200).optional(),
    line1: text(200).optional(),
    line2: text(200).optional(),
    city: text(100).optional(),
    region: text(100).optional(),
    postalCode: text(20).optional(),
    country: Country,
  })
  .meta({ id: "Address" });

export const Payment = z
  .strictObject({
    token: text(200).meta({
      description: "Token of the payment method. The sandbox's magic values are listed in docs/providers.md.",
      example: "tok_visa",
    }),
    country: Country.optional().meta({ description: "Where the card was issued; read by the risk screening." }),
  })
  .meta({ id: "Payment" });

/** Sum of lines and charges in minor units. It may be out of range, which the schema below refuses. */
export const totalOf = (order: { lines: { quantity: number; unitPrice: number }[]; charges: { amount: number }[] }) =>
  order.lines.reduce((sum, line) => sum + line.quantity * line.unitPrice, 0) +
  order.charges.reduce((sum, charge) => sum + charge.amount, 0);

export const PlaceOrder = z
  .strictObject({
    reference: text(100).optional().meta({ description: "Your own number for it, shown back.", example: "536365" }),
    priority: Priority.default(DEFAULT_PRIORITY),
    track: TrackName.optional().meta({ description: "A track of the tenant's profile; the first one when absent.", example: "retail" }),
    currency: Currency,
    lines: z.array(OrderLine).min(1).max(MAX_LINES),
    charges: z.array(Charge).max(MAX_CHARGES).default([]),
    customer: Customer.default({}),
    shipTo: Address,
    payment: Payment,
  })
  .superRefine((order, context) => {
    const total = totalOf(order);
    if (total < 0 || total > MAX_AMOUNT) {
      context.addIssue({
        code: "custom",
        path: ["lines"],
        message: `the order's total must be from 0 to ${MAX_AMOUNT} minor units, it is ${total}`,
      });
    }
  })
  .meta({ id: "PlaceOrder" });
export type PlaceOrder = z.infer<typeof PlaceOrder>;

/** A business reason why something was not done, with its evidence. Refusals of providers and of our own rules all have this shape. */
export const Refusal = z
  .object({ reason: z.string().max(100), detail: z.string().max(1_000).optional() })
  .meta({ id: "Refusal", description: "A business reason with its evidence." });
export type Refusal = z.infer<typeof Refusal>;

/**
 * Who has to act on a parked order. `provider_down`: the provider failed for longer than the retries lasted. `poison`: it can
 * never accept this request. `refused`: it refused a step that the saga cannot go on without, such as a refund. `bug`: our
 * own code failed.
 */
export const CauseClass = z.enum(["provider_down", "poison", "refused", "bug"]);
export type CauseClass = z.infer<typeof CauseClass>;

/** Why an order is parked: who has to act, the step, and the last failure. */
export const Cause = z.object({ class: CauseClass, step: Step.optional(), detail: z.string().max(1_000) }).meta({ id: "Cause" });
export type Cause = z.infer<typeof Cause>;

/** Why an order needs a person: it is parked, the risk screening holds it, or its stage takes too long. */
export const Attention = z.enum(["quarantined", "held", "stage_overran"]);
export type Attention = z.infer<typeof Attention>;

/**
 * An order at one version, without personal data: what projections receive and lists show (event-carried state transfer). A
 * summary with a higher version replaces a lower one whole, so projections are idempotent and messages may come in any order.
 */
export const OrderSummary = z.object({
  orderId: OrderId,
  tenant: Tenant,
  version: z.int().positive(),
  status: OrderStatus,
  stage: z.string().nullable(),
  priority: Priority,
  track: TrackName,
  reference: z.string().nullable(),
  customerId: z.string().nullable(),
  currency: Currency,
  total: Amount,
  lineCount: z.int(),
  /** Why it failed, was cancelled, is held or parked; null otherwise. */
  reason: z.string().nullable(),
  attention: Attention.nullable().meta({ description: "Why a person should look at it; null when nobody needs to." }),
  /** Of a parked order: the class of its cause, and what the cause has in common with those of other orders. */
  causeClass: CauseClass.nullable(),
  causeFingerprint: z.string().nullable().meta({ description: "What its cause has in common with the causes of others." }),
  placedAt: Millis,
  startedAt: Millis.nullable(),
  confirmedAt: Millis.nullable(),
  updatedAt: Millis,
});
export type OrderSummary = z.infer<typeof OrderSummary>;

/** What an order is found by in the history. None of it ever changes. */
export type HistoryKey = Pick<OrderSummary, "tenant" | "placedAt" | "orderId">;

/** An order as its journal has it. `seen`: the version that a projection showed, which may be one that the order never had. */
export interface JournaledOrder {
  readonly order: OrderSummary;
  readonly seen: number | null;
}
