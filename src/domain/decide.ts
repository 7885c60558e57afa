/**
 * What an order does when it is told something: the events that follow, or a refusal. A command that already took effect
 * decides nothing, so it can be repeated. Time and randomness are arguments.
 */
import type { Correction, OrderEvent, PlacedOrder } from "../contract/events.ts";
import { FIRST_PRIORITY, type Lane } from "../contract/lanes.ts";
import type { Cause, OrderStatus, ProviderName, Step } from "../contract/order.ts";
import type { PinnedProfile } from "../contract/profile.ts";
import { evolve, isAtRest, type OrderState, type StepState, undoBegunOf } from "./order.ts";
import type { ProviderAnswer } from "./ports.ts";
import { ageingDeadlineOf, follow, plan, stageDeadlineOf } from "./progress.ts";
import { retryDelayMs } from "./retry.ts";
import { CURRENT_SAGA, isUndo } from "./saga.ts";
import { isInTrack, nextStage, trackOf } from "./tracks.ts";

/** What people and other systems may ask of an order that exists. `by` names who, for the journal. */
export type OrderCommand =
  | { readonly type: "CancelOrder"; readonly by: string; readonly reason?: string | undefined }
  | { readonly type: "ExpediteOrder" }
  | { readonly type: "ApproveOrder"; readonly by: string; readonly reason?: string | undefined }
  | { readonly type: "RejectOrder"; readonly by: string; readonly reason?: string | undefined }
  | { readonly type: "ReachStage"; readonly stage: string; readonly by: string }
  | { readonly type: "CorrectOrder"; readonly by: string; readonly reason: string; readonly changes: Correction }
  | { readonly type: "RedriveOrder"; readonly by: string; readonly reason?: string | undefined };

/** Why a command was not carried out; nothing was changed. */
export type CommandRefusal =
  | { readonly reason: "wrong_status"; readonly command: OrderCommand["type"]; readonly status: OrderStatus; readonly detail: string }
  | { readonly reason: "wrong_stage"; readonly wanted: string; readonly next: string | null; readonly detail: string };

export type Decision = { readonly events: readonly OrderEvent[] } | { readonly refusal: CommandRefusal };

const NOTHING: Decision = { events: [] };

/** What an order pins when it is accepted, so that nothing that is changed later reaches it. */
export interface Terms {
  /** The version of its saga. */
  readonly saga: number;
  /** What of its tenant's profile its life needs; absent for the embedded default. */
  readonly profile?: PinnedProfile | undefined;
}

export const CURRENT_TERMS: Terms = { saga: CURRENT_SAGA };

/** An accepted order, together with the intents of its first group: one commit holds both. */
export function decidePlace(order: PlacedOrder, at: number, { saga, profile }: Terms = CURRENT_TERMS): OrderEvent[] {
  const placed: OrderEvent = { type: "OrderPlaced", order, saga, ...(profile && { profile }) };
  return [placed, ...follow(evolve(null, placed, at), at)];
}

/** What a command changes. What it sets in motion (an undo, the next group) is begun by the order's next run, not here. */
export function decide(state: OrderState, command: OrderCommand): Decision {
  switch (command.type) {
    case "CancelOrder":
      if (state.ending?.status === "cancelled" && state.status !== "quarantined") return NOTHING;
      if (state.ending || isAtRest(state.status) || state.status === "in_fulfilment") {
        if (state.status !== "quarantined") return refused(state, command, "it can no longer be cancelled");
      }
      return { events: [{ type: "CancellationRequested", by: command.by, ...optional("reason", command.reason) }] };
    case "ExpediteOrder":
      if (state.priority === FIRST_PRIORITY) return NOTHING;
      if (state.status !== "accepted" && state.status !== "processing") return refused(state, command, "there is nothing left to hurry");
      return { events: [{ type: "OrderPromoted", to: FIRST_PRIORITY, because: "requested" }] };
    case "ApproveOrder":
      if (state.approved) return NOTHING;
      if (state.status !== "held") return refused(state, command, "only a held order is approved");
      return { events: [{ type: "OrderApproved", by: command.by, ...optional("reason", command.reason) }] };
    case "RejectOrder":
      if (state.ending?.status === "failed" && state.ending.reason === REJECTED) return NOTHING;
      if (state.status !== "held") return refused(state, command, "only a held order is rejected");
      return { events: [rejection(command.by, command.reason)] };
    case "ReachStage":
      return decideStage(state, command);
    case "CorrectOrder":
      // Journaled even when it changes nothing: an answer that differed would tell whether a guess, at a token or an address, is right.
      if (state.status !== "quarantined") return refused(state, command, "only a quarantined order is corrected");
      return { events: [{ type: "OrderCorrected", by: command.by, reason: command.reason, changes: command.changes }] };
    case "RedriveOrder":
      if (state.redriven) return NOTHING;
      if (state.status !== "quarantined") return refused(state, command, "only a quarantined order is redriven");
      return { events: [{ type: "OrderRedriven", by: command.by, ...optional("reason", command.reason) }] };
  }
}

