/**
 * The circuit breakers as an isolate sees them. Whether a provider may be called is answered from memory while all is
 * well, so that a healthy step costs no extra request; only orders that meet a provider in trouble ask its breaker. What an
 * isolate believes is a few seconds old at most. When a breaker does not answer, calls are let pass: it protects, it must
 * not be a reason to stop.
 */
import type { Account, BreakerState } from "../contract/breaker.ts";
import { type CallResult, CLOSED, type TripRule, type WaitingOrder } from "../domain/breaker.ts";
import type { Admission, Breakers } from "../domain/ports.ts";

/** After this a belief that a provider works is renewed, beside the call and not before it. A pause takes this long to reach every isolate. */
export const BELIEF_MS = 5_000;

/** Accounts that an isolate remembers. One that is forgotten is looked at again when it is next called. */
export const MAX_BELIEFS = 1_000;

/** What an isolate asks of a breaker. Each of these rejects when it does not answer. */
export interface AskedBreaker {
  /** @param workedAgoMs how long ago a call last worked here; null when none has since the last look */
  look(workedAgoMs: number | null): Promise<BreakerState>;
  admit(order: WaitingOrder): Promise<Admission & { readonly breaker: BreakerState }>;
  report(result: CallResult, rule: TripRule): Promise<BreakerState>;
}

interface Belief {
  breaker: BreakerState;
  readAt: number;
  /** When a call last worked, as far as the breaker has not been told. */
  workedAt: number | null;
  /** Whether a failure was reported since a call last worked; the next that works is reported, too. */
  inDoubt: boolean;
}

/** By account, the least recently used first. */
export type Beliefs = Map<Account, Belief>;

/** @param beliefs of the isolate, which all its orders share */
export function breakersOf(
  beliefs: Beliefs,
  {
    breaker: asked,
    now,
    unanswered,
  }: { breaker(account: Account): AskedBreaker; now(): number; unanswered(account: Account, error: unknown): void },
): Breakers {
  function beliefIn(account: Account): Belief {
    const belief = beliefs.get(account) ?? { breaker: CLOSED, readAt: Number.NEGATIVE_INFINITY, workedAt: null, inDoubt: false };
    beliefs.delete(account);
    beliefs.set(account, belief);
    const [oldest] = beliefs.keys();
    if (beliefs.size > MAX_BELIEFS && oldest !== undefined) beliefs.delete(oldest);
    return belief;
  }

  /** Asks the breaker and believes it; one that does not answer changes nothing. */
  async function consult(account: Account, question: (breaker: AskedBreaker) => Promise<BreakerState>): Promise<void> {
    try {
      const breaker = await question(asked(account));
      Object.assign(beliefIn(account), { breaker, readAt: now() });
    } catch (error) {
      unanswered(account, error);
    }
  }

  /** Renews the belief, and tells on this occasion when a call last worked: that costs nothing more. */
  function look(account: Account, belief: Belief): void {
    const { workedAt } = belief;
    Object.assign(belief, { readAt: now(), workedAt: null });
    void consult(account, (breaker) => breaker.look(workedAt === null ? null : now() - workedAt));
  }

  return {
    async admit({ account }, order, probe): Promise<Admission> {
      const belief = beliefIn(account);
      if (!probe && belief.breaker.state === "closed") {
        if (now() - belief.readAt > BELIEF_MS) look(account, belief);
        return { admitted: true };
      }
      try {
        const { breaker, ...admission } = await asked(account).admit(order);
        Object.assign(beliefIn(account), { breaker, readAt: now() });
        return admission;
      } catch (error) {
        unanswered(account, error);
        return { admitted: true };
      }
    },

    report({ account, rule }, result): void {
      const belief = beliefIn(account);
      const isNews = !result.worked || belief.inDoubt || belief.breaker.state !== "closed";
      belief.inDoubt = !result.worked;
      if (result.worked) belief.workedAt = now();
      if (isNews) void consult(account, (breaker) => breaker.report(result, rule));
    },
  };
}
