import { describe, expect, it } from "vitest";
import type { Track } from "../../src/contract/profile.ts";
import { decide } from "../../src/domain/decide.ts";
import { nextStage, stageBudgetMs, TRACKS, trackOf } from "../../src/domain/tracks.ts";
import { confirmed, given, placedOrder } from "../support/orders.ts";

const TRACK: Track = {
  firstStageWithinMs: 1,
  stages: [
    { name: "picking", budgetMs: 2 },
    { name: "delivered", budgetMs: 0 },
  ],
};

describe("A track", () => {
  it("begins with its first stage, and has none after the last", () => {
    expect([nextStage(TRACK, null), nextStage(TRACK, "picking"), nextStage(TRACK, "delivered")]).toEqual([
      TRACK.stages[0],
      TRACK.stages[1],
      undefined,
    ]);
  });

  it("has no next stage for one that it does not know", () => expect(nextStage(TRACK, "baking")).toBeUndefined());

  it("is not begun anew by an order whose stage it does not know: the stage is refused, with the evidence", () =>
    given(...confirmed(), [{ type: "StageReached", stage: "baking", by: "kitchen" }])
      .when((state) => decide(state, { type: "ReachStage", stage: "picking", by: "ada" }))
      .thenRefused({
        reason: "wrong_stage",
        wanted: "picking",
        next: null,
        detail: "the retail track has no stage baking, which the order has reached",
      }));
});

describe("The embedded tracks", () => {
  const MINUTES = 60_000;

  it.each([
    ["retail", { first: 1_440, picking: 1_440, packing: 720, shipped: 14_400, delivered: 0 }],
    ["bakery", { first: 10, preparation: 20, baking: 90, quality_check: 15, packaging: 20, out_for_delivery: 120, delivered: 0 }],
  ])("give each stage of %s its time, in minutes", (name, { first, ...budgets }) => {
    const track = TRACKS[name] as Track;
    expect(stageBudgetMs(track, null)).toBe(first * MINUTES);
    expect(track.stages.map((stage) => [stage.name, stageBudgetMs(track, stage.name) / MINUTES])).toEqual(Object.entries(budgets));
  });

  it("are these two: a track is only ever added to", () => expect(Object.keys(TRACKS)).toEqual(["retail", "bakery"]));

  it("give a stage that they do not know the time of the first one", () =>
    expect(stageBudgetMs(TRACKS.bakery as Track, "glazing")).toBe(10 * MINUTES));
});

describe("The track of an order", () => {
  it("is its tenant's own as it was pinned, else the embedded one of its name", () => {
    expect(trackOf({ order: placedOrder({ track: "bakery" }), profile: null })).toBe(TRACKS.bakery);
    expect(trackOf({ order: placedOrder({ track: "bakery" }), profile: { version: 1, track: TRACK } })).toBe(TRACK);
  });

  it("is never lost by a release", () => {
    expect(() => trackOf({ order: placedOrder({ track: "glazing" }), profile: null })).toThrow("glazing");
  });
});