/** Parks an order that technology could not carry on. One that is at rest, confirmed or parked already is left alone. */
export function decideQuarantine(state: OrderState, cause: Cause): OrderEvent[] {
  const parkable = state.status === "accepted" || state.status === "processing" || state.status === "cancelling";
  return parkable ? [{ type: "OrderQuarantined", cause }] : [];
}

/** Parks an order when one of its steps can go no further. */
export function decideStuck(state: OrderState, at: number): OrderEvent[] {
  const planned = plan(state, at);
  return planned.kind === "stuck" ? decideQuarantine(state, planned.cause) : [];
}

/** What a passed deadline means; `at` is when it was noticed. */
export function decideDeadlines(state: OrderState, lane: Lane, at: number): OrderEvent[] {
  const events: OrderEvent[] = [];
  if (state.status === "held" && state.hold && at >= state.hold.until) {
    events.push({ type: "OrderRejected", by: "deadline", refusal: { reason: "review_timeout", detail: "nobody decided in time" } });
  }
  const agesAt = ageingDeadlineOf(state, lane);
  if (lane.ages && agesAt !== null && at >= agesAt) events.push({ type: "OrderPromoted", to: lane.ages.into, because: "aged" });
  const stageDeadline = stageDeadlineOf(state);
  if (stageDeadline !== null && at >= stageDeadline) events.push({ type: "StageOverran", stage: state.stage ?? state.status });
  return events;
}

/** One call's answer, with the attempt that it was made in. */
export interface Outcome {
  readonly step: Step;
  readonly attempt: number;
  readonly answer: ProviderAnswer;
}

/** A step that is not attempted because its provider is not to be called. */
export interface Blocked {
  readonly step: Step;
  readonly provider: ProviderName;
  readonly since: number;
}

/**
 * The answers of one group, together with what follows from them: the next group's intents, or the order's end.
 * @param startedAt when the run that made the calls began; journaled once, as the end of the order's wait in its lane
 * @param random uniform in [0, 1), one draw per outcome, for the retries' jitter
 */
export function decideOutcomes(
  state: OrderState,
  outcomes: readonly Outcome[],
  { startedAt, at, lane, random }: { startedAt: number; at: number; lane: Lane; random: () => number },
): OrderEvent[] {
  const events: OrderEvent[] = state.startedAt === null ? [{ type: "OrderStarted", startedAt }] : [];
  for (const outcome of outcomes) events.push(record(state, outcome, lane, at, random()));
  const after = events.reduce<OrderState>((before, event) => evolve(before, event, at), state);
  return [...events, ...follow(after, at)];
}

/**
 * What is journaled before a run takes up calls that another run may have begun and died in. The first such run only
 * marks the order as started. From then on an open intent is a lost attempt: it counts, and the next one has a higher
 * attempt, so that an order whose calls keep killing its actor is parked instead of killing it for ever.
 */
export function decideResume(state: OrderState, due: readonly Step[], lane: Lane, at: number): OrderEvent[] {
  if (state.startedAt === null) return [{ type: "OrderStarted", startedAt: at }];
  return due.flatMap((step): OrderEvent[] => {
    const { phase, attempt, failures } = state.steps[step] as StepState;
    if (phase === "blocked") return [];
    if (phase === "failed") return [{ type: "StepStarted", step, attempt }];
    const last = failures + 1 >= lane.retry.maxAttempts;
    const lost = { type: "StepFailed", step, attempt, failure: "unknown", detail: "the run that made the call died" } as const;
    return last
      ? [{ ...lost, retryAt: null }]
      : [
          { ...lost, retryAt: at },
          { type: "StepStarted", step, attempt: attempt + 1 },
        ];
  });
}

