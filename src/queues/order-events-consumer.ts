/**
 * Feeds the projections from the queue of order events. Delivery is at least once. A message is acknowledged when every
 * projection is durable for all its orders, and retried otherwise. Nothing is thrown, so one tenant's trouble does not make the
 * platform deliver another's messages again.
 */
import { counterActors } from "../actors/addresses.ts";
import { type OrderChanged, OrdersChanged } from "../contract/messages.ts";
import type { Env } from "../env.ts";
import { now } from "../platform/ambient.ts";
import { excerpt, log } from "../platform/log.ts";
import { Meter } from "../platform/meter.ts";
import { recordDeadLetter } from "../projections/history/dead-letters.ts";
import { feed, newestChanges } from "../projections/projection.ts";
import { projectionsOf } from "../projections/registry.ts";
import { backoffSeconds } from "./delivery.ts";

/**
 * What the queue bills for an acknowledged message: its write, its read and its delete. The write is counted here and not
 * by the actor that sent the message.
 */
const OPERATIONS_PER_MESSAGE = 3;
/** A further delivery is a further read. */
const OPERATIONS_PER_RETRY = 1;

/** A release that still runs during a deploy sends each change by itself. */
const inOneForm = (body: unknown): unknown => (typeof body === "object" && body !== null && "order" in body ? { changes: [body] } : body);

/** Handles one batch. Resolves when each of its messages is acknowledged or marked for retry. */
export async function consumeOrderEvents(batch: MessageBatch<unknown>, env: Env): Promise<void> {
  const startedAt = now();
  const meter = new Meter("order-events", env);
  const settle = settler(meter);
  const { readable, poison } = parseAll(batch.messages);
  const [, { durable, rowsWritten }] = await Promise.all([
    Promise.all([...poison].map(async ([message, cause]) => settle(message, await keepPoison(message, batch.queue, cause, env)))),
    feed(projectionsOf(env, counterActors(env)), newestChanges([...readable.values()].flat())),
  ]);
  let messages = 0;
  for (const [message, changes] of readable) {
    const done = changes.every(({ order }) => durable.has(order.orderId));
    if (done) messages += 1;
    settle(message, done);
  }
  if (durable.size > 0) log.info("events.projected", { messages, orders: durable.size, rowsWritten, durationMs: now() - startedAt });
  meter.flush();
}

function settler(meter: Meter) {
  return (message: Message, done: boolean): void => {
    if (done) message.ack();
    else message.retry({ delaySeconds: backoffSeconds(message.attempts) });
    meter.add({ queueOperations: done ? OPERATIONS_PER_MESSAGE : OPERATIONS_PER_RETRY });
  };
}

function parseAll(messages: readonly Message[]) {
  const readable = new Map<Message, readonly OrderChanged[]>();
  const poison = new Map<Message, string>();
  for (const message of messages) {
    const parsed = OrdersChanged.safeParse(inOneForm(message.body));
    if (parsed.success) readable.set(message, parsed.data.changes);
    else poison.set(message, excerpt(parsed.error));
  }
  return { readable, poison };
}

/** Records a poison message as a dead letter, since no later delivery of it can be read either. True once it is recorded. */
async function keepPoison({ id, body, timestamp }: Message, queue: string, cause: string, { HISTORY }: Env): Promise<boolean> {
  log.error("events.poison", { queue, messageId: id, cause });
  try {
    await recordDeadLetter(HISTORY, { id, queue, cause, body, receivedAt: timestamp.getTime() });
    return true;
  } catch (error) {
    log.error("events.failed", { projection: "dead_letters", messages: 1, error: excerpt(error) });
    return false;
  }
}
