/**
 * The circuit breaker of one account at a provider: when it opens, whom it sends to try the provider out, and when it closes.
 *
 * It opens on what several orders say. `tripAfter` distinct orders must have failed within `withinMs`, with no call that
 * worked in between; an order counts once, however often it fails, because its fault may be its own. An order that has used
 * up its retries opens it alone when no call has worked for `withinMs`: where orders are few nothing else can tell, and the
 * next ones should wait instead of following it. A refusal is an answer and never counts.
 *
 * One probe that works closes it, whatever the others of its round say: a provider that works for one order works. A round
 * in which all fail leaves it open. An order that is blocked spends none of its retries.
 */
import type { Account, BreakerState } from "../contract/breaker.ts";
import type { Priority } from "../contract/lanes.ts";
import { ProviderName } from "../contract/order.ts";
import type { TenantProfile } from "../contract/profile.ts";

/** What opens a breaker: so many distinct orders that fail within so many milliseconds. */
export interface TripRule {
  readonly tripAfter: number;
  readonly withinMs: number;
}

/** Fewer than five orders could be bad luck; more would burn retries. A minute is longer than an expedited order retries. */
export const DEFAULT_BREAKER: TripRule = { tripAfter: 5, withinMs: 60_000 };

export function accountOf(tenant: string, port: ProviderName, sharedAs?: string): Account {
  return sharedAs === undefined ? `${tenant}/${port}` : `shared/${sharedAs}/${port}`;
}

/** Whether several tenants call this account. */
export const isShared = (account: Account): boolean => account.split("/").length === 3;

export const portOf = (account: Account): ProviderName => ProviderName.parse(account.split("/").at(-1));

/** Whom a call goes to, and how that account is protected. */
export interface CalledAccount {
  readonly account: Account;
  readonly rule: TripRule;
}

/** Whoever calls: an order under the profile that it is pinned to, or a tenant under its present one. */
export interface Caller {
  readonly tenant: string;
  readonly profile?: Pick<TenantProfile, "providers"> | null;
}

/** The account that is called at a port. */
export function calledBy({ tenant, profile }: Caller, port: ProviderName): CalledAccount {
  const { tripAfter, withinMs, sharedAs } = profile?.providers?.[port]?.breaker ?? {};
  return {
    account: accountOf(tenant, port, sharedAs),
    rule: { tripAfter: tripAfter ?? DEFAULT_BREAKER.tripAfter, withinMs: withinMs ?? DEFAULT_BREAKER.withinMs },
  };
}

/** A breaker as whoever owns the account sees it. */
export interface BreakerView {
  readonly account: Account;
  readonly breaker: BreakerState;
  /** Orders that wait for it. */
  readonly waiting: number;
}

/** A breaker as one tenant sees it. Times in milliseconds. */
export interface ShownBreaker {
  readonly provider: ProviderName;
  /** Whether other tenants call the same account. */
  readonly shared: boolean;
  readonly state: BreakerState["state"];
  /** Null while nothing has happened to it. */
  readonly since: number | null;
  readonly nextProbeAt: number | null;
  readonly lastFailure: string | null;
  /** Who paused or resumed it, and why. */
  readonly by: string | null;
  readonly reason: string | null;
  /** Orders that wait for it; null when that is not this tenant's to know. */
  readonly waiting: number | null;
}

/**
 * What a tenant is shown of the account that it calls. A shared one has things of other tenants in it: their people's words
 * and names, what their orders met, and how many these are. That is for the platform's eyes only.
 */
export function shown({ account, breaker, waiting }: BreakerView, toPlatform: boolean): ShownBreaker {
  const shared = isShared(account);
  const mine = !shared || toPlatform;
  return {
    provider: portOf(account),
    shared,
    state: breaker.state,
    since: breaker.since ?? null,
    nextProbeAt: breaker.state === "open" ? breaker.probeAt : null,
    lastFailure: mine && "lastFailure" in breaker ? breaker.lastFailure : null,
    by: (mine && "by" in breaker && breaker.by) || null,
    reason: (mine && "reason" in breaker && breaker.reason) || null,
    waiting: mine ? waiting : null,
  };
}

export const CLOSED: BreakerState = { state: "closed" };

const FIRST_PROBE_MS = 5_000;
const MAX_PROBE_MS = 60_000;

/** A probe that has not reported by then is lost: a call takes ten seconds at most, and its hint some more to arrive. */
const PROBE_PATIENCE_MS = 30_000;

/** 5 s after it opens, then 10, 20, 40 and 60 s after each round that failed. */
const probeDelayMs = (rounds: number): number => Math.min(MAX_PROBE_MS, FIRST_PROBE_MS * 2 ** rounds);

/** How a call went, as far as it says something about the provider. */
export interface CallResult {
  readonly orderId: string;
  readonly worked: boolean;
  /** What is known of the failure; empty when it worked. */
  readonly detail: string;
  /** Whether the order has no retry left for the step. */
  readonly usedUp: boolean;
}

/** What is known of an account while its breaker is closed. Bounded: the order that would exceed `tripAfter` opens the breaker. */
export interface Evidence {
  /** When a call last worked, in milliseconds; null when none is known to. */
  readonly workedAt: number | null;
  /** The orders that have failed since, each with the time of its newest failure. */
  readonly failed: ReadonlyMap<string, number>;
}

export const NO_EVIDENCE: Evidence = { workedAt: null, failed: new Map() };

