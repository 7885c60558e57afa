/**
 * How every consumer handles a batch: each message on its own, `ack` or `retry` and nothing else. A throw would make the
 * platform deliver the whole batch again and cut the consumer's concurrency, so nothing is thrown from here.
 */
import type { z } from "zod";
import type { Env } from "../env.ts";
import { now } from "../platform/ambient.ts";
import { excerpt, type LogEvent, log } from "../platform/log.ts";
import { Meter } from "../platform/meter.ts";
import { recordDeadLetter } from "../projections/history/dead-letters.ts";

/** What to do with a delivered message. */
export type Verdict = "ack" | { readonly retryAfterMs: number };

/** A message is billed when written, read and deleted; the write is counted by its producer. */
const READ = 1;
const DELETE = 1;

const MAX_BACKOFF_SECONDS = 300;

/** Delay before a message that failed for a technical reason is tried again: 2, 4, 8 … seconds, at most five minutes. */
export const backoffSeconds = (attempts: number): number => Math.min(MAX_BACKOFF_SECONDS, 2 ** Math.min(attempts, 10));

/**
 * Parses each message and hands it to `handle`, all at once. A message that does not fit the schema can never be handled:
 * it is kept for a person and taken off the queue. One whose handling throws comes back later.
 * @param events the names under which a failure and a poisonous message are logged
 */
export async function deliver<Body>(
  batch: MessageBatch<unknown>,
  env: Env,
  schema: z.ZodType<Body>,
  events: { readonly failed: LogEvent; readonly poison: LogEvent },
  handle: (body: Body, attempt: number) => Promise<Verdict>,
): Promise<void> {
  const meter = new Meter(`consumer ${batch.queue}`, env);
  await Promise.all(
    batch.messages.map(async (message) => {
      const verdict = await judge(message);
      meter.add({ queueOperations: verdict === "ack" ? READ + DELETE : READ });
      if (verdict === "ack") message.ack();
      else message.retry({ delaySeconds: Math.ceil(verdict.retryAfterMs / 1_000) });
    }),
  );
  meter.flush();

  async function judge(message: Message<unknown>): Promise<Verdict> {
    try {
      const body = schema.safeParse(message.body);
      if (body.success) return await handle(body.data, message.attempts);
      const cause = excerpt(body.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; "));
      log.error(events.poison, { queue: batch.queue, messageId: message.id, cause });
      await recordDeadLetter(env.HISTORY, { id: message.id, queue: batch.queue, cause, body: message.body, receivedAt: now() });
      return "ack";
    } catch (error) {
      const { orderId } = (message.body ?? {}) as { orderId?: unknown };
      const named = typeof orderId === "string" ? { orderId: excerpt(orderId, 40) } : {};
      log.warn(events.failed, { ...named, queue: batch.queue, attempt: message.attempts, error: excerpt(error) });
      return { retryAfterMs: backoffSeconds(message.attempts) * 1_000 };
    }
  }
}
