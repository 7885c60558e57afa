import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { OrderChanged } from "../../src/contract/messages.ts";
import { sendChange } from "../../src/messaging/changes.ts";
import { QUEUE_DEADLINE_MS } from "../../src/messaging/lanes.ts";
import { log } from "../../src/platform/log.ts";
import { orderIdOf, summary } from "../projections/history/summaries.ts";

const change = (n: number): OrderChanged => ({ order: summary({ orderId: orderIdOf(n), version: n }), commits: [] });

async function sent(changes: readonly OrderChanged[], sendBatch: (batch: readonly object[]) => Promise<unknown>): Promise<void> {
  const events = { sendBatch } as unknown as Queue<OrderChanged>;
  const sending = Promise.all(changes.map((one) => sendChange(events, one)));
  await vi.runAllTimersAsync();
  await sending;
}

describe("Changes", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  it("of one moment after the first are published together", async () => {
    const batches: (readonly object[])[] = [];
    await sent([change(1), change(2), change(3)], async (batch) => batches.push(batch));
    expect(batches).toEqual([[{ body: change(1) }], [{ body: change(2) }, { body: change(3) }]]);
  });

  it("that the queue does not take are told of one by one, and fail nobody", async () => {
    const error = vi.spyOn(log, "error").mockReturnValue();
    await sent([change(1), change(2)], () => Promise.reject(new Error("the queue is down")));
    expect(error.mock.calls).toEqual(
      [1, 2].map((version) => [
        "order.publish_failed",
        { orderId: orderIdOf(version), lane: "standard", status: "accepted", version, error: "Error: the queue is down" },
      ]),
    );
  });

  it("are given up when the queue does not answer", async () => {
    const error = vi.spyOn(log, "error").mockReturnValue();
    await sent([change(1)], () => new Promise(() => {}));
    expect(error.mock.calls[0]?.[1]).toMatchObject({
      error: expect.stringContaining(`publishing changes took longer than ${QUEUE_DEADLINE_MS} ms`),
    });
  });
});
