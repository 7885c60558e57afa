/**
 * How a consumer handles a batch: every message is acknowledged or retried by itself. Nothing is thrown from here, because
 * the platform answers a throw by delivering the whole batch again and by lowering the consumer's concurrency.
 */

import pMap from "p-map";
import type { z } from "zod";
import type { LogEvent } from "../contract/log-events.ts";
import { OrderId } from "../contract/primitives.ts";
import type { Env } from "../env.ts";
import { now } from "../platform/ambient.ts";
import { excerpt, log } from "../platform/log.ts";
import { Meter } from "../platform/meter.ts";
import { recordDeadLetter } from "../projections/history/dead-letters.ts";

/** The answer to the queue about one delivered message. */
export type Verdict = "ack" | { readonly retryAfterMs: number };

/** A message is billed for its write, each read and its delete. The producer counts the write. */
const READ = 1;
const DELETE = 1;

const MAX_BACKOFF_SECONDS = 300;

/** Exponential backoff between deliveries of a message that failed: 2, 4, 8 … seconds, at most five minutes. */
export const backoffSeconds = (attempts: number): number => Math.min(MAX_BACKOFF_SECONDS, 2 ** Math.min(attempts, 10));

/**
 * Parses each message and hands it to `handle`, several messages of the batch side by side. A message that does not fit the
 * schema is poison: it is recorded as a dead letter and acknowledged. A message whose handling throws is retried.
 * @param events the names under which a failed and a poison message are logged
 * @param concurrency how many messages are handled side by side
 */
export async function deliver<Body>(
  batch: MessageBatch<unknown>,
  env: Env,
  schema: z.ZodType<Body>,
  events: { readonly failed: LogEvent; readonly poison: LogEvent },
  handle: (body: Body, attempt: number) => Promise<Verdict>,
  concurrency = Number.POSITIVE_INFINITY,
): Promise<void> {
  const meter = new Meter(`consumer ${batch.queue}`, env);
  const settle = async (message: Message<unknown>) => {
    const verdict = await judge(message);
    meter.add({ queueOperations: verdict === "ack" ? READ + DELETE : READ });
    if (verdict === "ack") message.ack();
    else message.retry({ delaySeconds: Math.ceil(verdict.retryAfterMs / 1_000) });
  };
  await pMap(batch.messages, settle, { concurrency });
  meter.flush();

  async function judge(message: Message<unknown>): Promise<Verdict> {
    try {
      const body = schema.safeParse(message.body);
      if (body.success) return await handle(body.data, message.attempts);
      const cause = excerpt(body.error);
      log.error(events.poison, { queue: batch.queue, messageId: message.id, cause });
      await recordDeadLetter(env.HISTORY, { id: message.id, queue: batch.queue, cause, body: message.body, receivedAt: now() });
      return "ack";
    } catch (error) {
      const orderId = OrderId.safeParse((message.body as { orderId?: unknown } | null)?.orderId).data;
      log.warn(events.failed, { orderId, queue: batch.queue, attempt: message.attempts, error: excerpt(error) });
      return { retryAfterMs: backoffSeconds(message.attempts) * 1_000 };
    }
  }
}
