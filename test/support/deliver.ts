/** Delivers a batch to a consumer, in workerd, and tells what exactly became of each message. */
import { createExecutionContext, createMessageBatch, getQueueResult } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, vi } from "vitest";
import type { Env } from "../../src/env.ts";

export interface Delivery {
  readonly body: unknown;
  readonly attempts?: number;
}

/** Messages are named m0, m1, …. `retried` maps those that are to come again to the delay in seconds. */
export async function deliver(
  consume: (batch: MessageBatch<unknown>, env: Env) => Promise<void>,
  queue: string,
  deliveries: readonly Delivery[],
  bindings: Env = env,
): Promise<{ acked: string[]; retried: Record<string, number | undefined> }> {
  const batch = createMessageBatch<unknown>(
    queue,
    deliveries.map(({ body, attempts = 1 }, i) => ({ id: `m${i}`, timestamp: 1_700_000_000_000, attempts, body })),
  );
  // The pool's result names the messages to retry, but not their delays.
  const retries = batch.messages.map((message) => vi.spyOn(message, "retry"));
  await consume(batch, bindings);
  const result = await getQueueResult(batch, createExecutionContext());
  expect(result).toMatchObject({ outcome: "ok", ackAll: false, retryBatch: { retry: false } });
  const delays = retries.map((retry) => retry.mock.lastCall?.[0]?.delaySeconds);
  const retried = result.retryMessages.map(({ msgId }) => [msgId, delays[Number(msgId.slice(1))]]);
  return { acked: result.explicitAcks.sort(), retried: Object.fromEntries(retried) };
}
