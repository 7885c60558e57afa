/**
 * The one sender of hints. A hint that cannot be sent is logged and dropped, because the order's alarm stands in for it.
 * Sending therefore never fails its caller.
 */
import { lanesFrom, Priority } from "../contract/lanes.ts";
import type { Hint } from "../contract/messages.ts";
import { type Backlog, delaySecondsOf, laneOf, pressureOf } from "../domain/routing.ts";
import { now, random } from "../platform/ambient.ts";
import { within } from "../platform/deadline.ts";
import { excerpt, log } from "../platform/log.ts";
import { Meter } from "../platform/meter.ts";
import { Outbox } from "../platform/outbox.ts";
import { backlogFrom, type LaneQueues, laneQueue, QUEUE_DEADLINE_MS } from "./lanes.ts";

/** What the sender needs of the deployment: the lanes' queues, and the variables that set the lanes and the meter. */
export interface HintBindings extends LaneQueues {
  readonly LANES?: string;
  readonly METER?: string;
}

/** A backlog that was measured longer ago than this is out of date. */
const BACKLOG_FRESH_MS = 10_000;

/** Each lane's backlog, as the answer to this isolate's last send told it. It costs no request, and under load it is recent. */
const backlogs = new Map<Priority, Backlog & { readonly at: number }>();

/** Too short for a person to notice, long enough to accept a few orders. */
const GATHER_MS = 20;

const outboxes = new Map(Priority.options.map((lane) => [lane, new Outbox<MessageSendRequest<Hint>>(GATHER_MS)]));

/** Sends each hint to its lane, deferred under pressure as `delaySecondsOf` says. Never rejects. */
export async function sendHints(bindings: HintBindings, hints: readonly Hint[]): Promise<void> {
  const lanes = lanesFrom(bindings.LANES);
  const messages = Map.groupBy(
    hints.map((hint) => {
      const lane = lanes[laneOf(hint)];
      const delaySeconds = delaySecondsOf(lane, pressureOf(knownBacklog(lane.priority), lane), [random(), random()]);
      return { lane: lane.priority, message: delaySeconds > 0 ? { body: hint, delaySeconds } : { body: hint } };
    }),
    ({ lane }) => lane,
  );
  await Promise.all(
    [...messages].map(([lane, own]) =>
      outboxes.get(lane)?.add(
        own.map(({ message }) => message),
        (batch) => sendBatch(bindings, lane, batch),
      ),
    ),
  );
}

async function sendBatch(bindings: HintBindings, lane: Priority, batch: readonly MessageSendRequest<Hint>[]): Promise<void> {
  const meter = new Meter(`producer orders-${lane}`, bindings);
  try {
    const sent = await within(QUEUE_DEADLINE_MS, "sending hints", () => laneQueue(bindings, lane).sendBatch(batch));
    backlogs.set(lane, { ...backlogFrom(sent.metadata.metrics), at: now() });
    meter.add({ queueOperations: batch.length });
  } catch (error) {
    for (const { body } of batch) log.warn("hint.lost", { orderId: body.orderId, lane, trace: body.trace, error: excerpt(error) });
  }
  meter.flush();
}

const EMPTY: Backlog = { messages: 0, ageMs: 0 };

/** The backlog of a lane as far as this isolate knows; empty when it has no recent measurement. */
function knownBacklog(lane: Priority): Backlog {
  const known = backlogs.get(lane);
  return known && now() - known.at <= BACKLOG_FRESH_MS ? known : EMPTY;
}
