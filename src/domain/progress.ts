/**
 * What an order does next: which intents follow from where it stands, which calls are due, and when it must be woken if
 * nobody else does it. Pure questions to a state; the answers are carried out by `runtime/order-runner.ts`.
 */
import type { FailureKind, OrderEvent } from "../contract/events.ts";
import type { Cause, CauseClass, Step, UndoStep } from "../contract/order.ts";
import type { Lane } from "./lanes.ts";
import type { OrderState, StepState } from "./order.ts";
import { FORWARD, isUndo, UNDO, UNDOES } from "./saga.ts";
import { stageBudgetMs } from "./tracks.ts";

/** A person has a working day and a night's sleep to look at a held order. */
export const HOLD_MS = 24 * 60 * 60_000;

/** An attempt without an answer is given up after this; the same key is then tried again. */
export const CALL_TIMEOUT_MS = 10_000;

/** How long a run of the saga may be silent before it counts as dead: a full call, and time to commit its outcome. */
export const RUN_GRACE_MS = 2 * CALL_TIMEOUT_MS;

/** How long after a change an order first asks whether its projections have caught up; within it they normally do. */
export const SETTLE_AFTER_MS = 20_000;

export type Plan =
  /** These calls are due now, side by side. */
  | { readonly kind: "call"; readonly steps: readonly Step[] }
  /** Nothing is due before `until`. */
  | { readonly kind: "wait"; readonly until: number }
  /** A step can go no further: the order is to be parked. */
  | { readonly kind: "stuck"; readonly cause: Cause }
  /** The saga has nothing to do: the order is confirmed, held, parked or at rest. */
  | { readonly kind: "idle" };

/** The saga moves only in these; in the others the order waits for a person, a stage, or nothing at all. */
const isMoving = (state: OrderState): boolean =>
  state.status === "accepted" || state.status === "processing" || state.status === "cancelling";

/**
 * The events that follow from where the order stands: the intents of its next group, or the end it has come to. Empty
 * while a group is still open. Once an end is decided the open steps of the way forward are given up and undone.
 */
export function follow(state: OrderState, at: number): OrderEvent[] {
  if (!isMoving(state)) return [];
  return state.ending ? followUndo(state) : followForward(state, at);
}

function followForward(state: OrderState, at: number): OrderEvent[] {
  for (const [index, group] of FORWARD.entries()) {
    const steps = group.map((step) => state.steps[step]);
    if (steps.every((step) => step === undefined)) return group.map((step) => ({ type: "StepStarted", step, attempt: 1 }));
    if (!steps.every((step) => step?.phase === "succeeded")) return [];
    const flags = state.steps.screen?.facts.flags ?? [];
    if (index === 0 && flags.length > 0 && !state.approved) return [{ type: "OrderHeld", flags, until: at + HOLD_MS }];
  }
  return [{ type: "OrderConfirmed" }];
}

function followUndo(state: OrderState): OrderEvent[] {
  for (const group of UNDO) {
    const owed = group.filter((undo) => isOwed(state, undo) && state.steps[undo]?.phase !== "succeeded");
    if (owed.length === 0) continue;
    return owed.filter((undo) => state.steps[undo] === undefined).map((step) => ({ type: "StepStarted", step, attempt: 1 }));
  }
  return [state.ending?.status === "cancelled" ? { type: "OrderCancelled" } : { type: "OrderFailed" }];
}

/**
 * An effect is undone when its intent was journaled and no refusal says that it never happened: an outcome that nobody
 * knows is undone too. A payment that was surely captured is refunded, and its authorization is gone with it.
 */
function isOwed(state: OrderState, undo: UndoStep): boolean {
  const forward = state.steps[UNDOES[undo]];
  if (forward === undefined || forward.phase === "refused") return false;
  return !(undo === "void" && state.steps.capture?.phase === "succeeded");
}

/** What to do at `now`. */
export function plan(state: OrderState, now: number): Plan {
  if (!isMoving(state)) return { kind: "idle" };
  const open = openSteps(state);
  const stuck = open.find(([, step]) => step.phase === "failed" && step.retryAt === null);
  if (stuck) return { kind: "stuck", cause: causeOf(...stuck) };
  // A blocked step is always due: whether its provider may be called again is asked when it is taken up.
  const due = open.filter(([, step]) => step.retryAt === null || step.retryAt <= now).map(([name]) => name);
  if (due.length > 0) return { kind: "call", steps: due };
  const until = Math.min(...open.map(([, step]) => step.retryAt ?? now));
  return open.length > 0 ? { kind: "wait", until } : { kind: "idle" };
}

/** The steps in the direction of travel that have begun and have no outcome yet. */
export function openSteps(state: OrderState): [Step, StepState][] {
  const undoing = state.ending !== null;
  return (Object.entries(state.steps) as [Step, StepState][]).filter(
    ([name, step]) => isUndo(name) === undoing && (step.phase === "started" || step.phase === "failed" || step.phase === "blocked"),
  );
}

/** What an order that looked after itself found out: when it is worth looking again. Null: the state alone says when. */
export interface Recheck {
  /** Whether the projections have caught up; `never` once they are known to have. */
  readonly settleAt: number | "never" | null;
  /** Whether what the order waits for is still in its way: its turn in the lane, or a provider that is not to be called. */
  readonly waitAt: number | null;
}

/**
 * When the order must be woken whatever else happens, or null when nothing is left to wait for. This is the guarantee:
 * every order not at rest has an answer here, except one that is parked in front of a person.
 */
export function wakeAt(state: OrderState, lane: Lane, recheck: Recheck): number | null {
  const settleAt = recheck.settleAt === "never" ? null : (recheck.settleAt ?? state.updatedAt + SETTLE_AFTER_MS);
  const progressAt = recheck.waitAt ?? progressDeadline(state, lane);
  if (settleAt === null || progressAt === null) return settleAt ?? progressAt;
  return Math.min(settleAt, progressAt);
}

function progressDeadline(state: OrderState, lane: Lane): number | null {
  switch (state.status) {
    case "accepted":
      return state.updatedAt + lane.stallAfterMs;
    case "processing":
    case "cancelling": {
      const retries = openSteps(state).map(([, step]) => step.retryAt ?? state.updatedAt);
      return Math.max(state.updatedAt, ...retries) + RUN_GRACE_MS;
    }
    case "held":
      return state.hold?.until ?? state.updatedAt;
    case "confirmed":
    case "in_fulfilment":
      return stageDeadlineOf(state);
    case "completed":
    case "cancelled":
    case "failed":
    case "quarantined":
      return null;
  }
}

/** When the budget of the stage that the order is in runs out; null when it is in none, or its end was already noticed. */
export function stageDeadlineOf(state: OrderState): number | null {
  const inTrack = state.status === "confirmed" || state.status === "in_fulfilment";
  if (!inTrack || state.stageOverran) return null;
  return (state.stageSince ?? state.updatedAt) + stageBudgetMs(state.order.track, state.stage);
}

/** Whose trouble it is when the retries of a failure are used up. */
const CLASSES: Readonly<Record<FailureKind, CauseClass>> = {
  transient: "provider_down",
  unknown: "provider_down",
  poison: "poison",
  refused: "refused",
  bug: "bug",
};

function causeOf(step: Step, { lastFailure }: StepState): Cause {
  return { class: CLASSES[lastFailure?.failure ?? "unknown"], step, detail: lastFailure?.detail ?? "no answer" };
}
