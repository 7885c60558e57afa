/**
 * What an order is: the fold of its journal. Nothing here decides anything; an event is a fact and is never refused.
 */
import type { Commit, FailureKind, OrderEvent, PlacedOrder, StepFacts } from "../contract/events.ts";
import type { CommitNote } from "../contract/messages.ts";
import type { Attention, Cause, OrderStatus, OrderSummary, Priority, Refusal, Step, StepPhase, UndoStep } from "../contract/order.ts";
import type { PinnedProfile } from "../contract/profile.ts";
import { isUndo, sagaOf } from "./saga.ts";

/** Where one step of the saga stands. */
export interface StepState {
  /**
   * `started`: the intent is journaled. `failed`: the attempt failed, and `retryAt` says when the next is due, or null for
   * never. `blocked`: it waits for its provider, since `blockedSince`.
   */
  readonly phase: StepPhase;
  /** The attempt that is under way or due next, counted from 1: the fencing token of its answer. An answer to a lower one is late. */
  readonly attempt: number;
  /** Attempts that have failed since the order was placed or last redriven. */
  readonly failures: number;
  readonly retryAt: number | null;
  readonly facts: StepFacts;
  readonly lastFailure: { readonly failure: FailureKind; readonly detail: string } | null;
  readonly blockedSince: number | null;
  /** Whether an attempt under the current key may have had its effect although nobody heard of it. */
  readonly maybeDone: boolean;
  /**
   * Part of the key from 2 on. It rises when the effect of this key is surely not enough: an undo whose step took effect
   * after it, or a step that is taken up again after it had been refused for good.
   */
  readonly keyGeneration: number;
}

/** How an order that is being undone will end. */
export type Ending = { readonly status: "cancelled"; readonly reason: string } | { readonly status: "failed"; readonly reason: string };

export interface OrderState {
  readonly version: number;
  readonly order: PlacedOrder;
  /** The version of the graph under which it was accepted, and which carries it to its end. */
  readonly saga: number;
  /** What of its tenant's profile it was accepted under; null for the embedded default. */
  readonly profile: PinnedProfile | null;
  readonly status: OrderStatus;
  /** As placed, or where the order was last promoted to, and since when. */
  readonly priority: Priority;
  readonly laneSince: number;
  readonly placedAt: number;
  readonly startedAt: number | null;
  readonly confirmedAt: number | null;
  /** Time of the last commit. */
  readonly updatedAt: number;
  readonly steps: Readonly<Partial<Record<Step, StepState>>>;
  readonly ending: Ending | null;
  readonly hold: { readonly flags: readonly string[]; readonly until: number } | null;
  readonly approved: boolean;
  readonly cause: Cause | null;
  /** Whether a person has corrected what was ordered. */
  readonly corrected: boolean;
  /** Whether it was redriven since it was last parked. */
  readonly redriven: boolean;
  /** The stage of the track that was reached, when, and whether its budget's end was already noticed. */
  readonly stage: string | null;
  readonly stageSince: number | null;
  readonly stageOverran: boolean;
}

const RESTING: ReadonlySet<OrderStatus> = new Set<OrderStatus>(["completed", "cancelled", "failed"]);

/** At rest, nothing moves the order any more, and nothing needs to. */
export const isAtRest = (status: OrderStatus): boolean => RESTING.has(status);

/** The fold, one commit further. Null is an order that was never placed. */
export function apply(state: OrderState | null, commit: Commit): OrderState | null {
  const next = commit.events.reduce<OrderState | null>((before, event) => evolve(before, event, commit.at), state);
  return next && { ...next, version: commit.version, updatedAt: commit.at };
}

