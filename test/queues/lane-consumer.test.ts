/** What the consumer of a lane tells an order's actor, and what it makes of the answer, in plain Node. */
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Env } from "../../src/env.ts";
import { log } from "../../src/platform/log.ts";
import { consumeLane } from "../../src/queues/lane-consumer.ts";
import type { AdvanceResult } from "../../src/runtime/order-runner.ts";
import { batchOf } from "../support/batch.ts";
import { ORDER_ID } from "../support/orders.ts";

/** What the order is asked when its hint is delivered for the n-th time, and what becomes of the hint. */
async function delivered(attempts: number, hint: object, answer: AdvanceResult | null = { status: "confirmed", retryAfterMs: null }) {
  const asked: unknown[] = [];
  const advance = async (question: unknown) => {
    asked.push(question);
    return answer;
  };
  const { batch, acked, retried } = batchOf("orders-standard", [{ body: { orderId: ORDER_ID, ...hint }, attempts }]);
  await consumeLane(batch, { ORDERS: { getByName: () => ({ advance }) } } as unknown as Env);
  return { asked, acked, retried };
}

const hint = { priority: "standard", trace: "t1" };

describe("An order that its hint has come for", () => {
  it.each([1, 2, 7])("is told that this is delivery %i, since a further one may follow a run that died", async (attempt) => {
    const { asked } = await delivered(attempt, { priority: "standard" });
    expect(asked).toEqual([{ priority: "standard", attempt, probe: undefined, canLeave: true }]);
  });

  it("is told the lane that it came through, and the provider that it is to try out", async () => {
    const { asked } = await delivered(1, { priority: "expedited", probe: "payment" });
    expect(asked).toEqual([{ priority: "expedited", attempt: 1, probe: "payment", canLeave: true }]);
  });
});

describe("A hint", () => {
  afterEach(() => vi.restoreAllMocks());

  it("has done its work when the order asks for it no more, and leaves no line in the log", async () => {
    const info = vi.spyOn(log, "info").mockReturnValue();
    expect(await delivered(1, hint)).toMatchObject({ acked: ["m0"], retried: {} });
    expect(info).not.toHaveBeenCalled();
  });

  it("comes again when the order asks for it, and says so in the log", async () => {
    const info = vi.spyOn(log, "info").mockReturnValue();
    const answer: AdvanceResult = { status: "processing", retryAfterMs: 1_500 };
    expect(await delivered(2, hint, answer)).toMatchObject({ acked: [], retried: { m0: 2 } });
    expect(info.mock.calls).toEqual([
      ["hint.handled", { orderId: ORDER_ID, lane: "standard", attempt: 2, status: "processing", retryAfterMs: 1_500, trace: "t1" }],
    ]);
  });

  it("whose order cannot be reached comes again, and says so in the log", async () => {
    const warn = vi.spyOn(log, "warn").mockReturnValue();
    const { batch, retried } = batchOf("orders-standard", [{ body: { orderId: ORDER_ID, ...hint } }]);
    await consumeLane(batch, {} as Env);
    expect([retried, warn.mock.calls[0]?.[0]]).toEqual([{ m0: 2 }, "hint.failed"]);
  });

  it("of an order that was never placed is told of and done with", async () => {
    const warn = vi.spyOn(log, "warn").mockReturnValue();
    expect(await delivered(1, hint, null)).toMatchObject({ acked: ["m0"], retried: {} });
    expect(warn.mock.calls).toEqual([["order.unknown", { orderId: ORDER_ID, queue: "orders-standard", trace: "t1" }]]);
  });
});
