/** How each message of a batch is settled, in plain Node; that the platform obeys is shown in workerd. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import type { Env } from "../../src/env.ts";
import { log } from "../../src/platform/log.ts";
import { deliver, type Verdict } from "../../src/queues/delivery.ts";
import { batchOf, historyOf, type Sent } from "../support/batch.ts";
import { ORDER_ID, T0 } from "../support/orders.ts";

const Body = z.object({ orderId: z.string(), retryAfterMs: z.int().nullable() });

/** Handles each message as its body asks for: it is done, to come again, or throws. */
async function handle({ retryAfterMs }: z.infer<typeof Body>): Promise<Verdict> {
  if (retryAfterMs === -1) throw new Error("no answer");
  return retryAfterMs === null ? "ack" : { retryAfterMs };
}

const asks = (retryAfterMs: number | null, attempts = 1): Sent => ({ body: { orderId: ORDER_ID, retryAfterMs }, attempts });
const throws = (attempts: number): Sent => asks(-1, attempts);

async function delivered(sent: readonly Sent[], { isDown = false, METER = "" } = {}) {
  const { batch, acked, retried } = batchOf("orders-standard", sent);
  const { rows, HISTORY } = historyOf({ isDown });
  await deliver(batch, { HISTORY, METER } as Partial<Env> as Env, Body, { failed: "hint.failed", poison: "hint.poison" }, handle);
  return { acked, retried, rows };
}

describe("The delivery of a batch", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"], now: T0 }));
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  it.each([
    ["as many messages as the lane carries side by side", 2, 2],
    ["all of them, where nothing bounds it", undefined, 5],
  ])("handles %s", async (_, concurrency, most) => {
    const { batch, acked } = batchOf(
      "orders-standard",
      Array.from({ length: 5 }, () => asks(null)),
    );
    let [atWork, seen] = [0, 0];
    const counting = async (): Promise<Verdict> => {
      seen = Math.max(seen, ++atWork);
      await new Promise((resolve) => setTimeout(resolve));
      atWork--;
      return "ack";
    };
    const { HISTORY } = historyOf();
    await deliver(batch, { HISTORY } as Partial<Env> as Env, Body, { failed: "hint.failed", poison: "hint.poison" }, counting, concurrency);
    expect(seen).toBe(most);
    expect(acked).toHaveLength(5);
  });

  it("settles every message by itself, and asks for none sooner than it was told", async () => {
    const { acked, retried, rows } = await delivered([asks(null), asks(1_000), asks(1_001), asks(0), throws(1)]);
    expect(acked).toEqual(["m0"]);
    expect(retried).toEqual({ m1: 1, m2: 2, m3: 0, m4: 2 });
    expect(rows).toEqual([]);
  });

  it("waits longer after each time that the handling throws, up to five minutes", async () => {
    const { retried } = await delivered([1, 2, 8, 9, 10, 11, 100].map(throws));
    expect(Object.values(retried)).toEqual([2, 4, 256, 300, 300, 300, 300]);
  });

  it("names the order whose handling threw, where there is one", async () => {
    const warn = vi.spyOn(log, "warn").mockReturnValue();
    await delivered([throws(3)]);
    expect(warn.mock.calls).toEqual([
      ["hint.failed", { orderId: ORDER_ID, queue: "orders-standard", attempt: 3, error: "Error: no answer" }],
    ]);
  });

  it("puts aside once what it cannot read, and says of it in the log no more than where it is and what is wrong", async () => {
    const error = vi.spyOn(log, "error").mockReturnValue();
    const { acked, retried, rows } = await delivered([{ body: { orderId: "ada@example.com" } }, { body: null }]);
    expect([acked, retried]).toEqual([["m0", "m1"], {}]);
    const cause = "ZodError: invalid_type at retryAfterMs";
    expect(rows).toEqual([
      ["m0", "orders-standard", cause, '{"orderId":"ada@example.com"}', T0],
      ["m1", "orders-standard", "ZodError: invalid_type at ", "null", T0],
    ]);
    expect(error.mock.calls[0]).toEqual(["hint.poison", { queue: "orders-standard", messageId: "m0", cause }]);
  });

  it.each([null, undefined, 7, { orderId: "no id of an order" }])("keeps %j in the queue until it can be put aside", async (body) => {
    const warn = vi.spyOn(log, "warn").mockReturnValue();
    vi.spyOn(log, "error").mockReturnValue();
    const { acked, retried } = await delivered([{ body, attempts: 2 }], { isDown: true });
    expect([acked, retried]).toEqual([[], { m0: 4 }]);
    expect(warn.mock.calls[0]?.[1]).toMatchObject({ orderId: undefined, attempt: 2 });
  });

  it("counts a read for each message, and a delete for each that is done", async () => {
    const info = vi.spyOn(log, "info").mockReturnValue();
    await delivered([asks(null), asks(null), asks(1_000)], { METER: "true" });
    expect(info.mock.calls).toEqual([["units", { source: "consumer orders-standard", queueOperations: 5 }]]);
  });
});
