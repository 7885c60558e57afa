import { describe, expect, it } from "vitest";
import type { OrderEvent } from "../../src/contract/events.ts";
import { OrderStatus } from "../../src/contract/order.ts";
import { causeFingerprintOf } from "../../src/domain/order.ts";
import {
  beginRedrive,
  CANARY_PATIENCE_MS,
  decided,
  type ItemOutcome,
  isEnded,
  judge,
  MAX_UNDER_WAY,
  outcomeOf,
  previewOf,
  type RedriveJob,
  type RedriveSpec,
  readCauseFingerprint,
  STALL_PATIENCE_MS,
  stopRedrive,
  tickMs,
  took,
  toTake,
  underWay,
} from "../../src/domain/redrive.ts";
import { accepted, captured, failed, firstGroupDone, started, stateAfter, succeeded, T0 } from "../support/orders.ts";

const parked = (step: "authorize" | "confirm" | "route" | "refund"): OrderEvent => ({
  type: "OrderQuarantined",
  cause: { class: "provider_down", step, detail: "503" },
});

describe("The preview of a redrive", () => {
  it("skips what took effect and names what will run, in the order of the saga", () => {
    const state = stateAfter(
      accepted(),
      [{ type: "OrderStarted", startedAt: T0 }, succeeded("screen"), succeeded("reserve"), failed("authorize", 1, null)],
      [parked("authorize")],
    );
    expect(previewOf(state)).toEqual({
      done: [
        { step: "screen", reference: "screen-ref" },
        { step: "reserve", reference: "reserve-ref" },
      ],
      willRun: ["authorize", "route", "capture", "commit", "confirm"],
      undoing: false,
    });
  });

  it("runs only the confirmation of an order that is paid and routed", () => {
    const { willRun, done } = previewOf(stateAfter(...captured(), [failed("confirm", 1, null)], [parked("confirm")]));
    expect(willRun).toEqual(["confirm"]);
    expect(done.map(({ step }) => step)).toEqual(["screen", "authorize", "reserve", "route", "capture", "commit"]);
  });

  it("shows the undos that are left of an order on its way back, and no forward step", () => {
    const state = stateAfter(
      ...captured(),
      [{ type: "CancellationRequested", by: "shop" }],
      [started("refund")],
      [failed("refund", 1, null)],
      [parked("refund")],
    );
    expect(previewOf(state)).toEqual({ done: [], willRun: ["refund", "unroute", "release"], undoing: true });
  });

  it("takes an intent without an answer as something that will be asked again", () => {
    expect(previewOf(stateAfter(...firstGroupDone(), [parked("route")])).willRun).toEqual(["route", "capture", "commit", "confirm"]);
  });

  it("ends where an order waits for a person", () => {
    const flagged: OrderEvent = { type: "StepSucceeded", step: "screen", attempt: 1, facts: { flags: ["amount"] } };
    const state = stateAfter(accepted(), [flagged, succeeded("reserve"), failed("authorize", 1, null)], [parked("authorize")]);
    expect(previewOf(state).willRun).toEqual(["authorize"]);
  });
});

describe("A fingerprint", () => {
  it("tells its class and step", () => {
    const cause = { class: "poison", step: "authorize", detail: "answered 400: what: ever" } as const;
    expect(readCauseFingerprint(causeFingerprintOf(cause))).toEqual({ causeClass: "poison", step: "authorize" });
    expect(readCauseFingerprint(causeFingerprintOf({ class: "bug", detail: "x" }))).toEqual({ causeClass: "bug", step: null });
  });

  it("that is none tells nothing", () => expect(readCauseFingerprint("nonsense")).toBeNull());
});

const spec: RedriveSpec = { ratePerSecond: 10, canaryShare: 0.05, stopAtFailureShare: 0.2 };

/** A job that takes what it may each second, whose orders fare as told, until it has ended or nothing changes any more. */
function run(job: RedriveJob, fate: (position: number) => ItemOutcome, wanted = spec): RedriveJob[] {
  const seconds = [job];
  for (let second = 1; second < 1_000 && !isEnded(job); second++) {
    const at = T0 + second * 1_000;
    const count = toTake(job, wanted);
    const outcomes = Array.from({ length: count }, (_, index) => fate(job.taken + index));
    job = judge(decided(took(job, count, at), outcomes, at), wanted, at);
    seconds.push(job);
  }
  return seconds;
}

