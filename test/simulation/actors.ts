/**
 * The order actors and the platform below them: storage that survives a killed process, an alarm per order that is fired
 * at least once, and processes that die at any of their awaits. Each runs the unmodified `OrderRunner`; what the shell
 * around it does in `actors/order-actor.ts` is done here again. It decides nothing about orders.
 */

import { Commit } from "../../src/contract/events.ts";
import { LANES } from "../../src/contract/lanes.ts";
import type { DeadLetter, Hint, OrderChanged } from "../../src/contract/messages.ts";
import type { Cause, OrderStatus, Priority } from "../../src/contract/order.ts";
import type { PinnedProfile } from "../../src/contract/profile.ts";
import { apply, attentionOf, isAtRest, type OrderState } from "../../src/domain/order.ts";
import type { Breakers, ProviderAnswer, ProviderCall, Providers } from "../../src/domain/ports.ts";
import type { Backlog } from "../../src/domain/routing.ts";
import { type AdvanceResult, OrderRunner } from "../../src/runtime/order-runner.ts";
import type { OrderPorts } from "../../src/runtime/ports.ts";
import type { Blocked } from "../oracle/evidence.ts";
import { stranded } from "../oracle/laws/orders.ts";
import { fold } from "../support/orders.ts";
import type { Context } from "./context.ts";

/** What actors reach of the world around them. */
export interface Surroundings {
  /**
   * Carries a call to a provider; it may kill the process on the way.
   * @param profile the version of the profile that names the provider; 0 for the embedded default
   */
  call(call: ProviderCall, caller: Caller, profile: number): Promise<ProviderAnswer>;
  breakers(isolate: number): Breakers;
  publish(change: OrderChanged): Promise<void>;
  hint(hint: Hint): Promise<void>;
  deadLetter(letter: DeadLetter): Promise<void>;
  historyVersion(orderId: string): Promise<number | null>;
  backlog(priority: Priority): Promise<Backlog>;
  /** A write was refused; its process lives on. */
  writeRefused(orderId: string): void;
  /** Whether an order without an alarm is found by the history: it shows this version, or one that is to move on soon. */
  isSwept(orderId: string, version: number): boolean;
}

/** The process that makes a call, as far as the wire needs to know it. */
export interface Caller {
  isAlive(): boolean;
  dieAt(time: number): void;
  /** Lets `then` happen with no fault in storage, because nobody could make good for what it tells. */
  safely(then: () => void): void;
}

class ActorReset extends Error {
  override readonly name = "ActorReset";
}

/** A write that throws takes its process with it, or only the request that it belongs to: SQLite refuses a statement, and the actor lives on. */
class WriteFailed extends Error {
  override readonly name = "WriteFailed";
}

/** A process and what it has in memory. `doomed`: it dies when the present event is over, and nobody hears of it any more. */
interface Incarnation {
  readonly process: OrderRunner;
  readonly actor: Actor;
  readonly isolate: number;
  readonly timers: Set<() => void>;
  readonly callers: Set<(error: Error) => void>;
  alive: boolean;
  doomed: boolean;
  /** Requests, alarms and background work that have not ended. */
  busy: number;
}

interface Actor {
  readonly orderId: string;
  journal: string[];
  state: OrderState | null;
  alarm: { readonly at: number; readonly cancel: () => void } | null;
  /** The platform has lost the alarm, and nothing has armed it or woken the order since. */
  alarmLost: boolean;
  /** Alarms that were fired and have neither ended nor been put off by the platform. */
  ringing: number;
  incarnation: Incarnation | null;
}

/** The platform fires an alarm that failed six times more, and then forgets it. */
const ALARM_RETRIES = 6;
const ALARM_RETRY_MS = 2_000;
/** As `actors/actor.ts` has it. */
const WAKE_FAILED_MS = 5_000;

const ISOLATES = 3;
const REQUEST_MS = [1, 40] as const;
/** How long whoever hinted waits for a run that he leaves. */
const PATIENCE_MS = [20, 500] as const;

export class Actors {
  readonly #context: Context;
  readonly #around: Surroundings;
  readonly #actors = new Map<string, Actor>();
  readonly #touched = new Set<Actor>();
  readonly #doomed = new Set<{ incarnation: Incarnation; rollback: () => void }>();
  /** The rows of all journals as they are read. A row never changes, and each is read many times. */
  readonly #commits = new Map<string, Commit>();
  /** Actors that lose no further alarm; null while any number may be lost. */
  #spared: Set<Actor> | null = null;
  #safe = false;
  /** Every event type that was ever committed, for the report's coverage. */
  readonly eventTypes = new Map<string, number>();
  readonly statuses = new Map<string, number>();
  /** Every time that an order was made to wait for a provider. */
  readonly blocked: Blocked[] = [];

