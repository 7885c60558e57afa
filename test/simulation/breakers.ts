/**
 * The circuit breakers: what isolates believe of them is the code of `actors/breakers.ts`, the actor of each is the rules of
 * `domain/breaker.ts` with the shell of `actors/breaker-actor.ts` done again in simulated time.
 */
import { type AskedBreaker, breakersOf } from "../../src/actors/breakers.ts";
import type { Hint } from "../../src/contract/messages.ts";
import type { ProviderName } from "../../src/contract/order.ts";
import { type BreakerState, breakerDeadline, CLOSED, mayCall, probe, probed, trip } from "../../src/domain/breaker.ts";
import type { Admission, Breakers, WaitingOrder } from "../../src/domain/ports.ts";
import type { Context } from "./context.ts";

const RECHECK_MS = 60_000;
const DRAIN_BATCH = 50;
const DRAIN_EVERY_MS = 1_000;
const REQUEST_MS = [1, 60] as const;

export class SimulatedBreakers {
  readonly #context: Context;
  readonly #hint: (hint: Hint) => Promise<void>;
  readonly #actors = new Map<ProviderName, BreakerModel>();
  readonly #isolates = new Map<number, Breakers>();

  constructor(context: Context, hint: (hint: Hint) => Promise<void>) {
    this.#context = context;
    this.#hint = hint;
  }

  isolate(index: number): Breakers {
    const known = this.#isolates.get(index);
    if (known) return known;
    const { loop } = this.#context;
    const breakers = breakersOf(new Map(), { actor: (provider) => this.#asked(provider), now: () => loop.now, unanswered: () => {} });
    this.#isolates.set(index, breakers);
    return breakers;
  }

  /** The actor as an isolate reaches it: late, and sometimes not at all. */
  #asked(provider: ProviderName): AskedBreaker {
    const context = this.#context;
    const ask = async <Answer>(question: (model: BreakerModel) => Answer): Promise<Answer> => {
      await context.pause(context.latency(...REQUEST_MS));
      if (context.happens("breaker does not answer", context.faults.requestLost)) throw new Error("no answer");
      return question(this.of(provider));
    };
    return {
      state: () => ask(({ breaker }) => breaker),
      admit: (order) => ask((model) => model.admit(order)),
      trip: (why) => ask((model) => model.trip(why)),
      probed: (orderId, worked) => ask((model) => model.probed(orderId, worked)),
    };
  }

  of(provider: ProviderName): BreakerModel {
    const known = this.#actors.get(provider);
    if (known) return known;
    const model = new BreakerModel(this.#context, provider, this.#hint);
    this.#actors.set(provider, model);
    return model;
  }
}

class BreakerModel {
  breaker: BreakerState = CLOSED;
  readonly #context: Context;
  readonly #provider: ProviderName;
  readonly #hint: (hint: Hint) => Promise<void>;
  readonly #waiting = new Map<string, WaitingOrder>();
  #cancelAlarm: () => void = () => {};

  constructor(context: Context, provider: ProviderName, hint: (hint: Hint) => Promise<void>) {
    this.#context = context;
    this.#provider = provider;
    this.#hint = hint;
  }

  admit(order: WaitingOrder): Admission & { breaker: BreakerState } {
    const { breaker } = this;
    if (mayCall(breaker, order.orderId) || breaker.state === "closed") return { admitted: true, breaker };
    this.#waiting.set(order.orderId, order);
    return { admitted: false, since: breaker.since, recheckAt: this.#context.loop.now + RECHECK_MS, breaker };
  }

  trip(why: string): BreakerState {
    return this.#become(trip(this.breaker, why, this.#context.loop.now));
  }

  probed(orderId: string, worked: boolean): BreakerState {
    return this.#become(probed(this.breaker, orderId, worked, this.#context.loop.now));
  }

  pause(why: string): void {
    this.#become({ state: "paused", since: this.#context.loop.now, why });
  }

  resume(): void {
    this.#become(CLOSED);
  }

  #become(breaker: BreakerState): BreakerState {
    if (breaker === this.breaker) return breaker;
    this.#context.count(`breaker: ${breaker.state}`);
    this.#context.loop.trace(this.#provider, `breaker is ${breaker.state}, ${this.#waiting.size} wait`);
    this.breaker = breaker;
    this.#arm();
    return breaker;
  }

  #arm(): void {
    const now = this.#context.loop.now;
    const at = this.breaker.state === "closed" ? (this.#waiting.size > 0 ? now : null) : breakerDeadline(this.breaker);
    if (at !== null) this.#armFor(at);
  }

  #armFor(at: number): void {
    this.#cancelAlarm();
    this.#cancelAlarm = this.#context.loop.at(at, () => this.#act());
  }

  #act(): void {
    const { breaker } = this;
    const { now } = this.#context.loop;
    if (breaker.state === "closed") this.#drain();
    else if (breaker.state === "half_open" && now >= breaker.until) this.#become(probed(breaker, breaker.orderId, false, now));
    else if (breaker.state === "open" && now >= breaker.probeAt) this.#probe(breaker);
    else this.#arm();
  }

  #probe(breaker: BreakerState & { state: "open" }): void {
    const next = this.#first(this.#waiting.size)[breaker.probes % Math.max(1, this.#waiting.size)];
    if (!next) {
      this.#become(CLOSED);
      return;
    }
    // It waits no longer: should it have no more need of the provider, the next probe must be another order.
    this.#waiting.delete(next.orderId);
    this.#become(probe(breaker, next.orderId, this.#context.loop.now));
    this.#send(next, this.#provider);
  }

  #drain(): void {
    for (const order of this.#first(DRAIN_BATCH)) {
      this.#send(order);
      this.#waiting.delete(order.orderId);
    }
    if (this.#waiting.size > 0) this.#armFor(this.#context.loop.now + DRAIN_EVERY_MS);
  }

  #send({ orderId, priority }: WaitingOrder, provider?: ProviderName): void {
    this.#hint({ orderId, priority, ...(provider && { probe: provider }) }).catch(() => {});
  }

  #first(count: number): WaitingOrder[] {
    const lane = ({ priority }: WaitingOrder) => (priority === "expedited" ? 0 : 1);
    return [...this.#waiting.values()]
      .sort((a, b) => lane(a) - lane(b) || a.placedAt - b.placedAt || (a.orderId < b.orderId ? -1 : 1))
      .slice(0, count);
  }
}
