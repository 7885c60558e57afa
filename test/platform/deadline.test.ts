import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { abortedAfter, DeadlineExceeded, untilAborted, within } from "../../src/platform/deadline.ts";

const never = () => new Promise<never>(() => {});

describe("Work with a deadline", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("answers what the work answers, and leaves no timer behind", async () => {
    await expect(within(1_000, "counting", async () => 3)).resolves.toBe(3);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("rejects as the work does, also when that throws before it has a promise", async () => {
    const bug = () => {
      throw new Error("a bug");
    };
    await expect(within(1_000, "counting", bug)).rejects.toThrow("a bug");
    await expect(within(1_000, "counting", async () => bug())).rejects.toThrow("a bug");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("ends at the deadline, and says what took so long", async () => {
    const refused = expect(within(1_000, "counting", never)).rejects.toThrow(new DeadlineExceeded("counting took longer than 1000 ms"));
    await vi.advanceTimersByTimeAsync(1_000);
    await refused;
  });

  it("waits for a promise that is callable, as those of the platform's RPC are", async () => {
    const answer = Promise.resolve(3);
    // biome-ignore lint/suspicious/noThenProperty: this is what such a promise looks like.
    const callable = Object.assign(() => {}, { then: answer.then.bind(answer) }) as unknown as Promise<number>;
    await expect(within(1_000, "counting", () => callable)).resolves.toBe(3);
  });
});

describe("Work with a deadline that heeds a signal", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("answers what the work answers, and leaves no timer and nobody listening behind", async () => {
    const caller = new AbortController();
    const listeners = { added: vi.spyOn(caller.signal, "addEventListener"), removed: vi.spyOn(caller.signal, "removeEventListener") };
    await expect(untilAborted(caller.signal, "counting", async () => 3)).resolves.toBe(3);
    expect(listeners.removed.mock.calls.map(([, listener]) => listener)).toEqual(
      listeners.added.mock.calls.map(([, listener]) => listener),
    );
    await expect(abortedAfter(1_000, "counting", async () => 3, caller.signal)).resolves.toBe(3);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("ends at the deadline, says what took so long, and aborts the signal of the work", async () => {
    const seen: AbortSignal[] = [];
    const ended = abortedAfter(1_000, "counting", (signal) => {
      seen.push(signal);
      return never();
    });
    const refused = expect(ended).rejects.toThrow(new DeadlineExceeded("counting took longer than 1000 ms"));
    await vi.advanceTimersByTimeAsync(999);
    expect(seen.map(({ aborted }) => aborted)).toEqual([false]);
    await vi.advanceTimersByTimeAsync(1);
    expect(seen.map(({ aborted }) => aborted)).toEqual([true]);
    await refused;
  });

  it("ends when the caller gives up, and does not begin when that was before", async () => {
    const caller = new AbortController();
    const refused = expect(abortedAfter(1_000, "counting", never, caller.signal)).rejects.toThrow("counting was given up");
    caller.abort();
    await refused;
    const work = vi.fn(never);
    await expect(abortedAfter(1_000, "counting", work, caller.signal)).rejects.toThrow(DeadlineExceeded);
    expect(work).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });
});
