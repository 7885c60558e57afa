/**
 * The consumer of a lane: each hint makes the actor of its order advance. Every lane has its own queue and its own consumer
 * in wrangler.toml.
 */
import { orderActor } from "../actors/addresses.ts";
import { laneOfQueue } from "../contract/lanes.ts";
import { Hint } from "../contract/messages.ts";
import type { Env } from "../env.ts";
import { log } from "../platform/log.ts";
import { deliver } from "./delivery.ts";

/** Handles one batch. Never rejects; each message is acknowledged or retried by itself. */
export async function consumeLane(batch: MessageBatch<unknown>, env: Env): Promise<void> {
  await deliver(
    batch,
    env,
    Hint,
    { failed: "hint.failed", poison: "hint.poison" },
    async ({ orderId, priority, trace, probe }, attempt) => {
      const result = await orderActor(env, orderId).advance({ priority, attempt, probe, canLeave: true });
      if (result === null) {
        log.warn("order.unknown", { orderId, queue: batch.queue, trace });
        return "ack";
      }
      if (result.retryAfterMs === null) return "ack";
      log.info("hint.handled", { orderId, lane: priority, attempt, status: result.status, retryAfterMs: result.retryAfterMs, trace });
      return { retryAfterMs: result.retryAfterMs };
    },
    laneOfQueue(batch.queue).atOnce,
  );
}
