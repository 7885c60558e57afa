/** The queue of a lane, and its backlog. */
import { LANES, type LaneQueues as NamedQueues, type Priority } from "../contract/lanes.ts";
import type { Hint } from "../contract/messages.ts";
import type { Backlog } from "../domain/routing.ts";
import { now } from "../platform/ambient.ts";
import { within } from "../platform/deadline.ts";

/** Deadline of one request to a queue. The platform has been seen to hang for a minute. */
export const QUEUE_DEADLINE_MS = 5_000;

/** The producer bindings of wrangler.toml, one per lane. */
export type LaneQueues = NamedQueues<Queue<Hint>>;

export const laneQueue = (queues: LaneQueues, lane: Priority): Queue<Hint> => queues[LANES[lane].binding as keyof LaneQueues];

/** Measures the backlog of a lane. Rejects when its queue does not answer in time. */
export const backlogOf = async (queues: LaneQueues, lane: Priority): Promise<Backlog> =>
  backlogFrom(await within(QUEUE_DEADLINE_MS, "measuring a lane", () => laneQueue(queues, lane).metrics()));

/** A backlog from a queue's metrics, which come with the answer to each send, too. */
export function backlogFrom({ backlogCount, oldestMessageTimestamp }: QueueMetrics): Backlog {
  return { messages: backlogCount, ageMs: oldestMessageTimestamp ? Math.max(0, now() - oldestMessageTimestamp.getTime()) : 0 };
}
