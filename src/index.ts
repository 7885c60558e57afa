/** The table of contents: what the platform calls, and the actors it hosts. */

import { LANES } from "./contract/lanes.ts";
import type { Env } from "./env.ts";
import { app } from "./http/app.ts";
import { runCron } from "./ops/cron.ts";
import { consumeDeadLetters } from "./queues/dead-letter-consumer.ts";
import { consumeLane } from "./queues/lane-consumer.ts";
import { consumeOrderEvents } from "./queues/order-events-consumer.ts";

export { BreakerActor } from "./actors/breaker-actor.ts";
export { InventoryActor } from "./actors/inventory-actor.ts";
export { OrderActor } from "./actors/order-actor.ts";
export { RedriveActor } from "./actors/redrive-actor.ts";
export { StatsHub } from "./actors/stats-hub.ts";
export { StatsShard } from "./actors/stats-shard.ts";
export { TenantActor } from "./actors/tenant-actor.ts";
export { VelocityActor } from "./actors/velocity-actor.ts";

/** By the queue of wrangler.toml. */
const CONSUMERS: Readonly<Record<string, (batch: MessageBatch<unknown>, env: Env) => Promise<void>>> = {
  ...Object.fromEntries(Object.values(LANES).flatMap(({ queues }) => Object.values(queues).map((queue) => [queue, consumeLane]))),
  "orders-dead-letter": consumeDeadLetters,
  "order-events": consumeOrderEvents,
};

/** Where one queue does not take all changes, there are `order-events-2` and so on. */
const FURTHER_EVENTS = /^order-events-\d+$/;

export default {
  fetch: app.fetch,
  async queue(batch, env) {
    const consume = CONSUMERS[batch.queue.replace(FURTHER_EVENTS, "order-events")];
    if (!consume) throw new Error(`no consumer for the queue ${batch.queue}`);
    await consume(batch, env);
  },
  scheduled: ({ cron }, env) => runCron(cron, env),
} satisfies ExportedHandler<Env>;
