/** The live counters: what clients are shown, and what shards and hubs store and exchange. */
import { z } from "zod";
import { OrderStatus, Priority } from "./order.ts";
import { Count, Currency, Instant } from "./primitives.ts";

/** Orders counted by how far they have got, in the merchant's terms. */
export const Outcomes = z
  .object({
    processed: Count.meta({ description: "Confirmed, in fulfilment or completed." }),
    failed: Count.meta({ description: "Refused for a business reason." }),
    cancelled: Count,
    pending: Count.meta({ description: "Accepted, processing, held or being cancelled." }),
    quarantined: Count.meta({ description: "Parked in front of a person." }),
  })
  .meta({ id: "Outcomes" });
export type Outcomes = z.infer<typeof Outcomes>;
export type Outcome = keyof Outcomes;

export const WaitingTime = z
  .object({ p50Ms: Count.nullable(), p95Ms: Count.nullable() })
  .meta({ id: "WaitingTime", description: "From submission to the start of work, within 10 %; null when no order started." });
export type WaitingTime = z.infer<typeof WaitingTime>;

export const StatsSnapshot = z
  .object({
    at: Instant,
    submitted: Count.meta({ description: "All orders ever accepted; the sum of the five outcomes." }),
    ...Outcomes.shape,
    byStatus: z.record(OrderStatus, Count),
    byPriority: z.record(Priority, Outcomes),
    revenue: z.record(Currency, z.number()).meta({ description: "Totals of the processed orders in minor units, per currency." }),
    throughput: z.object({ submittedPerMinute: Count, confirmedPerMinute: Count }).meta({ description: "Over the minute before `at`." }),
    waiting: z.record(Priority, WaitingTime).meta({ description: "Of the orders that started in the five minutes before `at`." }),
  })
  .meta({ id: "StatsSnapshot" });
export type StatsSnapshot = z.infer<typeof StatsSnapshot>;

/**
 * One message on the socket of the counters. Every frame carries the whole state, so a receiver that shows the newest frame
 * is right. A receiver that misses frames misses only the states in between.
 *
 * `seq` numbers the states: it rises by one with each change. A further `stats` frame with the `seq` of the one before
 * shows the same orders at a later time, when rates have decayed. `resumed` answers a reconnection that missed nothing;
 * a `snapshot` with `gap` answers one that missed changes.
 */
export const StatsFrame = z
  .object({
    type: z.enum(["snapshot", "stats", "resumed"]),
    seq: Count,
    at: Instant,
    gap: z.boolean().optional().meta({ description: "States between the `after` that was asked for and this one are not sent." }),
    stats: StatsSnapshot,
  })
  .meta({ id: "StatsFrame" });
export type StatsFrame = z.infer<typeof StatsFrame>;

/** The `seq` of a frame as a URL carries it in `?after=`. Fifteen digits are always an exact integer. */
export const FrameSeq = z.string().regex(/^\d{1,15}$/, "must be the `seq` of a frame, a whole number from 0");

/** What happened in ten seconds. Waiting times are a histogram over the buckets of `domain/counters.ts`. */
export const Slice = z.object({
  submitted: Count,
  confirmed: Count,
  waiting: z.partialRecord(Priority, z.record(z.string(), Count)),
});
export type Slice = z.infer<typeof Slice>;

/**
 * The counters of a set of orders, as stored. They are sparse: a count of zero is absent. Revenue above 90 trillion in major
 * units no longer fits an exact integer in a double; it then loses its last digits instead of blocking the counters.
 */
export const Tally = z.object({
  orders: z.partialRecord(Priority, z.partialRecord(OrderStatus, Count)),
  revenue: z.record(Currency, z.number()),
  /** Keyed by the time divided by the length of a slice. */
  slices: z.record(z.string(), Slice),
});
export type Tally = z.infer<typeof Tally>;

/** The tally of one shard. `revision` counts the changes that the shard has seen, so the highest is the newest. */
export const ShardTally = z.object({ revision: Count, tally: Tally });
export type ShardTally = z.infer<typeof ShardTally>;

export const ShardReport = ShardTally.extend({ shard: Count });
export type ShardReport = z.infer<typeof ShardReport>;

/** What a hub keeps. `seq` numbers the merges that changed something; the shards are keyed by their number. */
export const HubState = z.object({ seq: Count, shards: z.record(z.string(), ShardTally) });
export type HubState = z.infer<typeof HubState>;
