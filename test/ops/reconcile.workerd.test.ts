import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { breakerActor, MAX_CONCURRENT_ACTORS } from "../../src/actors/addresses.ts";
import type { TenantProfile } from "../../src/contract/profile.ts";
import { type Reconcile, Reconciliation } from "../../src/contract/reconciliation.ts";
import { calledBy } from "../../src/domain/breaker.ts";
import { shardOf } from "../../src/domain/counters.ts";
import { summarize } from "../../src/domain/order.ts";
import type { Env } from "../../src/env.ts";
import { runCron } from "../../src/ops/cron.ts";
import { ARRIVES_WITHIN_MS } from "../../src/ops/laws.ts";
import { reconcile } from "../../src/ops/reconcile.ts";
import { log } from "../../src/platform/log.ts";
import { AUDIT_SQL, auditQuery } from "../../src/projections/history/audit.ts";
import { orderIdOf, projectHistory, summary } from "../projections/history/summaries.ts";
import { totals } from "../projections/history/totals.ts";
import { answerOf, call, callWithoutHistory, expectProblem, grant, placeOrder, stateOf, stubOf } from "../support/http.ts";

const HOUR = 60 * 60_000;
/** Long enough after everything that the news of it must have arrived. */
const later = () => Date.now() + 2 * ARRIVES_WITHIN_MS;

const asked = (over: Partial<Reconcile> = {}): Reconcile => ({
  from: new Date(Date.now() - HOUR).toISOString(),
  to: new Date(Date.now() + HOUR).toISOString(),
  repair: false,
  limit: 100,
  ...over,
});

async function audit(tenant: string, over: Partial<Reconcile> = {}, bindings: Env = env): Promise<Reconciliation> {
  const report: Reconciliation = { checked: 0, unreachable: 0, differences: [], unsupported: [], unanswered: [], nextCursor: null };
  const question = asked(over);
  let cursor = over.cursor;
  for (let pages = 0; pages < 50; pages++) {
    const page = Reconciliation.parse(await reconcile(bindings, tenant, { ...question, cursor }, later()));
    report.checked += page.checked;
    report.unreachable += page.unreachable;
    report.differences.push(...page.differences);
    report.unsupported = page.unsupported;
    report.unanswered = page.unanswered;
    if (page.nextCursor === null) return report;
    cursor = page.nextCursor;
  }
  throw new Error("the pages have no end");
}

const statsOf = (tenant: string) => env.STATS_HUBS.getByName(tenant).snapshot();
const shard = (tenant: string, orderId: string) => env.STATS_SHARDS.getByName(`${tenant}/${shardOf(orderId)}`);
const corruptRow = (orderId: string, set: string) => env.HISTORY.prepare(`UPDATE orders SET ${set} WHERE order_id = ?`).bind(orderId).run();

/** Confirmed orders that history and counters know. */
async function confirmedOrders(tenant: string, count: number, changes: Parameters<typeof placeOrder>[1] = {}): Promise<string[]> {
  const before = (await statsOf(tenant)).submitted;
  const ids = await Promise.all(Array.from({ length: count }, () => placeOrder(tenant, changes)));
  await Promise.all(ids.map((id) => stubOf(id).advance({ priority: "standard", attempt: 1 })));
  const known = async () => (await totals(env.HISTORY, tenant)).reduce((sum, row) => sum + (row.status === "confirmed" ? row.count : 0), 0);
  await vi.waitFor(async () => expect(await known()).toBe(before + count), { timeout: 15_000, interval: 100 });
  return ids;
}

afterEach(() => vi.restoreAllMocks());

