/**
 * What an order does next: which intents follow from where it stands, which calls are due, and when it must be woken if
 * nobody else does it. Pure questions to a state; the answers are carried out in `runtime/`.
 */
import type { FailureKind, OrderEvent } from "../contract/events.ts";
import type { Lane } from "../contract/lanes.ts";
import type { Cause, CauseClass, Step, UndoStep } from "../contract/order.ts";
import type { OrderState, StepState } from "./order.ts";
import { isUndo, type Saga, sagaOf } from "./saga.ts";
import { stageBudgetMs, trackOf } from "./tracks.ts";

/** A person has a working day and a night's sleep to look at a held order. */
export const HOLD_MS = 24 * 60 * 60_000;

/** An attempt without an answer is given up after this; the same key is then tried again. */
export const CALL_TIMEOUT_MS = 10_000;

/** How long a run of the saga may be silent before it counts as dead: a full call, and time to commit its outcome. */
export const RUN_GRACE_MS = 2 * CALL_TIMEOUT_MS;

/**
 * How long after a change an order first asks whether its projections have caught up; within it they normally do. The alarm that
 * asks is armed when the order is accepted, so this is also how soon an order goes on by itself whose hint was lost.
 */
export const SETTLE_AFTER_MS = 10_000;

export type Plan =
  /** These calls are due now, side by side. */
  | { readonly kind: "call"; readonly steps: readonly Step[] }
  /** No step is open, and the events of `follow` are to be committed. */
  | { readonly kind: "next" }
  /** Nothing is due before `until`. */
  | { readonly kind: "wait"; readonly until: number }
  /** The order can go no further: it is to be parked. */
  | { readonly kind: "stuck"; readonly cause: Cause }
  /** The saga has nothing to do: the order is confirmed, held, parked or at rest. Never the plan of one that is to move. */
  | { readonly kind: "idle" };

/** The saga moves only in these; in the others the order waits for a person, a stage, or nothing at all. */
export const isMoving = (state: Pick<OrderState, "status">): boolean =>
  state.status === "accepted" || state.status === "processing" || state.status === "cancelling";

/**
 * The events that follow from where the order stands: the intents of its next group, or the end it has come to. Empty
 * while a group is still open. Once an end is decided the open steps of the way forward are given up and undone.
 */
export function follow(state: OrderState, at: number): OrderEvent[] {
  const saga = sagaOf(state.saga);
  if (!saga || !isMoving(state)) return [];
  return state.ending ? followUndo(state, saga) : followForward(state, saga, at);
}

const begin = (step: Step): OrderEvent => ({ type: "StepStarted", step, attempt: 1 });

function followForward(state: OrderState, saga: Saga, at: number): OrderEvent[] {
  const flags = state.steps.screen?.facts.flags ?? [];
  for (const group of saga.forward) {
    const missing = group.filter((step) => state.steps[step] === undefined);
    if (missing.length > 0) return missing.map(begin);
    if (!group.every((step) => state.steps[step]?.phase === "succeeded")) return [];
    if (group.includes("screen") && flags.length > 0 && !state.approved) return [{ type: "OrderHeld", flags, until: at + HOLD_MS }];
  }
  return [{ type: "OrderConfirmed" }];
}

function followUndo(state: OrderState, saga: Saga): OrderEvent[] {
  for (const group of saga.undo) {
    const owed = group.filter((undo) => isOwed(state, saga, undo) && state.steps[undo]?.phase !== "succeeded");
    if (owed.length === 0) continue;
    return owed.filter((undo) => state.steps[undo] === undefined).map(begin);
  }
  return [state.ending?.status === "cancelled" ? { type: "OrderCancelled" } : { type: "OrderFailed" }];
}

/**
 * An effect is undone when its intent was journaled and no refusal says that it never happened: an outcome that nobody
 * knows is undone too. A payment that was surely captured is refunded, and its authorization is gone with it.
 */
function isOwed(state: OrderState, { undoes }: Saga, undo: UndoStep): boolean {
  const takenBack = undoes[undo];
  const forward = takenBack && state.steps[takenBack];
  if (forward === undefined || forward.phase === "refused") return false;
  return !(undo === "void" && state.steps.capture?.phase === "succeeded");
}

/** The steps of the way forward that have not begun, in their order; none once the order is on its way back or confirmed. */
export function stepsAhead(state: OrderState): Step[] {
  if (state.ending || state.confirmedAt !== null) return [];
  return (sagaOf(state.saga)?.forward.flat() ?? []).filter((step) => state.steps[step] === undefined);
}

/** What to do at `now`. */
export function plan(state: OrderState, now: number): Plan {
  if (!isMoving(state)) return { kind: "idle" };
  const open = openSteps(state);
  const hasNext = open.length > 0 || follow(state, now).length > 0;
  if (!hasNext || !sagaOf(state.saga)) return { kind: "stuck", cause: deadEnd(state) };
  if (open.length === 0) return { kind: "next" };
  const stuck = open.find(([, step]) => step.phase === "failed" && step.retryAt === null);
  if (stuck) return { kind: "stuck", cause: causeOf(...stuck) };
  // A blocked step is always due: whether its provider may be called again is asked when it is taken up.
  const due = open.filter(([, step]) => step.retryAt === null || step.retryAt <= now).map(([name]) => name);
  if (due.length > 0) return { kind: "call", steps: due };
  return { kind: "wait", until: Math.min(...open.map(([, step]) => step.retryAt ?? now)) };
}

/** A moving order that no rule carries on. No rule should lead here, so the trouble is ours, and a person is told. */
function deadEnd({ saga }: OrderState): Cause {
  const detail = sagaOf(saga) ? "no step is open and none follows" : `this release does not hold version ${saga} of the saga`;
  return { class: "bug", detail };
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

/** When an order that has not begun is promoted out of its lane; null when it has, or when its lane ages into none. */
export const ageingDeadlineOf = (state: OrderState, { ages }: Lane): number | null =>
  state.status === "accepted" && ages ? state.laneSince + ages.afterMs : null;

/** When the budget of the stage that the order is in runs out; null when it is in none, or its end was already noticed. */
export function stageDeadlineOf(state: OrderState): number | null {
  const inTrack = state.status === "confirmed" || state.status === "in_fulfilment";
  if (!inTrack || state.stageOverran) return null;
  return (state.stageSince ?? state.updatedAt) + stageBudgetMs(trackOf(state), state.stage);
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
