/**
 * Why an order is where it is: what it does or waits for, since when, what was tried, when its alarm goes off next, and what
 * a person can do. The answer is data for machines, and one plain sentence for whoever was woken at three in the morning.
 */
import type { Commit, OrderEvent } from "../contract/events.ts";
import type { Lane } from "../contract/lanes.ts";
import type { AttemptResult, DiagnosisAction, OrderStatus, Situation, Step } from "../contract/order.ts";
import { mayDo } from "./actions.ts";
import type { ShownBreaker } from "./breaker.ts";
import { isAtRest, type OrderState, type StepState } from "./order.ts";
import { openSteps, plan, stageDeadlineOf } from "./progress.ts";
import { type Backlog, deferralOf, pressureOf } from "./routing.ts";
import { nextStage, trackOf } from "./tracks.ts";

export interface Attempt {
  readonly step: Step;
  readonly attempt: number;
  readonly at: number;
  readonly result: AttemptResult;
  readonly detail: string | null;
  /** The outside's own words, for the eyes of `ops`; null when it said nothing more. */
  readonly said: string | null;
}

export interface Diagnosis {
  readonly status: OrderStatus;
  readonly situation: Situation;
  readonly undoing: boolean;
  /** Since when the situation has been what it is, in milliseconds. */
  readonly since: number;
  /** The steps that are out, due or waiting. */
  readonly steps: readonly Step[];
  readonly provider: ShownBreaker | null;
  /** The lane it waits in, and how starts there are deferred just now; null when it waits in none or the lane is not known. */
  readonly lane: (Backlog & ReturnType<typeof deferralOf>) | null;
  /** When its alarm goes off, whatever else happens; null when it waits for nothing but a person, or is at rest. */
  readonly nextWakeAt: number | null;
  readonly attempts: readonly Attempt[];
  /** What changes the order now; `resume_provider` lets its provider be called again, for every order that waits for it. */
  readonly actions: readonly DiagnosisAction[];
  readonly sentence: string;
}

/** What the actor knows besides its journal. */
export interface Circumstances {
  readonly now: number;
  readonly alarmAt: number | null;
  /** Whether calls of this order are out at this moment. */
  readonly running: boolean;
  /** The breaker that blocks the order, when one does and it could be asked. */
  readonly provider: Diagnosis["provider"];
  /** The backlog of the order's lane, when it waits there and the queue could be asked. */
  readonly backlog: Backlog | null;
}

/** Attempts shown; an order that has had more shows its newest ones. */
const MAX_ATTEMPTS = 50;

export function diagnose(state: OrderState, journal: readonly Commit[], circumstances: Circumstances, lane: Lane): Diagnosis {
  const situation = situationOf(state, circumstances);
  const { backlog } = circumstances;
  const open = openSteps(state);
  const diagnosis = {
    status: state.status,
    situation,
    undoing: state.ending !== null && !isAtRest(state.status),
    since: sinceOf(state, situation),
    steps: open.map(([name]) => name),
    provider: situation === "waiting_for_provider" ? circumstances.provider : null,
    lane: situation === "in_lane" && backlog ? { ...backlog, ...deferralOf(lane, pressureOf(backlog, lane)) } : null,
    nextWakeAt: circumstances.alarmAt,
    attempts: journal.flatMap(({ at, events }) => events.flatMap((event) => attemptOf(event, at))).slice(-MAX_ATTEMPTS),
    actions: [...(situation === "waiting_for_provider" ? (["resume_provider"] as const) : []), ...mayDo(state)],
  };
  return { ...diagnosis, sentence: sentenceOf(state, diagnosis, circumstances) };
}

function situationOf(state: OrderState, { now, running }: Circumstances): Situation {
  if (isAtRest(state.status)) return "at_rest";
  switch (state.status) {
    case "held":
    case "quarantined":
      return state.status;
    case "confirmed":
    case "in_fulfilment":
      return state.stageOverran ? "stage_overran" : "waiting_for_stage";
    default:
  }
  if (running) return "running";
  if (openSteps(state).some(([, step]) => step.phase === "blocked")) return "waiting_for_provider";
  const planned = plan(state, now);
  if (planned.kind === "stuck") return "about_to_be_parked";
  if (state.status === "accepted") return "in_lane";
  switch (planned.kind) {
    case "wait":
      return "waiting_for_retry";
    case "call":
    case "next":
      return "between_steps";
    case "idle":
      throw new Error(`an order that is ${state.status} has no plan`);
  }
}

function sinceOf(state: OrderState, situation: Situation): number {
  switch (situation) {
    case "waiting_for_stage":
    case "stage_overran":
      return state.stageSince ?? state.updatedAt;
    case "waiting_for_provider": {
      const blocked = openSteps(state).filter(([, { phase }]) => phase === "blocked");
      return Math.min(...blocked.map(([, { blockedSince }]) => blockedSince ?? state.updatedAt));
    }
    default:
      return state.updatedAt;
  }
}

function attemptOf(event: OrderEvent, at: number): Attempt[] {
  switch (event.type) {
    case "StepSucceeded":
      return [{ step: event.step, attempt: event.attempt, at, result: "succeeded", detail: event.facts.reference ?? null, said: null }];
    case "StepRefused":
      return [
        {
          step: event.step,
          attempt: event.attempt,
          at,
          result: "refused",
          detail: event.refusal.reason,
          said: event.refusal.detail ?? null,
        },
      ];
    case "StepFailed":
      return [
        {
          step: event.step,
          attempt: event.attempt,
          at,
          result: "failed",
          detail: `${event.failure}: ${event.detail}`,
          said: event.said ?? null,
        },
      ];
    case "StepBlocked":
      return [{ step: event.step, attempt: 0, at, result: "blocked", detail: event.provider, said: null }];
    case "LateAnswerRecorded":
      return [{ step: event.step, attempt: event.attempt, at, result: "late", detail: event.outcome, said: null }];
    default:
      return [];
  }
}

