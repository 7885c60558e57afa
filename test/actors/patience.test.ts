import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { leaves } from "../../src/actors/patience.ts";

/** As `patience.ts` has them. */
const PATIENCE_MS = 100;
const MAX_LEFT = 50;
const OF_ONE_TENANT = MAX_LEFT / 2;
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
    expect(await leaves(Promise.resolve(), "shop", "standard")).toBe(false);
    expect(await leaves(Promise.reject(new Error("it failed")), "shop", "standard")).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("ends after a tenth of a second", async () => {
    const left = vi.fn();
    void leaves(never, "shop", "standard").then(left);
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
      "shop",
      "standard",
    );
    const others = Array.from({ length: OF_ONE_TENANT - 1 }, () => leaves(never, "shop", "standard"));
    await vi.advanceTimersByTimeAsync(PATIENCE_MS);
    expect(await Promise.all([first, ...others])).toEqual(Array(OF_ONE_TENANT).fill(true));
    const left = vi.fn();
    void leaves(never, "shop", "standard").then(left);
    await vi.advanceTimersByTimeAsync(10 * PATIENCE_MS);
    expect(left).not.toHaveBeenCalled();
    end();
    await vi.advanceTimersByTimeAsync(PATIENCE_MS);
    expect(left).toHaveBeenCalledWith(true);
  });

  it("ends after a tenth of a second for every other tenant while one has as many left as it may", async () => {
    const hung = Array.from({ length: MAX_LEFT }, () => leaves(never, "hung", "standard"));
    const other = vi.fn();
    void leaves(never, "other", "standard").then(other);
    await vi.advanceTimersByTimeAsync(PATIENCE_MS);
    expect(other).toHaveBeenCalledWith(true);
    const left = vi.fn();
    for (const each of hung) void each.then(left);
    await vi.advanceTimersByTimeAsync(10 * PATIENCE_MS);
    expect(left).toHaveBeenCalledTimes(OF_ONE_TENANT);
  });

  it("ends after a tenth of a second in one lane while another has left as many as it may", async () => {
    for (let n = 0; n < MAX_LEFT; n++) for (const tenant of ["one", "two"]) void leaves(never, tenant, "standard");
    await vi.advanceTimersByTimeAsync(PATIENCE_MS);
    const left = vi.fn();
    void leaves(never, "one", "expedited").then(left);
    await vi.advanceTimersByTimeAsync(PATIENCE_MS);
    expect(left).toHaveBeenCalledWith(true);
  });

  it("ends alike often for two tenants that hang alike, and leaves places for others", async () => {
    const tenants = ["one", "two"].map((tenant) => ({ tenant, left: vi.fn() }));
    for (let n = 0; n < MAX_LEFT; n++) for (const { tenant, left } of tenants) void leaves(never, tenant, "standard").then(left);
    await vi.advanceTimersByTimeAsync(10 * PATIENCE_MS);
    expect(tenants.map(({ left }) => left.mock.calls.length)).toEqual([17, 17]);
  });

  it("has a place left for each of many tenants, whatever one of them took before, and a bound for all together", async () => {
    const counts = new Map<string, number>();
    const count = (tenant: string) => void leaves(never, tenant, "standard").then(() => counts.set(tenant, (counts.get(tenant) ?? 0) + 1));
    for (let n = 0; n < MAX_LEFT; n++) count("hung");
    await vi.advanceTimersByTimeAsync(PATIENCE_MS);
    for (let n = 0; n < MAX_LEFT; n++) count(`other-${n}`);
    await vi.advanceTimersByTimeAsync(10 * PATIENCE_MS);
    expect(counts.get("hung")).toBe(OF_ONE_TENANT);
    expect([...counts.values()].reduce((sum, each) => sum + each, 0)).toBe(MAX_LEFT);
  });

  it("forgets after a minute what was left and never ended", async () => {
    const others = Array.from({ length: OF_ONE_TENANT }, () => leaves(never, "shop", "standard"));
    await vi.advanceTimersByTimeAsync(PATIENCE_MS);
    await Promise.all(others);
    const left = vi.fn();
    void leaves(never, "shop", "standard").then(left);
    await vi.advanceTimersByTimeAsync(MAX_LEFT_MS);
    expect(left).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(PATIENCE_MS);
    expect(left).toHaveBeenCalledWith(true);
  });
});
