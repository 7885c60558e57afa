import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LANES, lanesFrom } from "../../src/contract/lanes.ts";
import { MAX_RETRY_AFTER_MS, retryDelayMs } from "../../src/domain/retry.ts";

const policy = { maxAttempts: 5, baseMs: 1_000, capMs: 8_000 };
const transient = { failure: "transient" } as const;

describe("The delay before a retry", () => {
  it("grows exponentially up to its cap, with jitter over the whole of it", () => {
    expect([1, 2, 3, 4].map((attempt) => retryDelayMs(policy, transient, attempt, 0.999999))).toEqual([1_000, 2_000, 4_000, 8_000]);
    expect([1, 2, 3, 4].map((attempt) => retryDelayMs({ ...policy, capMs: 3_000 }, transient, attempt, 0.5))).toEqual([
      500, 1_000, 1_500, 1_500,
    ]);
    expect(retryDelayMs(policy, transient, 4, 0)).toBe(0);
  });

  it("ends with the last attempt, and does not begin for poison", () => {
    expect(retryDelayMs(policy, transient, 5, 0.5)).toBeNull();
    expect(retryDelayMs(policy, { failure: "poison" }, 1, 0.5)).toBeNull();
    expect(retryDelayMs(policy, { failure: "refused" }, 1, 0.5)).toBeNull();
  });

  it("is at least what the provider asks for, within reason", () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 10 ** 9 }),
        fc.integer({ min: 1, max: 4 }),
        fc.double({ min: 0, max: 0.99, noNaN: true }),
        (asked, attempt, random) => {
          const delay = retryDelayMs(policy, { failure: "transient", retryAfterMs: asked }, attempt, random) ?? -1;
          expect(delay).toBeGreaterThanOrEqual(Math.min(asked, MAX_RETRY_AFTER_MS));
          expect(delay).toBeLessThanOrEqual(MAX_RETRY_AFTER_MS + policy.capMs);
        },
      ),
    ));
});

describe("The table of lanes", () => {
  it("takes a deployment's own numbers, and keeps the rest", () => {
    const lanes = lanesFrom('{"standard":{"retry":{"maxAttempts":12},"stallAfterMs":5000}}');
    expect(lanes.standard).toEqual({ ...LANES.standard, stallAfterMs: 5_000, retry: { ...LANES.standard.retry, maxAttempts: 12 } });
    expect(lanes.expedited).toEqual(LANES.expedited);
    expect(lanesFrom("")).toBe(LANES);
  });

  it.each(["{", '{"fast":{}}', '{"standard":{"retry":{"maxAttempt":3}}}', '{"standard":{"stallAfterMs":0}}'])(
    "does not start with the misspelt %s",
    (json) => {
      expect(() => lanesFrom(json)).toThrow();
    },
  );
});