describe("A reconciliation", { timeout: 30_000 }, () => {
  it("finds nothing where all agree, and says who keeps no ledger", async () => {
    await confirmedOrders("rec-clean", 3);
    expect(await audit("rec-clean")).toEqual({
      checked: 3,
      unreachable: 0,
      differences: [],
      unsupported: ["payment", "fulfilment", "notification"],
      unanswered: [],
      nextCursor: null,
    });
  });

  it("reports a corrupt row, a lost row and a corrupt contribution, heals them when told to, and then finds nothing", async () => {
    const tenant = "rec-drift";
    const [row = "", lost = "", counted = "", gone = ""] = await confirmedOrders(tenant, 5);
    const { at: _, ...truth } = await statsOf(tenant);
    const ledger = await totals(env.HISTORY, tenant);
    await corruptRow(row, "status = 'failed', total = 1, customer_id = 'somebody'");
    await env.HISTORY.prepare("DELETE FROM orders WHERE order_id = ?").bind(lost).run();
    await runInDurableObject(shard(tenant, counted), (_, { storage }) => {
      storage.sql.exec("UPDATE contributions SET status = 'failed', total = 7 WHERE order_id = ?", counted);
    });
    await runInDurableObject(shard(tenant, gone), (_, { storage }) => {
      storage.sql.exec("DELETE FROM contributions WHERE order_id = ?", gone);
    });

    const found = await audit(tenant);
    expect(found.differences.toSorted((a, b) => a.what.localeCompare(b.what))).toEqual([
      {
        orderId: counted,
        law: 4,
        subject: "counters",
        what: "the order in the counters differs from its journal in status, total",
        expected: { status: "confirmed", total: 3564 },
        found: { status: "failed", total: 7 },
        repaired: false,
      },
      expect.objectContaining({
        orderId: row,
        subject: "history",
        what: "the order in the history differs from its journal in status, customerId, total",
        expected: { status: "confirmed", customerId: null, total: 3564 },
        found: { status: "failed", customerId: "somebody", total: 1 },
      }),
      expect.objectContaining({ orderId: gone, subject: "counters", what: "the order is missing from the counters" }),
      expect.objectContaining({ orderId: lost, subject: "history", what: "the order is missing from the history" }),
    ]);

    const healed = await audit(tenant, { repair: true });
    expect(healed.differences).toHaveLength(4);
    expect(healed.differences.every(({ repaired }) => repaired)).toBe(true);
    expect((await audit(tenant)).differences).toEqual([]);
    expect(await totals(env.HISTORY, tenant)).toEqual(ledger);
    expect(await statsOf(tenant)).toMatchObject(truth);
    await evictDurableObject(shard(tenant, counted));
    expect(await statsOf(tenant)).toMatchObject(truth);
  });

  it("heals a row and a contribution at versions that the order never had, and lets the order go on from there", async () => {
    const tenant = "rec-future";
    const [id = ""] = await confirmedOrders(tenant, 1);
    await corruptRow(id, "version = 99, status = 'cancelled'");
    await runInDurableObject(shard(tenant, id), (_, { storage }) => {
      storage.sql.exec("UPDATE contributions SET version = 99 WHERE order_id = ?", id);
    });
    expect((await audit(tenant, { repair: true })).differences).toHaveLength(2);
    expect((await audit(tenant)).differences).toEqual([]);
    await stubOf(id).command(tenant, { type: "ReachStage", stage: "picking", by: "shop" });
    await expect.poll(async () => (await statsOf(tenant)).byStatus.in_fulfilment, { timeout: 15_000 }).toBe(1);
  });

  it("does not write over a row that has moved on meanwhile", async () => {
    const tenant = "rec-race";
    const [id = ""] = await confirmedOrders(tenant, 1);
    const order = summarize(await stateOf(tenant, id));
    const { repairHistory } = await import("../../src/projections/history/audit.ts");
    await projectHistory(env, [{ ...order, version: order.version + 1, status: "in_fulfilment" }]);
    await repairHistory(env, [{ order, seen: order.version }]);
    expect(await totals(env.HISTORY, tenant)).toMatchObject([{ status: "in_fulfilment" }]);
  });

  it("reports rows of orders that do not exist, and leaves them for a person", async () => {
    const placedAt = Date.now();
    await projectHistory(env, [summary({ tenant: "rec-ghost", orderId: orderIdOf(31), placedAt })]);
    for (const repair of [true, false]) {
      expect((await audit("rec-ghost", { repair })).differences).toMatchObject([{ what: "there is no such order", repaired: false }]);
    }
  });

  it("gives the news of a change time to arrive", async () => {
    const tenant = "rec-young";
    const [id = ""] = await confirmedOrders(tenant, 1);
    await corruptRow(id, "version = 1, status = 'accepted'");
    const young = await reconcile(env, tenant, asked(), Date.now());
    expect(young).toMatchObject({ checked: 1, differences: [] });
    expect((await audit(tenant)).differences).toHaveLength(1);
  });

  it("goes through a period page by page, and looks at no order outside of it", async () => {
    const tenant = "rec-pages";
    const ids = await confirmedOrders(tenant, 5);
    expect((await audit(tenant, { limit: 2 })).checked).toBe(5);
    const before = { from: "2020-01-01T00:00:00Z", to: "2020-01-02T00:00:00Z" };
    expect((await audit(tenant, before)).checked).toBe(0);
    await env.HISTORY.prepare("DELETE FROM orders WHERE order_id = ?").bind(ids[0]).run();
    expect((await audit(tenant, before)).differences).toEqual([]);
    expect((await audit(tenant, { limit: 2 })).differences).toMatchObject([{ orderId: ids[0] }]);
  });

  it("finds an order that the history has lost behind a thousand that it has", async () => {
    const tenant = "rec-walk";
    const [lost = ""] = await confirmedOrders(tenant, 1);
    const before = Array.from({ length: 1_000 }, (_, n) =>
      summary({ tenant, orderId: `ord_${String(n).padStart(25, "0")}${lost.slice(-1)}`, placedAt: 1 }),
    );
    const tally = await shard(tenant, lost).apply(before);
    await env.STATS_HUBS.getByName(tenant).merge([{ shard: shardOf(lost), ...tally }]);
    await projectHistory(env, before);
    await env.HISTORY.prepare("DELETE FROM orders WHERE order_id = ?").bind(lost).run();
    const { checked, differences } = await audit(tenant);
    expect(differences).toMatchObject([{ orderId: lost, subject: "history", what: "the order is missing from the history" }]);
    expect(checked).toBe(1);
  });

  it("leaves out, and counts, orders whose actor does not answer", async () => {
    const tenant = "rec-deaf";
    const [id] = await confirmedOrders(tenant, 2);
    const getByName = (name: string) => {
      if (name === id) throw new Error("overloaded");
      return env.ORDERS.getByName(name);
    };
    const deaf: Env = Object.create(env, { ORDERS: { value: { getByName } } });
    expect(await audit(tenant, {}, deaf)).toMatchObject({ checked: 1, unreachable: 1, differences: [] });
  });
});

