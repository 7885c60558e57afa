import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LANES } from "../../src/contract/lanes.ts";
import { delaySecondsOf, laneOf, MAX_DEFERRAL_SECONDS, pressureOf } from "../../src/domain/routing.ts";

const draw = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const draws = fc.tuple(draw, draw);
const pressure = fc.double({ min: 0, max: 10, noNaN: true });

describe("Pressure", () => {
  it("rises with the number of messages and with the age of the oldest, whichever is worse", () => {
    const lane = { capacity: 1_000, fullAfterMs: 60_000 };
    expect(pressureOf({ messages: 0, ageMs: 0 }, lane)).toBe(0);
    expect(pressureOf({ messages: 750, ageMs: 1_000 }, lane)).toBe(0.75);
    expect(pressureOf({ messages: 3, ageMs: 90_000 }, lane)).toBe(1.5);
  });
});

const { expedited, standard } = LANES;

describe("A start", () => {
  it("is never put off in a lane that does not defer, whatever the pressure", () =>
    fc.assert(
      fc.property(pressure, draws, (p, random) => {
        expect(delaySecondsOf(expedited, p, random)).toBe(0);
      }),
    ));

  it("is not put off while the lane is less than half full", () =>
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.5, noNaN: true }), draws, (p, random) => {
        expect(delaySecondsOf(standard, p, random)).toBe(0);
      }),
    ));

  it("is put off by whole seconds, never beyond the bound", () =>
    fc.assert(
      fc.property(pressure, draws, (p, random) => {
        const delaySeconds = delaySecondsOf(standard, p, random);
        expect(Number.isInteger(delaySeconds)).toBe(true);
        expect(delaySeconds).toBeGreaterThanOrEqual(0);
        expect(delaySeconds).toBeLessThanOrEqual(MAX_DEFERRAL_SECONDS);
      }),
    ));

  it("is put off by a draw below the probability, not by one that equals it", () => {
    expect(delaySecondsOf(standard, 0.75, [0.499, 0.5])).toBe(8);
    expect(delaySecondsOf(standard, 0.75, [0.5, 0.5])).toBe(0);
  });

  it("is put off the more often, and the longer, the higher the pressure", () => {
    const deferred = (p: number) => {
      const grid = Array.from({ length: 1_000 }, (_, index) => (index + 0.5) / 1_000);
      const delays = grid.map((first, index) => delaySecondsOf(standard, p, [first, grid[(index * 7) % 1_000] ?? 0]));
      return { share: delays.filter((delay) => delay > 0).length / delays.length, longest: Math.max(...delays) };
    };
    expect(deferred(0.75)).toMatchObject({ share: 0.5, longest: 15 });
    expect(deferred(1)).toMatchObject({ share: 1, longest: 30 });
    expect(deferred(5)).toEqual(deferred(1));
  });
});

describe("A hint", () => {
  it("travels the lane of its order, and the first lane when it is to try a provider out", () => {
    expect(laneOf({ priority: "standard" })).toBe("standard");
    expect(laneOf({ priority: "standard", probe: "payment" })).toBe("expedited");
  });
});
