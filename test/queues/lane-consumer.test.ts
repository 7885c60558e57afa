/** What the consumer of a lane tells an order's actor; what becomes of the message is told in `lane-consumer.workerd.test.ts`. */
import { describe, expect, it } from "vitest";
import type { Env } from "../../src/env.ts";
import { consumeLane } from "../../src/queues/lane-consumer.ts";
import { ORDER_ID } from "../support/orders.ts";

/** What the order is asked when its hint is delivered for the n-th time. */
async function askedAt(attempts: number, hint: object): Promise<unknown[]> {
  const asked: unknown[] = [];
  const advance = async (question: unknown) => {
    asked.push(question);
    return { status: "confirmed", retryAfterMs: null };
  };
  const message = { id: "m0", timestamp: new Date(0), attempts, body: { orderId: ORDER_ID, ...hint }, ack: () => {}, retry: () => {} };
  const batch = { queue: "orders-standard", messages: [message] } as unknown as MessageBatch<unknown>;
  await consumeLane(batch, { ORDERS: { getByName: () => ({ advance }) } } as unknown as Env);
  return asked;
}

describe("An order that its hint has come for", () => {
  it.each([1, 2, 7])("is told that this is delivery %i, since a further one may follow a run that died", async (attempt) => {
    expect(await askedAt(attempt, { priority: "standard" })).toEqual([{ priority: "standard", attempt, probe: undefined }]);
  });

  it("is told the lane that it came through, and the provider that it is to try out", async () => {
    expect(await askedAt(1, { priority: "expedited", probe: "payment" })).toEqual([
      { priority: "expedited", attempt: 1, probe: "payment" },
    ]);
  });
});
