import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LANES, Priority } from "../../src/contract/lanes.ts";
import type { Hint } from "../../src/contract/messages.ts";
import { queuesFor } from "../../src/domain/routing.ts";
import { type HintBindings, sendHints } from "../../src/messaging/hints.ts";
import { log } from "../../src/platform/log.ts";
import { T0 } from "../support/orders.ts";

/**
 * The lanes' queues, which keep what they take.
 * @param broken the lane whose queue takes nothing
 * @param metrics what each send is told of the backlog
 */
function queues(broken?: Priority, metrics: object = { backlogCount: 0, backlogBytes: 0 }) {
  const delays: (number | undefined)[] = [];
  const sent = new Map(Priority.options.map((lane) => [lane, [] as string[]]));
  const queueOf = (lane: Priority) => ({
    sendBatch: async (messages: readonly MessageSendRequest<Hint>[]) => {
      if (lane === broken) throw new Error("the queue is down");
      sent.get(lane)?.push(...messages.map(({ body }) => body.orderId));
      delays.push(...messages.map(({ delaySeconds }) => delaySeconds));
      return { metadata: { metrics } };
    },
  });
  const bindings = Object.fromEntries(
    Priority.options.flatMap((lane) => Object.keys(LANES[lane].queues).map((binding) => [binding, queueOf(lane)])),
  ) as unknown as HintBindings;
  return { bindings, delays, sent: () => Object.fromEntries(sent) };
}

async function send(bindings: HintBindings, ...hints: readonly Hint[]): Promise<void> {
  const sending = sendHints(bindings, hints);
  await vi.runAllTimersAsync();
  await sending;
}

describe("Hints", () => {
  /** An hour later than the test before, whose backlogs are forgotten by then. */
  let startsAt = T0;
  beforeEach(() => {
    startsAt += 60 * 60_000;
    vi.useFakeTimers({ now: startsAt });
  });
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

  it("of one moment after the first share a send", async () => {
    const batches: number[] = [];
    const queue = {
      sendBatch: async (messages: readonly object[]) => {
        batches.push(messages.length);
        return { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } };
      },
    };
    const bindings = Object.fromEntries(Object.keys(LANES.standard.queues).map((binding) => [binding, queue])) as unknown as HintBindings;
    const sending = ["a", "b", "c"].map((orderId) => sendHints(bindings, [{ orderId, priority: "standard", tenant: "shop" }]));
    await vi.runAllTimersAsync();
    await Promise.all(sending);
    expect(batches).toEqual([1, 2]);
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

  describe("into a lane that is full", () => {
    const FULL = { backlogCount: 10_000, backlogBytes: 0 };
    const hint: Hint = { orderId: "a", priority: "standard" };

    it("are put off, once the answer to a send has told so, and for as long as that is fresh", async () => {
      vi.spyOn(Math, "random").mockReturnValue(0.5);
      const { bindings, delays } = queues(undefined, FULL);
      await send(bindings, hint);
      await send(bindings, hint);
      expect(delays, "nothing was known of either queue").toEqual([undefined, undefined]);
      const toldAt = Date.now();
      vi.setSystemTime(toldAt + 10_000);
      await send(bindings, hint);
      expect(delays).toEqual([undefined, undefined, 15]);
      vi.setSystemTime(Date.now() + 10_001);
      await send(bindings, hint);
      expect(delays, "it was told too long ago").toEqual([undefined, undefined, 15, undefined]);
    });

    it("are put off by the lane's numbers as the deployment has them", async () => {
      vi.spyOn(Math, "random").mockReturnValue(0.5);
      const { bindings, delays } = queues(undefined, FULL);
      const roomy = { ...bindings, LANES: '{"standard":{"capacity":1000000}}' };
      await send(roomy, hint);
      await send(roomy, hint);
      expect(delays).toEqual([undefined, undefined]);
    });
  });

  it("of one tenant keep to two queues of the lane, and take the one that is known to hold less", async () => {
    const taken: string[] = [];
    const holds: Record<string, number> = {};
    const bindings = Object.fromEntries(
      Object.keys(LANES.standard.queues).map((binding) => [
        binding,
        {
          sendBatch: async (messages: readonly object[]) => {
            taken.push(...messages.map(() => binding));
            holds[binding] = (holds[binding] ?? 0) + messages.length;
            return { metadata: { metrics: { backlogCount: holds[binding], backlogBytes: 0 } } };
          },
        },
      ]),
    ) as unknown as HintBindings;
    for (let order = 0; order < 6; order++) await send(bindings, { orderId: `o${order}`, priority: "standard", tenant: "shop" });
    const [one, other] = queuesFor(LANES.standard, "shop");
    expect(taken).toEqual([one, other, one, other, one, other]);
    const others = Array.from({ length: 40 }, (_, n): Hint => ({ orderId: `ord_${n}`, priority: "standard" }));
    await send(bindings, ...others);
    expect(new Set(taken), "orders of nobody in particular go everywhere").toEqual(new Set(Object.keys(LANES.standard.queues)));
  });

  it("of a tenant that sends seldom keep out of a queue that was full, until that was long ago", async () => {
    const [flooded, free] = queuesFor(LANES.standard, "shop");
    const taken: string[] = [];
    const bindings = Object.fromEntries(
      Object.keys(LANES.standard.queues).map((binding) => [
        binding,
        {
          sendBatch: async (messages: readonly object[]) => {
            taken.push(...messages.map(() => binding));
            return { metadata: { metrics: { backlogCount: binding === flooded ? 4_000 : 1, backlogBytes: 0 } } };
          },
        },
      ]),
    ) as unknown as HintBindings;
    const sendAfter = async (ms: number) => {
      vi.setSystemTime(Date.now() + ms);
      await send(bindings, { orderId: "a", priority: "standard", tenant: "shop" });
    };
    await sendAfter(0);
    for (let minute = 1; minute < 5; minute++) await sendAfter(60_000);
    expect(taken).toEqual([flooded, free, free, free, free]);
    await sendAfter(60_000);
    expect(taken.at(-1)).toBe(flooded);
  });

  it("that are lost say in which lane, of which request and why", async () => {
    const warn = vi.spyOn(log, "warn").mockReturnValue();
    await send(queues("standard").bindings, { orderId: "a", priority: "standard", trace: "t1" });
    expect(warn.mock.calls).toEqual([["hint.lost", { orderId: "a", lane: "standard", trace: "t1", error: "Error: the queue is down" }]]);
  });

  it("are counted as operations of their queue when it took them, and as none when not", async () => {
    vi.spyOn(log, "warn").mockReturnValue();
    const info = vi.spyOn(log, "info").mockReturnValue();
    const two: Hint[] = ["a", "b"].map((orderId) => ({ orderId, priority: "standard", tenant: "shop" }));
    const queue = LANES.standard.queues[queuesFor(LANES.standard, "shop")[0] ?? ""];
    await send({ ...queues().bindings, METER: "true" }, ...two);
    await send({ ...queues("standard").bindings, METER: "true" }, ...two);
    expect(info.mock.calls).toEqual([
      ["units", { source: `producer ${queue}`, queueOperations: 2 }],
      ["units", { source: `producer ${queue}` }],
    ]);
  });
});
