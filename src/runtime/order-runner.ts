/**
 * The life of one order, as its actor is asked to live it: it is placed, hinted at, commanded, woken and looked after. What
 * is durable stands in the `OrderRecord`, its saga is run by the `SagaRunner`, and its projections are told by the
 * `Settlement`. All reach the world only through `OrderPorts`, so the same code runs in the actor and in a simulation.
 */

import type { Commit, PlacedOrder } from "../contract/events.ts";
import type { Lanes } from "../contract/lanes.ts";
import type { Cause, OrderStatus, Priority, ProviderName } from "../contract/order.ts";
import {
  type CommandRefusal,
  decide,
  decideDeadlines,
  decidePlace,
  decideQuarantine,
  decideStuck,
  type OrderCommand,
  type Terms,
} from "../domain/decide.ts";
import type { OrderState } from "../domain/order.ts";
import { ageingDeadlineOf, isMoving, plan, RUN_GRACE_MS } from "../domain/progress.ts";
import { laneOf } from "../domain/routing.ts";
import { excerpt } from "../platform/log.ts";
import { OrderRecord } from "./order-record.ts";
import type { OrderPorts } from "./ports.ts";
import { SagaRunner } from "./saga-runner.ts";
import { Settlement } from "./settlement.ts";

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

export class OrderRunner {
  readonly #ports: OrderPorts;
  readonly #record: OrderRecord;
  readonly #settlement: Settlement;
  readonly #saga: SagaRunner;

  /**
   * @param lanes the deployment's; those of the order's pinned profile are laid over them
   * @param armedAt when the alarm goes off, or null when none is armed
   */
  constructor(ports: OrderPorts, lanes: Lanes, journal: readonly Commit[], armedAt: number | null) {
    this.#ports = ports;
    this.#record = new OrderRecord(ports, lanes, journal, armedAt);
    this.#settlement = new Settlement(this.#record, ports);
    this.#saga = new SagaRunner(this.#record, this.#settlement, ports);
  }

  /** Null until the order was placed. */
  get state(): OrderState | null {
    return this.#record.placed;
  }

  /** Whether calls of this order are out at this moment. */
  get isRunning(): boolean {
    return this.#saga.underWay !== null;
  }

  /** Accepts the order, or recognises it: the same request digest is a repeat, another one is a conflict. */
  place(order: PlacedOrder, terms?: Terms): PlaceResult {
    const known = this.#record.placed;
    if (known) return { outcome: known.order.requestDigest === order.requestDigest ? "replayed" : "conflict", state: known };
    const state = this.#record.commit(decidePlace(order, this.#ports.clock.now(), terms));
    this.#settlement.publishSoon();
    return { outcome: "placed", state };
  }

  /** Carries a command out, or says why not. What it set in motion needs a hint, which the caller sends. */
  command(command: OrderCommand): CommandResult | null {
    const known = this.#record.placed;
    if (!known) return null;
    const decision = decide(known, command);
    if ("refusal" in decision) return { state: known, refusal: decision.refusal };
    if (decision.events.length === 0) return { state: known };
    const state = this.#record.commit(decision.events);
    this.#record.log("info", "order.changed", { command: command.type });
    this.#publish();
    return { state };
  }

