import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LANES, Priority } from "../../src/contract/lanes.ts";
import type { Hint } from "../../src/contract/messages.ts";
import { type HintBindings, sendHints } from "../../src/messaging/hints.ts";
import { log } from "../../src/platform/log.ts";

/** The lanes' queues, which keep what they take. @param broken the lane whose queue takes nothing */
function queues(broken?: Priority) {
  const sent = new Map(Priority.options.map((lane) => [lane, [] as string[]]));
  const queueOf = (lane: Priority) => ({
    sendBatch: async (messages: readonly MessageSendRequest<Hint>[]) => {
      if (lane === broken) throw new Error("the queue is down");
      sent.get(lane)?.push(...messages.map(({ body }) => body.orderId));
      return { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } };
    },
  });
  const bindings = Object.fromEntries(Priority.options.map((lane) => [LANES[lane].binding, queueOf(lane)])) as unknown as HintBindings;
  return { bindings, sent: () => Object.fromEntries(sent) };
}

async function send(bindings: HintBindings, ...hints: readonly Hint[]): Promise<void> {
  const sending = sendHints(bindings, hints);
  await vi.runAllTimersAsync();
  await sending;
}

describe("Hints", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  it("of a mixed batch each go to the queue of their lane, all of them and once", async () => {
    const { bindings, sent } = queues();
    await send(
      bindings,
      { orderId: "a", priority: "standard" },
      { orderId: "b", priority: "expedited" },
      { orderId: "c", priority: "standard" },
      { orderId: "d", priority: "standard", probe: "payment" },
    );
    expect(sent()).toEqual({ standard: ["a", "c"], expedited: ["b", "d"] });
  });

  it("of the other lanes are sent when one lane's queue takes none, and those that are lost are named", async () => {
    const warn = vi.spyOn(log, "warn").mockReturnValue();
    for (const broken of Priority.options) {
      const { bindings, sent } = queues(broken);
      await send(bindings, ...Priority.options.map((priority): Hint => ({ orderId: priority, priority })));
      expect(sent()).toEqual(Object.fromEntries(Priority.options.map((lane) => [lane, lane === broken ? [] : [lane]])));
      expect(warn.mock.calls.map(([event, fields]) => [event, fields?.orderId])).toEqual([["hint.lost", broken]]);
      warn.mockClear();
    }
  });
});
