import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LANES, type LaneBinding } from "../../src/contract/lanes.ts";
import { queuesFor } from "../../src/domain/routing.ts";
import { backlogFrom, backlogOf, type LaneQueues, QUEUE_DEADLINE_MS } from "../../src/messaging/lanes.ts";
import { T0 } from "../support/orders.ts";

const queue = (metrics: () => Promise<object>) => ({ metrics }) as unknown as LaneQueues["ORDERS_STANDARD"];
/** All queues of all lanes, which tell the same but for those that are given. */
function queuesWith(metrics: () => Promise<object>, given: Partial<LaneQueues> = {}): LaneQueues {
  const bindings = Object.values(LANES).flatMap(({ queues }) => Object.keys(queues));
  return { ...(Object.fromEntries(bindings.map((binding) => [binding, queue(metrics)])) as unknown as LaneQueues), ...given };
}

const full = { backlogCount: 7, backlogBytes: 9, oldestMessageTimestamp: new Date(T0 - 33_000) };

beforeEach(() => void vi.useFakeTimers({ now: T0 }));
afterEach(() => void vi.useRealTimers());

describe("The backlog of a lane", () => {
  it("is measured at the queues that the tenant uses: what the fuller one holds, and the oldest message of either", async () => {
    const [one, other] = queuesFor(LANES.standard, "shop") as [LaneBinding, LaneBinding];
    const older = { ...full, backlogCount: 2, oldestMessageTimestamp: new Date(T0 - 40_000) };
    const queues = queuesWith(async () => ({ backlogCount: 99, backlogBytes: 0 }), {
      ORDERS_EXPEDITED: queue(async () => ({ backlogCount: 0, backlogBytes: 0 })),
      [one]: queue(async () => full),
      [other]: queue(async () => older),
    });
    expect(await backlogOf(queues, "standard", "shop")).toEqual({ messages: 7, ageMs: 40_000 });
    expect(await backlogOf(queues, "expedited", "shop")).toEqual({ messages: 0, ageMs: 0 });
  });

  it("is not known when the queue does not answer in time", async () => {
    const queues = queuesWith(() => new Promise(() => {}));
    const failing = expect(backlogOf(queues, "standard", "shop")).rejects.toThrow(`took longer than ${QUEUE_DEADLINE_MS} ms`);
    await vi.advanceTimersByTimeAsync(QUEUE_DEADLINE_MS);
    await failing;
  });

  it("is not older than nothing, when the queue's clock is ahead of ours", () => {
    expect(backlogFrom({ ...full, oldestMessageTimestamp: new Date(T0 + 5_000) })).toEqual({ messages: 7, ageMs: 0 });
  });
});