  constructor(context: Context, around: Surroundings) {
    this.#context = context;
    this.#around = around;
    context.loop.settled = () => this.#afterEvent();
    context.statusOf = (orderId) => this.#actors.get(orderId)?.state?.status ?? null;
  }

  /** A request to an order's actor: it, or its answer, may be lost, and the process may die with it in its hands. */
  async request<Result>(orderId: string, what: string, work: (process: OrderRunner) => Result | Promise<Result>): Promise<Result> {
    const context = this.#context;
    const { requestLost, answerLost } = context.faults;
    await context.pause(context.latency(...REQUEST_MS));
    if (context.happens("request lost", requestLost, orderId)) throw new Error("Network connection lost");
    const result = await this.#run(this.#actor(orderId), what, work);
    await context.pause(context.latency(...REQUEST_MS));
    if (context.happens("answer lost", answerLost, orderId)) throw new Error("Network connection lost");
    return result;
  }

  advance(orderId: string, hint: Parameters<OrderRunner["advance"]>[0]): Promise<AdvanceResult | null> {
    return this.request(orderId, `hint ${hint.attempt}${hint.probe ? ` to try ${hint.probe}` : ""}`, (process) => process.advance(hint));
  }

  quarantine(orderId: string, cause: Cause): Promise<OrderStatus | null> {
    return this.request(orderId, "dead letter", (process) => process.quarantine(cause));
  }

