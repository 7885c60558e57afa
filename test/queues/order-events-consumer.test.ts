/** What becomes of each message of the order events, in plain Node; with real counters and a real history it is shown in workerd. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { OrderSummary } from "../../src/contract/order.ts";
import type { Env } from "../../src/env.ts";
import { log } from "../../src/platform/log.ts";
import { consumeOrderEvents } from "../../src/queues/order-events-consumer.ts";
import { orderIdOf, summary } from "../projections/history/summaries.ts";
import { batchOf, historyOf, SENT_AT, type Sent } from "../support/batch.ts";
import { T0 } from "../support/orders.ts";

const changed = (...orders: OrderSummary[]): unknown => ({ changes: orders.map((order) => ({ order, commits: [] })) });
const one = summary({ orderId: orderIdOf(1) });
const two = summary({ orderId: orderIdOf(2), tenant: "stuck" });

/** The counters of the tenant `stuck` do not answer. */
async function consumed(sent: readonly Sent[], { isDown = false, METER = "" } = {}) {
  const { batch, acked, retried } = batchOf("order-events", sent);
  const { rows, HISTORY } = historyOf({ isDown });
  const shard = { apply: async () => ({ revision: 1, tally: { orders: {}, revenue: {}, slices: {} } }) };
  const hubOf = (tenant: string) => ({
    merge: async () => {
      vi.advanceTimersByTime(30);
      if (tenant === "stuck") throw new Error("overloaded");
    },
  });
  const env = { HISTORY, METER, STATS_SHARDS: { getByName: () => shard }, STATS_HUBS: { getByName: hubOf } } as unknown as Env;
  await consumeOrderEvents(batch, env);
  return { acked: acked.sort(), retried, rows };
}

describe("The consumer of the order events", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"], now: T0 }));
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  it("is done with a message when every projection holds its order, and asks for the others again", async () => {
    vi.spyOn(log, "error").mockReturnValue();
    const info = vi.spyOn(log, "info").mockReturnValue();
    const { acked, retried, rows } = await consumed([
      { body: changed(one) },
      { body: changed(two), attempts: 3 },
      { body: changed({ ...one, version: 2 }) },
    ]);
    expect([acked, retried]).toEqual([["m0", "m2"], { m1: 8 }]);
    expect(rows).toHaveLength(1);
    expect(info.mock.calls).toEqual([["events.projected", { messages: 2, orders: 1, rowsWritten: 1, durationMs: 60 }]]);
  });

  it("is done with a message of several orders when all of them are held", async () => {
    vi.spyOn(log, "error").mockReturnValue();
    const info = vi.spyOn(log, "info").mockReturnValue();
    const third = summary({ orderId: orderIdOf(3) });
    const { acked, retried } = await consumed([{ body: changed(one, two) }, { body: changed(one, third) }]);
    expect([acked, retried]).toEqual([["m1"], { m0: 2 }]);
    expect(info.mock.lastCall?.[1]).toMatchObject({ messages: 1, orders: 2 });
  });

  it("reads the messages of a release that sent each change by itself", async () => {
    const info = vi.spyOn(log, "info").mockReturnValue();
    expect(await consumed([{ body: { order: one, commits: [] } }])).toMatchObject({ acked: ["m0"], retried: {} });
    expect(info.mock.calls).toMatchObject([["events.projected", { messages: 1, orders: 1 }]]);
  });

  it("says nothing of a batch that came to nothing", async () => {
    vi.spyOn(log, "error").mockReturnValue();
    const info = vi.spyOn(log, "info").mockReturnValue();
    expect(await consumed([{ body: changed(two) }])).toEqual({ acked: [], retried: { m0: 2 }, rows: [] });
    expect(info).not.toHaveBeenCalled();
  });

  it("puts aside what it cannot read under the time at which it was sent", async () => {
    const error = vi.spyOn(log, "error").mockReturnValue();
    const { acked, retried, rows } = await consumed([{ body: "ada@example.com" }]);
    expect([acked, retried]).toEqual([["m0"], {}]);
    const cause = "ZodError: invalid_type at ";
    expect(rows).toEqual([["m0", "order-events", cause, '"ada@example.com"', SENT_AT]]);
    expect(error.mock.calls).toEqual([["events.poison", { queue: "order-events", messageId: "m0", cause }]]);
  });

  it("keeps what it cannot read in the queue until it can be put aside", async () => {
    const error = vi.spyOn(log, "error").mockReturnValue();
    expect(await consumed([{ body: null, attempts: 2 }], { isDown: true })).toMatchObject({ acked: [], retried: { m0: 4 } });
    expect(error.mock.calls.at(-1)).toEqual([
      "events.failed",
      { projection: "dead_letters", messages: 1, error: expect.stringContaining("Error") },
    ]);
  });

  it("counts a write, a read and a delete for each message that is done, and a read for each that is not", async () => {
    vi.spyOn(log, "error").mockReturnValue();
    const info = vi.spyOn(log, "info").mockReturnValue();
    await consumed([{ body: changed(one) }, { body: changed(two) }], { METER: "true" });
    expect(info.mock.calls.filter(([event]) => event === "units")).toEqual([
      ["units", { source: "D1", rowsRead: 1, rowsWritten: 1 }],
      ["units", { source: "order-events", queueOperations: 4 }],
    ]);
  });
});
