/**
 * A small world for one order in plain Node: a clock that stands still until told, a store that survives a killed process,
 * providers with a ledger of what they did, and a queue. Everything that happens in it is decided by the test.
 */

import type { Commit, PlacedOrder } from "../../src/contract/events.ts";
import { LANES } from "../../src/contract/lanes.ts";
import type { DeadLetter, Hint, OrderChanged } from "../../src/contract/messages.ts";
import type { ProviderName, Step } from "../../src/contract/order.ts";
import { type CalledAccount, type CallResult, portOf, type WaitingOrder } from "../../src/domain/breaker.ts";
import { isAtRest, type OrderState } from "../../src/domain/order.ts";
import type { Admission, ProviderAnswer, ProviderCall } from "../../src/domain/ports.ts";
import { type AdvanceResult, OrderRunner } from "../../src/runtime/order-runner.ts";
import type { OrderPorts } from "../../src/runtime/ports.ts";
import { ProviderLedger } from "../oracle/ledger.ts";
import { T0 } from "./orders.ts";

/** How the next call of a step goes. */
export type Behaviour =
  | "succeed"
  | "refuse"
  | "fail_before_effect"
  | "fail_after_effect"
  /** Does what it was asked and answers only after the caller has given up. */
  | "answer_late"
  /** The process dies while the call is out; the effect has happened. */
  | "die_after_effect"
  | "poison";

const LATE_MS = 15_000;

/** More alarms than any order needs to come to rest or to a person, retries and all. */
const MANY_ALARMS = 80;

export class World {
  now = T0;
  readonly journal: Commit[] = [];
  alarmAt: number | null = null;
  /** What the history shows; it follows what was published as soon as it was. */
  historyVersion = 0;
  /** How often the history was asked. */
  historyReads = 0;
  /** What happens while the history is being asked. */
  whileHistoryIsAsked: () => void = () => {};
  /** Whether the store refuses to write, as a full disk does; the process lives on. */
  diskIsFull = false;
  /** What each draw comes to. */
  drawn = 0.5;
  /** Whether queues take what is sent and tell their backlog, and whether the history answers. */
  queuesWork = true;
  historyWorks = true;
  /** When the oldest message in the order's lane was sent; null for an empty lane. */
  oldestInLane: number | null = null;
  /** Whether the breaker of a port lets a call pass. */
  admit: (port: ProviderName, order: WaitingOrder, probe: boolean) => Admission = () => ({ admitted: true });
  /** What breakers were told of calls. */
  readonly reports: (CalledAccount & CallResult)[] = [];
  readonly published: OrderChanged[] = [];
  /** What was sent to the lanes. */
  readonly hints: Hint[] = [];
  readonly deadLetters: DeadLetter[] = [];
  /** What the providers did. They have no fences, so a request that is late is still carried out. */
  readonly ledger = new ProviderLedger({ now: () => this.now, fences: false });
  /** Keys that came through to a provider or to the screening, in order; an undo of what never happened is among them. */
  readonly effects: { readonly step: Step; readonly key: string; readonly at: number }[] = [];
  /** What was logged, as a line each. */
  readonly logged: string[] = [];
  /** How a call goes, or what a provider of the test's own answers. */
  behaviour: (call: ProviderCall) => Behaviour | Promise<ProviderAnswer> = () => "succeed";
  process: OrderRunner;
  #timers: { readonly at: number; readonly then: () => void }[] = [];
  #incarnation = 0;

  constructor() {
    this.process = this.#start();
  }

  /** The process is gone with all that it had in memory; the store and the alarm are still there. */
  kill(): void {
    this.#timers = [];
    this.process = this.#start();
  }

  get state(): OrderState {
    const { state } = this.process;
    if (!state) throw new Error("nothing was placed");
    return state;
  }

  place(order: PlacedOrder) {
    return this.process.place(order);
  }

  /** Delivers a hint and lets every timer that it needs go off. Resolves when the run has ended or died. */
  async hint(attempt = 1): Promise<AdvanceResult | null> {
    return this.#settle(this.process.advance({ priority: this.state.priority, attempt }));
  }

  /** Moves the clock to the alarm and lets it go off; false when none is armed. */
  async ring(): Promise<boolean> {
    if (this.alarmAt === null) return false;
    this.now = Math.max(this.now, this.alarmAt);
    this.alarmAt = null;
    await this.#settle(this.process.wake());
    return true;
  }