describe("Stock", { timeout: 30_000 }, () => {
  it("is compared per SKU and never repaired", async () => {
    const tenant = "rec-stock";
    const warehouse = env.INVENTORY.getByName(`${tenant}/85123A`);
    await warehouse.receive({ receiptId: "r1", quantity: 100 });
    const [id = ""] = await confirmedOrders(tenant, 1);
    expect(await warehouse.reservationOf(id)).toEqual({ quantity: 6, status: "committed" });
    expect((await audit(tenant)).differences).toEqual([]);
    await runInDurableObject(warehouse, (_, { storage }) => {
      storage.sql.exec("UPDATE reservations SET status = 'reserved'");
    });
    for (const repair of [true, false]) {
      expect((await audit(tenant, { repair })).differences).toMatchObject([
        { orderId: id, law: 3, subject: "inventory", found: { sku: "85123A", operation: "reserve" }, repaired: false },
      ]);
    }
  });

  it("is not asked for while somebody has paused the inventory, which is said", async () => {
    await env.BREAKERS.getByName("rec-clean/inventory").pause("ada", "stocktaking");
    expect(await audit("rec-clean")).toMatchObject({ unanswered: ["inventory"], differences: [] });
    await env.BREAKERS.getByName("rec-clean/inventory").resume("ada");
  });
});