/** A call has worked at that time: what failed before it was no outage. */
export function worked({ workedAt, failed }: Evidence, at: number): Evidence {
  return { workedAt: Math.max(workedAt ?? at, at), failed: new Map([...failed].filter(([, failedAt]) => failedAt > at)) };
}

/** A call has failed; `trips` says whether that opens the breaker. */
export function failed(
  { workedAt, failed }: Evidence,
  { orderId, usedUp }: CallResult,
  { tripAfter, withinMs }: TripRule,
  at: number,
): { readonly evidence: Evidence; readonly trips: boolean } {
  const recent = new Map([...failed].filter(([, failedAt]) => at - failedAt <= withinMs));
  recent.set(orderId, at);
  const silent = workedAt === null || at - workedAt > withinMs;
  return { evidence: { workedAt, failed: recent }, trips: recent.size >= tripAfter || (usedUp && silent) };
}

/** Enough was seen. A breaker that is not closed stays as it is: the failures are what it expects. */
export function trip(breaker: BreakerState, lastFailure: string, at: number): BreakerState {
  return breaker.state === "closed" ? { state: "open", since: at, lastFailure, probeAt: at + probeDelayMs(0), rounds: 0 } : breaker;
}

/** These orders are sent to try the provider out. */
export function probe(breaker: BreakerState & { state: "open" }, orderIds: readonly string[], at: number): BreakerState {
  const { since, lastFailure, rounds } = breaker;
  return { state: "half_open", since, lastFailure, probing: [...orderIds], until: at + PROBE_PATIENCE_MS, rounds: rounds + 1 };
}

/** The result of one probe. Another order's result, from before the breaker opened, changes nothing. */
export function probed(breaker: BreakerState, orderId: string, worked: boolean, at: number): BreakerState {
  if (breaker.state !== "half_open" || !breaker.probing.includes(orderId)) return breaker;
  if (worked) return CLOSED;
  const probing = breaker.probing.filter((other) => other !== orderId);
  return probing.length > 0 ? { ...breaker, probing } : reopened(breaker, at);
}

/** The probes that are still out count as lost once their time is up. */
export function givenUp(breaker: BreakerState, at: number): BreakerState {
  return breaker.state === "half_open" && at >= breaker.until ? reopened(breaker, at) : breaker;
}

function reopened({ since, lastFailure, rounds }: BreakerState & { state: "half_open" }, at: number): BreakerState {
  return { state: "open", since, lastFailure, rounds, probeAt: at + probeDelayMs(rounds) };
}

/** A person stops all calls, until a person lets them go on. */
export const paused = (by: string, reason: string, at: number): BreakerState => ({ state: "paused", since: at, by, reason });

/** A person ends a pause, or an outage that is known to be over. */
export const resumed = (by: string, reason: string | undefined, at: number): BreakerState => ({
  state: "closed",
  since: at,
  by,
  ...(reason !== undefined && { reason }),
});

/** When the breaker must act by itself: send probes, or give them up. Null when it waits for nothing. */
export function breakerDeadline(breaker: BreakerState): number | null {
  switch (breaker.state) {
    case "closed":
    case "paused":
      return null;
    case "open":
      return breaker.probeAt;
    case "half_open":
      return breaker.until;
  }
}

/** Whether an order may call now. */
export function mayCall(breaker: BreakerState, orderId: string): boolean {
  return breaker.state === "closed" || (breaker.state === "half_open" && breaker.probing.includes(orderId));
}

/** An order as a breaker remembers it: enough to choose probes, and to let those that wait go by lane and age. */
export interface WaitingOrder {
  readonly orderId: string;
  readonly priority: Priority;
  /** Milliseconds. */
  readonly placedAt: number;
  /** How often its step has failed at this provider. What fails again and again may be at fault itself. */
  readonly failures: number;
}

/** Those that wait: `fresh` ones have not failed, the others have. */
export interface Waiting {
  readonly fresh: number;
  readonly failed: number;
}

const MAX_PROBES = 27;

/** Of those that have failed, one in ten is tried in a round, so that each spends a retry only once in many rounds. */
const FAILED_PER_PROBE = 10;

/**
 * Which orders are the probes of a round: one fresh order first, then 3, 9 and 27, because the probes before them may have had
 * a fault of their own. Orders that have failed are sent only when no fresh one is left. `every` spreads a round over the whole
 * line, so that orders with a fault of their own at its head do not hide the others.
 * @param rounds the rounds that went out before in this outage
 */
export function probesOf(
  { fresh, failed }: Waiting,
  rounds: number,
): { readonly of: "fresh" | "failed"; readonly count: number; readonly every: number } {
  const of = fresh > 0 ? "fresh" : "failed";
  const line = fresh > 0 ? fresh : failed;
  const wanted = fresh > 0 ? 3 ** rounds : Math.ceil(failed / FAILED_PER_PROBE);
  const count = Math.min(MAX_PROBES, wanted, line);
  return { of, count, every: Math.max(1, Math.floor(line / Math.max(1, count))) };
}

/** Orders let go at once: a provider that has just come back must not be knocked over by those that waited. */
const DRAIN_BATCH = 50;

/** Of these, how many may be orders that have failed: they go beside the fresh ones, never in front of them. */
const DRAIN_FAILED = 10;

/** How many of each are let go at once. */
export function drainOf({ fresh, failed }: Waiting): Waiting {
  const first = Math.min(fresh, DRAIN_BATCH - Math.min(failed, DRAIN_FAILED));
  return { fresh: first, failed: Math.min(failed, DRAIN_BATCH - first) };
}
