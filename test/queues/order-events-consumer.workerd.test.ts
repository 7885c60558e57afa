import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { OrderSummary } from "../../src/contract/order.ts";
import { SHARDS, shardOf } from "../../src/domain/counters.ts";
import type { Env } from "../../src/env.ts";
import { log } from "../../src/platform/log.ts";
import { consumeOrderEvents } from "../../src/queues/order-events-consumer.ts";
import { orderIdOf, summary } from "../projections/history/summaries.ts";
import { totals } from "../projections/history/totals.ts";
import { type Delivery, deliver as deliverTo } from "../support/deliver.ts";
import { shownVersion } from "../support/shown.ts";

const deliver = (deliveries: readonly Delivery[], bindings: Env = env) =>
  deliverTo(consumeOrderEvents, "order-events", deliveries, bindings);

const changed = (...orders: OrderSummary[]): Delivery[] => orders.map((order) => ({ body: { changes: [{ order, commits: [] }] } }));

const brokenHistory = {
  ...env,
  HISTORY: {
    prepare: (sql: string) => env.HISTORY.prepare(sql),
    batch: () => Promise.reject(new Error("D1_ERROR: storage caused object to be reset")),
  } as unknown as D1Database,
};

/** Bindings whose actors of the given name, or of a tenant's hub, do not answer. */
function withoutActor(namespace: "STATS_SHARDS" | "STATS_HUBS", name: string): Env {
  const real = env[namespace];
  const getByName = (asked: string) => {
    if (asked === name) throw new Error("Durable Object is overloaded");
    return (real as DurableObjectNamespace).getByName(asked);
  };
  return { ...env, [namespace]: { getByName } };
}

const statsOf = (tenant: string) => env.STATS_HUBS.getByName(tenant).snapshot();
const letters = async () => (await env.HISTORY.prepare("SELECT * FROM dead_letters ORDER BY id").all()).results;

afterEach(() => vi.restoreAllMocks());