describe("Money", { timeout: 30_000 }, () => {
  const ledger = (effects: object[]) => vi.spyOn(globalThis, "fetch").mockImplementation(async () => Response.json({ effects }));
  const withLedger: Env = Object.create(env, { PAYMENT_URL: { value: "https://payment.test" } });

  it("is compared with the provider's own ledger, and never repaired", async () => {
    const [id] = await confirmedOrders("rec-money", 1);
    ledger([{ operation: "authorize" }, { operation: "capture", amount: 3564 }]);
    expect((await audit("rec-money", {}, withLedger)).differences).toEqual([]);
    ledger([
      { operation: "capture", amount: 3564, reference: "c1" },
      { operation: "capture", amount: 3564, reference: "c2" },
    ]);
    const { differences, unsupported } = await audit("rec-money", { repair: true }, withLedger);
    expect(unsupported).not.toContain("payment");
    expect(differences).toMatchObject([
      { orderId: id, law: 2, what: "the payment provider did capture 2 times", repaired: false },
      { orderId: id, law: 2, what: "captured less refunded is 7128 minor units; an order that is confirmed owes 3564", repaired: false },
    ]);
  });

  it("is never called repaired, although the same order's row in the history was", async () => {
    const tenant = "rec-money-row";
    const [id = ""] = await confirmedOrders(tenant, 1);
    await corruptRow(id, "status = 'failed'");
    ledger([{ operation: "authorize" }]);
    const { differences } = await audit(tenant, { repair: true }, withLedger);
    expect(differences.map(({ orderId, subject, repaired }) => [orderId, subject, repaired])).toEqual([
      [id, "history", true],
      [id, "payment", false],
    ]);
    expect(await totals(env.HISTORY, tenant)).toMatchObject([{ status: "confirmed" }]);
    expect((await audit(tenant, {}, withLedger)).differences).toMatchObject([{ subject: "payment" }]);
  });

  it("is not compared when the ledger does not answer, which is said", async () => {
    await confirmedOrders("rec-mute", 1);
    vi.spyOn(globalThis, "fetch").mockRejectedValue(new Error("reset"));
    expect(await audit("rec-mute", {}, withLedger)).toMatchObject({ checked: 1, differences: [], unanswered: ["payment"] });
  });

  it("is asked while the account that the order pinned may be called, whatever the profile says now", async () => {
    const tenant = "rec-pinned";
    await confirmedOrders(tenant, 1);
    const providers: TenantProfile["providers"] = { payment: { adapter: "deployment", breaker: { sharedAs: "rec-pinned-now" } } };
    await env.PROFILES.put(tenant, JSON.stringify({ version: 1, profile: { providers } }));
    const pinned = breakerActor(env, calledBy({ tenant }, "payment").account);
    const current = breakerActor(env, calledBy({ tenant, profile: { providers } }, "payment").account);
    const asked = ledger([{ operation: "authorize" }, { operation: "capture", amount: 3564 }]);

    await current.pause("ada", "a test");
    expect(await audit(tenant, {}, withLedger)).toMatchObject({ checked: 1, differences: [], unanswered: [] });
    expect(asked).toHaveBeenCalledTimes(1);

    await current.resume("ada");
    await pinned.pause("ada", "a test");
    expect(await audit(tenant, {}, withLedger)).toMatchObject({ checked: 1, differences: [], unanswered: ["payment"] });
    expect(asked).toHaveBeenCalledTimes(1);
  });

  it("is asked for an order whose profile names one with a ledger, although another order's provider has none", async () => {
    const tenant = "rec-ledgers";
    // More than are audited at a time, so that the last one comes after an answer for the others.
    await confirmedOrders(tenant, MAX_CONCURRENT_ACTORS);
    vi.spyOn(globalThis, "fetch").mockImplementation(async () => Response.json({ reference: "r", effects: [] }));
    const providers: TenantProfile["providers"] = { payment: { adapter: "http", url: "https://pay.test" } };
    const orderId = await placeOrder(tenant, {}, { version: 1, providers });
    await stubOf(orderId).advance({ priority: "standard", attempt: 1 });
    await vi.waitFor(async () => expect((await totals(env.HISTORY, tenant))[0]?.count).toBe(MAX_CONCURRENT_ACTORS + 1), {
      timeout: 15_000,
    });
    const { differences, unsupported } = await audit(tenant);
    expect(unsupported).toContain("payment");
    expect(differences).toContainEqual(expect.objectContaining({ orderId, law: 2 }));
  });
});

