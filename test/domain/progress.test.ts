/** When an order must be woken whatever else happens, and what lies ahead of it. */
import { describe, expect, it } from "vitest";
import type { OrderEvent } from "../../src/contract/events.ts";
import { LANES } from "../../src/contract/lanes.ts";
import {
  HOLD_MS,
  plan,
  type Recheck,
  RUN_GRACE_MS,
  SETTLE_AFTER_MS,
  stageDeadlineOf,
  stepsAhead,
  wakeAt,
} from "../../src/domain/progress.ts";
import { accepted, confirmed, failed, firstGroupDone, fold, placedOrder, stateAfter, T0 } from "../support/orders.ts";

const HOUR = 60 * 60_000;
const SETTLED: Recheck = { settleAt: "never", waitAt: null };
const lane = LANES.standard;

const cancelling: OrderEvent = { type: "CancellationRequested", by: "ada" };
const foreign: OrderEvent[] = [{ type: "OrderPlaced", order: placedOrder(), saga: 4_711 }];
const held: OrderEvent[][] = [
  accepted(),
  [
    { type: "OrderStarted", startedAt: T0 },
    { type: "OrderHeld", flags: ["amount"], until: T0 + HOLD_MS },
  ],
];

describe("The time at which an order must be woken", () => {
  it.each<readonly [about: string, commits: readonly (readonly OrderEvent[])[], at: number | null]>([
    ["an order in its lane: when its hint must have come", [accepted()], T0 + lane.stallAfterMs],
    ["an order whose calls are out: when its run must have ended", firstGroupDone(), T0 + 1_000 + RUN_GRACE_MS],
    [
      "an order that waits for a retry: when that must have ended",
      [...firstGroupDone(), [failed("route", 1, T0 + HOUR)]],
      T0 + HOUR + RUN_GRACE_MS,
    ],
    [
      "an order whose retry is long due: when its run must have ended",
      [...firstGroupDone(), [failed("route", 1, T0)]],
      T0 + 2_000 + RUN_GRACE_MS,
    ],
    ["a cancelled order with no undo begun", [...firstGroupDone(), [cancelling]], T0 + 2_000 + RUN_GRACE_MS],
    ["a held order: when nobody has decided", held, T0 + HOLD_MS],
    ["a confirmed order: when its first stage is late", confirmed(), T0 + 4_000 + 24 * HOUR],
    [
      "an order at a stage: when that is late",
      [...confirmed(), [{ type: "StageReached", stage: "packing", by: "ada" }]],
      T0 + 5_000 + 12 * HOUR,
    ],
    ["an order whose stage is known to be late: never", [...confirmed(), [{ type: "StageOverran", stage: "confirmed" }]], null],
    ["an order at rest: never", [accepted(), [cancelling], [{ type: "OrderCancelled" }]], null],
    ["a failed order: never", [accepted(), [{ type: "OrderFailed" }]], null],
    ["a completed order: never", [...confirmed(), [{ type: "OrderCompleted" }]], null],
    ["a parked order: never", [accepted(), [{ type: "OrderQuarantined", cause: { class: "bug", detail: "" } }]], null],
  ])("is, for %s", (_, commits, at) => {
    expect(wakeAt(stateAfter(...commits), lane, SETTLED)).toBe(at);
  });

  it("is sooner while its projections are not known to have caught up", () => {
    const resting = stateAfter(accepted(), [cancelling], [{ type: "OrderCancelled" }]);
    const { updatedAt } = resting;
    expect(wakeAt(resting, lane, { settleAt: null, waitAt: null })).toBe(updatedAt + SETTLE_AFTER_MS);
    expect(wakeAt(resting, lane, { settleAt: updatedAt + 7, waitAt: null })).toBe(updatedAt + 7);
    const waiting = stateAfter(accepted());
    expect(wakeAt(waiting, lane, { settleAt: null, waitAt: null })).toBe(T0 + SETTLE_AFTER_MS);
    expect(wakeAt(waiting, lane, { settleAt: T0 + HOUR, waitAt: null })).toBe(T0 + lane.stallAfterMs);
    expect(wakeAt(waiting, lane, { settleAt: "never", waitAt: T0 + 5 })).toBe(T0 + 5);
  });
});