describe("A redrive", () => {
  it("sends at least one order first, and no more than there are", () => {
    expect(beginRedrive(spec, 5, T0).canaries).toBe(1);
    expect(beginRedrive({ ...spec, canaryShare: 0 }, 5, T0).canaries).toBe(1);
    expect(beginRedrive(spec, 1_000, T0).canaries).toBe(50);
    expect(beginRedrive({ ...spec, canaryShare: 1 }, 5, T0).canaries).toBe(5);
  });

  it("of nothing is finished at once", () => expect(beginRedrive(spec, 0, T0)).toMatchObject({ state: "finished", total: 0 }));

  it("waits for the outcome of its canaries before it takes another order", () => {
    const job = took(beginRedrive(spec, 40, T0), 2, T0);
    expect(judge(job, spec, T0 + 60_000).state).toBe("canary");
    expect(toTake(job, spec)).toBe(0);
    const released = judge(decided(job, ["succeeded", "succeeded"], T0 + 1), spec, T0 + 1);
    expect(released.state).toBe("releasing");
    expect(toTake(released, spec)).toBe(10);
  });

  it("releases everything at its rate when all goes well", () => {
    const seconds = run(beginRedrive(spec, 100, T0), () => "succeeded");
    expect(seconds.at(-1)).toMatchObject({ state: "finished", endedBecause: null, taken: 100, succeeded: 100, failed: 0 });
    const rates = seconds.slice(1).map((job, index) => job.taken - (seconds[index]?.taken ?? 0));
    expect(Math.max(...rates)).toBe(10);
    expect(rates[0]).toBe(5);
  });

  it("stops after its canaries when they are parked again, with the rest untouched", () => {
    const last = run(beginRedrive(spec, 100, T0), () => "failed").at(-1);
    expect(last).toMatchObject({
      state: "stopped",
      taken: 5,
      failed: 5,
      endedBecause: "5 of the last 5 released orders were parked again",
    });
  });

  it("stops when the trouble comes back half-way, whatever went well before", () => {
    const last = run(beginRedrive(spec, 5_000, T0), (position) => (position < 2_000 ? "succeeded" : "failed")).at(-1);
    expect(last?.state).toBe("stopped");
    expect(last?.failed).toBeLessThanOrEqual(20);
  });

  it("does not stop for one bad order among few, nor ever when told not to", () => {
    const oneBad = run(beginRedrive(spec, 20, T0), (position) => (position === 5 ? "failed" : "succeeded")).at(-1);
    expect(oneBad).toMatchObject({ state: "finished", failed: 1, succeeded: 19 });
    const never = { ...spec, stopAtFailureShare: 1 };
    expect(run(beginRedrive(never, 100, T0), () => "failed", never).at(-1)).toMatchObject({ state: "finished", failed: 100 });
  });

  it("sends others first when its canaries were no longer parked", () => {
    const seconds = run(beginRedrive(spec, 100, T0), (position) => (position < 5 ? "skipped" : "failed"));
    expect(seconds.at(-1)).toMatchObject({ state: "stopped", taken: 10, skipped: 5, failed: 5 });
    expect(run(beginRedrive(spec, 7, T0), () => "skipped").at(-1)).toMatchObject({ state: "finished", skipped: 7 });
  });

  it("stops when its canaries have no outcome in time", () => {
    const job = took(beginRedrive(spec, 100, T0), 5, T0);
    expect(judge(job, spec, T0 + CANARY_PATIENCE_MS).state).toBe("canary");
    expect(judge(job, spec, T0 + CANARY_PATIENCE_MS + 1)).toMatchObject({ state: "stopped", endedAt: T0 + CANARY_PATIENCE_MS + 1 });
  });

  it("does not wait for ever for orders whose provider is blocked", () => {
    const job: RedriveJob = { ...took(beginRedrive(spec, 100, T0), 100, T0), state: "releasing" };
    expect(judge(job, spec, T0 + STALL_PATIENCE_MS).state).toBe("releasing");
    expect(judge(job, spec, T0 + STALL_PATIENCE_MS + 1)).toMatchObject({
      state: "finished",
      endedBecause: expect.stringContaining("100 released"),
    });
    expect(judge({ ...job, taken: 50 }, spec, T0 + STALL_PATIENCE_MS + 1).state).toBe("stopped");
  });

  it("piles up no more than so many orders without an outcome", () => {
    const job: RedriveJob = { ...beginRedrive(spec, 10_000, T0), state: "releasing", taken: MAX_UNDER_WAY - 3 };
    expect(toTake(job, spec)).toBe(3);
    expect(toTake({ ...job, taken: MAX_UNDER_WAY }, spec)).toBe(0);
  });

  it("takes nothing any more once it was stopped, and stays as it ended", () => {
    const stopped = stopRedrive(took(beginRedrive(spec, 100, T0), 5, T0), "ada", T0 + 1);
    expect(stopped).toMatchObject({ state: "stopped", endedBecause: "stopped by ada", endedAt: T0 + 1 });
    expect(toTake(stopped, spec)).toBe(0);
    expect(judge(decided(stopped, ["succeeded"], T0 + 2), spec, T0 + 2)).toMatchObject({ state: "stopped", succeeded: 1, endedAt: T0 + 1 });
    expect(stopRedrive(stopped, "bob", T0 + 3)).toBe(stopped);
    expect(underWay(stopped)).toBe(5);
  });

  it("knows an outcome of every status but those that move", () => {
    const moving = OrderStatus.options.filter((status) => outcomeOf(status) === null);
    expect(moving).toEqual(["accepted", "processing", "cancelling"]);
    expect(outcomeOf("quarantined")).toBe("failed");
  });
});

