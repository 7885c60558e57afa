import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { OrderChanged, OrdersChanged } from "../../src/contract/messages.ts";
import { packed, sendChange } from "../../src/messaging/changes.ts";
import { QUEUE_DEADLINE_MS } from "../../src/messaging/lanes.ts";
import { log } from "../../src/platform/log.ts";
import { orderIdOf, summary } from "../projections/history/summaries.ts";

const change = (n: number): OrderChanged => ({ order: summary({ orderId: orderIdOf(n), version: n }), commits: [] });

async function sent(changes: readonly OrderChanged[], sendBatch: (batch: readonly object[]) => Promise<unknown>): Promise<void> {
  const queues = { ORDER_EVENTS: { sendBatch } as unknown as Queue<OrdersChanged> };
  const sending = Promise.all(changes.map((one) => sendChange(queues, one)));
  await vi.runAllTimersAsync();
  await sending;
}

const ofTenant = (tenant: string, n: number, notes = 0): OrderChanged => {
  const { order } = change(n);
  const note = { version: 1, at: 0, status: order.status, stage: null, events: ["OrderPlaced"] };
  return { order: { ...order, tenant }, commits: Array.from({ length: notes }, () => note) };
};

const versionsOf = (messages: readonly OrdersChanged[]) => messages.map(({ changes }) => changes.map(({ order }) => order.version));

describe("A message of changes", () => {
  it("is of one tenant", () => {
    const mixed = [ofTenant("a", 1), ofTenant("b", 2), ofTenant("a", 3)];
    expect(versionsOf(packed(mixed))).toEqual([[1, 3], [2]]);
  });

  it("has at most twenty changes", () => {
    const many = Array.from({ length: 41 }, (_, n) => ofTenant("a", n + 1));
    expect(packed(many).map(({ changes }) => changes.length)).toEqual([20, 20, 1]);
    expect(packed(many).flatMap(({ changes }) => changes)).toEqual(many);
  });

  it("has at most three hundred notes of commits", () => {
    const long = [ofTenant("a", 1, 200), ofTenant("a", 2, 100), ofTenant("a", 3, 1), ofTenant("a", 4, 200), ofTenant("a", 5, 100)];
    expect(versionsOf(packed(long))).toEqual([[1, 2], [3, 4], [5]]);
  });
});

describe("Changes", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  it("of one moment after the first are published together", async () => {
    const batches: (readonly object[])[] = [];
    await sent([change(1), change(2), change(3)], async (batch) => batches.push(batch));
    expect(batches).toEqual([[{ body: { changes: [change(1)] } }], [{ body: { changes: [change(2), change(3)] } }]]);
  });

  it("are spread over every queue of changes that is bound, and go to no other", async () => {
    const used = new Set<string>();
    const queue = (name: string) => ({ sendBatch: async () => void used.add(name) }) as unknown as Queue<OrdersChanged>;
    const names = ["ORDER_EVENTS", "ORDER_EVENTS_2", "ORDER_EVENTS_10", "OLD_ORDER_EVENTS_3", "ORDER_EVENTS_3_OLD", "ORDER_EVENTS_OLD"];
    const queues = Object.fromEntries(names.map((name) => [name, queue(name)])) as unknown as Parameters<typeof sendChange>[0];
    for (let n = 1; n <= 100; n++) {
      const sending = sendChange(queues, change(n));
      await vi.runAllTimersAsync();
      await sending;
    }
    expect(used).toEqual(new Set(["ORDER_EVENTS", "ORDER_EVENTS_2", "ORDER_EVENTS_10"]));
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
