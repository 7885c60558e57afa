import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import {
  historyVersion,
  listOrders,
  MAX_PAGE_SIZE,
  type OrderFilter,
  pageQuery,
  VERSION_SQL,
} from "../../../src/projections/history/queries.ts";
import { orderIdOf, projectHistory, summary } from "./summaries.ts";
import { totals } from "./totals.ts";

const HISTORY = env.HISTORY;
const MANY = 100_000;
/** As of the generated orders: one per second from here on. */
const EPOCH = 1_700_000_000_000;

/** A tenth expedited, a seventh failed, a guest every third, 500 customers, and four orders in each instant. */
const GENERATE = `
  WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ${MANY})
  INSERT INTO orders (order_id, tenant, version, status, priority, track, customer_id, currency, total, line_count, placed_at, updated_at)
  SELECT printf('ord_%026d', i), CASE WHEN i % 2 THEN 'busy' ELSE 'calm' END, 1,
         CASE WHEN i % 7 = 0 THEN 'failed' ELSE 'completed' END,
         CASE WHEN i % 10 = 0 OR i % 10 = 1 THEN 'expedited' ELSE 'standard' END,
         'retail', CASE WHEN i % 3 = 0 THEN NULL ELSE 'c' || (i % 500) END, 'GBP', i, 1, ${EPOCH} + (i / 4) * 1000, ${EPOCH}
  FROM n`;

/** When the i-th of them was placed. */
const placedAt = (i: number): number => EPOCH + Math.floor(i / 4) * 1_000;

/** Every way to choose one value from each list. */
const combinations = <T>(...lists: T[][]): T[][] =>
  lists.reduce<T[][]>((chosen, list) => chosen.flatMap((choice) => list.map((value) => [...choice, value])), [[]]);

const FILTERS: OrderFilter[] = combinations<Partial<OrderFilter>>(
  [{}, { status: "failed" }, { status: "completed" }],
  [{}, { priority: "expedited" }, { priority: "standard" }],
  [{}, { customer: "c7" }],
  [{}, { from: EPOCH + 1_000_000 }],
  [{}, { to: EPOCH + 9_000_000 }],
).map((parts) => Object.assign({}, ...parts) as OrderFilter);

async function planOf(query: { toSQL(): { sql: string; params: unknown[] } }): Promise<string> {
  const { sql, params } = query.toSQL();
  const { results } = await HISTORY.prepare(`EXPLAIN QUERY PLAN ${sql}`)
    .bind(...params)
    .all<{ detail: string }>();
  return results.map((row) => row.detail).join("; ");
}

async function everyPage(tenant: string, filter: OrderFilter, limit: number): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor: string | null = null; ; ) {
    const page = await listOrders(env, tenant, filter, cursor, limit);
    if (page.outcome === "refused") throw new Error(page.refusal.reason);
    ids.push(...page.orders.map((order) => order.orderId));
    if (page.next === null) return ids;
    cursor = page.next;
  }
}

describe("With 100,000 orders in history", () => {
  beforeAll(async () => {
    await HISTORY.prepare(GENERATE).run();
  });

  for (const statistics of [false, true]) {
    it(`answers every combination of filters from an index, in index order${statistics ? ", with the planner's statistics gathered" : ""}`, async () => {
      if (statistics) await HISTORY.exec("ANALYZE");
      for (const filter of FILTERS) {
        for (const after of [null, { placedAt: EPOCH + 5_000_000, orderId: orderIdOf(20_000) }]) {
          const plan = await planOf(pageQuery(HISTORY, "busy", filter, after, 51));
          const path =
            filter.customer !== undefined
              ? "INDEX orders_by_customer (tenant=? AND customer_id=?"
              : filter.status !== undefined
                ? "INDEX orders_by_status (tenant=? AND status=?"
                : filter.priority === "expedited"
                  ? "INDEX orders_by_priority (tenant=? AND priority=?"
                  : "PRIMARY KEY (tenant=?";
          expect(plan, JSON.stringify({ filter, after })).toContain(`SEARCH orders USING ${path}`);
          expect(plan).not.toContain("SCAN");
          expect(plan).not.toContain("TEMP B-TREE");
          if (after || filter.from || filter.to) expect(plan, "the range bounds the search").toMatch(/placed_at[^ ]*[<>]/);
        }
      }
    });
  }

  it("answers every combination of filters with the orders that fit, the newest first, and with no others", async () => {
    const newest = Array.from({ length: MANY }, (_, i) => MANY - 1 - i).filter((i) => i % 2 === 1);
    for (const filter of FILTERS) {
      const fits = (i: number) =>
        (filter.status === undefined || filter.status === (i % 7 === 0 ? "failed" : "completed")) &&
        (filter.priority === undefined || filter.priority === (i % 10 < 2 ? "expedited" : "standard")) &&
        (filter.customer === undefined || (i % 3 !== 0 && filter.customer === `c${i % 500}`)) &&
        placedAt(i) >= (filter.from ?? 0) &&
        placedAt(i) < (filter.to ?? Number.POSITIVE_INFINITY);
      const page = await listOrders(env, "busy", filter, null, 30);
      const shown = page.outcome === "listed" ? page.orders.map((order) => order.orderId) : page;
      expect(shown, JSON.stringify(filter)).toEqual(newest.filter(fits).slice(0, 30).map(orderIdOf));
    }
  });

  it("finds a version by primary key, and null for an order it has not seen", async () => {
    const key = { tenant: "busy", placedAt: placedAt(5), orderId: orderIdOf(5) };
    expect(await historyVersion(env, key)).toBe(1);
    expect(await historyVersion(env, { ...key, orderId: orderIdOf(MANY + 5) })).toBeNull();
    expect(await planOf({ toSQL: () => ({ sql: VERSION_SQL, params: ["x", 1, "x"] }) })).toBe(
      "SEARCH orders USING PRIMARY KEY (tenant=? AND placed_at=? AND order_id=?)",
    );
  });

  it("reads no more rows for a page than the page has", async () => {
    const { sql, params } = pageQuery(HISTORY, "busy", { customer: "c7" }, null, 21).toSQL();
    const { meta } = await HISTORY.prepare(sql)
      .bind(...params)
      .all();
    expect(meta.rows_read).toBeLessThanOrEqual(2 * 21);
  });

  it("walks all pages without missing or repeating an order, also among orders placed in the same instant", async () => {
    const filter = { customer: "c7" };
    const expected = Array.from({ length: MANY }, (_, i) => i)
      .filter((i) => i % 2 === 1 && i % 3 !== 0 && i % 500 === 7)
      .reverse()
      .map(orderIdOf);
    expect(await everyPage("busy", filter, 7)).toEqual(expected);
    const slice = { from: EPOCH + 1_000_000, to: EPOCH + 1_010_000 };
    const expectedSlice = Array.from({ length: 40 }, (_, i) => 4_000 + i).filter((i) => i % 2 === 1);
    expect(await everyPage("busy", slice, 3)).toEqual(expectedSlice.reverse().map(orderIdOf));
  });

  it("shows a tenant its own orders only, whoever made the cursor", async () => {
    const busy = await listOrders(env, "busy", {}, null, 10);
    if (busy.outcome !== "listed") throw new Error("refused");
    const calm = await listOrders(env, "calm", {}, busy.next, 10);
    expect(calm).toMatchObject({ outcome: "listed" });
    expect(calm.outcome === "listed" && calm.orders.every((order) => order.tenant === "calm")).toBe(true);
  });

  it("gives no page longer than the maximum", async () => {
    const page = await listOrders(env, "busy", {}, null, 1_000_000);
    expect(page.outcome === "listed" && page.orders.length).toBe(MAX_PAGE_SIZE);
  });
});