describe("The deadline of a stage", () => {
  it("is counted from when the stage was reached, whatever came after that", () => {
    const late: OrderEvent = { type: "LateAnswerRecorded", step: "route", attempt: 1, outcome: "failed" };
    expect(stageDeadlineOf(stateAfter(...confirmed(), [late]))).toBe(T0 + 4_000 + 24 * HOUR);
  });

  it("is nobody's before the order is confirmed", () => expect(stageDeadlineOf(stateAfter(...firstGroupDone()))).toBeNull());
});

describe("The plan of an order", () => {
  const now = T0 + HOUR;

  it("is to wait for the first of its retries, when none is due", () => {
    const both = stateAfter(
      accepted(),
      [{ type: "OrderStarted", startedAt: T0 }, failed("authorize", 1, now + 9), failed("reserve", 1, now + 5)],
      [{ type: "StepSucceeded", step: "screen", attempt: 1, facts: {} }],
    );
    expect(plan(both, now)).toEqual({ kind: "wait", until: now + 5 });
    expect(plan(both, now + 5)).toEqual({ kind: "call", steps: ["reserve"] });
    expect(plan(both, now + 9)).toEqual({ kind: "call", steps: ["authorize", "reserve"] });
  });

  it("is to be parked as what its last failure was", () => {
    const parked = (event: OrderEvent) => plan(stateAfter(...firstGroupDone(), [event]), now);
    const fails = failed("route", 1, null) as OrderEvent & { type: "StepFailed" };
    expect(parked(fails)).toEqual({ kind: "stuck", cause: { class: "provider_down", step: "route", detail: "503" } });
    for (const failure of ["poison", "refused", "bug"] as const)
      expect(parked({ ...fails, failure })).toMatchObject({ kind: "stuck", cause: { class: failure } });
    expect(parked({ ...fails, failure: "unknown" })).toMatchObject({ cause: { class: "provider_down" } });
  });

  it("is to be parked as a bug of ours when its graph is of another release", () => {
    expect(plan(stateAfter(foreign), now)).toEqual({
      kind: "stuck",
      cause: { class: "bug", detail: "this release does not hold version 4711 of the saga" },
    });
  });

  it("is to be parked as that, too, when its calls were out when the release was rolled back", () => {
    const state = stateAfter(foreign, [{ type: "StepStarted", step: "screen", attempt: 1 }]);
    expect(plan(state, now)).toMatchObject({ kind: "stuck", cause: { class: "bug" } });
  });

  it("is to begin what follows when nothing is open", () => {
    expect(plan(stateAfter(...firstGroupDone(), [cancelling]), now)).toEqual({ kind: "next" });
    expect(plan(stateAfter(...confirmed()), now)).toEqual({ kind: "idle" });
  });
});

describe("What lies ahead of an order", () => {
  it("is what has not begun, in the order of the graph, until it turns round or is confirmed", () => {
    expect(stepsAhead(stateAfter(accepted()))).toEqual(["route", "capture", "commit", "confirm"]);
    expect(stepsAhead(stateAfter(...firstGroupDone()))).toEqual(["capture", "commit", "confirm"]);
    expect(stepsAhead(stateAfter(...firstGroupDone(), [cancelling]))).toEqual([]);
    expect(stepsAhead(stateAfter(accepted(), [{ type: "OrderConfirmed" }]))).toEqual([]);
  });

  it("is nothing that a release knows which does not hold its graph", () => expect(stepsAhead(stateAfter(foreign))).toEqual([]));
});

describe("A journal", () => {
  it("cannot begin with anything but the order's placing", () => {
    expect(() => fold([{ version: 1, at: T0, events: [{ type: "OrderConfirmed" }] }])).toThrow("OrderConfirmed");
    expect(fold([])).toBeNull();
  });
});
