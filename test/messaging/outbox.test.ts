import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Outbox } from "../../src/messaging/outbox.ts";

describe("An outbox", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const recording = () => {
    const sent: number[][] = [];
    return { sent, send: async (batch: readonly number[]) => void sent.push([...batch]) };
  };

  it("sends at once what comes alone", async () => {
    const outbox = new Outbox<number>(20);
    const { sent, send } = recording();
    await outbox.add([1, 2], send);
    vi.setSystemTime(Date.now() + 20);
    await outbox.add([3], send);
    expect(sent).toEqual([[1, 2], [3]]);
  });

  it("sends together what comes within a moment after that, in the order it came", async () => {
    const outbox = new Outbox<number>(20);
    const { sent, send } = recording();
    await outbox.add([1], send);
    void outbox.add([2, 3], send);
    await outbox.add([4], send);
    expect(sent).toEqual([[1]]);
    await vi.runAllTimersAsync();
    expect(sent).toEqual([[1], [2, 3, 4]]);
  });

  it("gathers anew for whatever comes after that", async () => {
    const outbox = new Outbox<number>(20);
    const { sent, send } = recording();
    void outbox.add([1], send);
    await vi.runAllTimersAsync();
    void outbox.add([2], send);
    await vi.runAllTimersAsync();
    expect(sent).toEqual([[1], [2]]);
  });

  it("sends no more than a queue takes at once", async () => {
    const outbox = new Outbox<number>(20);
    const { sent, send } = recording();
    void outbox.add(
      Array.from({ length: 150 }, (_, index) => index),
      send,
    );
    void outbox.add(
      Array.from({ length: 60 }, (_, index) => 150 + index),
      send,
    );
    await vi.runAllTimersAsync();
    expect(sent.map(({ length }) => length)).toEqual([50, 50, 50, 50, 10]);
    expect(sent.flat()).toEqual(Array.from({ length: 210 }, (_, index) => index));
  });

  it("goes on after a send that failed", async () => {
    const outbox = new Outbox<number>(20);
    const { sent, send } = recording();
    const failing = expect(outbox.add([1], () => Promise.reject(new Error("down")))).rejects.toThrow("down");
    await vi.runAllTimersAsync();
    await failing;
    void outbox.add([2], send);
    await vi.runAllTimersAsync();
    expect(sent).toEqual([[2]]);
  });

  it("lets the next one take over from one that was gone before it sent", async () => {
    const outbox = new Outbox<number>(20);
    const { sent, send } = recording();
    await outbox.add([0], send);
    void outbox.add([1], send);
    // The request that gathers is cancelled: its timer never fires.
    vi.clearAllTimers();
    void outbox.add([2], send);
    vi.setSystemTime(Date.now() + 5_000);
    void outbox.add([3], send);
    await vi.runAllTimersAsync();
    expect(sent).toEqual([[0], [1, 2, 3]]);
  });

  it("waits on for one that gathers, and lets another take over two seconds after it began", async () => {
    const outbox = new Outbox<number>(20);
    const { sent, send } = recording();
    const began = Date.now();
    await outbox.add([0], send);
    void outbox.add([1], send);
    vi.clearAllTimers();
    vi.setSystemTime(began + 1_999);
    void outbox.add([2], send);
    expect(vi.getTimerCount()).toBe(0);
    vi.setSystemTime(began + 2_000);
    await outbox.add([3], send);
    expect(sent).toEqual([[0], [1, 2, 3]]);
  });
});