  /** Every order that was ever committed, as it is now. */
  states(): OrderState[] {
    return [...this.#actors.values()].flatMap(({ state }) => (state ? [state] : []));
  }

  /** The version of the profile that an order's first row pins; null until it was placed. The fold is not asked: it may be at fault. */
  pinnedProfileOf(orderId: string): number | null {
    const [first] = this.#actors.get(orderId)?.journal ?? [];
    if (first === undefined) return null;
    const [placed] = this.#read(first).events;
    return placed?.type === "OrderPlaced" ? (placed.profile?.version ?? 0) : 0;
  }

  /** Orders whose journals say last that the stage which they are in took too long. */
  overran(): Set<string> {
    const late = [...this.#actors.values()].filter(({ journal }) => {
      const said = journal.flatMap((row) => this.#read(row).events.map(({ type }) => type));
      const entered = Math.max(said.lastIndexOf("OrderConfirmed"), said.lastIndexOf("StageReached"));
      return said.lastIndexOf("StageOverran") > entered;
    });
    return new Set(late.map(({ orderId }) => orderId));
  }

  /** Whether no process is at work. */
  get isIdle(): boolean {
    return [...this.#actors.values()].every(({ incarnation, ringing }) => ringing === 0 && (incarnation?.busy ?? 0) === 0);
  }

  hasLostAlarm(orderId: string): boolean {
    return this.#actors.get(orderId)?.alarmLost ?? false;
  }

  /** From now on each order loses one alarm at most: what is long overdue is looked for a few times only. */
  loseOneAlarmEach(): void {
    this.#spared = new Set();
  }

  /** An eviction loses what is in memory and nothing else. */
  evictSome(): void {
    for (const { incarnation } of this.#actors.values()) {
      if (
        incarnation &&
        incarnation.busy === 0 &&
        this.#context.happens("actor evicted", this.#context.faults.evict, incarnation.actor.orderId)
      )
        this.#kill(incarnation);
    }
  }

  deploy(): void {
    this.#context.count("deploy restarts all actors");
    for (const { incarnation } of this.#actors.values()) if (incarnation && !incarnation.actor.alarmLost) this.#kill(incarnation);
  }

  #actor(orderId: string): Actor {
    const known = this.#actors.get(orderId);
    if (known) return known;
    const actor: Actor = { orderId, journal: [], state: null, alarm: null, alarmLost: false, ringing: 0, incarnation: null };
    this.#actors.set(orderId, actor);
    return actor;
  }

  /** Runs work in the order's process; rejects when the process dies first. A rejection of the work itself is a bug. */
  #run<Result>(actor: Actor, what: string, work: (process: OrderRunner) => Result | Promise<Result>): Promise<Result> {
    actor.incarnation ??= this.#start(actor);
    const { incarnation } = actor;
    this.#context.loop.trace(actor.orderId, what);
    this.#touched.add(actor);
    return new Promise((resolve, reject) => {
      incarnation.callers.add(reject);
      const answered = (answer: () => void) => {
        if (incarnation.doomed || !incarnation.alive) return;
        incarnation.callers.delete(reject);
        answer();
      };
      this.#while(incarnation, what, async () => {
        const result = await work(incarnation.process);
        answered(() => resolve(result));
      }).then((refused) => {
        if (refused) answered(() => reject(refused));
      });
    });
  }

  /** Counts the process as busy until the work ends. @returns the refusal of a write that ended it; any other throw is a bug */
  async #while(incarnation: Incarnation, what: string, work: () => Promise<unknown>): Promise<WriteFailed | null> {
    incarnation.busy++;
    try {
      await work();
      return null;
    } catch (error) {
      if (error instanceof WriteFailed) return error;
      if (incarnation.alive && !incarnation.doomed) {
        const { orderId } = incarnation.actor;
        this.#context.violated({ law: 7, subject: orderId, evidence: `${what} threw ${error instanceof Error ? error.stack : error}` });
      }
      return null;
    } finally {
      incarnation.busy--;
      this.#touched.add(incarnation.actor);
    }
  }

  #start(actor: Actor): Incarnation {
    const { loop, faults, draw } = this.#context;
    const skewMs = Math.round((draw() * 2 - 1) * faults.skewMaxMs);
    if (skewMs !== 0) this.#context.count("clock skewed");
    const journal = actor.journal.map((row) => this.#read(row));
    const armedAt = journal.length > 0 ? (actor.alarm?.at ?? null) : null;
    const rest = {
      actor,
      isolate: Math.floor(draw() * ISOLATES),
      timers: new Set<() => void>(),
      callers: new Set<(error: Error) => void>(),
    };
    const incarnation = { ...rest, alive: true, doomed: false, busy: 0 } as Incarnation & { process: OrderRunner };
    incarnation.process = new OrderRunner(this.#ports(incarnation, skewMs), LANES, journal, armedAt);
    loop.trace(actor.orderId, `starts at version ${journal.length}, clock off by ${skewMs} ms`);
    return incarnation;
  }

  #ports(incarnation: Incarnation, skewMs: number): OrderPorts {
    const { loop, draw } = this.#context;
    const { actor } = incarnation;
    const around = this.#around;
    const works = () => incarnation.alive && !incarnation.doomed;
    /** Nothing leaves a process that is dead or will not have lived: the platform holds back what a lost write would contradict. */
    const gated = <Result>(work: () => Promise<Result>): Promise<Result> => (works() ? whileAlive(work(), works) : new Promise(() => {}));
    const caller = this.#caller(incarnation);
    const breakers = around.breakers(incarnation.isolate);
    const providers = (profile: PinnedProfile | null): Providers => {
      const provider = (call: ProviderCall) => gated(() => around.call(call, caller, profile?.version ?? 0));
      return { risk: provider, payment: provider, inventory: provider, fulfilment: provider, notification: provider };
    };
    return {
      store: {
        append: (commit) => this.#append(incarnation, commit),
        arm: (at) => {
          if (incarnation.alive) this.#arm(actor, at, skewMs);
        },
      },
      clock: {
        now: () => loop.now + skewMs,
        after: (ms, then) => {
          const cancel = loop.after(ms, () => {
            incarnation.timers.delete(cancel);
            if (works()) void this.#while(incarnation, "a timer", async () => then());
          });
          incarnation.timers.add(cancel);
          return cancel;
        },
      },
      random: draw,
      providers,
      breakers: {
        admit: (called, order, probe) => gated(() => breakers.admit(called, order, probe)),
        report: (called, result) => {
          if (works()) breakers.report(called, result);
        },
      },
      publish: (change) => gated(() => this.#mayDie(caller, around.publish(change))),
      hint: (hint) => gated(() => around.hint(hint)),
      deadLetter: (letter) => gated(() => around.deadLetter(letter)),
      historyVersion: ({ orderId }) => gated(() => this.#mayDie(caller, around.historyVersion(orderId))),
      leaves: (work) => this.#leaves(actor.orderId, work),
      backlog: (priority) =>
        gated(async () => {
          const { messages, ageMs } = await around.backlog(priority);
          return { messages, ageMs: ageMs + skewMs };
        }),
      background: (work) => void this.#while(incarnation, "background work", () => work),
      log: () => {},
    };
  }

  #leaves(orderId: string, work: Promise<unknown>): Promise<boolean> {
    const { loop, faults } = this.#context;
    return new Promise((resolve) => {
      const stays = () => resolve(false);
      work.then(stays, stays);
      if (!this.#context.happens("hint left", faults.hintLeft, orderId)) return;
      loop.after(this.#context.latency(...PATIENCE_MS), () => resolve(true));
    });
  }

  #mayDie<Result>(caller: Caller, work: Promise<Result>): Promise<Result> {
    const { loop } = this.#context;
    caller.dieAt(loop.now + this.#context.latency(...REQUEST_MS));
    return work;
  }

  #caller(incarnation: Incarnation): Caller {
    const { loop } = this.#context;
    const { orderId } = incarnation.actor;
    return {
      isAlive: () => incarnation.alive && !incarnation.doomed,
      dieAt: (time) => {
        if (this.hasLostAlarm(orderId) || !this.#context.happens("actor killed", this.#context.faults.kill, orderId)) return;
        loop.at(time, () => this.#kill(incarnation));
      },
      safely: (then) => {
        this.#safe = true;
        then();
      },
    };
  }

  #read(row: string): Commit {
    const known = this.#commits.get(row) ?? Commit.parse(JSON.parse(row));
    this.#commits.set(row, known);
    return known;
  }

  #append(incarnation: Incarnation, commit: Commit): void {
    const { actor } = incarnation;
    if (!incarnation.alive) throw new ActorReset("a dead process wrote");
    // The primary key of the table: a version that is there already is a bug of the process, and throws as it would in SQLite.
    if (commit.version !== actor.journal.length + 1) throw new Error(`version ${commit.version} follows ${actor.journal.length}`);
    const spared = incarnation.doomed || this.#safe || actor.alarmLost;
    const { faults } = this.#context;
    const happens = (kind: string, probability: number) => !spared && this.#context.happens(kind, probability, actor.orderId);
    if (happens("write failed", faults.writeThrows)) {
      this.#doom(incarnation, () => {});
      throw new WriteFailed("SQLITE_IOERR");
    }
    if (happens("write refused", faults.writeRefused)) {
      this.#around.writeRefused(actor.orderId);
      throw new WriteFailed("SQLITE_FULL");
    }
    const { alarm } = actor;
    const length = actor.journal.length;
    if (happens("write rolled back", faults.writeLost)) this.#doom(incarnation, () => this.#rollback(actor, length, alarm?.at ?? null));
    else if (happens("write held, answer lost", faults.writeUnanswered)) this.#doom(incarnation, () => {});
    actor.journal.push(JSON.stringify(commit));
    actor.state = apply(actor.state, commit);
    this.#touched.add(actor);
    this.#told(actor, commit, incarnation.doomed);
  }

  #told({ orderId, state }: Actor, { version, events }: Commit, doomed: boolean): void {
    for (const event of events) {
      this.eventTypes.set(event.type, (this.eventTypes.get(event.type) ?? 0) + 1);
      if (event.type !== "StepBlocked") continue;
      this.blocked.push({ orderId, tenant: state?.order.tenant ?? "", provider: event.provider, since: event.since });
    }
    const status = state?.status ?? "accepted";
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    const names = events.map((event) => ("step" in event ? `${event.type}(${event.step})` : event.type)).join(" ");
    this.#context.loop.trace(orderId, `v${version} ${status}: ${names}${doomed ? " (and dies)" : ""}`);
  }

  #rollback(actor: Actor, length: number, alarmAt: number | null): void {
    this.#context.loop.trace(actor.orderId, `is rolled back to version ${length}`);
    actor.journal.length = length;
    actor.state = fold(actor.journal.map((row) => this.#read(row)));
    actor.alarm?.cancel();
    actor.alarm = null;
    if (alarmAt !== null) this.#arm(actor, alarmAt);
  }

  #doom(incarnation: Incarnation, rollback: () => void): void {
    incarnation.doomed = true;
    this.#doomed.add({ incarnation, rollback });
  }

  #kill(incarnation: Incarnation): void {
    if (!incarnation.alive) return;
    const { actor, timers, callers } = incarnation;
    incarnation.alive = false;
    if (actor.incarnation === incarnation) actor.incarnation = null;
    for (const cancel of timers) cancel();
    for (const reject of callers) reject(new ActorReset("the actor was reset"));
    this.#touched.add(actor);
    this.#context.loop.trace(actor.orderId, "dies");
  }

  /**
   * One alarm per actor: the new time replaces the old one.
   * @param skewMs how far the clock is off by which `at` was told; the alarm is kept by the same machine
   */
  #arm(actor: Actor, at: number, skewMs = 0): void {
    const context = this.#context;
    const { alarmDelayed, alarmDelayMaxMs } = context.faults;
    actor.alarm?.cancel();
    actor.alarmLost = false;
    const late = context.happens("alarm delayed", alarmDelayed, actor.orderId) ? context.draw() * alarmDelayMaxMs : 0;
    actor.alarm = { at, cancel: context.loop.at(Math.max(at - skewMs, context.loop.now + 1) + late, () => this.#fire(actor)) };
  }

  #fire(actor: Actor): void {
    const context = this.#context;
    const { alarmLost, alarmDoubled } = context.faults;
    actor.alarm = null;
    this.#touched.add(actor);
    // The net below the alarms is the sweep of the history, so an alarm is lost only of an order that the sweep will find.
    const isCaught = actor.state !== null && !this.#spared?.has(actor) && this.#around.isSwept(actor.orderId, actor.state.version);
    if (isCaught && context.happens("alarm lost", alarmLost, actor.orderId)) {
      this.#loseAlarm(actor);
      return;
    }
    if (context.happens("alarm doubled", alarmDoubled, actor.orderId))
      context.loop.after(context.latency(0, 3_000), () => this.#ring(actor, 0));
    this.#ring(actor, 0);
  }

  /** It is gone, or it stands there, overdue, and is never fired. */
  #loseAlarm(actor: Actor): void {
    const { loop, draw } = this.#context;
    const at = actor.alarm?.at ?? loop.now;
    actor.alarm?.cancel();
    actor.alarm = draw() < 0.5 ? { at, cancel: () => {} } : null;
    actor.alarmLost = true;
    this.#spared?.add(actor);
    loop.trace(actor.orderId, "alarm is lost");
  }

  #ring(actor: Actor, retry: number): void {
    const ended = () => {
      actor.ringing--;
      this.#touched.add(actor);
    };
    actor.ringing++;
    this.#run(actor, retry === 0 ? "alarm" : `alarm, retry ${retry}`, (process) => process.wake()).then(ended, (error) => {
      ended();
      if (error instanceof WriteFailed) this.#arm(actor, this.#context.loop.now + WAKE_FAILED_MS);
      if (actor.alarm !== null) return;
      if (retry === ALARM_RETRIES) {
        this.#context.count("alarm given up", actor.orderId);
        actor.alarmLost = true;
        return;
      }
      const at = this.#context.loop.now + ALARM_RETRY_MS * 2 ** retry;
      const cancel = this.#context.loop.at(at, () => {
        actor.alarm = null;
        this.#ring(actor, retry + 1);
      });
      actor.alarm = { at, cancel };
    });
  }

  /** @param shown the version that the history has */
  async poke(orderId: string, shown: number): Promise<void> {
    const actor = this.#actor(orderId);
    await this.request(orderId, "poked", (process) => process.poke(actor.alarm?.at ?? null, shown));
  }

  #afterEvent(): void {
    this.#safe = false;
    for (const { incarnation, rollback } of this.#doomed) {
      rollback();
      this.#kill(incarnation);
    }
    this.#doomed.clear();
    for (const actor of this.#touched) this.#checkNotStranded(actor);
    this.#touched.clear();
  }

  #checkNotStranded({ orderId, state, alarm, alarmLost, ringing, incarnation }: Actor): void {
    if (!state) return;
    const evidence = stranded({
      orderId,
      status: state.status,
      attention: attentionOf(state),
      isAtRest: isAtRest(state.status),
      alarmIsArmed: alarm !== null,
      alarmWasLost: alarmLost,
      isRunning: ringing > 0 || (incarnation?.busy ?? 0) > 0,
    });
    if (evidence) this.#context.violated(evidence);
  }
}

/** A promise whose answer nobody hears once the process is gone. */
function whileAlive<Result>(work: Promise<Result>, works: () => boolean): Promise<Result> {
  return new Promise((resolve, reject) => {
    work.then(
      (result) => {
        if (works()) resolve(result);
      },
      (error) => {
        if (works()) reject(error);
      },
    );
  });
}
