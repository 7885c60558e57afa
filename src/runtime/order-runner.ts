/**
 * The life of one order: commits what the domain decides, makes the calls that are due, and keeps the alarm armed. It
 * reaches the world only through `OrderPorts`, so the same code runs in the actor and in a simulation. At most one run
 * of the saga is under way at a time; a command that arrives in between is journaled at once and obeyed after the calls
 * that are out have been answered or given up.
 */

import type { Commit, OrderEvent, PlacedOrder } from "../contract/events.ts";
import type { Lane, Lanes } from "../contract/lanes.ts";
import type { LogEvent } from "../contract/log-events.ts";
import { type CommitNote, type DeadLetter, type Hint, MAX_COMMIT_NOTES, type OrderChanged } from "../contract/messages.ts";
import type { Cause, OrderStatus, Priority, ProviderName, Step } from "../contract/order.ts";
import type { PinnedProfile } from "../contract/profile.ts";
import { type CalledAccount, calledBy } from "../domain/breaker.ts";
import {
  type CommandRefusal,
  decide,
  decideBlocked,
  decideDeadlines,
  decideOutcomes,
  decidePlace,
  decideQuarantine,
  decideResume,
  decideStuck,
  type OrderCommand,
  type Outcome,
  type Terms,
} from "../domain/decide.ts";
import { apply, noteOf, type OrderState, summarize } from "../domain/order.ts";
import { lanesFor } from "../domain/pinned.ts";
import { type Admission, type Breakers, OPERATIONS, type ProviderAnswer, type Providers } from "../domain/ports.ts";
import { ageingDeadlineOf, follow, plan, type Recheck, RUN_GRACE_MS, SETTLE_AFTER_MS, wakeAt } from "../domain/progress.ts";
import type { Backlog } from "../domain/routing.ts";
import { excerpt, type LogFields } from "../platform/log.ts";
import { type Clock, callProvider } from "./attempt.ts";

/** A projection that was just asked to catch up is given this long before it is asked again, doubling with the order's age. */
const MAX_SETTLE_DELAY_MS = 15 * 60_000;

/** Only a change at least this old is asked about: a younger one is normally still in the events queue. */
const MIN_SETTLE_AGE_MS = 5_000;

/** An alarm is never armed for sooner than this, so that a deadline that cannot be met is no busy loop. */
const MIN_SLEEP_MS = 1_000;

/** The platform may be a minute late with an alarm, in maintenance or failover; one that is later still was seen never to go off. */
const ALARM_OVERDUE_MS = 60_000;

const ADMITTED: Admission = { admitted: true };

const UNKNOWN: Recheck = { settleAt: null, waitAt: null };

/** More commits than any order can need in one run; past it the alarm carries on, in case the saga goes in circles. */
const MAX_GROUPS_PER_RUN = 20;

export interface OrderPorts {
  readonly store: {
    /** Makes the commit durable, with whatever `arm` is called for in the same turn. Throws when it could not. */
    append(commit: Commit): void;
    /** Arms the one alarm for this time, in place of the time it was armed for. */
    arm(at: number): void;
  };
  readonly clock: Clock;
  random(): number;
  /** Who carries out the steps of an order that was accepted under this profile; null for the embedded default. */
  providers(profile: PinnedProfile | null): Providers;
  readonly breakers: Breakers;
  /** Queues an order's newest version for the projections. Never rejects: what is lost is found missing in the history. */
  publish(change: OrderChanged): Promise<void>;
  /** Queues a hint. */
  hint(hint: Hint): Promise<void>;
  deadLetter(letter: DeadLetter): Promise<void>;
  /** The version that the history shows, or null when it has none; rejects when it does not answer. */
  historyVersion(orderId: string): Promise<number | null>;
  /** What waits in a lane; rejects when nobody knows. */
  backlog(priority: Priority): Promise<Backlog>;
  /** Goes on after the answer has been given. */
  background(work: Promise<unknown>): void;
  log(level: "info" | "warn" | "error", event: LogEvent, fields: LogFields): void;
}

export type PlaceResult = { readonly outcome: "placed" | "replayed" | "conflict"; readonly state: OrderState };
export type CommandResult = { readonly state: OrderState; readonly refusal?: CommandRefusal };

/** What a hint came to. `retryAfterMs` asks for the same hint again; null says that this one has done its work. */
export interface AdvanceResult {
  readonly status: OrderStatus;
  readonly retryAfterMs: number | null;
}

/**
 * What a look from outside found: all well, an order that can go no further and that its alarm parks now, no alarm where one must be,
 * or a history that never heard of the newest version.
 */
