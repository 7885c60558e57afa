/**
 * Publishes the changes of orders to the projections. A change that cannot be sent is logged and dropped. Delivery is still at
 * least once: until the history shows an order's version, the order's alarm publishes it again.
 */
import type { OrderChanged, OrdersChanged } from "../contract/messages.ts";
import { random } from "../platform/ambient.ts";
import { within } from "../platform/deadline.ts";
import { excerpt, log } from "../platform/log.ts";
import { QUEUE_DEADLINE_MS } from "./lanes.ts";
import { Outbox } from "./outbox.ts";

/** A queue bills a message by its 64 KB, and a change has one or two, so changes travel together. Who looks at a board does not notice the wait. */
const GATHER_MS = 400;

/** Changes in a message, and notes of commits in it: together some 60 KB at most. */
const MAX_CHANGES = 20;
const MAX_NOTES = 300;

/** The producers of wrangler.toml that take changes. */
export interface ChangeQueues {
  readonly ORDER_EVENTS: Queue<OrdersChanged>;
  readonly [further: `ORDER_EVENTS_${number}`]: Queue<OrdersChanged> | undefined;
}

const outbox = new Outbox<OrderChanged>(GATHER_MS);

/** Publishes one change, together with others of this isolate. Never rejects. */
export const sendChange = (queues: ChangeQueues, change: OrderChanged): Promise<void> =>
  outbox.add([change], async (changes) => {
    try {
      const messages = packed(changes).map((body) => ({ body }));
      await within(QUEUE_DEADLINE_MS, "publishing changes", () => anyOf(queues).sendBatch(messages));
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

/** A queue takes 5,000 messages a second. Every consumer takes every change, so that sends are spread by chance. */
function anyOf(queues: ChangeQueues): Queue<OrdersChanged> {
  const names = ["ORDER_EVENTS" as const, ...Object.keys(queues).filter(isFurther)];
  return queues[names[Math.floor(random() * names.length)] as (typeof names)[number]] as Queue<OrdersChanged>;
}

const isFurther = (name: string): name is `ORDER_EVENTS_${number}` => /^ORDER_EVENTS_\d+$/.test(name);

/** The changes as messages. Each is of one tenant, so that a message which has to come again is nobody else's. */
export function packed(changes: readonly OrderChanged[]): OrdersChanged[] {
  return [...Map.groupBy(changes, ({ order }) => order.tenant).values()].flatMap((own) => {
    const messages: OrdersChanged[] = [];
    let [changes, notes]: [OrderChanged[], number] = [[], 0];
    for (const change of own) {
      if (changes.length === MAX_CHANGES || notes + change.commits.length > MAX_NOTES) {
        messages.push({ changes });
        [changes, notes] = [[], 0];
      }
      changes.push(change);
      notes += change.commits.length;
    }
    return [...messages, { changes }];
  });
}
