/** The queue of a lane, and what waits in it. */
import { LANES, type LaneQueues as NamedQueues, type Priority } from "../contract/lanes.ts";
import type { Hint } from "../contract/messages.ts";
import type { Backlog } from "../domain/routing.ts";
import { now } from "../platform/ambient.ts";
import { within } from "../platform/deadline.ts";

/** A queue that takes longer is given up: the platform has been seen to hang for a minute. */
export const QUEUE_DEADLINE_MS = 5_000;

/** The producer bindings of wrangler.toml, one per lane. */
export type LaneQueues = NamedQueues<Queue<Hint>>;

export const laneQueue = (queues: LaneQueues, lane: Priority): Queue<Hint> => queues[LANES[lane].binding as keyof LaneQueues];

/** What waits in a lane; rejects when its queue does not say so in time. */
export const backlogOf = async (queues: LaneQueues, lane: Priority): Promise<Backlog> =>
  backlogFrom(await within(QUEUE_DEADLINE_MS, "measuring a lane", laneQueue(queues, lane).metrics()));

/** A queue's metrics, as it tells them when it is asked and after each send. */
export function backlogFrom({ backlogCount, oldestMessageTimestamp }: QueueMetrics): Backlog {
  return { messages: backlogCount, ageMs: oldestMessageTimestamp ? Math.max(0, now() - oldestMessageTimestamp.getTime()) : 0 };
}
