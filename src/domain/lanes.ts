/**
 * The table of lanes: one row per priority, with all that differs between them in code. What differs in the queues
 * themselves (batch, wait, redelivery, concurrency) stands in wrangler.toml, beside the queue.
 */
import { z } from "zod";
import type { Priority } from "../contract/order.ts";
import type { RetryPolicy } from "./retry.ts";

export interface Lane {
  readonly priority: Priority;
  /** How failed steps of this lane's orders are retried. */
  readonly retry: RetryPolicy;
  /** How long an accepted order waits for its hint before its alarm looks after it, in milliseconds. */
  readonly stallAfterMs: number;
  /** How long an order may wait in this lane before it is promoted out of it; null: never. */
  readonly agesAfterMs: number | null;
  /** Backlog, in messages, at which the lane counts as full: pressure 1 in `routeByPriority`. */
  readonly capacity: number;
  /** Age of its oldest message at which the lane counts as full, however short it is: its consumers do not keep up. */
  readonly fullAfterMs: number;
}

const SECOND = 1_000;

/**
 * Expedited orders retry fast and give up within a minute, because a customer waits; standard orders ride out an outage
 * of several minutes. A full standard lane is what its 20 consumers clear in about ten seconds.
 */
export const LANES: Readonly<Record<Priority, Lane>> = {
  expedited: {
    priority: "expedited",
    retry: { maxAttempts: 6, baseMs: 500, capMs: 15 * SECOND },
    stallAfterMs: 15 * SECOND,
    agesAfterMs: null,
    capacity: 10_000,
    fullAfterMs: 30 * SECOND,
  },
  standard: {
    priority: "standard",
    retry: { maxAttempts: 8, baseMs: SECOND, capMs: 120 * SECOND },
    stallAfterMs: 30 * SECOND,
    agesAfterMs: 10 * 60 * SECOND,
    capacity: 10_000,
    fullAfterMs: 120 * SECOND,
  },
};

const Override = z
  .strictObject({
    retry: z.strictObject({ maxAttempts: z.int().min(1).max(50), baseMs: z.int().min(1), capMs: z.int().min(1) }).partial(),
    stallAfterMs: z.int().min(SECOND),
    agesAfterMs: z.int().min(SECOND).nullable(),
    capacity: z.int().min(1),
    fullAfterMs: z.int().min(SECOND),
  })
  .partial();
const Overrides = z.strictObject({ expedited: Override, standard: Override }).partial();

/**
 * The table with a deployment's own numbers laid over it.
 * @param json the variable `LANES`, such as `{"standard":{"retry":{"maxAttempts":12}}}`; empty or absent for the defaults
 * @throws when the variable does not fit: a deployment with a misspelt limit must not start as if it had none
 */
export function lanesFrom(json: string | undefined): Readonly<Record<Priority, Lane>> {
  if (!json) return LANES;
  const overrides = Overrides.parse(JSON.parse(json));
  const merged = (lane: Lane): Lane => {
    const { retry, ...rest } = overrides[lane.priority] ?? {};
    return { ...lane, ...(rest as Partial<Lane>), retry: { ...lane.retry, ...(retry as Partial<RetryPolicy>) } };
  };
  return { expedited: merged(LANES.expedited), standard: merged(LANES.standard) };
}
