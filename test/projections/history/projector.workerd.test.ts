import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { MAX_BODY_EXCERPT, recordDeadLetter } from "../../../src/projections/history/dead-letters.ts";
import { PROJECTION_DEADLINE_MS } from "../../../src/projections/history/projector.ts";
import { listOrders } from "../../../src/projections/history/queries.ts";
import { shownVersion } from "../../support/shown.ts";
import { orderIdOf, projectHistory, summary } from "./summaries.ts";

const HISTORY = env.HISTORY;

async function stored(tenant: string) {
  const page = await listOrders(env, tenant, {}, null, 100);
  return page.outcome === "listed" ? page.orders : [];
}

describe("The projector", () => {
  it("stores an order as it was summarised", async () => {
    const order = summary({
      tenant: "whole",
      orderId: orderIdOf(10),
      status: "in_fulfilment",
      stage: "picking",
      reference: "536365",
      customerId: "17850",
      reason: "none",
      startedAt: 1_700_000_000_001,
      confirmedAt: 1_700_000_000_002,
    });
    await projectHistory(env, [order]);
    expect(await stored("whole")).toEqual([order]);
  });

  it("moves everything of an order that can change in its life", async () => {
    const placed = summary({ tenant: "moved", orderId: orderIdOf(15), status: "held", attention: "held", reason: "amount" });
    const moved = {
      ...placed,
      version: 7,
      status: "quarantined",
      stage: "packing",
      priority: "expedited",
      reason: "expired",
      attention: "quarantined",
      causeClass: "bug",
      causeFingerprint: "bug route: it threw",
      startedAt: placed.placedAt + 1,
      confirmedAt: placed.placedAt + 2,
      updatedAt: placed.placedAt + 3,
    } as const;
    await projectHistory(env, [placed]);
    await projectHistory(env, [moved]);
    expect(await stored("moved")).toEqual([moved]);
    const settled = { ...placed, version: 8, attention: null, reason: null };
    await projectHistory(env, [settled]);
    expect(await stored("moved"), "what is nothing any more is nothing there, too").toEqual([settled]);
  });

  it("keeps the highest version, whatever the order of arrival and however often it arrives", async () => {
    const at = (version: number, status: "accepted" | "processing" | "confirmed") =>
      summary({ tenant: "races", orderId: orderIdOf(20), version, status });
    await projectHistory(env, [at(2, "processing"), at(1, "accepted"), at(2, "processing")]);
    expect(await shownVersion(orderIdOf(20))).toBe(2);
    await projectHistory(env, [at(5, "confirmed")]);
    await projectHistory(env, [at(1, "accepted")]);
    expect(await stored("races")).toEqual([at(5, "confirmed")]);
  });

  it("bills two rows for a new standard order of a guest, two for its next status and none for a duplicate", async () => {
    const order = summary({ tenant: "bill", orderId: orderIdOf(30) });
    const changed = { ...order, version: 2, status: "confirmed" as const };
    expect((await projectHistory(env, [order])).rowsWritten).toBe(2);
    expect((await projectHistory(env, [changed])).rowsWritten).toBe(2);
    expect((await projectHistory(env, [changed])).rowsWritten).toBe(0);
  });

  it("writes a full delivery of 100 orders at once", async () => {
    const orders = Array.from({ length: 100 }, (_, i) => summary({ tenant: "full", orderId: orderIdOf(100 + i) }));
    expect((await projectHistory(env, orders)).rowsWritten).toBe(200);
    expect(await stored("full")).toHaveLength(100);
  });

  it("does nothing when there is nothing to do", async () => {
    expect(await projectHistory(env, [])).toEqual({ durable: new Set(), rowsWritten: 0 });
  });

  it("gives up on a database that does not answer", async () => {
    const stalled = { prepare: (sql: string) => HISTORY.prepare(sql), batch: () => new Promise(() => {}) } as unknown as D1Database;
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const outcome = projectHistory({ HISTORY: stalled }, [summary()]);
      await vi.advanceTimersByTimeAsync(PROJECTION_DEADLINE_MS);
      expect(await outcome).toEqual({ durable: new Set(), rowsWritten: 0 });
    } finally {
      vi.useRealTimers();
    }
  });

  it("lives in tables without a hidden rowid, so that a primary key is no further row", async () => {
    const { results } = await HISTORY.prepare("SELECT name, sql FROM sqlite_master WHERE name IN ('orders', 'dead_letters')").all<{
      sql: string;
    }>();
    expect(results).toHaveLength(2);
    for (const { sql } of results) expect(sql).toMatch(/WITHOUT ROWID$/);
  });
});

describe("A dead letter", () => {
  const letters = async (id: string) => (await HISTORY.prepare("SELECT * FROM dead_letters WHERE id = ?").bind(id).all()).results;

  it("is recorded once, however often it is delivered", async () => {
    const message = { id: "m1", queue: "order-events", cause: "no order id", body: { a: 1 }, receivedAt: 5 };
    await recordDeadLetter(HISTORY, message);
    await recordDeadLetter(HISTORY, { ...message, receivedAt: 6 });
    expect(await letters("m1")).toEqual([{ id: "m1", queue: "order-events", cause: "no order id", body: '{"a":1}', received_at: 5 }]);
  });

  it("keeps the beginning of a long body, and something of one that JSON cannot express", async () => {
    const circular: { self?: unknown } = {};
    circular.self = circular;
    await recordDeadLetter(HISTORY, { id: "m2", queue: "q", cause: "c", body: "\u{1f600}".repeat(5_000), receivedAt: 1 });
    await recordDeadLetter(HISTORY, { id: "m3", queue: "q", cause: "c", body: circular, receivedAt: 1 });
    await recordDeadLetter(HISTORY, { id: "m4", queue: "q", cause: "c", body: undefined, receivedAt: 1 });
    expect(await letters("m2")).toMatchObject([{ body: expect.stringMatching(new RegExp(`^.{${MAX_BODY_EXCERPT}}$`, "s")) }]);
    expect(await letters("m3")).toMatchObject([{ body: "[object Object]" }]);
    expect(await letters("m4")).toMatchObject([{ body: "[object Undefined]" }]);
  });
});