/** One event further; `at` is the time of the commit that holds it. */
export function evolve(state: OrderState | null, event: OrderEvent, at: number): OrderState {
  if (event.type === "OrderPlaced") return placed(event, at);
  if (state === null) throw new Error(`a journal cannot begin with ${event.type}`);
  switch (event.type) {
    case "OrderStarted":
      return { ...state, startedAt: event.startedAt, status: state.status === "accepted" ? "processing" : state.status };
    case "StepStarted":
      return withStep(state, event.step, (step) => ({ ...step, phase: "started", attempt: event.attempt, retryAt: null }));
    case "StepSucceeded":
      return withStep(state, event.step, (step) => ({ ...step, phase: "succeeded", retryAt: null, facts: event.facts }));
    case "StepRefused":
      return {
        ...withStep(state, event.step, (step) => ({ ...step, phase: "refused", retryAt: null })),
        ending: state.ending ?? failing(event.refusal),
      };
    case "StepFailed":
      return withStep(state, event.step, (step) => ({
        ...step,
        phase: "failed",
        attempt: event.attempt + 1,
        failures: step.failures + 1,
        maybeDone: step.maybeDone || !isDefinite(event.failure),
        retryAt: event.retryAt,
        lastFailure: { failure: event.failure, detail: event.detail },
      }));
    case "StepBlocked":
      return withStep(state, event.step, (step) => ({ ...step, phase: "blocked", retryAt: null, blockedSince: event.since }));
    case "LateAnswerRecorded":
      return event.outcome === "succeeded" ? withLateEffect(state, event.step, event.facts ?? {}) : state;
    case "OrderHeld":
      return { ...state, status: "held", hold: { flags: event.flags, until: event.until } };
    case "OrderApproved":
      return { ...state, status: "processing", approved: true, hold: null };
    case "OrderRejected":
      return { ...state, status: "processing", hold: null, ending: failing(event.refusal) };
    case "OrderPromoted":
      return { ...state, priority: event.to, laneSince: at };
    case "CancellationRequested":
      return {
        ...renewed(state, at),
        status: "cancelling",
        hold: null,
        stageOverran: false,
        ending: { status: "cancelled", reason: event.reason ?? "requested" },
      };
    case "OrderConfirmed":
      return { ...state, status: "confirmed", confirmedAt: at, stageSince: at };
    case "OrderCancelled":
      return { ...state, status: "cancelled" };
    case "OrderFailed":
      return { ...state, status: "failed" };
    case "OrderQuarantined":
      return { ...state, status: "quarantined", cause: event.cause, redriven: false };
    case "OrderCorrected":
      return { ...state, corrected: true, order: { ...state.order, ...event.changes } as PlacedOrder };
    case "OrderRedriven":
      return { ...renewed(state, at), redriven: true, status: state.ending?.status === "cancelled" ? "cancelling" : "processing" };
    case "StageReached":
      return { ...state, status: "in_fulfilment", stage: event.stage, stageSince: at, stageOverran: false };
    case "StageOverran":
      return { ...state, stageOverran: true };
    case "OrderCompleted":
      return { ...state, status: "completed" };
  }
}

/** A commit as projections hear of it. @param state after the commit */
export const noteOf = ({ version, status, stage }: OrderState, { at, events }: Commit): CommitNote => ({
  version,
  at,
  status,
  stage,
  events: events.map(({ type }) => type),
});

/** The order as projections and lists see it. */
export function summarize(state: OrderState): OrderSummary {
  const { order } = state;
  return {
    orderId: order.orderId,
    tenant: order.tenant,
    version: state.version,
    status: state.status,
    stage: state.stage,
    priority: state.priority,
    track: order.track,
    reference: order.reference ?? null,
    customerId: order.customer.id ?? null,
    currency: order.currency,
    total: order.total,
    lineCount: order.lines.length,
    reason: reasonOf(state),
    attention: attentionOf(state),
    causeClass: state.cause?.class ?? null,
    causeFingerprint: state.cause && causeFingerprintOf(state.cause),
    placedAt: state.placedAt,
    startedAt: state.startedAt,
    confirmedAt: state.confirmedAt,
    updatedAt: state.updatedAt,
  };
}

/** Why the order is not simply on its way, in a few words; null when it is. */
export function reasonOf(state: OrderState): string | null {
  if (state.cause) return `${state.cause.step ?? state.cause.class}: ${state.cause.detail}`;
  if (state.hold) return state.hold.flags.join(", ");
  return state.ending?.reason ?? null;
}

/** Why a person should look at the order; null when nobody needs to. */
export function attentionOf(state: OrderState): Attention | null {
  if (state.status === "quarantined" || state.status === "held") return state.status;
  return state.stageOverran ? "stage_overran" : null;
}