describe("The nightly reconciliation", { timeout: 30_000 }, () => {
  it("looks at the day before, reports what differs, and repairs nothing", async () => {
    const tenant = "rec-night";
    const [id = ""] = await confirmedOrders(tenant, 1);
    const yesterday = Date.now() - 5 * HOUR;
    await corruptRow(id, `placed_at = ${yesterday}, status = 'failed'`);
    const warn = vi.spyOn(log, "warn");
    await runCron("17 3 * * *", env);
    expect(warn).toHaveBeenCalledWith(
      "reconcile.found",
      expect.objectContaining({ orderId: id, tenant, subject: "history", repaired: false }),
    );
    expect(await totals(env.HISTORY, tenant)).toMatchObject([{ status: "failed" }]);
  });
});

describe("POST /v1/ops/reconcile", { timeout: 30_000 }, () => {
  let key = "";
  beforeAll(async () => {
    key = await grant("rec-http");
  });
  const post = (body: object) => call("/v1/ops/reconcile", { key, body });
  const period = { from: "2026-01-01T00:00:00Z", to: "2100-01-01T00:00:00+02:00" };

  it("answers a page, and the rest by its cursor", async () => {
    await confirmedOrders("rec-http", 3);
    const first = Reconciliation.parse(await answerOf(post({ ...period, limit: 2 })));
    expect(first).toMatchObject({ checked: 2, differences: [], nextCursor: expect.any(String) });
    const second = Reconciliation.parse(await answerOf(post({ ...period, limit: 2, cursor: first.nextCursor })));
    expect(second).toMatchObject({ checked: 1, nextCursor: null });
  });

  it.each<[string, object]>([
    ["no period", {}],
    ["a period that ends before it begins", { from: period.to, to: period.from }],
    ["a time that is none", { ...period, from: "yesterday" }],
    ["too long a page", { ...period, limit: 201 }],
    ["an unknown field", { ...period, force: true }],
  ])("refuses %s", async (_, body) => {
    await expectProblem(post(body), 422, "invalid-request");
  });

  it.each(["x", "", "e30", "h.1.ord_00000000000000000000000000"])("refuses the cursor %j", async (cursor) => {
    await expectProblem(post({ ...period, cursor }), 422, "invalid-cursor");
  });

  it("says so when the history is down", async () => {
    await expectProblem(callWithoutHistory("/v1/ops/reconcile", { key, body: period }), 503, "unavailable");
  });
});

describe("The history", () => {
  it("hands out pages and finds what is missing from indexes", async () => {
    const planOf = async (sql: string, params: unknown[]) => {
      const { results } = await env.HISTORY.prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .bind(...params)
        .all<{ detail: string }>();
      return results.map(({ detail }) => detail).join("; ");
    };
    for (const after of [null, { placedAt: 1, orderId: orderIdOf(1) }]) {
      const { sql, params } = auditQuery(env.HISTORY, "shop", { from: 0, to: 2 }, after, 10).toSQL();
      expect(await planOf(sql, params)).toMatch(/^SEARCH orders USING PRIMARY KEY \(tenant=\? AND/);
    }
    expect(await planOf(AUDIT_SQL.missing, ["[]"])).toContain("SEARCH orders USING PRIMARY KEY (tenant=? AND placed_at=? AND order_id=?)");
    expect(await planOf(AUDIT_SQL.count, ["shop"])).toMatch(/SEARCH orders USING COVERING INDEX orders_by_\w+ \(tenant=\?\)/);
  });
});