/** The steps that wait for their provider now and did not before. */
export function decideBlocked(state: OrderState, blocked: readonly Blocked[]): OrderEvent[] {
  return blocked
    .filter(({ step }) => state.steps[step]?.phase !== "blocked")
    .map(({ step, provider, since }) => ({ type: "StepBlocked", step, provider, since }));
}

function record(state: OrderState, { step, attempt, answer }: Outcome, lane: Lane, at: number, random: number): OrderEvent {
  const current = state.steps[step];
  // An attempt is also over when its undo has begun: its run died with the call out, and nobody else gave it up.
  const isOver = current === undefined || current.attempt !== attempt || undoBegunOf(state, step) !== null;
  if (isOver || current.phase === "succeeded" || current.phase === "refused") {
    return {
      type: "LateAnswerRecorded",
      step,
      attempt,
      outcome: answer.outcome,
      ...(answer.outcome === "succeeded" && { facts: answer.facts }),
    };
  }
  switch (answer.outcome) {
    case "succeeded":
      return { type: "StepSucceeded", step, attempt, facts: answer.facts };
    case "refused":
      if (mayBeRefused(step)) return { type: "StepRefused", step, attempt, refusal: answer.refusal };
      return {
        type: "StepFailed",
        step,
        attempt,
        failure: "refused",
        detail: answer.refusal.reason,
        ...optional("said", answer.refusal.detail),
        retryAt: null,
      };
    case "failed": {
      const delay = retryDelayMs(lane.retry, answer, current.failures + 1, random);
      return {
        type: "StepFailed",
        step,
        attempt,
        failure: answer.failure,
        detail: answer.detail,
        ...optional("said", answer.said),
        retryAt: delay === null ? null : at + delay,
      };
    }
  }
}

/** A refused undo or confirmation must not undo the order: the money has moved, so a person has to look. */
const mayBeRefused = (step: Step): boolean => !isUndo(step) && step !== "confirm";

function decideStage(state: OrderState, command: OrderCommand & { type: "ReachStage" }): Decision {
  const { track: name } = state.order;
  const track = trackOf(state);
  const stages = track.stages.map((stage) => stage.name);
  const reached = track.stages.findIndex((stage) => stage.name === state.stage);
  const wanted = stages.indexOf(command.stage);
  if (wanted >= 0 && wanted <= reached) return NOTHING;
  if (state.status !== "confirmed" && state.status !== "in_fulfilment") return refused(state, command, "its track has not begun");
  const next = nextStage(track, state.stage);
  if (next?.name !== command.stage) {
    const none = isInTrack(track, state.stage) ? "has ended" : `has no stage ${state.stage}, which the order has reached`;
    const detail = next ? `the next stage of the ${name} track is ${next.name}` : `the ${name} track ${none}`;
    return { refusal: { reason: "wrong_stage", wanted: command.stage, next: next?.name ?? null, detail } };
  }
  const reachedStage: OrderEvent = { type: "StageReached", stage: command.stage, by: command.by };
  return { events: wanted === stages.length - 1 ? [reachedStage, { type: "OrderCompleted" }] : [reachedStage] };
}

const REJECTED = "rejected";

const rejection = (by: string, reason: string | undefined): OrderEvent => ({
  type: "OrderRejected",
  by,
  refusal: { reason: REJECTED, ...optional("detail", reason) },
});

const refused = (state: OrderState, command: OrderCommand, why: string): Decision => ({
  refusal: { reason: "wrong_status", command: command.type, status: state.status, detail: `the order is ${state.status}: ${why}` },
});

/** An optional field that is absent, not present and undefined: stored JSON then holds only what was said. */
function optional<Key extends string>(key: Key, value: string | undefined): { [K in Key]?: string } {
  return (value === undefined ? {} : { [key]: value }) as { [K in Key]?: string };
}
