/**
 * Releasing parked orders: what will happen to one, and how a job lets many go. A job tries a few first, goes on only when
 * they fared well, and stops by itself when too many come back. It knows orders only by how they ended. The
 * functions here keep nothing: whoever stores the job may lose its newest state and go on from an older one.
 */
import { CauseClass, type OrderStatus, Step } from "../contract/order.ts";
import type { RedriveState } from "../contract/quarantine.ts";
import { evolve, type OrderState } from "./order.ts";
import { follow, openSteps } from "./progress.ts";
import { isUndo } from "./saga.ts";

/** What a redrive of an order will do. */
export interface RedrivePreview {
  /** Took effect before and will not be called again, in the order in which it began. */
  readonly done: readonly { readonly step: Step; readonly reference: string | null }[];
  /** Will be called, in this order, as long as each succeeds. */
  readonly willRun: readonly Step[];
  /** The order is on its way back: the steps are undos, and it ends cancelled or failed. */
  readonly undoing: boolean;
}

/** The order is followed through the very rules that its run obeys, with every call succeeding, so the two cannot disagree. */
export function previewOf(state: OrderState): RedrivePreview {
  const undoing = state.ending !== null;
  const steps = Object.entries(state.steps) as [Step, NonNullable<OrderState["steps"][Step]>][];
  const done = steps
    .filter(([step, { phase }]) => phase === "succeeded" && isUndo(step) === undoing)
    .map(([step, { facts }]) => ({ step, reference: facts.reference ?? null }));
  const willRun: Step[] = [];
  const at = state.updatedAt;
  let ahead = evolve(state, { type: "OrderRedriven", by: "preview" }, at);
  // No order has more steps than there are; a saga that went in circles would end here all the same.
  for (let step = 0; step <= Step.options.length; step++) {
    ahead = follow(ahead, at).reduce((before, event) => evolve(before, event, at), ahead);
    const [next] = openSteps(ahead);
    if (!next) break;
    const [name, { attempt, facts }] = next;
    willRun.push(name);
    ahead = evolve(ahead, { type: "StepSucceeded", step: name, attempt, facts }, at);
  }
  return { done, willRun, undoing };
}

/** The class and the step of a cause, read back from its fingerprint, which `causeFingerprintOf` made. Null for any other text. */
export function readCauseFingerprint(causeFingerprint: string): { readonly causeClass: CauseClass; readonly step: Step | null } | null {
  const [, kind, where] = /^(\S+) (\S+): /.exec(causeFingerprint) ?? [];
  const causeClass = CauseClass.safeParse(kind);
  return causeClass.success ? { causeClass: causeClass.data, step: Step.safeParse(where).data ?? null } : null;
}

export interface RedriveSpec {
  readonly ratePerSecond: number;
  /** Share of the orders that go first, from 0 to 1; at least one goes. */
  readonly canaryShare: number;
  /** The job stops when more than this share of the outcomes are failures; 1 never stops it. */
  readonly stopAtFailureShare: number;
}

/**
 * A job as numbers. Orders are taken in a fixed order, so the number taken says which. Times in milliseconds. A job that is
 * `stopped` ended before its last order was released; the orders that were not released are still parked.
 */
export interface RedriveJob {
  readonly state: RedriveState;
  /** Why it ended as it did, as a sentence; null while it runs and when there is nothing to say. */
  readonly endedBecause: string | null;
  readonly total: number;
  /** How many go first. */
  readonly canaries: number;
  readonly taken: number;
  /** No longer parked when their turn came. */
  readonly skipped: number;
  readonly succeeded: number;
  /** Parked again, or not to be reached. */
  readonly failed: number;
  /** The newest outcomes, one letter each: `s` or `f`. Old successes must not outweigh a provider that has just died. */
  readonly recent: string;
  readonly startedAt: number;
  /** When an order was last taken. */
  readonly takenAt: number;
  /** When an order was last taken or came to an outcome. */
  readonly progressAt: number;
  readonly endedAt: number | null;
}

/** How many of the newest outcomes are judged, and how few are too few to judge by. */
const RECENT_OUTCOMES = 50;
const MIN_SAMPLE = 10;

/** An order that goes well takes seconds; one that fails again may still be retrying after this, and is no reason to go on. */
export const CANARY_PATIENCE_MS = 120_000;

/** With nothing taken and nothing decided for this long, the rest waits for a provider that is blocked, or for a person. */
export const STALL_PATIENCE_MS = 10 * 60_000;

/** Orders released and without an outcome; more would only pile up behind whatever holds them. */
export const MAX_UNDER_WAY = 1_000;

/** A job that has nothing to take and has learnt nothing lately looks less often. */
const TICK_MS = 1_000;
const IDLE_TICK_MS = 5_000;
const IDLE_AFTER_MS = 15_000;

