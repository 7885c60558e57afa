import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OrderStatus, type OrderSummary, Priority } from "../../src/contract/order.ts";
import { StatsSnapshot, Tally } from "../../src/contract/stats.ts";
import {
  type Contribution,
  contributionOf,
  countOrders,
  emptyTally,
  isQuiet,
  mergeTallies,
  recount,
  SHARDS,
  shardOf,
  snapshot,
} from "../../src/domain/counters.ts";
import { orderIdOf, summary } from "../projections/history/summaries.ts";

const NOW = 1_700_000_000_000;
const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** A shard without its actor: the tally and the contributions that belong to it. */
class Shard {
  tally = emptyTally();
  readonly contributions = new Map<string, Contribution>();
  changes = 0;

  take(orders: OrderSummary[], now = NOW): this {
    const { tally, changed } = countOrders(this.tally, this.contributions, orders, now);
    this.tally = tally;
    for (const [id, contribution] of changed) this.contributions.set(id, contribution);
    this.changes += changed.size;
    return this;
  }

  shown(now = NOW): StatsSnapshot {
    return snapshot(this.tally, now);
  }
}

const counted = (orders: OrderSummary[], now = NOW) => new Shard().take(orders, now);

/** What the counters must be, told from the highest versions alone. */
function naive(orders: OrderSummary[]): Pick<StatsSnapshot, "submitted" | "byStatus" | "revenue"> {
  const highest = new Map<string, OrderSummary>();
  for (const order of orders) if (order.version > (highest.get(order.orderId)?.version ?? 0)) highest.set(order.orderId, order);
  const last = [...highest.values()];
  const processed = last.filter((order) => ["confirmed", "in_fulfilment", "completed"].includes(order.status) && order.total > 0);
  const revenue: Record<string, number> = {};
  for (const { currency, total } of processed) revenue[currency] = (revenue[currency] ?? 0) + total;
  return {
    submitted: last.length,
    byStatus: Object.fromEntries(
      OrderStatus.options.map((status) => [status, last.filter((order) => order.status === status).length]),
    ) as StatsSnapshot["byStatus"],
    revenue,
  };
}

/** Histories as the actors write them: once an order has started or is confirmed, its times and priority stay. */
const history = fc
  .record({
    id: fc.integer({ min: 0, max: 5 }),
    total: fc.integer({ min: 0, max: 10_000 }),
    currency: fc.constantFrom("GBP", "EUR"),
    priorities: fc.tuple(fc.constantFrom(...Priority.options), fc.constantFrom(...Priority.options)),
    statuses: fc.array(fc.constantFrom(...OrderStatus.options), { minLength: 1, maxLength: 6 }),
    started: fc.integer({ min: 0, max: 6 }),
    confirmed: fc.integer({ min: 0, max: 6 }),
    age: fc.integer({ min: 0, max: 400 * SECOND }),
    waited: fc.integer({ min: 0, max: 100 * SECOND }),
  })
  .map(({ id, total, currency, priorities, statuses, started, confirmed, age, waited }) =>
    statuses.map((status, i) =>
      summary({
        orderId: orderIdOf(id),
        version: i + 1,
        status,
        priority: priorities[i < started ? 0 : 1],
        total,
        currency,
        placedAt: NOW - age,
        startedAt: i >= started ? Math.min(NOW, NOW - age + waited) : null,
        confirmedAt: i >= confirmed ? NOW - Math.floor(age / 2) : null,
      }),
    ),
  );
const histories = fc.uniqueArray(history, { maxLength: 6, selector: (versions) => versions[0]?.orderId }).map((all) => all.flat());

