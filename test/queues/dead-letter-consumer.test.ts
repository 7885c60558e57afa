/** How a dead letter parks its order, in plain Node. */
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Cause, OrderStatus } from "../../src/contract/order.ts";
import type { Env } from "../../src/env.ts";
import { log } from "../../src/platform/log.ts";
import { consumeDeadLetters } from "../../src/queues/dead-letter-consumer.ts";
import { batchOf } from "../support/batch.ts";
import { ORDER_ID } from "../support/orders.ts";

const CAUSE: Cause = { class: "provider_down", step: "route", detail: "503" };

/** @param status of the order once it was asked; null for one that was never placed */
async function consumed(body: object, status: OrderStatus | null) {
  const parked: unknown[] = [];
  const getByName = (orderId: string) => ({
    quarantine: async (cause: Cause) => {
      parked.push([orderId, cause]);
      return status;
    },
  });
  const { batch, acked, retried } = batchOf("orders-dead-letter", [{ body }]);
  await consumeDeadLetters(batch, { ORDERS: { getByName } } as unknown as Env);
  return { parked, acked, retried };
}

describe("A dead letter", () => {
  afterEach(() => vi.restoreAllMocks());

  it("parks its order with the cause that it brings", async () => {
    const info = vi.spyOn(log, "info").mockReturnValue();
    expect(await consumed({ orderId: ORDER_ID, cause: CAUSE }, "quarantined")).toEqual({
      parked: [[ORDER_ID, CAUSE]],
      acked: ["m0"],
      retried: {},
    });
    expect(info.mock.calls).toEqual([
      ["dead_letter.handled", { orderId: ORDER_ID, status: "quarantined", step: "route", cause: "provider_down" }],
    ]);
  });

  it("that is a bare hint parks its order as a trouble of ours", async () => {
    vi.spyOn(log, "info").mockReturnValue();
    const { parked } = await consumed({ orderId: ORDER_ID, priority: "standard" }, "quarantined");
    expect(parked).toEqual([[ORDER_ID, { class: "bug", detail: "its hint was delivered in vain until the queue gave up" }]]);
  });

  it("whose order cannot be reached comes again, and says so in the log", async () => {
    const warn = vi.spyOn(log, "warn").mockReturnValue();
    const { batch, retried } = batchOf("orders-dead-letter", [{ body: { orderId: ORDER_ID } }]);
    await consumeDeadLetters(batch, {} as Env);
    expect([retried, warn.mock.calls[0]?.[0]]).toEqual([{ m0: 2 }, "hint.failed"]);
  });

  it("of an order that was never placed is told of and done with", async () => {
    const warn = vi.spyOn(log, "warn").mockReturnValue();
    const info = vi.spyOn(log, "info").mockReturnValue();
    expect(await consumed({ orderId: ORDER_ID }, null)).toMatchObject({ acked: ["m0"], retried: {} });
    expect(warn.mock.calls).toEqual([["order.unknown", { orderId: ORDER_ID, queue: "orders-dead-letter" }]]);
    expect(info).not.toHaveBeenCalled();
  });
});
