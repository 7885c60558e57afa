/**
 * The table of lanes: one row per priority, with everything that differs between them. A lane is added by a row here and by
 * its queues in wrangler.toml, which sets their batches, redelivery and concurrency. Nothing else names a lane.
 */
import { z } from "zod";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

export interface RetryPolicy {
  /** Attempts at one step, the first included, before the order is parked. */
  readonly maxAttempts: number;
  readonly baseMs: number;
  readonly capMs: number;
}

/** What a lane does with its orders. Durations in milliseconds. */
export interface LanePolicy {
  /** Where orders of several lanes wait for the same thing, a lower rank goes first. `expedite` moves an order to the lowest rank. */
  readonly rank: number;
  /**
   * The queues of wrangler.toml that carry the lane's hints, by the binding that sends to each. A tenant uses two of them, see
   * `queuesFor`: the more there are, the fewer others meet one tenant's flood. One more is added at any time.
   */
  readonly queues: Readonly<Record<string, string>>;
  /**
   * Orders of one delivery that are carried side by side. A lane that takes all of a large delivery at once keeps the machine
   * that it shares from the lanes that may overtake it.
   */
  readonly atOnce: number;
  /** Whether the starts of orders are deferred while the lane is full. A lane that does not defer starts its orders at once, always. */
  readonly defers: boolean;
  /** Aging: the lane that an order is promoted to when it has waited here too long to begin; null for no aging. */
  readonly ages: { readonly into: string; readonly afterMs: number } | null;
  /** How failed steps of the lane's orders are retried. */
  readonly retry: RetryPolicy;
  /** How long an accepted order waits for its hint before its alarm carries it on. */
  readonly stallAfterMs: number;
  /** Backlog, in messages over all its queues, at which the lane counts as full: pressure 1 in `delaySecondsOf`. */
  readonly capacity: number;
  /** Age of the oldest message at which the lane counts as full even with a short backlog, because its consumers do not keep up. */
  readonly fullAfterMs: number;
}

/**
 * Expedited orders retry fast and give up within a minute, because a customer waits. Standard orders ride out an outage of
 * several minutes. The capacity of the standard lane is what its 80 consumers, twenty a queue, clear in about five seconds.
 * How many of a delivery it carries side by side is a compromise between its own pace on one machine and what expedited orders
 * wait there.
 */
const TABLE = {
  expedited: {
    rank: 0,
    queues: { ORDERS_EXPEDITED: "orders-expedited" },
    atOnce: 10,
    defers: false,
    ages: null,
    retry: { maxAttempts: 6, baseMs: 500, capMs: 15 * SECOND },
    stallAfterMs: 15 * SECOND,
    capacity: 10_000,
    fullAfterMs: 30 * SECOND,
  },
  standard: {
    rank: 1,
    queues: {
      ORDERS_STANDARD: "orders-standard",
      ORDERS_STANDARD_2: "orders-standard-2",
      ORDERS_STANDARD_3: "orders-standard-3",
      ORDERS_STANDARD_4: "orders-standard-4",
    },
    atOnce: 8,
    defers: true,
    ages: { into: "expedited", afterMs: 10 * MINUTE },
    retry: { maxAttempts: 8, baseMs: SECOND, capMs: 120 * SECOND },
    stallAfterMs: 30 * SECOND,
    capacity: 10_000,
    fullAfterMs: 120 * SECOND,
  },
} as const satisfies Record<string, LanePolicy>;

/** How urgently an order is carried. Each priority is a lane with queues, consumers and retry delays of its own. */
export const Priority = z.enum(Object.keys(TABLE) as (keyof typeof TABLE)[]);
export type Priority = z.infer<typeof Priority>;

/** The priority of an order that names none. */
export const DEFAULT_PRIORITY: Priority = "standard";

/** A row of the table under its name. */
export interface Lane extends LanePolicy {
  readonly priority: Priority;
  readonly ages: { readonly into: Priority; readonly afterMs: number } | null;
}

export type Lanes = Readonly<Record<Priority, Lane>>;

export const LANES = Object.fromEntries(
  Object.entries(TABLE).map(([priority, policy]) => [priority, { priority, ...policy }]),
) as unknown as Lanes;

/** The lane whose hints a queue carries. @throws when it carries those of none */
export function laneOfQueue(queue: string): Lane {
  const lane = Object.values(LANES).find(({ queues }) => Object.values(queues).includes(queue));
  if (!lane) throw new Error(`no lane has the queue ${queue}`);
  return lane;
}

/** All lanes, the first rank first. */
export const LANES_BY_RANK: readonly Lane[] = Object.values(LANES).sort((a, b) => a.rank - b.rank);

/** The lane that no other overtakes. Expedited orders and probes take it. */
export const FIRST_PRIORITY: Priority = (LANES_BY_RANK[0] as Lane).priority;

type BindingOf<Row> = Row extends { readonly queues: infer Queues } ? keyof Queues & string : never;

/** The binding that sends to a queue of a lane. */
export type LaneBinding = BindingOf<(typeof TABLE)[Priority]>;

/** The producers of the lanes' queues, by the names of their bindings. */
export type LaneQueues<Message> = { readonly [Name in LaneBinding]: Message };

/** A lane that is given less than a second only spins; one that is given more than a day has lost sight of its orders. */
const DAY = 24 * 60 * MINUTE;
const duration = z.int().min(SECOND, "must be at least a second (1000)").max(DAY, `must be at most a day (${DAY})`);

/** Delays of retries; an order whose steps wait for longer than a day should be in front of a person. */
const delay = z.int().min(1, "must be at least 1 ms").max(DAY, `must be at most a day (${DAY})`);

/** The numbers of a lane that a deployment or a tenant may set for its own orders. */
export const LaneOverride = z
  .strictObject({
    retry: z.strictObject({ maxAttempts: z.int().min(1).max(50), baseMs: delay, capMs: delay }).partial(),
    stallAfterMs: duration,
    agesAfterMs: duration.meta({ description: "Only for a lane that ages into another." }),
    capacity: z.int().min(1),
    fullAfterMs: duration,
  })
  .partial();
export type LaneOverride = z.infer<typeof LaneOverride>;

export const LaneOverrides = z.strictObject(
  Object.fromEntries(Priority.options.map((priority) => [priority, LaneOverride.optional()])) as Record<
    Priority,
    z.ZodOptional<typeof LaneOverride>
  >,
);
export type LaneOverrides = z.infer<typeof LaneOverrides>;

/** The lanes with the given numbers in place of the table's. */
export function withOverrides(lanes: Lanes, overrides: LaneOverrides): Lanes {
  return Object.fromEntries(
    Object.values(lanes).map((lane) => {
      const { retry, agesAfterMs, ...rest } = overrides[lane.priority] ?? {};
      const ages = lane.ages && { ...lane.ages, afterMs: agesAfterMs ?? lane.ages.afterMs };
      return [lane.priority, { ...lane, ...rest, ages, retry: { ...lane.retry, ...retry } }];
    }),
  ) as unknown as Lanes;
}

/**
 * The table with a deployment's own numbers in place of its defaults.
 * @param json the variable `LANES`, such as `{"standard":{"retry":{"maxAttempts":12}}}`; empty or absent for the table as it is
 * @throws when the variable does not fit: a deployment with a misspelt limit must not start as if it had none
 */
export const lanesFrom = (json: string | undefined): Lanes => (json ? withOverrides(LANES, LaneOverrides.parse(JSON.parse(json))) : LANES);
