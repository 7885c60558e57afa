/**
 * The consumer of `orders-dead-letter`: parks the orders that cannot go on by themselves. The actor of an order whose
 * retries are used up sends a dead letter with the cause. The platform moves a bare hint there when every delivery of it
 * has failed.
 */
import { orderActor } from "../actors/addresses.ts";
import { DeadLetter } from "../contract/messages.ts";
import type { Cause } from "../contract/order.ts";
import type { Env } from "../env.ts";
import { log } from "../platform/log.ts";
import { deliver } from "./delivery.ts";

const UNDELIVERABLE: Cause = { class: "bug", detail: "its hint was delivered in vain until the queue gave up" };

/** Handles one batch. Never rejects; each message is acknowledged or retried by itself. */
export async function consumeDeadLetters(batch: MessageBatch<unknown>, env: Env): Promise<void> {
  await deliver(
    batch,
    env,
    DeadLetter,
    { failed: "hint.failed", poison: "dead_letter.poison" },
    async ({ orderId, cause = UNDELIVERABLE }) => {
      const status = await orderActor(env, orderId).quarantine(cause);
      if (status === null) log.warn("order.unknown", { orderId, queue: batch.queue });
      else log.info("dead_letter.handled", { orderId, status, step: cause.step, cause: cause.class });
      return "ack";
    },
  );
}
