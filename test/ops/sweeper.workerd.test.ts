import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { tenantActor } from "../../src/actors/addresses.ts";
import { HOLD_MS } from "../../src/domain/progress.ts";
import { runCron } from "../../src/ops/cron.ts";
import { rangesAt, sweep } from "../../src/ops/sweeper.ts";
import { log } from "../../src/platform/log.ts";
import { OVERDUE_SQL, overdueOrders, tenantsOf } from "../../src/projections/history/overdue.ts";
import { orderIdOf, projectHistory, summary } from "../projections/history/summaries.ts";
import { placeOrder, stateOf, stubOf, withoutHistory } from "../support/http.ts";
import { rewriteJournal } from "../support/journal.ts";
import { shownVersion } from "../support/shown.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** Storage as the platform might have left it. */
const loseAlarm = (orderId: string) => runInDurableObject(stubOf(orderId), (_, { storage }) => storage.deleteAlarm());
const alarmOf = (orderId: string) => runInDurableObject(stubOf(orderId), (_, { storage }) => storage.getAlarm());

/** What the history shows of an order, as if it had been placed long ago. */
async function aged(tenant: string, orderId: string, ageMs = 10 * MINUTE, version = 1) {
  const at = Date.now() - ageMs;
  await vi.waitFor(async () => expect(await shownVersion(orderId)).not.toBeNull(), { timeout: 15_000, interval: 50 });
  const sql = "UPDATE orders SET placed_at = ?, updated_at = ?, version = ? WHERE order_id = ? AND tenant = ?";
  await env.HISTORY.prepare(sql).bind(at, at, version, orderId, tenant).run();
}

/** An order whose journal says that it was placed long ago, and which its actor has forgotten. */
async function placedLongAgo(tenant: string, ageMs = 10 * MINUTE): Promise<string> {
  const orderId = await placeOrder(tenant);
  await aged(tenant, orderId, ageMs);
  await runInDurableObject(stubOf(orderId), (_, { storage }) =>
    rewriteJournal(storage, (commit) => ({ ...commit, at: commit.at - ageMs })),
  );
  await evictDurableObject(stubOf(orderId));
  return orderId;
}

afterEach(() => vi.restoreAllMocks());