describe("The consumer of the order events", () => {
  it("brings counters and history up to the highest versions and acknowledges every message", async () => {
    const a = summary({ tenant: "all", orderId: orderIdOf(1) });
    const b = summary({ tenant: "all", orderId: orderIdOf(2), status: "failed" });
    const deliveries = changed({ ...a, version: 3, status: "confirmed" }, a, b, { ...a, version: 2, status: "processing" });
    expect(await deliver(deliveries)).toEqual({ acked: ["m0", "m1", "m2", "m3"], retried: {} });
    expect(await statsOf("all")).toMatchObject({ submitted: 2, processed: 1, failed: 1, revenue: { GBP: 1_000 } });
    expect(await shownVersion(a.orderId)).toBe(3);
  });

  it("changes nothing when everything is delivered again", async () => {
    const deliveries = changed(...[1, 2, 3].map((n) => summary({ tenant: "again", orderId: orderIdOf(100 + n) })));
    await deliver(deliveries);
    const { at: _, ...before } = await statsOf("again");
    expect(await deliver(deliveries)).toEqual({ acked: ["m0", "m1", "m2"], retried: {} });
    expect(await statsOf("again")).toMatchObject(before);
  });

  it("retries all of it while D1 fails, with the counters ahead, and the history catches up afterwards", async () => {
    const deliveries = changed(...[1, 2].map((n) => summary({ tenant: "outage", orderId: orderIdOf(200 + n) })));
    expect(await deliver(deliveries, brokenHistory)).toEqual({ acked: [], retried: { m0: 2, m1: 2 } });
    expect((await statsOf("outage")).submitted).toBe(2);
    expect(await totals(env.HISTORY, "outage")).toEqual([]);
    expect(await deliver(deliveries)).toEqual({ acked: ["m0", "m1"], retried: {} });
    expect((await statsOf("outage")).submitted).toBe(2);
    expect(await totals(env.HISTORY, "outage")).toMatchObject([{ count: 2, sum: 2_000 }]);
  });

  it("does not let the history run ahead of the counters, nor a failing tenant hold back the others", async () => {
    const stuck = summary({ tenant: "stuck", orderId: orderIdOf(301) });
    const free = summary({ tenant: "free", orderId: orderIdOf(302) });
    const bindings = withoutActor("STATS_HUBS", "stuck");
    expect(await deliver(changed(stuck, free, { ...stuck, version: 2 }), bindings)).toEqual({ acked: ["m1"], retried: { m0: 2, m2: 2 } });
    expect(await shownVersion(stuck.orderId)).toBeNull();
    expect(await shownVersion(free.orderId)).toBe(1);
    expect(await deliver(changed(stuck, { ...stuck, version: 2 }))).toEqual({ acked: ["m0", "m1"], retried: {} });
    expect(await statsOf("stuck")).toMatchObject({ submitted: 1 });
    expect(await shownVersion(stuck.orderId)).toBe(2);
  });

  it("does not let a failing shard hold back the others", async () => {
    const orders = Array.from({ length: SHARDS }, (_, i) => summary({ tenant: "shards", orderId: orderIdOf(400 + i) }));
    const failing = shardOf(orderIdOf(401));
    const { acked, retried } = await deliver(changed(...orders), withoutActor("STATS_SHARDS", `shards/${failing}`));
    expect(retried).toEqual(Object.fromEntries(orders.flatMap(({ orderId }, i) => (shardOf(orderId) === failing ? [[`m${i}`, 2]] : []))));
    expect(acked.length).toBe(orders.length - Object.keys(retried).length);
    expect((await statsOf("shards")).submitted).toBe(acked.length);
  });

  it("puts aside what it cannot read, once, and carries on with the rest", async () => {
    const good = summary({ tenant: "poison", orderId: orderIdOf(501) });
    const deliveries = [{ body: "nonsense" }, ...changed(good), { body: { order: { ...good, version: 0 }, commits: [] } }, { body: null }];
    expect(await deliver(deliveries)).toEqual({ acked: ["m0", "m1", "m2", "m3"], retried: {} });
    expect(await deliver(deliveries)).toEqual({ acked: ["m0", "m1", "m2", "m3"], retried: {} });
    expect(await letters()).toMatchObject([
      { id: "m0", queue: "order-events", body: '"nonsense"', received_at: 1_700_000_000_000 },
      { id: "m2", cause: expect.stringContaining("order.version") },
      { id: "m3", body: "null" },
    ]);
    expect((await statsOf("poison")).submitted).toBe(1);
  });

  it("keeps an unreadable message in the queue until it can be put aside", async () => {
    const broken = {
      ...env,
      HISTORY: {
        prepare: () => {
          throw new Error("D1 is down");
        },
      } as unknown as D1Database,
    };
    expect(await deliver([{ body: "nonsense", attempts: 3 }], broken)).toEqual({ acked: [], retried: { m0: 8 } });
  });

  it("waits longer with every attempt, up to five minutes", async () => {
    const order = summary({ tenant: "patient", orderId: orderIdOf(601) });
    const deliveries = [1, 2, 5, 9, 100].map((attempts) => ({ body: { order, commits: [] }, attempts }));
    expect((await deliver(deliveries, brokenHistory)).retried).toEqual({ m0: 2, m1: 4, m2: 32, m3: 300, m4: 300 });
  });

  it("has nothing to do for an empty delivery", async () => {
    expect(await deliver([])).toEqual({ acked: [], retried: {} });
  });

  it("logs what it did and what it is billed for, and no more of an unreadable message than its id", async () => {
    const info = vi.spyOn(log, "info");
    const error = vi.spyOn(log, "error");
    const order = summary({ tenant: "logged", orderId: orderIdOf(701) });
    await deliver([...changed(order, order), { body: "ada@example.com" }], { ...env, METER: "true" });
    expect(error).toHaveBeenCalledWith("events.poison", expect.objectContaining({ messageId: "m2" }));
    expect(JSON.stringify([...info.mock.calls, ...error.mock.calls])).not.toContain("ada@");
    expect(info).toHaveBeenCalledWith("events.projected", expect.objectContaining({ messages: 2, orders: 1, rowsWritten: 2 }));
    expect(info).toHaveBeenCalledWith("units", { source: "order-events", queueOperations: 9 });
    expect(info).toHaveBeenCalledWith("units", { source: "D1", rowsRead: expect.any(Number), rowsWritten: 2 });
  });
});