describe("A job that is looked after", () => {
  const spec: RedriveSpec = { ratePerSecond: 2, canaryShare: 0.5, stopAtFailureShare: 1 };
  const waiting = took(beginRedrive(spec, 4, T0), 2, T0);

  it("is looked at each second while it has orders to take, however long nothing has happened", () => {
    expect(tickMs(beginRedrive(spec, 4, T0), spec, T0 + 60_000)).toBe(1_000);
  });

  it("is looked at less often when it has nothing to take and has learnt nothing for a quarter of a minute", () => {
    expect([14_999, 15_000].map((ms) => tickMs(waiting, spec, T0 + ms))).toEqual([1_000, 5_000]);
  });
});

describe("What changes nothing of a job", () => {
  const spec: RedriveSpec = { ratePerSecond: 2, canaryShare: 0.5, stopAtFailureShare: 0.5 };
  const begun = beginRedrive(spec, 100, T0);
  const releasing = judge(decided(took(begun, 50, T0), Array(50).fill("succeeded"), T0), spec, T0);

  it("is taking no order, and hearing of none", () => {
    expect(took(begun, 0, T0 + 9)).toBe(begun);
    expect(decided(begun, [], T0 + 9)).toBe(begun);
  });

  it("is a look at one that has ended, or that has not taken all of its canaries", () => {
    const finished = beginRedrive(spec, 0, T0);
    expect(isEnded(finished)).toBe(true);
    expect(judge(finished, spec, T0 + 9)).toBe(finished);
    expect(judge(begun, spec, T0 + 9)).toBe(begun);
    const some = took(begun, 49, T0);
    expect(judge(some, spec, T0 + CANARY_PATIENCE_MS + 1)).toBe(some);
  });

  it("is a look at one that is releasing and has nothing under way", () => {
    expect(releasing.state).toBe("releasing");
    expect(judge(releasing, spec, T0 + 9)).toBe(releasing);
  });

  it("is a failure or two among the first: ten outcomes are enough to judge by, and nine are too few", () => {
    const strict = { ...spec, stopAtFailureShare: 0 };
    const after = (failures: number) => judge({ ...releasing, recent: "f".repeat(failures), taken: 80 }, strict, T0).state;
    expect([1, 9, 10].map(after)).toEqual(["releasing", "releasing", "stopped"]);
  });
});

describe("An outcome", () => {
  it("is a success for an order that ended, however it did: the redrive got it out", () => {
    expect((["failed", "cancelled", "confirmed"] as const).map(outcomeOf)).toEqual(["succeeded", "succeeded", "succeeded"]);
  });
});

describe("A text that only holds a fingerprint", () => {
  it("tells nothing", () => expect(readCauseFingerprint("see poison route: 400")).toBeNull());
});