describe("A sweep", { timeout: 30_000 }, () => {
  it("finds nothing where nothing is overdue", async () => {
    await placeOrder("sweep-young");
    expect(await sweep(env, { tenant: "sweep-young" })).toMatchObject({ checked: 0, alarmLost: 0 });
  });

  it("arms the lost alarm of an order that should have moved, which then carries on by itself", async () => {
    const warn = vi.spyOn(log, "warn");
    const orderId = await placedLongAgo("sweep-lost");
    await loseAlarm(orderId);
    expect(await sweep(env, { tenant: "sweep-lost" })).toMatchObject({ checked: 1, alarmLost: 1, healthy: 0 });
    expect(warn).toHaveBeenCalledWith("sweep.found", expect.objectContaining({ orderId, tenant: "sweep-lost", found: "alarm_lost" }));
    await expect.poll(async () => (await stateOf("sweep-lost", orderId)).status, { timeout: 15_000 }).toBe("confirmed");
  });

  it("looks on the tracks of every version of a tenant's profile, since orders keep the one that they were accepted under", async () => {
    const tenant = "sweep-tracks";
    const version = (name: string, budgetMs: number) => ({
      profile: { tracks: { [name]: { firstStageWithinMs: budgetMs, stages: [{ name: "delivered", budgetMs: 0 }] } } },
      by: "ada",
      reason: "a test",
      ifVersion: null,
    });
    await tenantActor(env, tenant).put(version("cake", 60 * MINUTE));
    await tenantActor(env, tenant).put(version("bread", 5 * MINUTE));
    const shownOn = async (track: string, ageMs: number) => {
      const orderId = await placeOrder(tenant);
      await aged(tenant, orderId, ageMs);
      await env.HISTORY.prepare("UPDATE orders SET status = 'confirmed', track = ? WHERE order_id = ?").bind(track, orderId).run();
    };
    await shownOn("cake", 70 * MINUTE);
    await shownOn("cake", 30 * MINUTE);
    await shownOn("bread", 10 * MINUTE);
    expect(await sweep(env, { tenant })).toMatchObject({ checked: 2 });
  });

  it("replaces an alarm that is long overdue and never went off", async () => {
    const orderId = await placedLongAgo("sweep-stuck");
    const stuck = Date.now() - 5 * MINUTE;
    const poked = await runInDurableObject(stubOf(orderId), async (actor, { storage }) => {
      const asked = vi.spyOn(storage, "getAlarm").mockResolvedValue(stuck);
      const found = await actor.poke(1);
      asked.mockRestore();
      return found;
    });
    expect(poked).toBe("alarm_lost");
    expect(await alarmOf(orderId)).toBeGreaterThan(Date.now() - MINUTE);
  });

  it("leaves a healthy order as it was", async () => {
    const orderId = await placeOrder("sweep-healthy");
    await aged("sweep-healthy", orderId);
    const before = await alarmOf(orderId);
    expect(await sweep(env, { tenant: "sweep-healthy" })).toMatchObject({ checked: 1, healthy: 1, alarmLost: 0, historyBehind: 0 });
    expect(await alarmOf(orderId)).toBe(before);
    expect((await stateOf("sweep-healthy", orderId)).version).toBe(1);
  });

  it("publishes again what the history has missed", async () => {
    const orderId = await placedLongAgo("sweep-behind");
    await stubOf(orderId).advance({ priority: "standard", attempt: 1 });
    const { version } = await stateOf("sweep-behind", orderId);
    await vi.waitFor(async () => expect(await shownVersion(orderId)).toBe(version), { timeout: 15_000 });
    await env.HISTORY.prepare(
      "UPDATE orders SET version = 1, status = 'processing', placed_at = placed_at - ?, updated_at = updated_at - ? WHERE order_id = ?",
    )
      .bind(10 * MINUTE, 10 * MINUTE, orderId)
      .run();
    await runInDurableObject(stubOf(orderId), (_, { storage }) =>
      rewriteJournal(storage, (commit) => ({ ...commit, at: commit.at - MINUTE })),
    );
    await evictDurableObject(stubOf(orderId));
    expect(await sweep(env, { tenant: "sweep-behind" })).toMatchObject({ checked: 1, historyBehind: 1 });
    await expect.poll(() => shownVersion(orderId), { timeout: 15_000 }).toBe(version);
  });

  it("counts orders that nobody knows as unreachable", async () => {
    const at = Date.now() - 10 * MINUTE;
    await projectHistory(env, [summary({ orderId: orderIdOf(77), tenant: "sweep-ghost", placedAt: at, updatedAt: at })]);
    expect(await sweep(env, { tenant: "sweep-ghost" })).toMatchObject({ checked: 1, unreachable: 1 });
  });

  it("goes on past an order that cannot be reached, and says which one it was", async () => {
    const tenant = "sweep-deaf";
    const [deaf, lost] = [await placedLongAgo(tenant, 20 * MINUTE), await placedLongAgo(tenant)];
    await loseAlarm(lost);
    const getByName = (name: string) => (name === deaf ? { poke: () => Promise.reject(new Error("overloaded")) } : stubOf(name));
    const warn = vi.spyOn(log, "warn");
    const report = await sweep(Object.create(env, { ORDERS: { value: { getByName } } }), { tenant });
    expect(report).toMatchObject({ checked: 2, unreachable: 1, alarmLost: 1, healthy: 0 });
    expect(await alarmOf(lost)).not.toBeNull();
    expect(warn).toHaveBeenCalledWith("sweep.found", expect.objectContaining({ orderId: deaf, tenant, found: "unreachable" }));
  });

  it("looks at every tenant when the clock starts it, and logs what it did", async () => {
    const info = vi.spyOn(log, "info");
    const orderId = await placedLongAgo("sweep-cron");
    await loseAlarm(orderId);
    await runCron("*/5 * * * *", env);
    expect(info).toHaveBeenCalledWith("sweep.done", expect.objectContaining({ checked: expect.any(Number), alarmLost: 1 }));
    expect(await alarmOf(orderId)).not.toBeNull();
  });

  it("does not throw when the history is down, but says so", async () => {
    const error = vi.spyOn(log, "error");
    await runCron("*/5 * * * *", withoutHistory);
    expect(error).toHaveBeenCalledWith("cron.failed", expect.objectContaining({ cron: "*/5 * * * *" }));
  });
});

