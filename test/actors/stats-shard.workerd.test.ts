import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { StatsShard } from "../../src/actors/stats-shard.ts";
import type { OrderSummary } from "../../src/contract/order.ts";
import { orderIdOf, summary } from "../projections/history/summaries.ts";

const shard = (name: string) => env.STATS_SHARDS.getByName(name);
const now = Date.now();

/** Neither table has an index, so a row changed is a row billed. */
const rowsWritten = (stub: DurableObjectStub<StatsShard>, orders: OrderSummary[]) =>
  runInDurableObject(stub, (instance, { storage }) => {
    const changes = () => storage.sql.exec<{ total: number }>("SELECT total_changes() AS total").one().total;
    const before = changes();
    instance.apply(orders);
    return changes() - before;
  });

describe("A shard of the counters", () => {
  it("remembers after an eviction what each order counts for", async () => {
    const stub = shard("acme/evicted");
    await stub.apply([summary({ version: 1, placedAt: now, startedAt: now })]);
    const before = await stub.read();
    await evictDurableObject(stub);
    expect(await stub.read()).toEqual(before);
    await stub.apply([summary({ version: 1, placedAt: now, startedAt: now })]);
    await evictDurableObject(stub);
    const { tally } = await stub.apply([summary({ version: 2, status: "failed", placedAt: now, startedAt: now })]);
    expect(tally.orders).toEqual({ standard: { failed: 1 } });
    const [slice] = Object.values(tally.slices);
    expect(slice).toMatchObject({ submitted: 1, confirmed: 0 });
    expect(Object.values(slice?.waiting.standard ?? {})).toEqual([1]);
  });

  it("writes one row per order and one for the tally, and none at all for a duplicate", async () => {
    const stub = shard("acme/rows");
    const orders: OrderSummary[] = Array.from({ length: 100 }, (_, i) => summary({ orderId: orderIdOf(i) }));
    await stub.read();
    expect(await rowsWritten(stub, orders)).toBe(101);
    expect(await rowsWritten(stub, orders)).toBe(0);
    expect(
      await rowsWritten(
        stub,
        orders.slice(0, 3).map((order) => ({ ...order, version: 2 })),
      ),
    ).toBe(4);
  });
});
