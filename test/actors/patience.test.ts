import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { leaves } from "../../src/actors/patience.ts";

/** As `patience.ts` has them. */
const PATIENCE_MS = 100;
const MAX_LEFT = 25;
const MAX_LEFT_MS = 60_000;

const never = new Promise(() => {});

describe("A lane's patience", () => {
  beforeEach(() => void vi.useFakeTimers());

  /** Whatever a test has left is over a minute later. */
  afterEach(() => {
    vi.setSystemTime(Date.now() + 2 * MAX_LEFT_MS);
    vi.restoreAllMocks();
  });

  it("outlasts work that ends within a moment, well or badly, and leaves no timer behind", async () => {
    expect(await leaves(Promise.resolve())).toBe(false);
    expect(await leaves(Promise.reject(new Error("it failed")))).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("ends after a tenth of a second", async () => {
    const left = vi.fn();
    void leaves(never).then(left);
    await vi.advanceTimersByTimeAsync(PATIENCE_MS - 1);
    expect(left).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(left).toHaveBeenCalledWith(true);
  });

  it("is as long as it takes when many are left already, until one of these has ended", async () => {
    let end = () => {};
    const first = leaves(
      new Promise<void>((resolve) => {
        end = resolve;
      }),
    );
    const others = Array.from({ length: MAX_LEFT - 1 }, () => leaves(never));
    await vi.advanceTimersByTimeAsync(PATIENCE_MS);
    expect(await Promise.all([first, ...others])).toEqual(Array(MAX_LEFT).fill(true));
    const left = vi.fn();
    void leaves(never).then(left);
    await vi.advanceTimersByTimeAsync(10 * PATIENCE_MS);
    expect(left).not.toHaveBeenCalled();
    end();
    await vi.advanceTimersByTimeAsync(PATIENCE_MS);
    expect(left).toHaveBeenCalledWith(true);
  });

  it("forgets after a minute what was left and never ended", async () => {
    const others = Array.from({ length: MAX_LEFT }, () => leaves(never));
    await vi.advanceTimersByTimeAsync(PATIENCE_MS);
    await Promise.all(others);
    const left = vi.fn();
    void leaves(never).then(left);
    await vi.advanceTimersByTimeAsync(MAX_LEFT_MS);
    expect(left).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(PATIENCE_MS);
    expect(left).toHaveBeenCalledWith(true);
  });
});
