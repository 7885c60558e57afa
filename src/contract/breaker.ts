/** The circuit breakers of providers: how one is named, and its state as it is stored. How a tenant sets one up: `contract/profile.ts`. */
import { z } from "zod";
import { ProviderName } from "./order.ts";
import { Millis, text } from "./primitives.ts";

/**
 * The account that is called, which names its breaker: `<tenant>/<port>`, or `shared/<name>/<port>` when several tenants call
 * the same one. The number of parts tells the two apart, so a tenant called `shared` is nobody else.
 */
export const Account = z.string().regex(new RegExp(`^(?:shared/)?[a-z0-9][a-z0-9-]{0,62}/(?:${ProviderName.options.join("|")})$`));
export type Account = z.infer<typeof Account>;

/** Who stops and resumes calls: the name of an API key. */
const by = z.string().max(100);

/** A person's own words, for the eyes of the account's own people. */
export const BreakerReason = text(200);

const outage = { since: Millis, lastFailure: z.string().max(1_000) };

/**
 * `closed`: calls pass; it names who resumed them, when somebody did. `open`: none does, and at `probeAt` some orders are sent
 * to try. `half_open`: these are out until `until`. `paused`: a person has stopped the calls. `rounds` counts the times that
 * orders were sent to try in this outage.
 */
export const BreakerState = z.discriminatedUnion("state", [
  z.object({ state: z.literal("closed"), since: Millis.optional(), by: by.optional(), reason: z.string().optional() }),
  z.object({ state: z.literal("open"), ...outage, probeAt: Millis, rounds: z.int() }),
  z.object({ state: z.literal("half_open"), ...outage, probing: z.array(z.string()), until: Millis, rounds: z.int() }),
  z.object({ state: z.literal("paused"), since: Millis, by, reason: z.string() }),
]);
export type BreakerState = z.infer<typeof BreakerState>;

/** Only `closed` lets calls pass. */
export const BreakerStateName = z.enum(["closed", "open", "half_open", "paused"]);
