import { applyD1Migrations, type D1Migration } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { Attention, OrderStatus, type OrderSummary, Priority } from "../../../src/contract/order.ts";
import { log } from "../../../src/platform/log.ts";
import { parkedGroups, parkedOrders, waitingFor } from "../../../src/projections/history/attention.ts";
import { auditPage, countOrdersOf, missingOrders, repairHistory } from "../../../src/projections/history/audit.ts";
import { databasesOf } from "../../../src/projections/history/databases.ts";
import { overdueOrders, tenantsOf } from "../../../src/projections/history/overdue.ts";
import { historyVersion, listOrders, type OrderFilter, type OrderPage } from "../../../src/projections/history/queries.ts";
import { chance, drawsFor, whole } from "../../chaos/random.ts";
import { orderIdOf, projectHistory, summary } from "./summaries.ts";
import { totals } from "./totals.ts";

const { MIGRATIONS, PART_1, PART_2, PART_3, PART_4 } = env as unknown as { MIGRATIONS: D1Migration[] } & Record<string, D1Database>;
const parts = [PART_1, PART_2, PART_3, PART_4] as D1Database[];

const EPOCH = 1_700_000_000_000;
const GROWN_AT = EPOCH + 400;
const ORDERS = 600;

/** The same orders, once in one database, and once in one until it was full and in four from then on. */
const one = { HISTORY: env.HISTORY };
const several = {
  HISTORY: parts[0] as D1Database,
  HISTORY_2: parts[1] as D1Database,
  HISTORY_3: parts[2] as D1Database,
  HISTORY_4: parts[3] as D1Database,
  HISTORY_PARTITIONS: JSON.stringify([
    { from: new Date(GROWN_AT).toISOString(), databases: ["HISTORY", "HISTORY_2", "HISTORY_3", "HISTORY_4"] },
  ]),
};

const draw = drawsFor(1, "several databases");
const pick = <Option>(options: readonly Option[]): Option => options[whole(draw, 0, options.length - 1)] as Option;
const CAUSES = ["bug run Error", "poison route 400", "provider_down payment 503"];

/** Four in each instant on average, so that the order among those of one instant shows. */
const orders: OrderSummary[] = Array.from({ length: ORDERS }, (_, n) => {
  const placedAt = EPOCH + whole(draw, 0, ORDERS / 4) * 4;
  const attention = chance(draw, 0.4) ? pick(Attention.options) : null;
  return summary({
    orderId: orderIdOf(n),
    tenant: pick(["shop", "shop", "bakery"]),
    status: pick(OrderStatus.options),
    priority: pick(Priority.options),
    customerId: chance(draw, 0.7) ? `c${whole(draw, 1, 9)}` : null,
    attention,
    causeFingerprint: attention === "quarantined" ? pick(CAUSES) : null,
    placedAt,
    updatedAt: placedAt,
  });
});

/** All pages of a list. */
async function pagesOf(bindings: typeof one, filter: OrderFilter, limit: number): Promise<string[][]> {
  const pages: string[][] = [];
  for (let cursor: string | null = null; ; ) {
    const page: OrderPage = await listOrders(bindings, "shop", filter, cursor, limit);
    if (page.outcome === "refused") throw new Error(page.refusal.reason);
    pages.push(page.orders.map(({ orderId }) => orderId));
    if (page.next === null) return pages;
    cursor = page.next;
  }
}

