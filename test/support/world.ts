/**
 * A small world for one order in plain Node: its surroundings, a store that survives a killed process, and an alarm. It does
 * what the shell of `OrderActor` does around an `OrderRunner`; `test/model/` holds the two against each other.
 */

import type { Commit, PlacedOrder } from "../../src/contract/events.ts";
import { LANES } from "../../src/contract/lanes.ts";
import type { Terms } from "../../src/domain/decide.ts";
import { isAtRest, type OrderState } from "../../src/domain/order.ts";
import { type AdvanceResult, OrderRunner } from "../../src/runtime/order-runner.ts";
import type { OrderPorts } from "../../src/runtime/ports.ts";
import { type Behaviour, type Ended, Surroundings } from "./surroundings.ts";

export type { Behaviour };

/** More alarms than any order needs to come to rest or to a person, retries and all. */
const MANY_ALARMS = 80;

export class World extends Surroundings {
  readonly journal: Commit[] = [];
  alarmAt: number | null = null;
  /** Whether the store refuses to write, as a full disk does; the process lives on. */
  diskIsFull = false;
  #process: OrderRunner | null = null;
  #incarnation = 0;

  /** The process is gone with all that it had in memory; the store and the alarm are still there. */
  override kill = (): void => {
    this.timers = [];
    this.#process = null;
    this.#incarnation++;
  };

  /** The process at work; the first use after a kill starts another one. */
  get process(): OrderRunner {
    this.#process ??= new OrderRunner(this.#allPorts(), LANES, structuredClone(this.journal), this.alarmAt);
    return this.#process;
  }

  get state(): OrderState {
    const { state } = this.process;
    if (!state) throw new Error("nothing was placed");
    return state;
  }

  place(order: PlacedOrder, terms?: Terms) {
    return this.process.place(order, terms);
  }

  /** Delivers a hint and lets every timer that it needs go off. Resolves when the run has ended or died. */
  async hint(attempt = 1): Promise<AdvanceResult | null> {
    const ended = await this.settled(this.process.advance({ priority: this.state.priority, attempt, canLeave: true }));
    return ended.status === "fulfilled" ? ended.value : null;
  }

  /** Lets time pass, with the timers that go off in it. */
  async passes(ms: number): Promise<void> {
    await this.settled(new Promise<void>((resolve) => this.after(ms, resolve)));
  }

  /** Moves the clock to the alarm and lets it go off; false when none is armed. */
  async ring(): Promise<boolean> {
    if (this.alarmAt === null) return false;
    this.now = Math.max(this.now, this.alarmAt);
    this.alarmAt = null;
    await this.settled(this.process.wake());
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
  settled<Result>(work: Promise<Result>): Promise<Ended<Result>> {
    return this.settle(work, flushMicrotasks, ({ then }) => then());
  }

  #allPorts(): OrderPorts {
    const incarnation = this.#incarnation;
    const alive = () => incarnation === this.#incarnation;
    return {
      ...this.ports,
      store: {
        append: (commit) => {
          if (!alive()) throw new Error("a dead process wrote");
          if (this.diskIsFull) throw new Error("SQLITE_FULL");
          this.journal.push(structuredClone(commit));
        },
        arm: (at) => {
          if (alive()) this.alarmAt = at;
        },
      },
      clock: { now: () => this.now, after: (ms, then) => this.after(ms, () => alive() && then()) },
    };
  }
}

/** Enough turns for every chain of resolved promises in a run of the saga. */
async function flushMicrotasks(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
