/** The queues of the lanes, and their backlogs. */
import { LANES, type LaneBinding, type LaneQueues as NamedQueues, type Priority } from "../contract/lanes.ts";
import type { Hint } from "../contract/messages.ts";
import { type Backlog, queuesFor } from "../domain/routing.ts";
import { now } from "../platform/ambient.ts";
import { within } from "../platform/deadline.ts";

/** Deadline of one request to a queue. The platform has been seen to hang for a minute. */
export const QUEUE_DEADLINE_MS = 5_000;

/** The producer bindings of wrangler.toml, one per queue. */
export type LaneQueues = NamedQueues<Queue<Hint>>;

/**
 * Measures the backlog of a lane as a tenant meets it at the worse of its queues: what the fuller one holds, and the oldest
 * message of either. Rejects when one of them does not answer in time.
 */
export async function backlogOf(queues: LaneQueues, lane: Priority, tenant: string): Promise<Backlog> {
  const measured = (binding: LaneBinding) => within(QUEUE_DEADLINE_MS, "measuring a lane", () => queues[binding].metrics());
  const backlogs = (await Promise.all(queuesFor(LANES[lane], tenant).map(measured))).map(backlogFrom);
  return {
    messages: Math.max(...backlogs.map(({ messages }) => messages)),
    ageMs: Math.max(...backlogs.map(({ ageMs }) => ageMs)),
  };
}

/** A backlog from a queue's metrics, which come with the answer to each send, too. */
export function backlogFrom({ backlogCount, oldestMessageTimestamp }: QueueMetrics): Backlog {
  return { messages: backlogCount, ageMs: oldestMessageTimestamp ? Math.max(0, now() - oldestMessageTimestamp.getTime()) : 0 };
}