export type Poked = "healthy" | "stuck" | "alarm_lost" | "history_behind";

type Trigger =
  | { readonly kind: "hint"; readonly attempt: number; readonly probe?: ProviderName | undefined }
  | { readonly kind: "alarm" }
  | { readonly kind: "late" };

export class OrderRunner {
  readonly #ports: OrderPorts;
  readonly #lanes: Lanes;
  #state: OrderState | null;
  #armedAt: number | null;
  #published: number;
  /** What projections are told of each commit, the oldest first. */
  readonly #commits: CommitNote[] = [];
  #recheck: Recheck = UNKNOWN;
  #providers: Providers | null = null;
  #run: Promise<void> | null = null;

  /** @param armedAt when the alarm goes off, or null when none is armed */
  constructor(ports: OrderPorts, lanes: Lanes, journal: readonly Commit[], armedAt: number | null) {
    this.#ports = ports;
    this.#lanes = lanes;
    this.#state = null;
    for (const commit of journal) {
      this.#state = apply(this.#state, commit) as OrderState;
      this.#commits.push(noteOf(this.#state, commit));
    }
    this.#armedAt = armedAt;
    this.#published = this.#state?.version ?? 0;
  }

  /** Null until the order was placed. */
  get state(): OrderState | null {
    return this.#state;
  }

  /** Whether calls of this order are out at this moment. */
  get isRunning(): boolean {
    return this.#run !== null;
  }

