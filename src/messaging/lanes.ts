/** The queue of a lane, and what waits in it. */
import type { Hint } from "../contract/messages.ts";
import type { Priority } from "../contract/order.ts";
import type { Backlog } from "../domain/routing.ts";
import type { Env } from "../env.ts";
import { now } from "../platform/ambient.ts";
import { within } from "../platform/deadline.ts";

/** A queue that takes longer is given up: the platform has been seen to hang for a minute. */
export const QUEUE_DEADLINE_MS = 5_000;

export function laneQueue(env: Env, lane: Priority): Queue<Hint> {
  switch (lane) {
    case "expedited":
      return env.ORDERS_EXPEDITED;
    case "standard":
      return env.ORDERS_STANDARD;
  }
}

/** What waits in a lane; rejects when its queue does not say so in time. */
export const backlogOf = async (env: Env, lane: Priority): Promise<Backlog> =>
  backlogFrom(await within(QUEUE_DEADLINE_MS, "measuring a lane", laneQueue(env, lane).metrics()));

/** A queue's metrics, as it tells them when it is asked and after each send. */
export function backlogFrom({ backlogCount, oldestMessageTimestamp }: QueueMetrics): Backlog {
  return { messages: backlogCount, ageMs: oldestMessageTimestamp ? Math.max(0, now() - oldestMessageTimestamp.getTime()) : 0 };
}