describe("Counters", () => {
  it("are those of the highest versions, in whatever order, batches and number of copies these arrive", () => {
    fc.assert(
      fc.property(histories, fc.gen(), (orders, gen) => {
        const inOrder = counted(orders).tally;
        const copies = [...orders, ...gen(fc.subarray, orders), ...gen(fc.subarray, orders)];
        const shuffled = gen(fc.shuffledSubarray, copies, { minLength: copies.length });
        const shard = new Shard();
        for (let i = 0; i < shuffled.length; ) {
          const size = gen(fc.integer, { min: 1, max: 7 });
          shard.take(shuffled.slice(i, i + size));
          i += size;
        }
        expect(shard.tally).toEqual(inOrder);
        expect(shard.shown()).toMatchObject(naive(orders));
        expect(shard.shown().revenue).toEqual(naive(orders).revenue);
        Tally.parse(shard.tally);
        StatsSnapshot.parse(shard.shown());
      }),
    );
  });

  it("are the same however the orders are spread over shards", () => {
    fc.assert(
      fc.property(histories, (orders) => {
        const shards = Array.from({ length: SHARDS }, (_, shard) => counted(orders.filter((order) => shardOf(order.orderId) === shard)));
        const merged = mergeTallies(shards.map((shard) => shard.tally));
        expect(merged).toEqual(counted(orders).tally);
      }),
    );
  });

  it("sum to the number of orders, by status and by outcome of each priority", () => {
    fc.assert(
      fc.property(histories, (orders) => {
        const { submitted, byStatus, byPriority, processed, failed, cancelled, pending, quarantined } = counted(orders).shown();
        const sum = (counts: Record<string, number>) => Object.values(counts).reduce((a, b) => a + b, 0);
        expect(sum(byStatus)).toBe(submitted);
        expect(sum(byPriority.expedited) + sum(byPriority.standard)).toBe(submitted);
        expect(processed + failed + cancelled + pending + quarantined).toBe(submitted);
      }),
    );
  });

  it("put every status into one outcome", () => {
    const shown = counted(OrderStatus.options.map((status, i) => summary({ orderId: orderIdOf(i), status }))).shown();
    expect(shown).toMatchObject({ submitted: 10, processed: 3, pending: 4, failed: 1, cancelled: 1, quarantined: 1 });
  });

  it("take back what an order counted for before", () => {
    const shard = counted([summary({ status: "confirmed", version: 2, total: 500 })]);
    expect(shard.shown()).toMatchObject({ processed: 1, revenue: { GBP: 500 } });
    shard.take([summary({ status: "cancelled", version: 3, total: 500 })]);
    expect(shard.shown()).toMatchObject({ submitted: 1, processed: 0, cancelled: 1, revenue: {} });
  });

  it("move an order that is promoted to the other priority", () => {
    const shard = counted([summary({ version: 1 }), summary({ version: 2, priority: "expedited" })]);
    expect(shard.shown().byPriority).toMatchObject({ standard: { pending: 0 }, expedited: { pending: 1 } });
  });

  it("are not touched by a duplicate or an older version, and leave the tally given as it was", () => {
    const shard = counted([summary({ version: 5 })]);
    const before = structuredClone(shard.tally);
    shard.take([summary({ version: 5 }), summary({ version: 1, status: "failed" })]);
    expect(shard.tally).toEqual(before);
    expect(shard.changes).toBe(1);
  });

  it("count an order that is much older than the rates reach back", () => {
    const shown = counted([summary({ placedAt: NOW - 10 * MINUTE })]).shown();
    expect(shown.submitted).toBe(1);
    expect(shown.throughput.submittedPerMinute).toBe(0);
  });
});

describe("Throughput", () => {
  const orders = Array.from({ length: 60 }, (_, i) =>
    summary({ orderId: orderIdOf(i), placedAt: NOW - i * SECOND, confirmedAt: i % 2 ? NOW - i * SECOND : null }),
  );

  it("is that of the last minute, and falls to nothing as time goes by without another order", () => {
    const shard = counted(orders);
    expect(shard.shown().throughput).toEqual({ submittedPerMinute: 60, confirmedPerMinute: 30 });
    expect(shard.shown(NOW + 30 * SECOND).throughput).toEqual({ submittedPerMinute: 31, confirmedPerMinute: 15 });
    expect(shard.shown(NOW + 2 * MINUTE).throughput).toEqual({ submittedPerMinute: 0, confirmedPerMinute: 0 });
  });

  it("counts an order in the minute it was placed in, however late it is heard of", () => {
    const shard = counted(orders, NOW + 3 * MINUTE);
    expect(shard.shown(NOW + 3 * MINUTE).throughput.submittedPerMinute).toBe(0);
    expect(shard.shown(NOW).throughput.submittedPerMinute).toBe(60);
  });

  it("ignores a clock that is far ahead, and keeps no more slices than its ring has", () => {
    const shard = counted([summary({ placedAt: NOW + 60 * MINUTE })]);
    expect(shard.tally.slices).toEqual({});
    for (let i = 0; i < 1_000; i++) shard.take([summary({ orderId: orderIdOf(i), placedAt: NOW + i * SECOND })], NOW + i * SECOND);
    expect(Object.keys(shard.tally.slices).length).toBeLessThanOrEqual(31);
  });
});

