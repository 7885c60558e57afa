/**
 * The durable half of an order: its journal, folded, and its one alarm. The two change together. A commit is written before
 * it is believed (write-ahead), and the alarm that it needs is armed in the same turn, so that a process may die anywhere.
 */

import type { Commit, OrderEvent } from "../contract/events.ts";
import type { Lane, Lanes } from "../contract/lanes.ts";
import type { LogEvent } from "../contract/log-events.ts";
import type { CommitNote } from "../contract/messages.ts";
import type { Cause } from "../contract/order.ts";
import { apply, noteOf, type OrderState } from "../domain/order.ts";
import { lanesFor } from "../domain/pinned.ts";
import { type Recheck, wakeAt } from "../domain/progress.ts";
import { excerpt, type LogFields } from "../platform/log.ts";
import type { OrderPorts } from "./ports.ts";

/** An alarm is never armed for sooner than this, so that a deadline that cannot be met is no busy loop. */
const MIN_SLEEP_MS = 1_000;

/** The platform may be a minute late with an alarm, in maintenance or failover; one that is later still was seen never to go off. */
const ALARM_OVERDUE_MS = 60_000;

const UNKNOWN: Recheck = { settleAt: null, waitAt: null };

type Ports = Pick<OrderPorts, "store" | "clock" | "log">;

export class OrderRecord {
  readonly #ports: Ports;
  readonly #lanes: Lanes;
  readonly #notes: CommitNote[] = [];
  #state: OrderState | null = null;
  #armedAt: number | null;
  #recheck: Recheck = UNKNOWN;

  /**
   * @param lanes the deployment's; those of the order's pinned profile are laid over them
   * @param armedAt when the alarm goes off, or null when none is armed
   */
  constructor(ports: Ports, lanes: Lanes, journal: readonly Commit[], armedAt: number | null) {
    this.#ports = ports;
    this.#lanes = lanes;
    this.#armedAt = armedAt;
    for (const commit of journal) this.#fold(apply(this.#state, commit) as OrderState, commit);
  }

  /** Null until the order was placed. */
  get placed(): OrderState | null {
    return this.#state;
  }

  /** @throws when the order was never placed */
  get state(): OrderState {
    if (!this.#state) throw new Error("the order was never placed");
    return this.#state;
  }

  /** What a subscriber is told of each commit, the oldest first. */
  get notes(): readonly CommitNote[] {
    return this.#notes;
  }

  /** The policy of the lane that the order is in. */
  get lane(): Lane {
    return lanesFor(this.state, this.#lanes)[this.state.priority];
  }

  get recheck(): Recheck {
    return this.#recheck;
  }

  /** When the alarm goes off, as far as this process knows. */
  get armedAt(): number | null {
    return this.#armedAt;
  }

  /** Writes the events as one commit and arms the alarm for the state that they lead to; nothing for none. */
  commit(events: readonly OrderEvent[]): OrderState {
    if (events.length === 0) return this.state;
    const version = (this.#state?.version ?? 0) + 1;
    const at = Math.max(this.#ports.clock.now(), this.#state?.updatedAt ?? 0);
    const commit: Commit = { version, at, events: [...events] };
    const next = apply(this.#state, commit) as OrderState;
    this.#ports.store.append(commit);
    this.#fold(next, commit);
    this.#recheck = UNKNOWN;
    this.arm();
    for (const event of events) if (event.type === "OrderQuarantined") this.#logParked(event.cause);
    return next;
  }

  /** Takes down when it is worth looking again, and arms the alarm for it. A commit forgets what was taken down. */
  lookAgain(recheck: Partial<Recheck>): void {
    this.#recheck = { ...this.#recheck, ...recheck };
    this.arm();
  }

  /** Arms the alarm for the time at which the order must be woken whatever else happens, if there is one. */
  arm(): void {
    const wanted = wakeAt(this.state, this.lane, this.#recheck);
    if (wanted !== null) this.armFor(wanted);
  }

  /** Arms the alarm when none is armed or it is armed too late. One that goes off early only looks and re-arms. */
  armFor(wanted: number): void {
    const at = Math.max(wanted, this.#ports.clock.now() + MIN_SLEEP_MS);
    if (this.#armedAt !== null && this.#armedAt <= at && !this.#isOverdue(this.#armedAt)) return;
    this.#ports.store.arm(at);
    this.#armedAt = at;
  }

  /** The alarm that was armed is no more: it went off, or the platform lost it. */
  alarmIsGone(): void {
    this.#armedAt = null;
  }

  /**
   * Whether an alarm that must be armed is not.
   * @param armedAt when the alarm goes off as the platform has it, or null for none; one that is overdue will never go off
   */
  lacksAlarm(armedAt: number | null): boolean {
    const mustWake = wakeAt(this.state, this.lane, { settleAt: "never", waitAt: null }) !== null;
    return mustWake && (armedAt === null || this.#isOverdue(armedAt));
  }

  /** An alarm so late will never go off: the platform has lost it. */
  #isOverdue(armedAt: number): boolean {
    return armedAt < this.#ports.clock.now() - ALARM_OVERDUE_MS;
  }

  log(level: "info" | "warn" | "error", event: LogEvent, fields: LogFields): void {
    const { order, priority, status, version } = this.state;
    this.#ports.log(level, event, { orderId: order.orderId, lane: priority, status, version, ...fields, trace: order.trace });
  }

  #fold(next: OrderState, commit: Commit): void {
    this.#state = next;
    this.#notes.push(noteOf(next, commit));
  }

  #logParked({ step, class: cause, detail }: Cause): void {
    this.log("error", "order.parked", { step, cause, detail: excerpt(detail) });
  }
}
