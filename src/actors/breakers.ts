/**
 * The circuit breakers as an isolate sees them. Whether a provider may be called is answered from memory while all is
 * well, so that a healthy step costs no extra request; only orders that meet a provider in trouble ask its actor. What an
 * isolate believes is a few seconds old at most. When a breaker's actor does not answer, calls are let pass: a breaker
 * protects, it must not be a reason to stop.
 */
import type { ProviderName } from "../contract/order.ts";
import { type BreakerState, CLOSED, TRIP_AFTER, TRIP_WITHIN_MS } from "../domain/breaker.ts";
import type { Admission, Breakers, WaitingOrder } from "../domain/ports.ts";
import type { Env } from "../env.ts";
import { now } from "../platform/ambient.ts";
import { within } from "../platform/deadline.ts";
import { excerpt, log } from "../platform/log.ts";
import { breakerActor } from "./addresses.ts";

/** After this a belief that a provider works is renewed, beside the call and not before it. A pause takes this long to reach every isolate. */
const BELIEF_MS = 5_000;

/** An order waits no longer than this to learn whether it may call. */
const ADMISSION_DEADLINE_MS = 2_000;

/** What an isolate asks of a breaker's actor. Each of these rejects when the actor does not answer. */
export interface AskedBreaker {
  state(): Promise<BreakerState>;
  admit(order: WaitingOrder): Promise<Admission & { readonly breaker: BreakerState }>;
  trip(why: string): Promise<BreakerState>;
  probed(orderId: string, worked: boolean): Promise<BreakerState>;
}

interface Belief {
  breaker: BreakerState;
  readAt: number;
  failures: number;
  firstFailureAt: number;
}

type Beliefs = Map<ProviderName, Belief>;

const ofThisIsolate: Beliefs = new Map();

export function breakersFrom(env: Env): Breakers {
  const actor = (provider: ProviderName): AskedBreaker => {
    const stub = breakerActor(env, provider);
    return {
      state: async () => (await stub.view()).breaker,
      admit({ orderId, priority, placedAt }) {
        return within(ADMISSION_DEADLINE_MS, `asking the breaker of ${provider}`, stub.admit(orderId, priority, placedAt));
      },
      trip: (why) => stub.trip(why),
      probed: (orderId, worked) => stub.probed(orderId, worked),
    };
  };
  return breakersOf(ofThisIsolate, {
    actor,
    now,
    unanswered: (provider, error) => log.warn("breaker.unknown", { provider, error: excerpt(error) }),
  });
}

/** @param beliefs of the isolate, which all its orders share */
export function breakersOf(
  beliefs: Beliefs,
  {
    actor,
    now,
    unanswered,
  }: { actor(provider: ProviderName): AskedBreaker; now(): number; unanswered(provider: ProviderName, error: unknown): void },
): Breakers {
  function believe(provider: ProviderName, breaker: BreakerState): void {
    const { failures = 0, firstFailureAt = 0 } = beliefs.get(provider) ?? {};
    beliefs.set(provider, { breaker, readAt: now(), failures, firstFailureAt });
  }

  /** Asks the actor and believes it; an actor that does not answer changes nothing. */
  async function consult(provider: ProviderName, question: (actor: AskedBreaker) => Promise<BreakerState>): Promise<void> {
    try {
      believe(provider, await question(actor(provider)));
    } catch (error) {
      unanswered(provider, error);
    }
  }

  return {
    async admit(provider, order, probe): Promise<Admission> {
      const belief = beliefs.get(provider);
      const stale = belief === undefined || now() - belief.readAt > BELIEF_MS;
      if (!probe && (belief === undefined || belief.breaker.state === "closed")) {
        if (stale) {
          believe(provider, belief?.breaker ?? CLOSED);
          void consult(provider, (actor) => actor.state());
        }
        return { admitted: true };
      }
      try {
        const { breaker, ...admission } = await actor(provider).admit(order);
        believe(provider, breaker);
        return admission;
      } catch (error) {
        unanswered(provider, error);
        return { admitted: true };
      }
    },

    report(provider, orderId, worked, detail): void {
      const belief = beliefs.get(provider);
      if (!belief) return;
      if (belief.breaker.state !== "closed") {
        void consult(provider, (actor) => actor.probed(orderId, worked));
        return;
      }
      if (worked) {
        belief.failures = 0;
        return;
      }
      if (belief.failures === 0 || now() - belief.firstFailureAt > TRIP_WITHIN_MS)
        Object.assign(belief, { failures: 0, firstFailureAt: now() });
      belief.failures++;
      if (belief.failures < TRIP_AFTER) return;
      belief.failures = 0;
      void consult(provider, (actor) => actor.trip(detail));
    },
  };
}
