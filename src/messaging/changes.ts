/**
 * Publishes the changes of orders to the projections. A change that cannot be sent is logged and dropped. Delivery is still at
 * least once: until the history shows an order's version, the order's alarm publishes it again.
 */
import type { OrderChanged } from "../contract/messages.ts";
import { within } from "../platform/deadline.ts";
import { excerpt, log } from "../platform/log.ts";
import { QUEUE_DEADLINE_MS } from "./lanes.ts";
import { Outbox } from "./outbox.ts";

const outbox = new Outbox<OrderChanged>();

/** Publishes one change, batched with others of this isolate. Never rejects. */
export const sendChange = (events: Queue<OrderChanged>, change: OrderChanged): Promise<void> =>
  outbox.add([change], async (changes) => {
    try {
      await within(QUEUE_DEADLINE_MS, "publishing changes", () => events.sendBatch(changes.map((body) => ({ body }))));
    } catch (error) {
      for (const { order } of changes)
        log.error("order.publish_failed", {
          orderId: order.orderId,
          lane: order.priority,
          status: order.status,
          version: order.version,
          error: excerpt(error),
        });
    }
  });
