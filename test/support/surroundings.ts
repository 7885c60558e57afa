/**
 * What stands around one order: a clock that stands still until told, providers with a ledger of what they did, queues, a
 * history, a lane and breakers. A test decides everything that happens in it, and reads in it everything that the order did.
 */

import type { DeadLetter, Hint, OrderChanged } from "../../src/contract/messages.ts";
import type { HistoryKey, ProviderName, Step } from "../../src/contract/order.ts";
import type { PinnedProfile } from "../../src/contract/profile.ts";
import { type CalledAccount, type CallResult, portOf, type WaitingOrder } from "../../src/domain/breaker.ts";
import type { Admission, ProviderAnswer, ProviderCall } from "../../src/domain/ports.ts";
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

/** An answer that is late comes so long after its call. */
export const LATE_MS = 15_000;

export interface Timer {
  readonly at: number;
  /** How long it takes in all, which tells what it is for. */
  readonly ms: number;
  readonly then: () => void;
}

/** What became of work that was asked of an order: its answer, what it threw, or nothing, because the process died first. */
export type Ended<Result> = PromiseSettledResult<Result> | { readonly status: "died" };

export class Surroundings {
  now = T0;
  /** What the history shows; it follows what was published as soon as it was. */
  historyVersion = 0;
  /** How often the history was asked. */
  historyReads = 0;
  /** The order that the history was last asked about. */
  askedOf: HistoryKey | null = null;
  /** What happens while the history is being asked. */
  whileHistoryIsAsked: () => void = () => {};
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
  behaviour: (call: ProviderCall, profile: PinnedProfile | null) => Behaviour | Promise<ProviderAnswer> = () => "succeed";
  /** From 0 up to 1. */
  random: () => number = () => 0.5;
  /** Whether whoever hinted goes on before the run has ended. */
  leaves: OrderPorts["leaves"] = async () => false;
  /** Kills the process of the order. */
  kill: () => void = () => {};
  protected timers: Timer[] = [];

  /** What an order reaches of them. */
  readonly ports: Omit<OrderPorts, "store" | "clock"> = {
    random: () => this.random(),
    providers: (profile) => {
      const provider = (call: ProviderCall) => this.#call(call, profile);
      return { risk: provider, payment: provider, inventory: provider, fulfilment: provider, notification: provider };
    },
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
    historyVersion: async (order) => {
      this.historyReads++;
      this.askedOf = order;
      if (!this.historyWorks) throw new Error("D1 is down");
      const shown = this.historyVersion;
      this.whileHistoryIsAsked();
      return shown;
    },
    leaves: (...asked) => this.leaves(...asked),
    backlog: async () => {
      if (!this.queuesWork) throw new Error("the queue is down");
      return this.oldestInLane === null ? { messages: 0, ageMs: 0 } : { messages: 1, ageMs: this.now - this.oldestInLane };
    },
    background: (work) => void work.catch(() => {}),
    log: (level, event, fields) => void this.logged.push(JSON.stringify({ level, event, ...fields })),
  };

  #send<Message>(queue: Message[], message: Message): void {
    if (!this.queuesWork) throw new Error("the queue is down");
    queue.push(message);
  }

  /** Runs `then` when the clock has come so far, unless the returned function is called first. */
  after(ms: number, then: () => void): () => void {
    const timer = { at: this.now + ms, ms, then };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }

  /**
   * Lets every timer go off that `work` could wait for, and the clock with them.
   * @param quiet resolves when the order does nothing more, unless a timer goes off
   * @param fire makes a timer go off
   */
  protected async settle<Result>(
    work: Promise<Result>,
    quiet: (hasEnded: () => boolean) => Promise<void>,
    fire: (timer: Timer) => unknown,
  ): Promise<Ended<Result>> {
    let ended: Ended<Result> = { status: "died" };
    work.then(
      (value) => {
        ended = { status: "fulfilled", value };
      },
      (reason) => {
        ended = { status: "rejected", reason };
      },
    );
    const hasEnded = () => ended.status !== "died";
    for (;;) {
      await quiet(hasEnded);
      const timer = this.timers.toSorted((a, b) => a.at - b.at)[0];
      if (!timer || (hasEnded() && timer.at > this.now + LATE_MS)) return ended;
      this.timers = this.timers.filter((other) => other !== timer);
      this.now = Math.max(this.now, timer.at);
      await fire(timer);
    }
  }

  #call(call: ProviderCall, profile: PinnedProfile | null): Promise<ProviderAnswer> {
    const behaviour = this.behaviour(call, profile);
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
          this.after(LATE_MS, () => resolve(effect()));
        });
      case "die_after_effect":
        effect();
        this.kill();
        return new Promise(() => {});
    }
  }
}