describe("A cursor", () => {
  it("is refused with other filters than it was made for", async () => {
    const orders = [1, 2, 3].map((n) => summary({ orderId: orderIdOf(900_000 + n), tenant: "cursors", status: "held" }));
    await projectHistory(env, orders);
    const page = await listOrders(env, "cursors", { status: "held" }, null, 1);
    if (page.outcome !== "listed" || page.next === null) throw new Error("there must be a next page");
    expect(await listOrders(env, "cursors", { status: "held" }, page.next, 1)).toMatchObject({ outcome: "listed" });
    expect(await listOrders(env, "cursors", { status: "failed" }, page.next, 1)).toMatchObject({
      outcome: "refused",
      refusal: { reason: "cursor_of_other_filters" },
    });
  });

  const madeFor = { status: "held", priority: "standard", customer: "c1", from: 1, to: 2_000_000_000_000 } as const;

  it.each<OrderFilter>([{ status: "failed" }, { priority: "expedited" }, { customer: "c2" }, { from: 2 }, { to: 2_000_000_000_001 }])(
    "is refused when one filter is %j instead, or left out",
    async (other) => {
      const tenant = "cursors-of-one";
      const orders = [1, 2].map((n) => summary({ orderId: orderIdOf(700_000 + n), tenant, status: "held", customerId: "c1" }));
      await projectHistory(env, orders);
      const page = await listOrders(env, tenant, madeFor, null, 1);
      if (page.outcome !== "listed" || page.next === null) throw new Error("there must be a next page");
      expect(await listOrders(env, tenant, madeFor, page.next, 1)).toMatchObject({ outcome: "listed", orders: [{}], next: null });
      const leftOut = Object.fromEntries(Object.keys(other).map((field) => [field, undefined]));
      for (const filter of [other, leftOut]) {
        expect(await listOrders(env, tenant, { ...madeFor, ...filter }, page.next, 1)).toMatchObject({
          outcome: "refused",
          refusal: { reason: "cursor_of_other_filters" },
        });
      }
    },
  );

  it.each(["", "x", "!!", "e30", btoa("null"), btoa('{"placedAt":-1}'), "\u{1f600}", "a".repeat(200)])(
    "is refused, not thrown at, when it is nonsense: %j",
    async (cursor) => {
      expect(await listOrders(env, "cursors", {}, cursor, 10)).toMatchObject({
        outcome: "refused",
        refusal: { reason: "cursor_invalid" },
      });
    },
  );
});

describe("Totals", () => {
  it("count and add up a tenant's orders per status and currency", async () => {
    await projectHistory(env, [
      summary({ orderId: orderIdOf(800_001), tenant: "sums", total: 5 }),
      summary({ orderId: orderIdOf(800_002), tenant: "sums", total: 7 }),
      summary({ orderId: orderIdOf(800_003), tenant: "sums", total: 9, currency: "EUR" }),
      summary({ orderId: orderIdOf(800_004), tenant: "sums", total: 11, status: "failed" }),
    ]);
    expect(await totals(HISTORY, "sums")).toEqual([
      { status: "accepted", currency: "EUR", count: 1, sum: 9 },
      { status: "accepted", currency: "GBP", count: 2, sum: 12 },
      { status: "failed", currency: "GBP", count: 1, sum: 11 },
    ]);
    expect(await totals(HISTORY, "nobody")).toEqual([]);
  });
});
