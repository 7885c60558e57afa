/**
 * The circuit breakers as the actor of each and every isolate's beliefs about it make them: the rules of
 * `domain/breaker.ts` with the shells of `actors/breakers.ts` and `actors/breaker-actor.ts` done again in simulated time.
 */
import type { Hint } from "../../src/contract/messages.ts";
import type { Priority, ProviderName } from "../../src/contract/order.ts";
import {
  type BreakerState,
  breakerDeadline,
  CLOSED,
  mayCall,
  probe,
  probed,
  TRIP_AFTER,
  TRIP_WITHIN_MS,
  trip,
} from "../../src/domain/breaker.ts";
import type { Admission, Breakers } from "../../src/providers/ports.ts";
import type { Context } from "./context.ts";

const BELIEF_MS = 5_000;
const RECHECK_MS = 60_000;
const DRAIN_BATCH = 50;
const DRAIN_EVERY_MS = 1_000;
const REQUEST_MS = [1, 60] as const;

interface Waiting {
  readonly orderId: string;
  readonly priority: Priority;
  readonly placedAt: number;
}

interface Belief {
  breaker: BreakerState;
  readAt: number;
  failures: number;
  firstFailureAt: number;
}

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
    const breakers = breakersOf(this.#context, (provider) => this.of(provider));
    this.#isolates.set(index, breakers);
    return breakers;
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
  readonly #waiting = new Map<string, Waiting>();
  #cancelAlarm: () => void = () => {};

  constructor(context: Context, provider: ProviderName, hint: (hint: Hint) => Promise<void>) {
    this.#context = context;
    this.#provider = provider;
    this.#hint = hint;
  }

  admit(order: Waiting): Admission & { breaker: BreakerState } {
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
    const [first] = this.#first(1);
    if (!first) {
      this.#become(CLOSED);
      return;
    }
    // It waits no longer: should it have no more need of the provider, the next probe must be another order.
    this.#waiting.delete(first.orderId);
    this.#become(probe(breaker, first.orderId, this.#context.loop.now));
    this.#send(first, this.#provider);
  }

  #drain(): void {
    for (const order of this.#first(DRAIN_BATCH)) {
      this.#send(order);
      this.#waiting.delete(order.orderId);
    }
    if (this.#waiting.size > 0) this.#armFor(this.#context.loop.now + DRAIN_EVERY_MS);
  }

  #send({ orderId, priority }: Waiting, provider?: ProviderName): void {
    this.#hint({ orderId, priority, ...(provider && { probe: provider }) }).catch(() => {});
  }

  #first(count: number): Waiting[] {
    const lane = ({ priority }: Waiting) => (priority === "expedited" ? 0 : 1);
    return [...this.#waiting.values()]
      .sort((a, b) => lane(a) - lane(b) || a.placedAt - b.placedAt || (a.orderId < b.orderId ? -1 : 1))
      .slice(0, count);
  }
}

/** What one isolate believes. */
function breakersOf(context: Context, actor: (provider: ProviderName) => BreakerModel): Breakers {
  const beliefs = new Map<ProviderName, Belief>();
  const { loop } = context;

  function believe(provider: ProviderName, breaker: BreakerState): void {
    const { failures = 0, firstFailureAt = 0 } = beliefs.get(provider) ?? {};
    beliefs.set(provider, { breaker, readAt: loop.now, failures, firstFailureAt });
  }

  /** A request to the breaker's actor; null when it was lost. */
  async function ask<Answer>(question: () => Answer): Promise<Answer | null> {
    await context.pause(context.latency(...REQUEST_MS));
    if (context.happens("breaker does not answer", context.faults.requestLost)) return null;
    return question();
  }

  async function consult(provider: ProviderName, question: () => BreakerState): Promise<void> {
    const breaker = await ask(question);
    if (breaker) believe(provider, breaker);
  }

  return {
    async admit(provider, order, isProbe): Promise<Admission> {
      const belief = beliefs.get(provider);
      const stale = belief === undefined || loop.now - belief.readAt > BELIEF_MS;
      if (!isProbe && (belief === undefined || belief.breaker.state === "closed")) {
        if (stale) {
          believe(provider, belief?.breaker ?? CLOSED);
          void consult(provider, () => actor(provider).breaker);
        }
        return { admitted: true };
      }
      const answer = await ask(() => actor(provider).admit(order));
      if (answer === null) return { admitted: true };
      believe(provider, answer.breaker);
      return answer;
    },

    report(provider, orderId, worked, detail): void {
      const belief = beliefs.get(provider);
      if (!belief) return;
      if (belief.breaker.state !== "closed") {
        void consult(provider, () => actor(provider).probed(orderId, worked));
        return;
      }
      if (worked) {
        belief.failures = 0;
        return;
      }
      if (belief.failures === 0 || loop.now - belief.firstFailureAt > TRIP_WITHIN_MS)
        Object.assign(belief, { failures: 0, firstFailureAt: loop.now });
      belief.failures++;
      if (belief.failures < TRIP_AFTER) return;
      belief.failures = 0;
      void consult(provider, () => actor(provider).trip(detail));
    },
  };
}
