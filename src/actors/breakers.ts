/** The circuit breakers of all accounts: actors hold them, and this isolate remembers what it believes of them. */
import type { Breakers } from "../domain/ports.ts";
import type { Env } from "../env.ts";
import { now } from "../platform/ambient.ts";
import { within } from "../platform/deadline.ts";
import { excerpt, log } from "../platform/log.ts";
import { type Beliefs, breakersOf } from "../runtime/breakers.ts";
import { breakerActor } from "./addresses.ts";

/** An order waits this long at most to learn whether it may call. */
const ADMISSION_DEADLINE_MS = 2_000;

const ofThisIsolate: Beliefs = new Map();

/** The breakers as ports of an order. All orders of an isolate share what it believes. */
export function breakersFrom(env: Pick<Env, "BREAKERS">): Breakers {
  return breakersOf(ofThisIsolate, {
    breaker: (account) => {
      const actor = breakerActor(env, account);
      return {
        look: (workedAgoMs) => actor.look(workedAgoMs),
        admit: (order) => within(ADMISSION_DEADLINE_MS, `asking the breaker of ${account}`, () => actor.admit(order)),
        report: (result, rule) => actor.report(result, rule),
      };
    },
    now,
    unanswered: (account, error) => log.warn("breaker.unknown", { account, error: excerpt(error) }),
  });
}
