/**
 * The one sender of hints. A hint that cannot be sent is logged and dropped, because the order's alarm stands in for it.
 * Sending therefore never fails its caller.
 */
import { type Lane, type LaneBinding, lanesFrom } from "../contract/lanes.ts";
import type { Hint } from "../contract/messages.ts";
import { type Backlog, delaySecondsOf, laneOf, pressureOf, queuesFor } from "../domain/routing.ts";
import { now, random } from "../platform/ambient.ts";
import { within } from "../platform/deadline.ts";
import { excerpt, log } from "../platform/log.ts";
import { Meter } from "../platform/meter.ts";
import { backlogFrom, type LaneQueues, QUEUE_DEADLINE_MS } from "./lanes.ts";
import { Outbox } from "./outbox.ts";

/** What the sender needs of the deployment: the lanes' queues, and the variables that set the lanes and the meter. */
export interface HintBindings extends LaneQueues {
  readonly LANES?: string;
  readonly METER?: string;
}

/** Nothing is put off because of a backlog that was measured longer ago than this. */
const BACKLOG_FRESH_MS = 10_000;

/**
 * How long a backlog counts in the choice between two queues, less and less. A tenant with few orders sends so seldom from one
 * isolate that a fresh measurement is never at hand; without a memory each of its hints would join another's flood anew.
 */
const BACKLOG_REMEMBERED_MS = 5 * 60_000;

/** Each queue's backlog, as the answer to this isolate's last send told it. It costs no request, and under load it is recent. */
const backlogs = new Map<LaneBinding, Backlog & { readonly at: number }>();

/** Too short for a person to notice, long enough to accept a few orders. */
const GATHER_MS = 20;

const outboxes = new Map<LaneBinding, Outbox<MessageSendRequest<Hint>>>();

/**
 * Sends each hint to its lane, deferred under pressure as `delaySecondsOf` says. Of the queues that its tenant uses it takes the
 * one that is known to hold less. Never rejects.
 */
export async function sendHints(bindings: HintBindings, hints: readonly Hint[]): Promise<void> {
  const lanes = lanesFrom(bindings.LANES);
  const messages = Map.groupBy(
    hints.map((hint) => {
      const lane = lanes[laneOf(hint)];
      const queue = emptiest(queuesFor(lane, hint.tenant ?? hint.orderId));
      const delaySeconds = delaySecondsOf(lane, pressureOf(knownBacklog(queue), lane), [random(), random()]);
      return { lane, queue, message: delaySeconds > 0 ? { body: hint, delaySeconds } : { body: hint } };
    }),
    ({ queue }) => queue,
  );
  await Promise.all(
    [...messages].map(([queue, own]) =>
      outboxOf(queue).add(
        own.map(({ message }) => message),
        (batch) => sendBatch(bindings, (own[0] as (typeof own)[number]).lane, queue, batch),
      ),
    ),
  );
}

async function sendBatch(
  bindings: HintBindings,
  { priority: lane, queues }: Lane,
  binding: LaneBinding,
  batch: readonly MessageSendRequest<Hint>[],
): Promise<void> {
  const meter = new Meter(`producer ${queues[binding]}`, bindings);
  try {
    const sent = await within(QUEUE_DEADLINE_MS, "sending hints", () => bindings[binding].sendBatch(batch));
    backlogs.set(binding, { ...backlogFrom(sent.metadata.metrics), at: now() });
    meter.add({ queueOperations: batch.length });
  } catch (error) {
    for (const { body } of batch) log.warn("hint.lost", { orderId: body.orderId, lane, trace: body.trace, error: excerpt(error) });
  }
  meter.flush();
}

function outboxOf(queue: LaneBinding): Outbox<MessageSendRequest<Hint>> {
  const known = outboxes.get(queue) ?? new Outbox(GATHER_MS);
  outboxes.set(queue, known);
  return known;
}

/** The first of those that probably hold the least. */
function emptiest(queues: readonly LaneBinding[]): LaneBinding {
  return queues.reduce((best, queue) => (rememberedMessages(queue) < rememberedMessages(best) ? queue : best));
}

/** What a queue was last known to hold, less what it may have delivered since. */
function rememberedMessages(queue: LaneBinding): number {
  const known = backlogs.get(queue);
  return known ? Math.ceil(known.messages * Math.max(0, 1 - (now() - known.at) / BACKLOG_REMEMBERED_MS)) : 0;
}

const EMPTY: Backlog = { messages: 0, ageMs: 0 };

/** The backlog of a queue as far as this isolate knows; empty when it has no recent measurement. */
function knownBacklog(queue: LaneBinding): Backlog {
  const known = backlogs.get(queue);
  return known && now() - known.at <= BACKLOG_FRESH_MS ? known : EMPTY;
}
