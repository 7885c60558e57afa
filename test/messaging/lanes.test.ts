import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { backlogFrom, backlogOf, type LaneQueues, QUEUE_DEADLINE_MS } from "../../src/messaging/lanes.ts";
import { T0 } from "../support/orders.ts";

const queue = (metrics: () => Promise<object>) => ({ metrics }) as unknown as LaneQueues["ORDERS_STANDARD"];
const full = { backlogCount: 7, backlogBytes: 9, oldestMessageTimestamp: new Date(T0 - 33_000) };

beforeEach(() => void vi.useFakeTimers({ now: T0 }));
afterEach(() => void vi.useRealTimers());

describe("The backlog of a lane", () => {
  it("is measured at the lane's own queue", async () => {
    const queues: LaneQueues = {
      ORDERS_STANDARD: queue(async () => full),
      ORDERS_EXPEDITED: queue(async () => ({ backlogCount: 0, backlogBytes: 0 })),
    };
    expect(await backlogOf(queues, "standard")).toEqual({ messages: 7, ageMs: 33_000 });
    expect(await backlogOf(queues, "expedited")).toEqual({ messages: 0, ageMs: 0 });
  });

  it("is not known when the queue does not answer in time", async () => {
    const queues = { ORDERS_STANDARD: queue(() => new Promise(() => {})) } as LaneQueues;
    const failing = expect(backlogOf(queues, "standard")).rejects.toThrow(`took longer than ${QUEUE_DEADLINE_MS} ms`);
    await vi.advanceTimersByTimeAsync(QUEUE_DEADLINE_MS);
    await failing;
  });

  it("is not older than nothing, when the queue's clock is ahead of ours", () => {
    expect(backlogFrom({ ...full, oldestMessageTimestamp: new Date(T0 + 5_000) })).toEqual({ messages: 7, ageMs: 0 });
  });
});
