/**
 * The circuit breaker of one account: who is let through, who waits, who is sent to try the provider out, and how those that
 * wait are let go once it works again. It reaches the world only through `BreakerPorts`, so the same code runs in the actor
 * and in a simulation. It is asked only about a provider in trouble: while all is well nothing comes here but the isolates'
 * look every few seconds, and nothing is written.
 *
 * What it knows of single failures is kept in memory: an actor that nobody asks for some seconds forgets them. So few orders
 * call then that each finds out by itself, and one that has used up its retries opens the breaker without the others.
 */

import type { Account, BreakerState } from "../contract/breaker.ts";
import type { LogEvent } from "../contract/log-events.ts";
import type { Hint } from "../contract/messages.ts";
import {
  type BreakerView,
  breakerDeadline,
  type CallResult,
  CLOSED,
  drainOf,
  failed,
  givenUp,
  mayCall,
  NO_EVIDENCE,
  paused,
  portOf,
  probe,
  probed,
  probesOf,
  resumed,
  type TripRule,
  trip,
  type Waiting,
  type WaitingOrder,
  worked,
} from "../domain/breaker.ts";
import type { Admission } from "../domain/ports.ts";
import { excerpt, type LogFields } from "../platform/log.ts";

/** How often a share of those that wait is let go. */
const DRAIN_EVERY_MS = 1_000;

/** A blocked order looks for itself after this, in case its hint or this breaker's memory of it was lost. */
const RECHECK_MS = 60_000;

/** More orders than this are not remembered: they look for themselves, and are remembered as soon as there is room. */
export const MAX_WAITING = 20_000;

/** The orders that wait, in line: by lane and age, those that have not failed apart from those that have. */
export interface WaitingList {
  count(): Waiting;
  /** False when the order waits already. */
  add(order: WaitingOrder): boolean;
  remove(orders: readonly WaitingOrder[]): void;
  /** The first of a line, or every n-th of it; those that have failed are in line by how often they have. */
  list(of: "fresh" | "failed", count: number, every: number): WaitingOrder[];
}

export interface BreakerPorts {
  readonly store: {
    /** Makes the state durable, with whatever else is written in the same turn. Throws when it could not. */
    save(breaker: BreakerState): void;
    /** Arms the one alarm for this time, in place of the time it was armed for. */
    arm(at: number): void;
    readonly waiting: WaitingList;
  };
  now(): number;
  /** Queues a hint; rejects when that failed. */
  hint(hint: Hint): Promise<void>;
  log(level: "info" | "warn", event: LogEvent, fields: LogFields): void;
}

export class BreakerRunner {
  readonly #ports: BreakerPorts;
  readonly #account: Account;
  readonly #waiting: { -readonly [Line in keyof Waiting]: number };
  #breaker: BreakerState;
  #evidence = NO_EVIDENCE;

  /** @param breaker the state as it was saved */
  constructor(ports: BreakerPorts, account: Account, breaker: BreakerState = CLOSED) {
    this.#ports = ports;
    this.#account = account;
    this.#breaker = breaker;
    this.#waiting = { ...ports.store.waiting.count() };
  }

