import { describe, expect, it } from "vitest";
import type { Track } from "../../src/contract/profile.ts";
import { decide } from "../../src/domain/decide.ts";
import { nextStage } from "../../src/domain/tracks.ts";
import { confirmed, given } from "../support/orders.ts";

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