  /** Lets the alarm go off until the order is at rest, confirmed or with a person. Throws when it is none of these and has no alarm. */
  async ringUntilQuiet(): Promise<void> {
    for (let alarms = 0; alarms < MANY_ALARMS; alarms++) {
      const { status } = this.state;
      if (isAtRest(status) || status === "quarantined" || status === "confirmed" || status === "held") return;
      if (!(await this.ring())) throw new Error(`an order that is ${status} has no alarm`);
    }
  }

  /** Runs the world until no microtask and no timer is left that `work` could wait for. */
  async #settle<Result>(work: Promise<Result>): Promise<Result | null> {
    let open = true;
    let result: Result | null = null;
    work.then(
      (answer) => {
        result = answer;
        open = false;
      },
      () => {
        open = false;
      },
    );
    for (;;) {
      await flushMicrotasks();
      const timer = this.#timers.toSorted((a, b) => a.at - b.at)[0];
      if (!timer || (!open && timer.at > this.now + LATE_MS)) return result;
      this.#timers = this.#timers.filter((other) => other !== timer);
      this.now = Math.max(this.now, timer.at);
      timer.then();
    }
  }

  #after(ms: number, then: () => void): () => void {
    const timer = { at: this.now + ms, then };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  #start(): OrderRunner {
    const incarnation = ++this.#incarnation;
    const alive = () => incarnation === this.#incarnation;
    const ports: OrderPorts = {
      store: {
        append: (commit) => {
          if (!alive()) throw new Error("a dead process wrote");
          if (this.diskIsFull) throw new Error("SQLITE_FULL");
          this.journal.push(structuredClone(commit));
        },
        arm: (at) => {
          this.alarmAt = at;
        },
      },
      clock: { now: () => this.now, after: (ms, then) => this.#after(ms, () => alive() && then()) },
      random: () => this.drawn,
      providers: () => ({
        risk: (call) => this.#call(call),
        payment: (call) => this.#call(call),
        inventory: (call) => this.#call(call),
        fulfilment: (call) => this.#call(call),
        notification: (call) => this.#call(call),
      }),
      breakers: {
        admit: async ({ account }, order, probe) => this.admit(portOf(account), order, probe),
        report: (called, result) => void this.reports.push({ ...called, ...result }),
      },
      publish: async (change) => {
        this.published.push(change);
        this.historyVersion = Math.max(this.historyVersion, change.order.version);
      },
      hint: async (hint) => this.#send(this.hints, hint),
      deadLetter: async (letter) => this.#send(this.deadLetters, letter),
      historyVersion: async () => {
        this.historyReads++;
        if (!this.historyWorks) throw new Error("D1 is down");
        const shown = this.historyVersion;
        this.whileHistoryIsAsked();
        return shown;
      },
      backlog: async () => {
        if (!this.queuesWork) throw new Error("the queue is down");
        return this.oldestInLane === null ? { messages: 0, ageMs: 0 } : { messages: 1, ageMs: this.now - this.oldestInLane };
      },
      background: (work) => void work.catch(() => {}),
      log: (level, event, fields) => void this.logged.push(JSON.stringify({ level, event, ...fields })),
    };
    return new OrderRunner(ports, LANES, structuredClone(this.journal), this.alarmAt);
  }

  #send<Message>(queue: Message[], message: Message): void {
    if (!this.queuesWork) throw new Error("the queue is down");
    queue.push(message);
  }

  #call(call: ProviderCall): Promise<ProviderAnswer> {
    const behaviour = this.behaviour(call);
    if (typeof behaviour !== "string") return behaviour;
    const effect = (): ProviderAnswer => {
      if (!this.effects.some(({ key }) => key === call.key)) this.effects.push({ step: call.step, key: call.key, at: this.now });
      return call.step === "screen" ? { outcome: "succeeded", facts: {} } : this.ledger.answer(call);
    };
    switch (behaviour) {
      case "succeed":
        return Promise.resolve(effect());
      case "refuse":
        return Promise.resolve({ outcome: "refused", refusal: { reason: "declined" } });
      case "poison":
        return Promise.resolve({ outcome: "failed", failure: "poison", detail: "400" });
      case "fail_before_effect":
        return Promise.resolve({ outcome: "failed", failure: "transient", detail: "503" });
      case "fail_after_effect":
        effect();
        return Promise.resolve({ outcome: "failed", failure: "unknown", detail: "reset" });
      case "answer_late":
        return new Promise((resolve) => {
          this.#after(LATE_MS, () => resolve(effect()));
        });
      case "die_after_effect":
        effect();
        this.kill();
        return new Promise(() => {});
    }
  }
}

/** Enough turns for every chain of resolved promises in a run of the saga. */
async function flushMicrotasks(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