  get view(): BreakerView {
    const { fresh, failed } = this.#waiting;
    return { account: this.#account, breaker: this.#breaker, waiting: fresh + failed };
  }

  /**
   * The look of an isolate that believes in a closed breaker.
   * @param workedAgoMs how long ago a call last worked there; null when none has since its last look
   */
  look(workedAgoMs: number | null): BreakerState {
    if (workedAgoMs !== null) this.#evidence = worked(this.#evidence, this.#ports.now() - workedAgoMs);
    return this.#breaker;
  }

  /** Lets the order call, or remembers that it waits. */
  admit(order: WaitingOrder): Admission & { readonly breaker: BreakerState } {
    const breaker = this.#breaker;
    if (breaker.state === "closed" || mayCall(breaker, order.orderId)) return { admitted: true, breaker };
    this.#add(order);
    return { admitted: false, since: breaker.since, recheckAt: this.#ports.now() + RECHECK_MS, breaker };
  }

  /** How a call went: evidence while the breaker is closed, the result of a probe while it is half open. */
  report(result: CallResult, rule: TripRule): BreakerState {
    const now = this.#ports.now();
    if (this.#breaker.state !== "closed") {
      const breaker = this.#become(probed(this.#breaker, result.orderId, result.worked, now));
      if (breaker.state === "closed") this.#evidence = worked(NO_EVIDENCE, now);
      return breaker;
    }
    if (result.worked) {
      this.#evidence = worked(this.#evidence, now);
      return this.#breaker;
    }
    const { evidence, trips } = failed(this.#evidence, result, rule, now);
    this.#evidence = evidence;
    return trips ? this.#become(trip(this.#breaker, excerpt(result.detail), now)) : this.#breaker;
  }

  /** A person stops all calls, until a person lets them go on. */
  pause(by: string, reason: string): BreakerView {
    this.#become(paused(by, reason, this.#ports.now()));
    return this.view;
  }

  /** Ends a pause, or an outage that a person knows to be over. */
  resume(by: string, reason?: string): BreakerView {
    if (this.#breaker.state !== "closed") this.#become(resumed(by, reason, this.#ports.now()));
    return this.view;
  }

  /** The alarm went off. */
  async wake(): Promise<void> {
    const breaker = this.#breaker;
    const now = this.#ports.now();
    if (breaker.state === "closed") return this.#drain();
    if (breaker.state === "half_open" && now >= breaker.until) this.#become(givenUp(breaker, now));
    else if (breaker.state === "open" && now >= breaker.probeAt) await this.#probe(breaker);
    else this.#arm();
  }

  /** When nobody waits, the next order that comes along is let through and shows how things are. */
  async #probe(breaker: BreakerState & { state: "open" }): Promise<void> {
    const { of, count, every } = probesOf(this.#waiting, breaker.rounds);
    const chosen = this.#ports.store.waiting.list(of, count, every);
    if (chosen.length === 0) {
      this.#become(CLOSED);
      return;
    }
    const orderIds = chosen.map(({ orderId }) => orderId);
    this.#become(probe(breaker, orderIds, this.#ports.now()));
    // They wait no longer: should one have no more need of the provider, the next round must be of others.
    this.#remove(chosen);
    // A hint that is lost is a probe that never reports; the order looks for itself later.
    await this.#send(chosen, portOf(this.#account));
  }

  /** Lets a share go and comes back for the next, as long as the breaker stays closed. */
  async #drain(): Promise<void> {
    const { fresh, failed } = drainOf(this.#waiting);
    const { waiting } = this.#ports.store;
    const batch = [...waiting.list("fresh", fresh, 1), ...waiting.list("failed", failed, 1)];
    // Taken out before the hints are sent: an order that comes back at once and is blocked again must stay in the list.
    this.#remove(batch);
    for (const order of await this.#send(batch)) this.#add(order);
    if (batch.length > 0) this.#log("info", "breaker.drained", { released: batch.length, waiting: this.view.waiting });
    if (this.#breaker.state === "closed" && this.view.waiting > 0) this.#ports.store.arm(this.#ports.now() + DRAIN_EVERY_MS);
  }

  /** Answers those whose hints could not be queued. */
  async #send(orders: readonly WaitingOrder[], probe?: Hint["probe"]): Promise<WaitingOrder[]> {
    const lost = await Promise.all(
      orders.map(async (order) => {
        try {
          await this.#ports.hint({ orderId: order.orderId, priority: order.priority, ...(probe && { probe }) });
          return [];
        } catch (error) {
          this.#log("warn", "hint.lost", { orderId: order.orderId, error: excerpt(error) });
          return [order];
        }
      }),
    );
    return lost.flat();
  }

  #add(order: WaitingOrder): void {
    if (this.view.waiting < MAX_WAITING && this.#ports.store.waiting.add(order)) this.#waiting[lineOf(order)]++;
  }

  #remove(orders: readonly WaitingOrder[]): void {
    this.#ports.store.waiting.remove(orders);
    for (const order of orders) this.#waiting[lineOf(order)]--;
  }

  #become(breaker: BreakerState): BreakerState {
    const before = this.#breaker;
    if (breaker === before) return breaker;
    this.#ports.store.save(breaker);
    this.#breaker = breaker;
    this.#evidence = NO_EVIDENCE;
    this.#log("warn", "breaker.changed", {
      from: before.state,
      to: breaker.state,
      waiting: this.view.waiting,
      ...("lastFailure" in breaker && { lastFailure: breaker.lastFailure }),
      ...("by" in breaker && { by: breaker.by }),
    });
    this.#arm();
    return breaker;
  }

  #arm(): void {
    const at = this.#breaker.state === "closed" ? (this.view.waiting > 0 ? this.#ports.now() : null) : breakerDeadline(this.#breaker);
    if (at !== null) this.#ports.store.arm(at);
  }

  /** A person's own words are free text and stay out of the log. */
  #log(level: "info" | "warn", event: LogEvent, fields: LogFields): void {
    this.#ports.log(level, event, { account: this.#account, ...fields });
  }
}

export const lineOf = ({ failures }: WaitingOrder): keyof Waiting => (failures === 0 ? "fresh" : "failed");