describe("Waiting time", () => {
  /** From a millisecond to hours, each magnitude as likely as the others: of all doubles most are next to nothing. */
  const waiting = fc.integer({ min: 0, max: 700 }).map((hundredths) => Math.round(10 ** (hundredths / 100)));

  it("is null for a priority of which no order has started lately", () => {
    const shard = counted([summary({ placedAt: NOW - 2 * SECOND, startedAt: NOW - SECOND })]);
    expect(shard.shown().waiting.expedited).toEqual({ p50Ms: null, p95Ms: null });
    expect(shard.shown().waiting.standard.p50Ms).not.toBeNull();
    expect(shard.shown(NOW + 6 * MINUTE).waiting.standard).toEqual({ p50Ms: null, p95Ms: null });
  });

  it("is right within 10 % and the rounding to whole milliseconds, over seven orders of magnitude", () => {
    fc.assert(
      fc.property(waiting, (waited) => {
        const { p50Ms } = counted([summary({ placedAt: NOW - waited, startedAt: NOW })]).shown().waiting.standard;
        expect(Math.abs((p50Ms ?? 0) - waited)).toBeLessThanOrEqual(0.5 + 0.1 * waited);
      }),
    );
  });

  it("is that of the orders in the order of their waiting, however many digits the times have", () => {
    fc.assert(
      fc.property(fc.array(waiting, { minLength: 1, maxLength: 40 }), (unsorted) => {
        const orders = unsorted.map((ms, i) => summary({ orderId: orderIdOf(i), placedAt: NOW - ms, startedAt: NOW }));
        const { p50Ms, p95Ms } = counted(orders).shown().waiting.standard;
        const sorted = unsorted.toSorted((a, b) => a - b);
        for (const [shown, share] of [
          [p50Ms, 0.5],
          [p95Ms, 0.95],
        ] as const) {
          const waited = sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN;
          expect(Math.abs((shown ?? Number.NaN) - waited)).toBeLessThanOrEqual(0.5 + 0.1 * waited);
        }
      }),
    );
  });

  it("tells the median from the tail", () => {
    const waits = Array.from({ length: 100 }, (_, i) => (i < 90 ? 100 : 10_000));
    const shown = counted(waits.map((ms, i) => summary({ orderId: orderIdOf(i), placedAt: NOW - ms, startedAt: NOW }))).shown();
    expect(shown.waiting.standard.p50Ms).toBeGreaterThan(90);
    expect(shown.waiting.standard.p50Ms).toBeLessThan(110);
    expect(shown.waiting.standard.p95Ms).toBeGreaterThan(9_000);
    expect(shown.waiting.standard.p95Ms).toBeLessThan(11_000);
  });
});

describe("A snapshot", () => {
  it("is quiet once all rates are zero, though the counters are not", () => {
    const shard = counted([summary({ placedAt: NOW, startedAt: NOW, confirmedAt: NOW })]);
    expect(isQuiet(shard.shown())).toBe(false);
    expect(isQuiet(shard.shown(NOW + 2 * MINUTE))).toBe(false);
    expect(isQuiet(shard.shown(NOW + 6 * MINUTE))).toBe(true);
    expect(isQuiet(snapshot(emptyTally(), NOW))).toBe(true);
  });
});

describe("Shards", () => {
  it("each get their share of the ids", () => {
    const digits = [..."0123456789abcdefghjkmnpqrstvwxyz"];
    const shards = digits.map((digit) => shardOf(`ord_0000000000000000000000000${digit}`));
    for (let shard = 0; shard < SHARDS; shard++) expect(shards.filter((found) => found === shard)).toHaveLength(digits.length / SHARDS);
  });
});

describe("The rate of the last minute", () => {
  it("counts the slice that the minute begins in by the share of it that lies within", () => {
    const sliceStart = NOW - (NOW % (10 * SECOND));
    const orders = Array.from({ length: 4 }, (_, n) => summary({ orderId: orderIdOf(n), placedAt: sliceStart }));
    const { tally } = counted(orders, sliceStart);
    const rateAfter = (ms: number) => snapshot(tally, sliceStart + ms).throughput.submittedPerMinute;
    expect([0, 59_999, 60_000, 62_500, 65_000, 67_500, 70_000].map(rateAfter)).toEqual([4, 4, 4, 3, 2, 1, 0]);
  });

  it("keeps the counters from being quiet when only confirmations are left in it", () => {
    const order = summary({ placedAt: NOW - 10 * MINUTE, confirmedAt: NOW, status: "confirmed" });
    const shown = counted([order]).shown();
    expect([shown.throughput, shown.waiting.standard.p50Ms]).toEqual([{ submittedPerMinute: 0, confirmedPerMinute: 1 }, null]);
    expect(isQuiet(shown)).toBe(false);
    expect(isQuiet(counted([order]).shown(NOW + 2 * MINUTE))).toBe(true);
  });
});

describe("What an order counts for", () => {
  it("has its start and its confirmation in the rates for good, though a repair finds that it never had them", () => {
    const before = contributionOf(undefined, summary({ startedAt: NOW, confirmedAt: NOW }));
    expect(contributionOf(before, summary({ version: 9 }))).toMatchObject({ version: 9, startCounted: true, confirmCounted: true });
    expect(contributionOf(undefined, summary())).toMatchObject({ startCounted: false, confirmCounted: false });
  });

  it("is added up anew by group, with the revenue of what is processed", () => {
    const group = { priority: "standard", currency: "GBP", orders: 2, total: 500 } as const;
    const old = counted([summary({ status: "held" })]).tally;
    const { orders, revenue, slices } = recount(old, [
      { ...group, status: "confirmed" },
      { ...group, status: "failed" },
    ]);
    expect([orders, revenue, slices]).toEqual([{ standard: { confirmed: 2, failed: 2 } }, { GBP: 500 }, old.slices]);
  });
});

describe("The ring of the rates", () => {
  it("reaches from thirty slices back to one slice ahead", () => {
    const current = Math.floor(NOW / (10 * SECOND));
    const slices = [-30, -29, 0, 1, 2].map((offset) => current + offset);
    const orders = slices.map((slice, n) => summary({ orderId: orderIdOf(n), placedAt: slice * 10 * SECOND }));
    expect(Object.keys(counted(orders).tally.slices).map(Number)).toEqual(slices.slice(1, 4));
  });
});
