/**
 * The circuit breakers: isolates and actors run the unmodified code of `runtime/`. Around it stand storage and an alarm per
 * actor, requests that are lost, and restarts that take what was only in memory.
 */
import type { Account, BreakerState } from "../../src/contract/breaker.ts";
import type { Hint } from "../../src/contract/messages.ts";
import { CLOSED } from "../../src/domain/breaker.ts";
import type { Breakers } from "../../src/domain/ports.ts";
import { BreakerRunner } from "../../src/runtime/breaker-runner.ts";
import { type AskedBreaker, breakersOf } from "../../src/runtime/breakers.ts";
import { WaitingMap } from "../support/waiting-map.ts";
import type { Context } from "./context.ts";

const REQUEST_MS = [1, 60] as const;

export class SimulatedBreakers {
  readonly #context: Context;
  readonly #hint: (hint: Hint) => Promise<void>;
  readonly #actors = new Map<Account, BreakerActor>();
  readonly #isolates = new Map<number, Breakers>();

  constructor(context: Context, hint: (hint: Hint) => Promise<void>) {
    this.#context = context;
    this.#hint = hint;
  }

  isolate(index: number): Breakers {
    const known = this.#isolates.get(index);
    if (known) return known;
    const { loop } = this.#context;
    const breakers = breakersOf(new Map(), { breaker: (account) => this.#asked(account), now: () => loop.now, unanswered: () => {} });
    this.#isolates.set(index, breakers);
    return breakers;
  }

  of(account: Account): BreakerRunner {
    return this.#actor(account).runner;
  }

  /** All that was only in memory is gone. */
  restart(): void {
    for (const actor of this.#actors.values()) actor.restart();
  }

  /** The actor as an isolate reaches it: late, and sometimes not at all. */
  #asked(account: Account): AskedBreaker {
    const context = this.#context;
    const ask = async <Answer>(question: (runner: BreakerRunner) => Answer): Promise<Answer> => {
      await context.pause(context.latency(...REQUEST_MS));
      if (context.happens("breaker does not answer", context.faults.requestLost)) throw new Error("no answer");
      return question(this.of(account));
    };
    return {
      look: (workedAgoMs) => ask((runner) => runner.look(workedAgoMs)),
      admit: (order) => ask((runner) => runner.admit(order)),
      report: (result, rule) => ask((runner) => runner.report(result, rule)),
    };
  }

  #actor(account: Account): BreakerActor {
    const known = this.#actors.get(account);
    if (known) return known;
    const actor = new BreakerActor(this.#context, account, this.#hint);
    this.#actors.set(account, actor);
    return actor;
  }
}

class BreakerActor {
  runner: BreakerRunner;
  readonly #context: Context;
  readonly #account: Account;
  readonly #hint: (hint: Hint) => Promise<void>;
  readonly #waiting = new WaitingMap();
  #saved: BreakerState = CLOSED;
  #cancelAlarm: () => void = () => {};

  constructor(context: Context, account: Account, hint: (hint: Hint) => Promise<void>) {
    this.#context = context;
    this.#account = account;
    this.#hint = hint;
    this.runner = this.#start();
  }

  restart(): void {
    this.runner = this.#start();
  }

  #start(): BreakerRunner {
    const { loop } = this.#context;
    const store = { save: (breaker: BreakerState) => this.#save(breaker), arm: (at: number) => this.#arm(at), waiting: this.#waiting };
    return new BreakerRunner({ store, now: () => loop.now, hint: this.#hint, log: () => {} }, this.#account, this.#saved);
  }

  #save(breaker: BreakerState): void {
    this.#context.count(`breaker: ${breaker.state}`);
    this.#context.loop.trace(this.#account, `breaker is ${breaker.state}`);
    this.#saved = breaker;
  }

  #arm(at: number): void {
    this.#cancelAlarm();
    this.#cancelAlarm = this.#context.loop.at(at, () => {
      this.runner.wake().catch((error) => this.#context.violated({ law: 7, subject: this.#account, evidence: `its alarm threw ${error}` }));
    });
  }
}
