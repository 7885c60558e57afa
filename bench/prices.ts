/**
 * List prices of Workers Paid in dollars, each with its source (cloudflare/cloudflare-docs, read in 2026). What the plan
 * includes every month is not taken off: the price of the next order is what an order costs.
 */
export const PRICES = {
  /** Inbound requests: workers/platform/pricing. Whether a queue's delivery is one it does not say; it is counted as one. */
  workerRequest: perMillion(0.3),
  /** RPC calls, alarms and HTTP requests received: partials/durable-objects/durable-objects-pricing. */
  actorRequest: perMillion(0.15),
  /** The same page; D1 bills the same two prices: partials/workers/d1-pricing. */
  rowRead: perMillion(0.001),
  /** Deletes, entries of indexes, and each `setAlarm` count as rows written. */
  rowWritten: perMillion(1),
  /** 64 KB of a message written, read or deleted: partials/workers/queues_pricing. */
  queueOperation: perMillion(0.4),
  /** kv/platform/pricing. */
  kvRead: perMillion(0.5),
} as const;

/** What cannot be counted exactly on a laptop; the report shows it apart. */
export const ESTIMATE_PRICES = {
  /** workers/platform/pricing. Actors are billed by duration instead. */
  cpuMs: perMillion(0.02),
  /** partials/workers/workers_logs_pricing; a new price is announced for December 2026. */
  logEvent: perMillion(0.6),
  /** durable-objects-pricing: at 128 MB, whatever is used. */
  actorGbSecond: perMillion(12.5),
  /** durable-objects-pricing, per month. */
  storedGb: 0.2,
} as const;

/** An actor is billed as this much memory while it works. */
export const ACTOR_GB = 0.128;

/** An empty SQLite database of an actor, in GB (durable-objects/platform/pricing). */
export const EMPTY_ACTOR_GB = 12e-6;

function perMillion(dollars: number): number {
  return dollars / 1_000_000;
}