const clock = (millis: number): string => `${new Date(millis).toISOString().slice(11, 19)} UTC`;

/** A deadline may be days away, so it has a date. */
const deadline = (millis: number): string => `${new Date(millis).toISOString().slice(0, 16).replace("T", " ")} UTC`;

/** A span as a person says it: the largest unit that fits, and never "in -3 s". */
function span(millis: number): string {
  const seconds = Math.max(0, Math.round(millis / 1_000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

function sentenceOf(state: OrderState, diagnosis: Omit<Diagnosis, "sentence">, { now, provider }: Circumstances): string {
  const since = `since ${clock(diagnosis.since)}`;
  const steps = diagnosis.steps.join(", ");
  const wake = diagnosis.nextWakeAt === null ? "It has no alarm armed." : `It looks for itself in ${span(diagnosis.nextWakeAt - now)}.`;
  const undoing = state.ending ? ` It is being undone (${state.ending.reason}).` : "";
  switch (diagnosis.situation) {
    case "in_lane":
      return `Waiting for its turn in the ${state.priority} lane ${since}; ${laneInWords(diagnosis.lane)}.${undoing} ${wake}`;
    case "running":
      return `Its calls are out now: ${steps}.${undoing} Each is given up after 10 s and tried again. ${wake}`;
    case "between_steps":
      return `Ready for ${steps || "its next step"} ${since} and waiting for a hint.${undoing} ${wake}`;
    case "waiting_for_retry":
      return `Waiting to try again: ${openSteps(state).map(retryOf(now)).join("; ")}.${undoing} ${wake}`;
    case "waiting_for_provider":
      return `${providerOf(provider, now, diagnosis.since)} This order waits with ${steps} and spends no retry.${undoing} ${wake}`;
    case "about_to_be_parked":
      return `${deadEndOf(state, now)}; it will be parked in front of a person. ${wake}`;
    case "held":
      return `Held for a person by the risk screening ${since}: ${state.hold?.flags.join(", ")}. Nobody deciding by ${deadline(state.hold?.until ?? 0)} rejects it.`;
    case "waiting_for_stage":
      return `Confirmed and waiting for the stage ${nextStage(trackOf(state), state.stage)?.name ?? "after the last"}, which is due by ${deadline(stageDeadlineOf(state) ?? now)}.`;
    case "stage_overran":
      return `The stage ${state.stage ?? "confirmed"} has taken longer than its budget, ${since}; somebody should look where the goods are.`;
    case "quarantined":
      return `Parked ${since}: ${state.cause?.step ?? "the order"} failed as ${state.cause?.class}, last heard: ${state.cause?.detail}.${undoing} Nothing moves it but a person.`;
    case "at_rest":
      return `At rest ${since}: ${state.status}${state.ending ? ` (${state.ending.reason})` : ""}. Nothing is left to do.`;
  }
}

function laneInWords(lane: Diagnosis["lane"]): string {
  if (!lane) return "how many wait there is not known";
  const waiting = `${lane.messages} ${lane.messages === 1 ? "hint waits" : "hints wait"} there, the oldest for ${span(lane.ageMs)}`;
  if (lane.probability === 0) return waiting;
  const share = Math.round(100 * lane.probability);
  return `${waiting}; the lane is so full that ${share} % of starts are put off by up to ${Math.ceil(lane.upToSeconds)} s`;
}

function deadEndOf(state: OrderState, now: number): string {
  const planned = plan(state, now);
  const cause = planned.kind === "stuck" ? planned.cause : null;
  return cause?.step ? `Out of retries with ${cause.step}` : `It can go no further: ${cause?.detail}`;
}

const retryOf =
  (now: number) =>
  ([name, { failures, retryAt, lastFailure }]: [Step, StepState]): string =>
    `${name} failed ${failures} ${failures === 1 ? "time" : "times"}, last with "${lastFailure?.detail ?? "no answer"}", next attempt in ${span((retryAt ?? now) - now)}`;

function providerOf(provider: Diagnosis["provider"], now: number, since: number): string {
  if (!provider) return `Its provider has not been called since ${clock(since)}.`;
  const { provider: name, state, waiting } = provider;
  const down = `${name} unavailable since ${clock(provider.since ?? since)}${inBrackets(provider.lastFailure)}`;
  const orders = waiting === null ? "shared with other tenants" : `${waiting} ${waiting === 1 ? "order" : "orders"} waiting`;
  switch (state) {
    case "closed":
      return `${name} works again; ${orders}${waiting === null ? "" : " to be let go"}.`;
    case "open":
      return `${down}, ${orders}, next probe in ${span((provider.nextProbeAt ?? now) - now)}.`;
    case "half_open":
      return `${down}, ${orders}, a probe is out.`;
    case "paused":
      return `${name} paused by ${provider.by ?? "a person"} since ${clock(provider.since ?? since)}${inBrackets(provider.reason)}, ${orders}; only a person lets them go.`;
  }
}

const inBrackets = (words: string | null): string => (words === null ? "" : ` (${words})`);