describe("A history over several databases", () => {
  beforeAll(async () => {
    for (const part of parts) await applyD1Migrations(part, MIGRATIONS);
    for (const bindings of [one, several]) {
      const { durable } = await projectHistory(bindings, orders);
      expect(durable.size).toBe(ORDERS);
    }
  });

  it("has each order in one of them: the older ones in the first, the others in all alike", async () => {
    const counts = await Promise.all(parts.map(async (part) => (await totals(part, "shop")).reduce((sum, { count }) => sum + count, 0)));
    expect(counts.reduce((sum, count) => sum + count)).toBe(orders.filter(({ tenant }) => tenant === "shop").length);
    expect(Math.min(...counts)).toBeGreaterThan(10);
    for (const order of orders.filter(({ placedAt }) => placedAt < GROWN_AT)) expect(databasesOf(several).of(order)).toBe(parts[0]);
  });

  const filters: OrderFilter[] = [
    {},
    { status: "confirmed" },
    { priority: "expedited" },
    { priority: "standard" },
    { customer: "c3" },
    { customer: "c3", status: "failed" },
    { from: GROWN_AT - 40, to: GROWN_AT + 40 },
    { to: GROWN_AT },
  ];

  it.each(filters)("is listed page by page as one database is: %j", async (filter) => {
    for (const limit of [7, 200]) expect(await pagesOf(several, filter, limit)).toEqual(await pagesOf(one, filter, limit));
  });

  it("answers every other question as one database does", async () => {
    const period = { from: EPOCH + 20, to: EPOCH + 700 };
    const range = { status: "processing" as const, track: null, from: 0, to: EPOCH + 10_000, unchangedSince: EPOCH + 10_000 };
    const keys = Array.from({ length: 50 }, (_, n) => ({
      ...(orders[n] as OrderSummary),
      ...(n % 5 === 0 && { orderId: orderIdOf(9_000 + n) }),
    }));
    const answers = async (bindings: typeof one) => ({
      groups: await parkedGroups(bindings, "shop"),
      parked: await parkedOrders(bindings, "shop", {}, 1_000),
      ofOneClass: await parkedOrders(bindings, "shop", { causeClass: "poison" }, 1_000),
      held: await waitingFor(bindings, "shop", "held"),
      overran: await waitingFor(bindings, "bakery", "stage_overran"),
      tenants: await tenantsOf(bindings, 10),
      overdue: new Set((await overdueOrders(bindings, "shop", [range], 1_000)).map(({ orderId }) => orderId)),
      audited: (await auditPage(bindings, "shop", period, null, 300)).map(({ orderId }) => orderId),
      auditedAfter: (await auditPage(bindings, "shop", period, orders[3] as OrderSummary, 30)).map(({ orderId }) => orderId),
      kept: await countOrdersOf(bindings, "shop"),
      missing: (await missingOrders(bindings, keys)).sort(),
      versions: await Promise.all(keys.map((key) => historyVersion(bindings, key))),
    });
    expect(await answers(several)).toEqual(await answers(one));
  });

  it("repairs each order where its row lies", async () => {
    const wrong = orders.slice(0, 12).map((order) => ({ order: { ...order, version: 3, reference: "repaired" }, seen: order.version }));
    await repairHistory(several, wrong);
    expect(await Promise.all(wrong.map(({ order }) => historyVersion(several, order)))).toEqual(wrong.map(() => 3));
    expect(await countOrdersOf(several, "shop")).toBe(await countOrdersOf(one, "shop"));
  });

  it("takes the orders of the others when one database is down, and says which it did not take", async () => {
    const down = {
      prepare: () => parts[1]?.prepare("SELECT 1"),
      batch: () => Promise.reject(new Error("D1 is down")),
    } as unknown as D1Database;
    const error = vi.spyOn(log, "error").mockReturnValue();
    const broken = { ...several, HISTORY_2: down };
    const late = orders.filter(({ placedAt }) => placedAt >= GROWN_AT).map((order) => ({ ...order, version: 9 }));
    const { durable } = await projectHistory(broken, late);
    const lost = late.filter(({ orderId }) => !durable.has(orderId));
    expect(lost.length).toBeGreaterThan(0);
    expect(lost.length).toBeLessThan(late.length / 2);
    for (const order of lost) expect(databasesOf(broken).of(order)).toBe(down);
    expect(error).toHaveBeenCalledOnce();
  });
});
