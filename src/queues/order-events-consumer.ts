/**
 * Feeds the projections from the queue of order events: first the counters, then the history. Because the history comes
 * last, its version of an order is a watermark: the counters have that version, too. Orders settle by it.
 *
 * Delivery is at least once. A message is acknowledged when every projection has its order, and retried otherwise; the
 * projections are idempotent by order and version. Nothing is thrown and no whole delivery is retried, so one tenant's
 * trouble does not reach another's messages.
 */
import { OrderChanged } from "../contract/messages.ts";
import type { OrderSummary } from "../contract/order.ts";
import type { ShardReport } from "../contract/stats.ts";
import { shardOf } from "../domain/counters.ts";
import type { Env } from "../env.ts";
import { now } from "../platform/ambient.ts";
import { within } from "../platform/deadline.ts";
import { excerpt, log } from "../platform/log.ts";
import { Meter } from "../platform/meter.ts";
import { recordDeadLetter } from "../projections/history/dead-letters.ts";
import { highestVersions, projectHistory } from "../projections/history/projector.ts";
import { backoffSeconds } from "./delivery.ts";

/** A slower actor is overloaded or moving. Its orders are counted with a later delivery. */
const COUNTING_DEADLINE_MS = 10_000;

/** What the queue bills for an acknowledged message: its write, read and delete. The actor that sent it does not count the write. */
const OPERATIONS_PER_MESSAGE = 3;
/** Another delivery is another read. */
const OPERATIONS_PER_RETRY = 1;

/** Handles one batch. Resolves when each of its messages is acknowledged or marked for retry. */
export async function consumeOrderEvents(batch: MessageBatch<unknown>, env: Env): Promise<void> {
  const startedAt = now();
  const meter = new Meter("order-events", env);
  const settle = settler(meter);
  const { readable, poison } = parseAll(batch.messages);
  const [, counted] = await Promise.all([
    Promise.all([...poison].map(async ([message, cause]) => settle(message, await keepPoison(message, batch.queue, cause, env)))),
    countEverywhere(highestVersions([...readable.values()]), env),
  ]);
  const rowsWritten = await remember(counted, env);
  const done = new Set(rowsWritten === null ? [] : counted.map((order) => order.orderId));
  for (const [message, order] of readable) settle(message, done.has(order.orderId));
  if (done.size > 0) {
    const messages = [...readable.values()].filter((order) => done.has(order.orderId)).length;
    log.info("events.projected", { messages, orders: done.size, rowsWritten, durationMs: now() - startedAt });
  }
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
  const readable = new Map<Message, OrderSummary>();
  const poison = new Map<Message, string>();
  for (const message of messages) {
    const parsed = OrderChanged.safeParse(message.body);
    if (parsed.success) readable.set(message, parsed.data.order);
    else poison.set(message, excerpt(parsed.error));
  }
  return { readable, poison };
}

/** Records a poison message as a dead letter, since no later delivery of it can be read either. True once it is recorded. */
async function keepPoison({ id, body, timestamp }: Message, queue: string, cause: string, env: Env): Promise<boolean> {
  log.error("events.poison", { queue, messageId: id, cause });
  try {
    await recordDeadLetter(env.HISTORY, { id, queue, cause, body, receivedAt: timestamp.getTime() });
    return true;
  } catch (error) {
    log.error("events.failed", { projection: "dead_letters", messages: 1, error: excerpt(error) });
    return false;
  }
}

/**
 * Counts the orders of all tenants. Returns the orders that are in their tenant's counters now; one tenant's failure leaves
 * out only its own.
 */
async function countEverywhere(orders: readonly OrderSummary[], env: Env): Promise<OrderSummary[]> {
  const tenants = Map.groupBy(orders, (order) => order.tenant);
  const counted = await Promise.all([...tenants].map(([tenant, own]) => countTenant(tenant, own, env)));
  return counted.flat();
}

/** Counts in all shards side by side, then merges the reports of the shards that answered. */
async function countTenant(tenant: string, orders: OrderSummary[], env: Env): Promise<OrderSummary[]> {
  const shards = Map.groupBy(orders, (order) => shardOf(order.orderId));
  const answers = await Promise.all([...shards].map(([shard, own]) => countShard(tenant, shard, own, env)));
  const reports = answers.filter((report) => report !== null);
  if (reports.length === 0) return [];
  try {
    await within(COUNTING_DEADLINE_MS, "merging counters", env.STATS_HUBS.getByName(tenant).merge(reports));
  } catch (error) {
    log.error("events.failed", { projection: "stats", tenant, orders: orders.length, error: excerpt(error) });
    return [];
  }
  return reports.flatMap((report) => shards.get(report.shard) ?? []);
}

async function countShard(tenant: string, shard: number, orders: OrderSummary[], env: Env): Promise<ShardReport | null> {
  try {
    const actor = env.STATS_SHARDS.getByName(`${tenant}/${shard}`);
    return { shard, ...(await within(COUNTING_DEADLINE_MS, "counting", actor.apply(orders))) };
  } catch (error) {
    log.error("events.failed", { projection: "stats", tenant, shard, orders: orders.length, error: excerpt(error) });
    return null;
  }
}

/** Writes the orders into the history. Returns the rows billed as written, or null when it failed and none of the orders is there. */
async function remember(orders: OrderSummary[], env: Env): Promise<number | null> {
  if (orders.length === 0) return 0;
  const meter = new Meter("D1", env);
  try {
    const { rowsRead, rowsWritten } = await projectHistory(env.HISTORY, orders);
    meter.add({ rowsRead, rowsWritten });
    meter.flush();
    return rowsWritten;
  } catch (error) {
    log.error("events.failed", { projection: "history", orders: orders.length, error: excerpt(error) });
    return null;
  }
}