/** What two causes have in common when they are the same trouble: without the ids and numbers that differ from order to order. */
export function causeFingerprintOf({ class: kind, step, detail }: Cause): string {
  const common = detail
    .toLowerCase()
    .replace(/ord_[0-9a-z]+/g, "*")
    .replace(/\b(?=[0-9a-f-]*\d)[0-9a-f-]{8,}\b/g, "*")
    .replace(/\d{4,}/g, "*");
  return `${kind} ${step ?? "order"}: ${common.slice(0, MAX_FINGERPRINT_DETAIL)}`;
}

const MAX_FINGERPRINT_DETAIL = 120;

function placed({ order, saga, profile }: OrderEvent & { type: "OrderPlaced" }, at: number): OrderState {
  return {
    version: 0,
    order,
    saga,
    profile: profile ?? null,
    status: "accepted",
    priority: order.priority,
    laneSince: at,
    placedAt: at,
    startedAt: null,
    confirmedAt: null,
    updatedAt: at,
    steps: {},
    ending: null,
    hold: null,
    approved: false,
    cause: null,
    corrected: false,
    redriven: false,
    stage: null,
    stageSince: null,
    stageOverran: false,
  };
}

/** Whether a failure says that the effect did not happen and never will. */
const isDefinite = (failure: FailureKind): boolean => failure === "poison" || failure === "refused";

const failing = (refusal: Refusal): Ending => ({ status: "failed", reason: refusal.reason });

const FRESH: StepState = {
  phase: "started",
  attempt: 0,
  failures: 0,
  retryAt: null,
  facts: {},
  lastFailure: null,
  blockedSince: null,
  maybeDone: false,
  keyGeneration: 1,
};

function withStep(state: OrderState, step: Step, change: (step: StepState) => StepState): OrderState {
  return { ...state, steps: { ...state.steps, [step]: change(state.steps[step] ?? FRESH) } };
}

/** The undo of a forward step, once it has begun; null before. */
export function undoBegunOf({ saga, steps }: Pick<OrderState, "saga" | "steps">, step: Step): UndoStep | null {
  const [undo] = Object.entries(sagaOf(saga)?.undoes ?? {}).find(([, forward]) => forward === step) ?? [];
  return undo !== undefined && steps[undo as UndoStep] !== undefined ? (undo as UndoStep) : null;
}

/**
 * A forward step turns out to have had its effect after its undo has begun. Nobody knows which of the two effects came first.
 * The undo is therefore owed once more, under a key of its own, and an order at rest is taken up again.
 */
function withLateEffect(state: OrderState, step: Step, facts: StepFacts): OrderState {
  if (isUndo(step)) return state;
  const known = withStep(state, step, (before) => ({ ...before, facts: { ...facts, ...before.facts } }));
  const undo = undoBegunOf(state, step);
  if (undo === null || state.ending === null) return known;
  const owed = withStep(known, undo, (before) => ({
    ...before,
    phase: "failed",
    attempt: before.attempt + 1,
    failures: 0,
    retryAt: 0,
    keyGeneration: before.keyGeneration + 1,
  }));
  return isAtRest(state.status) ? { ...owed, status: state.ending.status === "cancelled" ? "cancelling" : "processing" } : owed;
}

/**
 * Whatever had failed is due again at once, with its retries renewed; what had succeeded stays done. A provider remembers its
 * answer to a key, so a request that was turned down for good needs another key. It gets one when no attempt under the old key
 * can have had its effect, or when a person has corrected the request. Otherwise the old key stands, or the effect could double.
 * It stands, too, where no failure was journaled since the last renewal, because a call may have gone out since under its key.
 */
function renewed(state: OrderState, at: number): OrderState {
  const steps = Object.fromEntries(
    Object.entries(state.steps).map(([name, step]) => {
      if (step.phase !== "failed") return [name, step];
      const failedFinally = step.failures > 0 && step.lastFailure !== null && isDefinite(step.lastFailure.failure);
      const turnedDown = failedFinally && (!step.maybeDone || state.corrected);
      const key = turnedDown ? { keyGeneration: step.keyGeneration + 1, maybeDone: false } : {};
      return [name, { ...step, failures: 0, retryAt: at, ...key }];
    }),
  );
  return { ...state, steps, cause: null };
}
