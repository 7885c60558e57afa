/**
 * The live counters as a projection: a tenant's orders are counted in its shards, and the shards' tallies merged in its hub.
 * One tenant's failure leaves out only its own orders, and one shard's only those that it counts.
 */
import type { OrderChanged } from "../../contract/messages.ts";
import type { JournaledOrder, OrderSummary } from "../../contract/order.ts";
import type { ShardReport, ShardTally } from "../../contract/stats.ts";
import { shardOf } from "../../domain/counters.ts";
import { within } from "../../platform/deadline.ts";
import { excerpt, log } from "../../platform/log.ts";
import type { Projection } from "../projection.ts";

/** A slower actor is overloaded or moving. Its orders are counted with a later delivery. */
const COUNTING_DEADLINE_MS = 10_000;

/** One shard of a tenant's counters; a `StatsShard`'s stub is one. */
export interface CounterShard {
  apply(orders: OrderSummary[]): Promise<ShardTally>;
  repair(orders: readonly JournaledOrder[]): Promise<ShardTally>;
}

/** What adds up a tenant's shards; a `StatsHub`'s stub is one. */
export interface CounterHub {
  merge(reports: ShardReport[]): Promise<void>;
}

/** Where shards and hubs are found. Asked anew for each call, because a stub that threw once may be broken. */
export interface CounterActors {
  shard(tenant: string, shard: number): CounterShard;
  hub(tenant: string): CounterHub;
}

export function countersProjection(actors: CounterActors): Projection {
  /** Shards side by side, then one merge of those that answered. */
  async function countTenant(tenant: string, orders: OrderSummary[]): Promise<OrderSummary[]> {
    const shards = Map.groupBy(orders, (order) => shardOf(order.orderId));
    const answers = await Promise.all([...shards].map(([shard, own]) => countShard(tenant, shard, own)));
    const reports = answers.filter((report) => report !== null);
    if (reports.length === 0) return [];
    try {
      await within(COUNTING_DEADLINE_MS, "merging counters", () => actors.hub(tenant).merge(reports));
    } catch (error) {
      log.error("events.failed", { projection: "counters", tenant, orders: orders.length, error: excerpt(error) });
      return [];
    }
    return reports.flatMap((report) => shards.get(report.shard) ?? []);
  }

  async function countShard(tenant: string, shard: number, orders: OrderSummary[]): Promise<ShardReport | null> {
    try {
      const counted = () => actors.shard(tenant, shard).apply(orders);
      return { shard, ...(await within(COUNTING_DEADLINE_MS, "counting", counted)) };
    } catch (error) {
      log.error("events.failed", { projection: "counters", tenant, shard, orders: orders.length, error: excerpt(error) });
      return null;
    }
  }

  return {
    name: "counters",

    async project(changes: readonly OrderChanged[]) {
      const tenants = Map.groupBy(
        changes.map(({ order }) => order),
        ({ tenant }) => tenant,
      );
      const counted = await Promise.all([...tenants].map(([tenant, own]) => countTenant(tenant, own)));
      return { durable: new Set(counted.flat().map(({ orderId }) => orderId)), rowsWritten: 0 };
    },

    async rebuild(tenant, orders) {
      const shards = [...Map.groupBy(orders, ({ order }) => shardOf(order.orderId))];
      const reports = await Promise.all(
        shards.map(async ([shard, own]) => ({ shard, ...(await actors.shard(tenant, shard).repair(own)) })),
      );
      if (reports.length > 0) await actors.hub(tenant).merge(reports);
    },
  };
}
