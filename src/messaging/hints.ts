/**
 * Sends hints to their lanes. A hint that cannot be sent is logged and forgotten: the order's alarm stands in for it, so
 * the caller is never kept waiting and never fails.
 */

import type { Hint } from "../contract/messages.ts";
import type { Priority } from "../contract/order.ts";
import { lanesFrom } from "../domain/lanes.ts";
import { type Backlog, pressureOf, routeByPriority } from "../domain/routing.ts";
import type { Env } from "../env.ts";
import { now, random } from "../platform/ambient.ts";
import { within } from "../platform/deadline.ts";
import { excerpt, log } from "../platform/log.ts";
import { Meter } from "../platform/meter.ts";
import { backlogFrom, laneQueue, QUEUE_DEADLINE_MS } from "./lanes.ts";
import { Outbox } from "./outbox.ts";

/** A backlog measured longer ago than this says nothing about the present. */
const BACKLOG_FRESH_MS = 10_000;

/** What the last send to a lane from this isolate said of its backlog: free, and recent wherever there is load. */
const backlogs = new Map<Priority, Backlog & { readonly at: number }>();

const outboxes: Readonly<Record<Priority, Outbox<MessageSendRequest<Hint>>>> = { expedited: new Outbox(), standard: new Outbox() };

/** Sends each order's hint to the lane of its priority, deferred under pressure as `routeByPriority` says. */
export async function sendHints(env: Env, hints: readonly Hint[]): Promise<void> {
  const messages = new Map<Priority, MessageSendRequest<Hint>[]>();
  for (const hint of hints) {
    const { lane, delaySeconds } = routeByPriority(hint, knownPressure(env, hint.priority), [random(), random()]);
    const queued = messages.get(lane) ?? [];
    queued.push(delaySeconds > 0 ? { body: hint, delaySeconds } : { body: hint });
    messages.set(lane, queued);
  }
  await Promise.all([...messages].map(([lane, queued]) => outboxes[lane].add(queued, (batch) => sendBatch(env, lane, batch))));
}

async function sendBatch(env: Env, lane: Priority, batch: readonly MessageSendRequest<Hint>[]): Promise<void> {
  const meter = new Meter(`producer orders-${lane}`, env);
  try {
    const sent = await within(QUEUE_DEADLINE_MS, "sending hints", laneQueue(env, lane).sendBatch(batch));
    backlogs.set(lane, { ...backlogFrom(sent.metadata.metrics), at: now() });
    meter.add({ queueOperations: batch.length });
  } catch (error) {
    for (const { body } of batch) log.warn("hint.lost", { orderId: body.orderId, lane, trace: body.trace, error: excerpt(error) });
  }
  meter.flush();
}

/** How full a lane is, as far as this isolate knows; 0 when it does not know. */
function knownPressure(env: Env, lane: Priority): number {
  const known = backlogs.get(lane);
  if (!known || now() - known.at > BACKLOG_FRESH_MS) return 0;
  return pressureOf(known, lanesFrom(env.LANES)[lane]);
}