describe("What counts as overdue", () => {
  const NOW = 1_800_000_000_000;
  let count = 0;
  const shown = async (over: Parameters<typeof summary>[0]) => {
    const tenant = `overdue-${++count}`;
    await projectHistory(env, [summary({ orderId: orderIdOf(1_000 + count), tenant, ...over })]);
    return (
      (
        await overdueOrders(
          env,
          tenant,
          rangesAt(NOW, () => 0.5),
          10,
        )
      ).length === 1
    );
  };
  const since = (ms: number) => ({ placedAt: NOW - ms, updatedAt: NOW - ms });

  it.each(["accepted", "processing", "cancelling"] as const)("is an order that is %s for more than five minutes", async (status) => {
    expect(await shown({ status, ...since(6 * MINUTE) })).toBe(true);
    expect(await shown({ status, ...since(4 * MINUTE) })).toBe(false);
    expect(await shown({ status, placedAt: NOW - 60 * MINUTE, updatedAt: NOW - MINUTE })).toBe(false);
    expect(await shown({ status, ...since(30 * DAY) })).toBe(true);
  });

  it("is a held order whose deadline has passed", async () => {
    expect(await shown({ status: "held", attention: "held", ...since(HOLD_MS + 5 * MINUTE) })).toBe(true);
    expect(await shown({ status: "held", attention: "held", ...since(HOLD_MS - 5 * MINUTE) })).toBe(false);
  });

  it("is an order whose stage has no budget left by its own track, unless that was noticed", async () => {
    expect(await shown({ status: "confirmed", track: "bakery", ...since(15 * MINUTE) })).toBe(true);
    expect(await shown({ status: "confirmed", track: "retail", ...since(15 * MINUTE) })).toBe(false);
    expect(await shown({ status: "confirmed", track: "retail", ...since(25 * 60 * MINUTE) })).toBe(true);
    expect(await shown({ status: "confirmed", track: "bakery", attention: "stage_overran", ...since(15 * MINUTE) })).toBe(false);
    expect(await shown({ status: "in_fulfilment", track: "bakery", ...since(5 * 60 * MINUTE) })).toBe(true);
    expect(await shown({ status: "in_fulfilment", track: "bakery", placedAt: NOW - 5 * 60 * MINUTE, updatedAt: NOW - MINUTE })).toBe(false);
  });

  it("is an order whose goods were late for days, and whose next stage is over, too, by now", async () => {
    expect(await shown({ status: "in_fulfilment", track: "bakery", placedAt: NOW - 30 * DAY, updatedAt: NOW - 5 * 60 * MINUTE })).toBe(
      true,
    );
    expect(await shown({ status: "in_fulfilment", track: "bakery", placedAt: NOW - 30 * DAY, updatedAt: NOW - MINUTE })).toBe(false);
    expect(await shown({ status: "in_fulfilment", track: "bakery", attention: "stage_overran", ...since(30 * DAY) })).toBe(false);
  });

  it.each(["completed", "cancelled", "failed", "quarantined"] as const)("is no order that is %s", async (status) => {
    expect(await shown({ status, ...since(30 * DAY) })).toBe(false);
  });

  it("is looked for from the oldest and from anywhere, so that many healthy orders hide no lost one", () => {
    const [oldest, anywhere] = rangesAt(NOW, () => 0.25);
    expect(oldest).toMatchObject({ status: "accepted", from: 0, to: NOW - 5 * MINUTE });
    expect(anywhere).toEqual({ ...oldest, from: NOW - 5 * MINUTE - DAY / 2 });
  });

  it("is found by index ranges, and tenants by one seek each", async () => {
    const planOf = async (sql: string, ...bindings: unknown[]) => {
      const asked = env.HISTORY.prepare(`EXPLAIN QUERY PLAN ${sql}`).bind(...bindings);
      return (await asked.all<{ detail: string }>()).results.map(({ detail }) => detail).join("; ");
    };
    const overdue = await planOf(OVERDUE_SQL.overdue, "shop", "accepted", 0, 1, 1, null, 10);
    expect(overdue).toContain("SEARCH orders USING INDEX orders_by_status (tenant=? AND status=? AND placed_at>? AND placed_at<?)");
    expect(overdue).not.toMatch(/SCAN orders|TEMP B-TREE/);
    const tenants = await planOf(OVERDUE_SQL.tenants, 10);
    expect(tenants).toMatch(/SEARCH orders USING COVERING INDEX orders_by_\w+ \(tenant>\?\)/);
    expect(tenants).not.toContain("SCAN orders");
  });

  it("belongs to any tenant of the history, each named once", async () => {
    await projectHistory(
      env,
      [5, 6, 7].map((n) => summary({ orderId: orderIdOf(n), tenant: n === 7 ? "zz-2" : "zz-1" })),
    );
    expect((await tenantsOf(env, 1_000)).slice(-2)).toEqual(["zz-1", "zz-2"]);
    expect(await tenantsOf(env, 1)).toHaveLength(1);
  });
});
