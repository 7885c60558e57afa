/** How the changes of several tenants reach their counters, and what one tenant's or one shard's failure leaves out. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { OrderSummary } from "../../../src/contract/order.ts";
import { emptyTally, shardOf } from "../../../src/domain/counters.ts";
import { log } from "../../../src/platform/log.ts";
import { type CounterActors, countersProjection } from "../../../src/projections/counters/projection.ts";
import { projectionsOf } from "../../../src/projections/registry.ts";
import { historyOf } from "../../support/batch.ts";
import { orderIdOf, summary } from "../history/summaries.ts";

const of = (tenant: string, ...numbers: number[]) => numbers.map((n) => summary({ tenant, orderId: orderIdOf(n) }));
const idsOf = (orders: readonly OrderSummary[]) => orders.map(({ orderId }) => orderId);

/** Counters that take down what they are asked, and of which the named ones fail: a hub by its tenant, a shard as `<tenant>/<n>`. */
function counters(failing: readonly string[] = [], answer: () => Promise<void> = () => Promise.reject(new Error("overloaded"))) {
  const asked: unknown[] = [];
  const ask = async <Answer>(name: string, question: unknown, answered: Answer) => {
    asked.push([name, question]);
    if (failing.includes(name)) await answer();
    return answered;
  };
  const actors: CounterActors = {
    shard: (tenant, shard) => {
      const name = `${tenant}/${shard}`;
      const tally = { revision: shard + 1, tally: emptyTally() };
      return {
        apply: (orders) => ask(name, idsOf(orders), tally),
        repair: (orders) => ask(name, ["repair", ...idsOf(orders.map(({ order }) => order))], tally),
      };
    },
    hub: (tenant) => ({
      merge: (reports) =>
        ask(
          tenant,
          reports.map(({ shard, revision }) => [shard, revision]),
          undefined,
        ),
    }),
  };
  return { asked, projection: countersProjection(actors) };
}

const project = async (projection: ReturnType<typeof countersProjection>, ...orders: OrderSummary[]) => {
  const { durable, rowsWritten } = await projection.project(orders.map((order) => ({ order, commits: [] })));
  expect(rowsWritten).toBe(0);
  return [...durable].sort();
};

// Digits, as the last of an id, are their own value in base 32; there are four shards.
const [one, two, five] = of("shop", 1, 2, 5) as [OrderSummary, OrderSummary, OrderSummary];
const [other] = of("bakery", 3) as [OrderSummary];

describe("The counters as a projection", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  it("asks each shard once for its own orders, and then each tenant's hub once", async () => {
    const { asked, projection } = counters();
    expect([one, two, five, other].map(({ orderId }) => shardOf(orderId))).toEqual([1, 2, 1, 3]);
    expect(await project(projection, one, two, five, other)).toEqual(idsOf([one, two, other, five]));
    expect(asked).toHaveLength(5);
    expect(asked).toEqual(
      expect.arrayContaining([
        ["shop/1", idsOf([one, five])],
        ["shop/2", idsOf([two])],
        ["bakery/3", idsOf([other])],
        [
          "shop",
          [
            [1, 2],
            [2, 3],
          ],
        ],
        ["bakery", [[3, 4]]],
      ]),
    );
  });

  it("leaves out the orders of a shard that fails, and says so", async () => {
    const error = vi.spyOn(log, "error").mockReturnValue();
    const { asked, projection } = counters(["shop/1"]);
    expect(await project(projection, one, two, five)).toEqual(idsOf([two]));
    expect(asked).toContainEqual(["shop", [[2, 3]]]);
    expect(error.mock.calls).toEqual([
      ["events.failed", { projection: "counters", tenant: "shop", shard: 1, orders: 2, error: "Error: overloaded" }],
    ]);
  });

  it("does not ask the hub of a tenant whose shards all fail", async () => {
    vi.spyOn(log, "error").mockReturnValue();
    const { asked, projection } = counters(["shop/2"]);
    expect(await project(projection, two)).toEqual([]);
    expect(asked).toEqual([["shop/2", idsOf([two])]]);
  });

  it("leaves out the orders of a tenant whose hub fails, and no others", async () => {
    const error = vi.spyOn(log, "error").mockReturnValue();
    const { projection } = counters(["shop"]);
    expect(await project(projection, one, two, other)).toEqual(idsOf([other]));
    expect(error.mock.calls).toEqual([
      ["events.failed", { projection: "counters", tenant: "shop", orders: 2, error: "Error: overloaded" }],
    ]);
  });

  it.each(["shop/1", "shop"])("does not wait for ever for %s", async (name) => {
    const error = vi.spyOn(log, "error").mockReturnValue();
    const { projection } = counters([name], () => new Promise(() => {}));
    const durable = project(projection, one);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await durable).toEqual([]);
    expect(error.mock.calls[0]?.[1]).toMatchObject({ error: expect.stringContaining("took longer than 10000 ms") });
  });

  it("is made anew shard by shard, and then shown by the hub", async () => {
    const { asked, projection } = counters();
    await projection.rebuild(
      "shop",
      [one, two, five].map((order) => ({ order, seen: null })),
    );
    expect(asked).toHaveLength(3);
    expect(asked).toContainEqual(["shop/1", ["repair", ...idsOf([one, five])]]);
    expect(asked.at(-1)).toEqual([
      "shop",
      [
        [1, 2],
        [2, 3],
      ],
    ]);
  });

  it("is not made anew from nothing", async () => {
    const { asked, projection } = counters();
    await projection.rebuild("shop", []);
    expect(asked).toEqual([]);
  });
});

describe("The registry", () => {
  it("has the history last, which is the watermark", () => {
    const { HISTORY } = historyOf();
    const actors = {} as CounterActors;
    expect(projectionsOf({ HISTORY }, actors).map(({ name }) => name)).toEqual(["counters", "history"]);
  });
});