export function beginRedrive({ canaryShare }: RedriveSpec, total: number, at: number): RedriveJob {
  const canaries = Math.min(total, Math.max(1, Math.ceil(total * canaryShare)));
  const job: RedriveJob = {
    state: "canary",
    endedBecause: null,
    total,
    canaries,
    taken: 0,
    skipped: 0,
    succeeded: 0,
    failed: 0,
    recent: "",
    startedAt: at,
    takenAt: at,
    progressAt: at,
    endedAt: null,
  };
  return total === 0 ? ended(job, "finished", "no parked order fits the filter", at) : job;
}

export const isEnded = ({ state }: RedriveJob): boolean => state === "finished" || state === "stopped";

/** Released, and neither succeeded nor failed so far. */
export const underWay = ({ taken, skipped, succeeded, failed }: RedriveJob): number => taken - skipped - succeeded - failed;

/** How many orders to take in this second. A second that was missed is not made up for. */
export function toTake(job: RedriveJob, { ratePerSecond }: RedriveSpec): number {
  if (isEnded(job)) return 0;
  const limit = job.state === "canary" ? job.canaries : job.total;
  return Math.max(0, Math.min(ratePerSecond, limit - job.taken, MAX_UNDER_WAY - underWay(job)));
}

export function took(job: RedriveJob, count: number, at: number): RedriveJob {
  return count === 0 ? job : { ...job, taken: job.taken + count, takenAt: at, progressAt: at };
}

export type ItemOutcome = "succeeded" | "failed" | "skipped";

export function decided(job: RedriveJob, outcomes: readonly ItemOutcome[], at: number): RedriveJob {
  if (outcomes.length === 0) return job;
  const count = (wanted: ItemOutcome) => outcomes.filter((outcome) => outcome === wanted).length;
  const judged = outcomes.filter((outcome) => outcome !== "skipped").map((outcome) => outcome.charAt(0));
  return {
    ...job,
    skipped: job.skipped + count("skipped"),
    succeeded: job.succeeded + count("succeeded"),
    failed: job.failed + count("failed"),
    recent: (job.recent + judged.join("")).slice(-RECENT_OUTCOMES),
    progressAt: at,
  };
}

/** What has become of a released order; null while it moves. */
export function outcomeOf(status: OrderStatus): ItemOutcome | null {
  switch (status) {
    case "quarantined":
      return "failed";
    case "accepted":
    case "processing":
    case "cancelling":
      return null;
    case "held":
    case "confirmed":
    case "in_fulfilment":
    case "completed":
    case "cancelled":
    case "failed":
      return "succeeded";
  }
}

/** Where the job goes from here: on, to its end, or no further. */
export function judge(job: RedriveJob, spec: RedriveSpec, at: number): RedriveJob {
  if (isEnded(job)) return job;
  const settled = underWay(job) === 0;
  const canariesDone = job.state === "canary" && settled && job.taken >= job.canaries;
  const failures = job.recent.split("f").length - 1;
  const enough = job.recent.length >= MIN_SAMPLE || (canariesDone && job.recent.length > 0);
  if (enough && failures > spec.stopAtFailureShare * job.recent.length) {
    return ended(job, "stopped", `${failures} of the last ${job.recent.length} released orders were parked again`, at);
  }
  if (settled && job.taken >= job.total) return ended(job, "finished", null, at);
  if (canariesDone) {
    // Canaries that were all gone already have shown nothing: as many others go first.
    if (job.recent === "") return { ...job, canaries: Math.min(job.total, 2 * job.canaries) };
    return { ...job, state: "releasing" };
  }
  if (job.state === "canary" && job.taken >= job.canaries && at - job.takenAt > CANARY_PATIENCE_MS) {
    return ended(job, "stopped", `${underWay(job)} of the first ${job.canaries} orders had no outcome in time`, at);
  }
  if (at - job.progressAt > STALL_PATIENCE_MS) {
    const because = `${underWay(job)} released orders have no outcome yet; they go on by themselves`;
    return ended(job, job.taken >= job.total ? "finished" : "stopped", because, at);
  }
  return job;
}

/** Somebody has seen enough. What was released goes on by itself. */
export function stopRedrive(job: RedriveJob, by: string, at: number): RedriveJob {
  return isEnded(job) ? job : ended(job, "stopped", `stopped by ${by}`, at);
}

/** When the job is to be looked after next, in milliseconds from now. */
export function tickMs(job: RedriveJob, spec: RedriveSpec, at: number): number {
  return toTake(job, spec) > 0 || at - job.progressAt < IDLE_AFTER_MS ? TICK_MS : IDLE_TICK_MS;
}

const ended = (job: RedriveJob, state: "finished" | "stopped", endedBecause: string | null, at: number): RedriveJob => ({
  ...job,
  state,
  endedBecause,
  endedAt: at,
});