  /**
   * Carries the order as far as it goes now, and answers when that is done, or when whoever hinted goes on without it.
   * @param hint.attempt how often this hint was delivered, counted from 1: a further delivery may follow a run that died
   * @param hint.probe the provider that this order is to try out, although others are blocked from it
   * @param hint.canLeave whether whoever hinted need not hear what became of it when it takes long
   */
  async advance(hint: {
    readonly priority: Priority;
    readonly attempt: number;
    readonly probe?: ProviderName | undefined;
    readonly canLeave?: boolean;
  }): Promise<AdvanceResult | null> {
    const known = this.#record.placed;
    if (!known) return null;
    // A probe is the order's own, whatever its lane: one that was promoted meanwhile tries the provider out all the same.
    const stale = hint.probe === undefined && known.priority !== hint.priority;
    if (stale) return { status: known.status, retryAfterMs: null };
    const carried = this.#carry(hint);
    if (!hint.canLeave || !(await this.#ports.leaves(carried, known.order.tenant, laneOf(hint)))) return carried;
    this.#ports.background(this.#comeBackAfter(carried));
    return { status: this.#record.state.status, retryAfterMs: null };
  }

  async #carry(hint: { readonly attempt: number; readonly probe?: ProviderName | undefined }): Promise<AdvanceResult> {
    const waited = this.isRunning;
    await this.#saga.underWay;
    const { joined } = await this.#saga.run({ kind: "hint", attempt: hint.attempt, probe: hint.probe });
    const now = this.#ports.clock.now();
    const { state } = this.#record;
    const planned = plan(state, now);
    if (planned.kind === "stuck") await this.#deadLetter(planned.cause);
    // Of hints that met, the first comes back for the retry; two that came back would double with every doubled delivery.
    const comesBack = planned.kind === "wait" && !waited && !joined;
    return { status: state.status, retryAfterMs: comesBack ? Math.max(0, planned.until - now) : null };
  }

  /** Nobody comes back with a hint whose sender has left, so the alarm keeps the time of the retry. */
  async #comeBackAfter(carried: Promise<AdvanceResult>): Promise<void> {
    try {
      const { retryAfterMs } = await carried;
      if (retryAfterMs !== null) this.#record.lookAgain({ waitAt: this.#ports.clock.now() + retryAfterMs });
    } catch (error) {
      this.#record.log("warn", "hint.failed", { error: excerpt(error) });
    }
  }

  /** Parks the order in front of a person. */
  quarantine(cause: Cause): OrderStatus | null {
    const known = this.#record.placed;
    if (!known) return null;
    const { status } = this.#record.commit(decideQuarantine(known, cause));
    this.#publish();
    return status;
  }

  /**
   * Restores what the platform lost, if it did: the alarm that must be armed, and the news that the history must have had.
   * @param armedAt when the alarm goes off as the platform has it, or null for none; one that is overdue will never go off
   * @param shown the version that the history shows
   */
  poke(armedAt: number | null, shown: number): Poked | null {
    const known = this.#record.placed;
    if (!known) return null;
    const now = this.#ports.clock.now();
    if (!this.isRunning && plan(known, now).kind === "stuck") {
      this.#record.alarmIsGone();
      this.#record.armFor(now);
      return "stuck";
    }
    const alarmLost = !this.isRunning && this.#record.lacksAlarm(armedAt);
    const historyBehind = this.#settlement.isBehind(shown);
    if (alarmLost) {
      this.#record.alarmIsGone();
      this.#record.arm();
    }
    if (historyBehind) this.#ports.background(this.#settlement.publishAgain());
    return alarmLost ? "alarm_lost" : historyBehind ? "history_behind" : "healthy";
  }

  /** The alarm went off: whatever deadline has passed is acted on, and the next one armed. */
  async wake(): Promise<void> {
    const before = this.#record.placed;
    if (!before) return;
    this.#record.alarmIsGone();
    const now = this.#ports.clock.now();
    if (this.isRunning) return this.#record.armFor(now + RUN_GRACE_MS);
    const { priority } = this.#record.commit(decideDeadlines(before, this.#record.lane, now));
    if (priority !== before.priority) await this.#hint();
    if (await this.#isQueued(now)) this.#waitForTurn(now);
    else await this.#carryOn();
    this.#publish();
    await this.#settlement.settle();
    this.#record.arm();
    const { armedAt, state } = this.#record;
    // Every order that goes well looks after itself once and finds nothing to do.
    if (state.version === before.version && !isMoving(state)) return;
    this.#record.log("info", "order.alarm", { from: before.status, nextInMs: armedAt && armedAt - now });
  }

  /** A run without a hint. Nobody else comes back for its retries, so the alarm keeps their time itself, and parks what can go no further. */
  async #carryOn(): Promise<void> {
    await this.#saga.run({ kind: "alarm" });
    const now = this.#ports.clock.now();
    const state = this.#record.commit(decideStuck(this.#record.state, now));
    const planned = plan(state, now);
    if (planned.kind === "wait") this.#record.lookAgain({ waitAt: planned.until });
  }

  /** Whether the order's hint is probably still waiting its turn, because its lane holds messages older than the order. */
  async #isQueued(now: number): Promise<boolean> {
    const { order, status, priority, laneSince } = this.#record.state;
    if (status !== "accepted" || !this.#record.lane.defers) return false;
    const backlog = await this.#ports.backlog(priority, order.tenant).catch(() => null);
    const queued = backlog !== null && backlog.messages > 0 && backlog.ageMs >= now - laneSince;
    if (queued) this.#record.log("info", "order.alarm", { waiting: "queued", laneAgeMs: backlog.ageMs });
    return queued;
  }

  /** In a full lane thousands wake within seconds; none of them also asks the history, which hears of the order's next change soon enough. */
  #waitForTurn(now: number): void {
    const { state, lane } = this.#record;
    const later = now + Math.max(lane.stallAfterMs, now - state.placedAt);
    const at = Math.min(later, ageingDeadlineOf(state, lane) ?? later);
    this.#record.lookAgain({ settleAt: at, waitAt: at });
  }

  #publish(): void {
    this.#ports.background(this.#settlement.publish());
  }

  async #hint(): Promise<void> {
    const { order, priority } = this.#record.state;
    try {
      await this.#ports.hint({ orderId: order.orderId, priority, tenant: order.tenant, ...(order.trace && { trace: order.trace }) });
    } catch (error) {
      this.#record.log("warn", "hint.lost", { error: excerpt(error) });
    }
  }

  async #deadLetter(cause: Cause): Promise<void> {
    try {
      await this.#ports.deadLetter({ orderId: this.#record.state.order.orderId, cause });
    } catch (error) {
      this.#record.log("warn", "hint.lost", { error: excerpt(error), queue: "orders-dead-letter" });
    }
  }
}
