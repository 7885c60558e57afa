/**
 * The circuit breaker of one provider. Closed: calls pass. Open: none does, and at `probeAt` one order is sent to try.
 * Half open: that one is out. Paused: a person has stopped the calls, and only a person lets them pass again. An order
 * that is blocked spends none of its retries.
 */

export type BreakerState =
  | { readonly state: "closed" }
  | { readonly state: "open"; readonly since: number; readonly why: string; readonly probeAt: number; readonly probes: number }
  | {
      readonly state: "half_open";
      readonly since: number;
      readonly why: string;
      readonly orderId: string;
      readonly until: number;
      readonly probes: number;
    }
  | { readonly state: "paused"; readonly since: number; readonly why: string };

/** Failures in a row, of any orders, that open a breaker: fewer could be one order's bad luck, more would burn retries. */
export const TRIP_AFTER = 5;

/** Failures that lie further apart than this are no outage. */
export const TRIP_WITHIN_MS = 60_000;

const FIRST_PROBE_MS = 5_000;
const MAX_PROBE_MS = 60_000;

/** A probe that has not reported by then is lost: a call takes ten seconds at most, and its hint some more to arrive. */
const PROBE_PATIENCE_MS = 30_000;

/** 5 s after it opens, then 10, 20, 40 and 60 s after each probe that failed. */
const probeDelayMs = (probes: number): number => Math.min(MAX_PROBE_MS, FIRST_PROBE_MS * 2 ** probes);

export const CLOSED: BreakerState = { state: "closed" };

/** Enough failures were seen. A breaker that is not closed stays as it is: the failures are what it expects. */
export function trip(breaker: BreakerState, why: string, at: number): BreakerState {
  return breaker.state === "closed" ? { state: "open", since: at, why, probeAt: at + probeDelayMs(0), probes: 0 } : breaker;
}

/** The order that is sent to try the provider out, when it is time. */
export function probe(breaker: BreakerState & { state: "open" }, orderId: string, at: number): BreakerState {
  const { since, why, probes } = breaker;
  return { state: "half_open", since, why, orderId, until: at + PROBE_PATIENCE_MS, probes: probes + 1 };
}

/** The probe's result, or its loss (`worked` false). Another order's result, from before the breaker opened, changes nothing. */
export function probed(breaker: BreakerState, orderId: string, worked: boolean, at: number): BreakerState {
  if (breaker.state !== "half_open" || breaker.orderId !== orderId) return breaker;
  if (worked) return CLOSED;
  const { since, why, probes } = breaker;
  return { state: "open", since, why, probes, probeAt: at + probeDelayMs(probes) };
}

/** When the breaker must act by itself: send a probe, or give one up. Null when it waits for nothing. */
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
  return breaker.state === "closed" || (breaker.state === "half_open" && breaker.orderId === orderId);
}