  /** Accepts the order, or recognises it: the same request digest is a repeat, another one is a conflict. */
  place(order: PlacedOrder, terms?: Terms): PlaceResult {
    if (this.#state) {
      return { outcome: this.#state.order.requestDigest === order.requestDigest ? "replayed" : "conflict", state: this.#state };
    }
    const state = this.#commit(decidePlace(order, this.#ports.clock.now(), terms));
    this.#ports.background(this.#publish());
    return { outcome: "placed", state };
  }

  /** Carries a command out, or says why not. What it set in motion needs a hint, which the caller sends. */
  command(command: OrderCommand): CommandResult | null {
    if (!this.#state) return null;
    const decision = decide(this.#state, command);
    if ("refusal" in decision) return { state: this.#state, refusal: decision.refusal };
    if (decision.events.length === 0) return { state: this.#state };
    const state = this.#commit(decision.events);
    this.#log("info", "order.changed", { command: command.type });
    this.#ports.background(this.#publish());
    return { state };
  }

  /**
   * Carries the order as far as it goes now.
   * @param hint.attempt how often this hint was delivered, counted from 1: a further delivery may follow a run that died
   * @param hint.probe the provider that this order is to try out, although others are blocked from it
   */
  async advance(hint: {
    readonly priority: Priority;
    readonly attempt: number;
    readonly probe?: ProviderName | undefined;
  }): Promise<AdvanceResult | null> {
    if (!this.#state) return null;
    // A probe is the order's own, whatever its lane: one that was promoted meanwhile tries the provider out all the same.
    const stale = hint.probe === undefined && this.#state.priority !== hint.priority;
    if (stale) return { status: this.#state.status, retryAfterMs: null };
    const joined = this.#run !== null;
    await this.#run;
    await this.#drive({ kind: "hint", attempt: hint.attempt, probe: hint.probe });
    const now = this.#ports.clock.now();
    const planned = plan(this.#state, now);
    if (planned.kind === "stuck") await this.#deadLetter(planned.cause);
    // The hint whose run was joined comes back for the retry; two that came back would double with every doubled delivery.
    return { status: this.#state.status, retryAfterMs: planned.kind === "wait" && !joined ? Math.max(0, planned.until - now) : null };
  }

  /** Parks the order in front of a person. */
  quarantine(cause: Cause): OrderStatus | null {
    if (!this.#state) return null;
    this.#commit(decideQuarantine(this.#state, cause));
    this.#ports.background(this.#publish());
    return this.#state.status;
  }

  /**
   * Restores what the platform lost, if it did: the alarm that must be armed, and the news that the history must have had.
   * @param armedAt when the alarm goes off as the platform has it, or null for none; one that is overdue will never go off
   * @param shown the version that the history shows
   */
  poke(armedAt: number | null, shown: number): Poked | null {
    if (!this.#state) return null;
    const now = this.#ports.clock.now();
    if (this.#run === null && plan(this.#state, now).kind === "stuck") {
      this.#armedAt = null;
      this.#armFor(now + MIN_SLEEP_MS);
      return "stuck";
    }
    const mustWake = wakeAt(this.#state, this.#lane(), { settleAt: "never", waitAt: null }) !== null;
    const alarmLost = this.#run === null && mustWake && (armedAt === null || armedAt < now - ALARM_OVERDUE_MS);
    const historyBehind = shown < this.#state.version && now - this.#state.updatedAt > SETTLE_AFTER_MS;
    if (alarmLost) {
      this.#armedAt = null;
      this.#arm();
    }
    if (historyBehind) {
      this.#published = 0;
      this.#ports.background(this.#publish());
    }
    return alarmLost ? "alarm_lost" : historyBehind ? "history_behind" : "healthy";
  }

  /** The alarm went off: whatever deadline has passed is acted on, and the next one armed. */
  async wake(): Promise<void> {
    if (!this.#state) return;
    this.#armedAt = null;
    const now = this.#ports.clock.now();
    if (this.#run) return this.#armFor(now + RUN_GRACE_MS);
    const before = this.#state;
    this.#commit(decideDeadlines(before, this.#lane(), now));
    if (this.#state.priority !== before.priority) await this.#hint();
    if (await this.#isQueued(now)) this.#waitForTurn(now);
    else await this.#carryOn();
    this.#ports.background(this.#publish());
    await this.#settle();
    this.#arm();
    this.#log("info", "order.alarm", { from: before.status, nextInMs: this.#armedAt === null ? null : this.#armedAt - now });
  }

  /** A run without a hint. Nobody else comes back for its retries, so the alarm keeps their time itself, and parks what can go no further. */
  async #carryOn(): Promise<void> {
    await this.#drive({ kind: "alarm" });
    const now = this.#ports.clock.now();
    this.#commit(decideStuck(this.#current, now));
    const planned = plan(this.#current, now);
    if (planned.kind === "wait") this.#waitUntil(planned.until);
  }

  async #drive(trigger: Trigger): Promise<void> {
    this.#run ??= this.#runSaga(trigger).finally(() => {
      this.#run = null;
    });
    await this.#run;
  }

  async #runSaga(trigger: Trigger): Promise<void> {
    const startedAt = this.#ports.clock.now();
    const versionBefore = this.#current.version;
    const steps: string[] = [];
    for (let group = 0; group < MAX_GROUPS_PER_RUN; group++) {
      const now = this.#ports.clock.now();
      this.#commit(follow(this.#current, now));
      if (group === 0) this.#commit(this.#resume(trigger, now));
      const planned = plan(this.#current, now);
      if (planned.kind !== "call") break;
      const admitted = await this.#admitted(planned.steps, trigger);
      if (admitted.length === 0) break;
      const outcomes = await Promise.all(admitted.map((step) => this.#attempt(step, steps)));
      this.#commit(decideOutcomes(this.#current, outcomes, this.#outcomeContext(startedAt)));
    }
    if (this.#current.version === versionBefore) return;
    const durationMs = this.#ports.clock.now() - startedAt;
    this.#log("info", "order.advanced", {
      by: trigger.kind,
      steps: steps.join(" "),
      waitedMs: startedAt - this.#current.placedAt,
      durationMs,
    });
    this.#ports.background(this.#publish());
  }

  /** A first hint finds an order that nobody has worked on; anything else may follow a run that died with its calls out. */
  #resume(trigger: Trigger, now: number): OrderEvent[] {
    const planned = plan(this.#current, now);
    if (planned.kind !== "call" || trigger.kind === "late" || (trigger.kind === "hint" && trigger.attempt === 1)) return [];
    const interrupted = (step: Step) => trigger.kind === "alarm" || this.#current.steps[step]?.phase === "started";
    return decideResume(this.#current, planned.steps.filter(interrupted), this.#lane(), now);
  }

  /** Those of the due steps whose providers may be called; the others are journaled as waiting, once. */
  async #admitted(due: readonly Step[], trigger: Trigger): Promise<Step[]> {
    const { order, priority, placedAt, steps } = this.#current;
    const asked = await Promise.all(
      due.map(async (step) => {
        const { port } = OPERATIONS[step];
        if (port === "risk") return { step, port, admission: ADMITTED };
        const probe = trigger.kind === "hint" && trigger.probe === port;
        const waiting = { orderId: order.orderId, priority, placedAt, failures: steps[step]?.failures ?? 0 };
        return { step, port, admission: await this.#ports.breakers.admit(this.#called(port), waiting, probe) };
      }),
    );
    const blocked = asked.flatMap(({ step, port, admission }) =>
      port === "risk" || admission.admitted ? [] : [{ step, provider: port, since: admission.since, recheckAt: admission.recheckAt }],
    );
    this.#commit(decideBlocked(this.#current, blocked));
    if (blocked.length > 0) this.#waitUntil(Math.min(...blocked.map(({ recheckAt }) => recheckAt)));
    return asked.flatMap(({ step, admission }) => (admission.admitted ? [step] : []));
  }

  async #attempt(step: Step, done: string[]): Promise<Outcome> {
    const startedAt = this.#ports.clock.now();
    const outcome = await callProvider(this.#current, step, { clock: this.#ports.clock, providers: this.#providersOf() }, (late) =>
      this.#recordLate(late),
    );
    const { attempt, answer } = outcome;
    this.#tellBreaker(step, answer);
    const durationMs = this.#ports.clock.now() - startedAt;
    done.push(`${step}:${answer.outcome}:${durationMs}ms`);
    if (answer.outcome !== "succeeded") this.#log("warn", "step.attempt", { step, attempt, durationMs, ...describe(answer) });
    return outcome;
  }

  /** Our own screening has no breaker, and a bug of our own says nothing about a provider. */
  #tellBreaker(step: Step, answer: ProviderAnswer): void {
    const { order, steps } = this.#current;
    const { port } = OPERATIONS[step];
    const worked = isWorking(answer);
    if (port === "risk" || worked === null) return;
    const usedUp = (steps[step]?.failures ?? 0) + 1 >= this.#lane().retry.maxAttempts;
    const detail = answer.outcome === "failed" ? answer.detail : "";
    this.#ports.breakers.report(this.#called(port), { orderId: order.orderId, worked, detail, usedUp: !worked && usedUp });
  }

  /** An answer that says only that the call failed tells nothing that giving it up had not told. */
  #recordLate(outcome: Outcome): void {
    const { step, attempt, answer } = outcome;
    if (answer.outcome === "failed") return;
    try {
      this.#commit(decideOutcomes(this.#current, [outcome], this.#outcomeContext(this.#current.startedAt ?? 0)));
      this.#log("warn", "order.late_answer", { step, attempt, ...describe(answer) });
      this.#ports.background(this.#drive({ kind: "late" }).then(() => this.#publish()));
    } catch (error) {
      this.#log("error", "order.late_answer", { step, attempt, error: excerpt(error) });
    }
  }

  #outcomeContext(startedAt: number) {
    return { startedAt, at: this.#ports.clock.now(), lane: this.#lane(), random: this.#ports.random };
  }

  /** Whether the order's hint is probably still waiting its turn, because its lane holds messages older than the order. */
  async #isQueued(now: number): Promise<boolean> {
    const { priority, laneSince } = this.#current;
    if (this.#current.status !== "accepted" || !this.#lane().defers) return false;
    const backlog = await this.#ports.backlog(priority).catch(() => null);
    const queued = backlog !== null && backlog.messages > 0 && backlog.ageMs >= now - laneSince;
    if (queued) this.#log("info", "order.alarm", { waiting: "queued", laneAgeMs: backlog.ageMs });
    return queued;
  }

  /**
   * The last link of the chain: an order counts as told only when the history shows its version, whatever the queue
   * said on the way. Until then its events are published again, less and less often.
   */
  async #settle(): Promise<void> {
    const { order, version, updatedAt } = this.#current;
    const now = this.#ports.clock.now();
    const age = now - updatedAt;
    const { settleAt } = this.#recheck;
    if (settleAt === "never" || (settleAt ?? 0) > now || age < MIN_SETTLE_AGE_MS) return;
    const again = now + Math.min(MAX_SETTLE_DELAY_MS, Math.max(SETTLE_AFTER_MS, age));
    try {
      const shown = await this.#ports.historyVersion(order.orderId);
      if (this.#current.version !== version) return;
      const settled = shown !== null && shown >= version;
      this.#recheck = { ...this.#recheck, settleAt: settled ? "never" : again };
      if (settled) return;
      this.#log("warn", "order.unsettled", { shown, ageMs: age });
      this.#published = 0;
      await this.#publish();
    } catch (error) {
      this.#recheck = { ...this.#recheck, settleAt: again };
      this.#log("warn", "order.unsettled", { error: excerpt(error), ageMs: age });
    }
  }

  #commit(events: readonly OrderEvent[]): OrderState {
    if (events.length === 0) return this.#current;
    const version = (this.#state?.version ?? 0) + 1;
    const at = Math.max(this.#ports.clock.now(), this.#state?.updatedAt ?? 0);
    const commit: Commit = { version, at, events: [...events] };
    const next = apply(this.#state, commit) as OrderState;
    this.#ports.store.append(commit);
    this.#state = next;
    this.#commits.push(noteOf(next, commit));
    this.#recheck = UNKNOWN;
    this.#arm();
    for (const event of events) if (event.type === "OrderQuarantined") this.#logParked(event.cause);
    return next;
  }

  /** Arms the alarm when none is armed or it is armed too late. One that goes off early only looks and re-arms. */
  #arm(): void {
    const wanted = wakeAt(this.#current, this.#lane(), this.#recheck);
    if (wanted !== null) this.#armFor(Math.max(wanted, this.#ports.clock.now() + MIN_SLEEP_MS));
  }

  /** What the order waits for is still in its way; it looks again at `at`, and nothing but a hint wakes it before. */
  #waitUntil(at: number): void {
    this.#recheck = { ...this.#recheck, waitAt: at };
    this.#arm();
  }

  /** In a full lane thousands wake within seconds; none of them also asks the history, which hears of the order's next change soon enough. */
  #waitForTurn(now: number): void {
    const later = now + Math.max(this.#lane().stallAfterMs, now - this.#current.placedAt);
    const at = Math.min(later, ageingDeadlineOf(this.#current, this.#lane()) ?? later);
    this.#recheck = { settleAt: at, waitAt: at };
    this.#arm();
  }

  #armFor(at: number): void {
    if (this.#armedAt !== null && this.#armedAt <= at) return;
    this.#ports.store.arm(at);
    this.#armedAt = at;
  }

  async #publish(): Promise<void> {
    const state = this.#current;
    if (this.#published >= state.version) return;
    this.#published = state.version;
    await this.#ports.publish({ order: summarize(state), commits: this.#commits.slice(-MAX_COMMIT_NOTES) });
  }

  async #hint(): Promise<void> {
    const { order, priority } = this.#current;
    try {
      await this.#ports.hint({ orderId: order.orderId, priority, ...(order.trace && { trace: order.trace }) });
    } catch (error) {
      this.#log("warn", "hint.lost", { error: excerpt(error) });
    }
  }

  async #deadLetter(cause: Cause): Promise<void> {
    try {
      await this.#ports.deadLetter({ orderId: this.#current.order.orderId, cause });
    } catch (error) {
      this.#log("warn", "hint.lost", { error: excerpt(error), queue: "orders-dead-letter" });
    }
  }

  get #current(): OrderState {
    if (!this.#state) throw new Error("the order was never placed");
    return this.#state;
  }

  /** Whose breaker lets the order's calls at a port pass. */
  #called(port: ProviderName): CalledAccount {
    const { order, profile } = this.#current;
    return calledBy({ tenant: order.tenant, profile }, port);
  }

  /** The profile never changes in the life of an order, so its adapters are made once. */
  #providersOf(): Providers {
    this.#providers ??= this.#ports.providers(this.#current.profile);
    return this.#providers;
  }

  #lane(): Lane {
    return lanesFor(this.#current, this.#lanes)[this.#current.priority];
  }

  #logParked({ step, class: cause, detail }: Cause): void {
    this.#log("error", "order.parked", { step, cause, detail: excerpt(detail) });
  }

  #log(level: "info" | "warn" | "error", event: LogEvent, fields: LogFields): void {
    const { order, priority, status, version } = this.#current;
    const trace = order.trace === undefined ? {} : { trace: order.trace };
    this.#ports.log(level, event, { orderId: order.orderId, lane: priority, status, version, ...fields, ...trace });
  }
}

/** Whether the answer shows a provider that works: one that refuses does, and so does one that finds fault with this request. Null: it shows nothing. */
function isWorking(answer: ProviderAnswer): boolean | null {
  if (answer.outcome !== "failed") return true;
  switch (answer.failure) {
    case "transient":
    case "unknown":
      return false;
    case "poison":
    case "refused":
      return true;
    case "bug":
      return null;
  }
}

function describe(answer: ProviderAnswer): LogFields {
  switch (answer.outcome) {
    case "succeeded":
      return { outcome: answer.outcome };
    case "refused":
      return { outcome: answer.outcome, reason: excerpt(answer.refusal.reason) };
    case "failed":
      return { outcome: answer.outcome, failure: answer.failure, detail: excerpt(answer.detail), retryAfterMs: answer.retryAfterMs };
  }
}
