/** What an order is after each event, and how it is seen from outside. */
import { describe, expect, it } from "vitest";
import type { OrderEvent } from "../../src/contract/events.ts";
import type { Cause } from "../../src/contract/order.ts";
import { attentionOf, causeFingerprintOf, reasonOf, summarize } from "../../src/domain/order.ts";
import { HOLD_MS } from "../../src/domain/progress.ts";
import {
  accepted,
  confirmed,
  failed,
  firstGroupDone,
  ORDER_ID,
  placedOrder,
  started,
  stateAfter,
  succeeded,
  T0,
} from "../support/orders.ts";

const cause: Cause = { class: "poison", step: "route", detail: "400" };
const parked: OrderEvent = { type: "OrderQuarantined", cause };
const cancelling: OrderEvent = { type: "CancellationRequested", by: "ada" };
const redriven: OrderEvent = { type: "OrderRedriven", by: "ada" };
const held: OrderEvent = { type: "OrderHeld", flags: ["amount", "velocity"], until: T0 + HOLD_MS };
const late = (outcome: "succeeded" | "failed", step: "authorize" | "void" = "authorize"): OrderEvent => ({
  type: "LateAnswerRecorded",
  step,
  attempt: 1,
  outcome,
  facts: { reference: "late", tracked: [] },
});

describe("The summary of an order", () => {
  it("has every field from where it stands", () => {
    expect(summarize(stateAfter(...confirmed(), [{ type: "StageReached", stage: "picking", by: "ada" }]))).toEqual({
      orderId: ORDER_ID,
      tenant: "shop",
      version: 6,
      status: "in_fulfilment",
      stage: "picking",
      priority: "standard",
      track: "retail",
      reference: "536365",
      customerId: "17850",
      currency: "GBP",
      total: 3564,
      lineCount: 2,
      reason: null,
      attention: null,
      causeClass: null,
      causeFingerprint: null,
      placedAt: T0,
      startedAt: T0,
      confirmedAt: T0 + 4_000,
      updatedAt: T0 + 5_000,
    });
  });

  it("has nothing where the merchant said nothing, and the cause of one that is parked", () => {
    const placed: OrderEvent = { type: "OrderPlaced", order: placedOrder({ reference: undefined, customer: {} }), saga: 1 };
    expect(summarize(stateAfter([placed], [parked]))).toMatchObject({
      reference: null,
      customerId: null,
      reason: "route: 400",
      attention: "quarantined",
      causeClass: "poison",
      causeFingerprint: "poison route: 400",
    });
  });
});

describe("What a person is told of an order", () => {
  it("is why it is not simply on its way", () => {
    expect(reasonOf(stateAfter(accepted()))).toBeNull();
    expect(reasonOf(stateAfter(accepted(), [{ type: "OrderQuarantined", cause: { class: "bug", detail: "undeliverable" } }]))).toBe(
      "bug: undeliverable",
    );
    expect(reasonOf(stateAfter(accepted(), [held]))).toBe("amount, velocity");
    expect(reasonOf(stateAfter(accepted(), [{ ...cancelling, reason: "changed my mind" }]))).toBe("changed my mind");
  });

  it("is whether somebody should look", () => {
    expect(attentionOf(stateAfter(accepted()))).toBeNull();
    expect(attentionOf(stateAfter(accepted(), [parked]))).toBe("quarantined");
    expect(attentionOf(stateAfter(accepted(), [held]))).toBe("held");
    expect(attentionOf(stateAfter(...confirmed(), [{ type: "StageOverran", stage: "confirmed" }]))).toBe("stage_overran");
  });
});

describe("The fingerprint of a cause", () => {
  const of = (detail: string) => causeFingerprintOf({ class: "bug", step: "route", detail }).replace("bug route: ", "");

  it("names class and step, or the order where there is no step", () => {
    expect(causeFingerprintOf(cause)).toBe("poison route: 400");
    expect(causeFingerprintOf({ class: "bug", detail: "x" })).toBe("bug order: x");
  });

  it.each([
    ["Connection Refused", "connection refused"],
    ["ord_7n4kx0 and ord_9", "* and *"],
    ["request 3f2a9c1d failed", "request * failed"],
    ["request 3f2a9c1d-88aa-4c failed", "request * failed"],
    ["request a3f29c1d failed", "request * failed"],
    ["request 3f2a9c1 failed", "request 3f2a9c1 failed"],
    ["the facade defaced it", "the facade defaced it"],
    ["no effaceable dead-beef", "no effaceable dead-beef"],
    ["answered 503 after 12345 ms", "answered 503 after * ms"],
    ["port 8080 or 999", "port * or 999"],
    ["x".repeat(300), "x".repeat(120)],
  ])("of %j is %j: what differs from order to order is left out", (detail, common) => {
    expect(of(detail)).toBe(common);
  });
});

describe("An order that is redriven", () => {
  it("goes on in the direction that it had", () => {
    expect(stateAfter(accepted(), [parked], [redriven])).toMatchObject({ status: "processing", redriven: true, cause: null });
    expect(stateAfter(accepted(), [cancelling], [parked], [redriven])).toMatchObject({ status: "cancelling" });
    const declined: OrderEvent = { type: "StepRefused", step: "authorize", attempt: 1, refusal: { reason: "declined" } };
    expect(stateAfter(accepted(), [declined], [parked], [redriven])).toMatchObject({ status: "processing", ending: { status: "failed" } });
  });

  it("asks again at once for what had failed, and leaves alone what had not", () => {
    const { steps } = stateAfter(...firstGroupDone(), [failed("route", 1, null)], [parked], [redriven]);
    expect(steps.route).toMatchObject({ phase: "failed", failures: 0, retryAt: T0 + 4_000, keyGeneration: 1 });
    expect(steps.authorize).toMatchObject({ phase: "succeeded", retryAt: null });
    expect(stateAfter(...firstGroupDone(), [parked], [redriven]).steps.route).toMatchObject({ phase: "started", retryAt: null });
  });

  it.each(["poison", "refused"] as const)("asks under another key for what was turned down as %s", (failure) => {
    const turnedDown = { ...failed("route", 1, null), failure } as OrderEvent;
    expect(stateAfter(...firstGroupDone(), [turnedDown], [parked], [redriven]).steps.route).toMatchObject({ keyGeneration: 2 });
  });
});

describe("The key of a step that is asked for again", () => {
  const redrivenAfter = (...commits: OrderEvent[][]) => stateAfter(...commits, [parked], [redriven]).steps;

  it("stays when the step may have had its effect, though a person has corrected the order", () => {
    const corrected: OrderEvent = { type: "OrderCorrected", by: "ada", reason: "moved", changes: { shipTo: { country: "FR" } } };
    expect(redrivenAfter([...accepted(), failed("authorize", 1, null)], [corrected]).authorize).toMatchObject({ keyGeneration: 1 });
  });

  it("stays for an undo that is owed once more, and has not failed", () => {
    const owed = redrivenAfter(...firstGroupDone(), [cancelling], [started("void")], [succeeded("void")], [late("succeeded")]);
    expect(owed.void).toMatchObject({ phase: "failed", keyGeneration: 2, lastFailure: null });
  });
});

describe("An order that starts", () => {
  it("is processed, unless it was cancelled before", () => {
    const began: OrderEvent = { type: "OrderStarted", startedAt: T0 };
    expect(stateAfter(accepted(), [began]).status).toBe("processing");
    expect(stateAfter(accepted(), [cancelling], [began])).toMatchObject({ status: "cancelling", startedAt: T0 });
  });
});

describe("An answer that comes late", () => {
  const voiding = [...firstGroupDone(), [cancelling], [started("void"), started("release")], [succeeded("void"), succeeded("release")]];

  it("of a step whose undo has begun makes the undo owed once more, and takes up an order at rest", () => {
    const cancelled = stateAfter(...voiding, [{ type: "OrderCancelled" }], [late("succeeded")]);
    expect(cancelled).toMatchObject({ status: "cancelling", steps: { void: { phase: "failed", retryAt: 0, keyGeneration: 2 } } });
    const declined: OrderEvent = { type: "StepRefused", step: "reserve", attempt: 1, refusal: { reason: "sold out" } };
    const refused = stateAfter(
      accepted(),
      [declined],
      [started("void")],
      [succeeded("void"), { type: "OrderFailed" }],
      [late("succeeded")],
    );
    expect(refused).toMatchObject({ status: "processing", steps: { void: { phase: "failed" } } });
  });

  it("leaves an order that is still on its way back where it is", () => {
    expect(stateAfter(...voiding, [late("succeeded")])).toMatchObject({ status: "cancelling", steps: { void: { keyGeneration: 2 } } });
  });

  it("changes nothing when it brought no effect, or is that of an undo", () => {
    const before = stateAfter(...voiding, [{ type: "OrderCancelled" }]);
    for (const answer of [late("failed"), late("succeeded", "void")]) {
      const { version: _, updatedAt: __, ...after } = stateAfter(...voiding, [{ type: "OrderCancelled" }], [answer]);
      expect(before).toMatchObject(after);
    }
  });

  it("of a step whose undo has not begun makes nothing owed: the undo is still to come", () => {
    const { steps } = stateAfter(...firstGroupDone(), [cancelling], [late("succeeded")]);
    expect(Object.keys(steps)).toEqual(["screen", "authorize", "reserve", "route"]);
  });

  it("of a step that nobody undoes only brings what it brought", () => {
    const { steps, status } = stateAfter(accepted(), [failed("authorize", 1, T0 + 9_000)], [late("succeeded")]);
    expect(status).toBe("accepted");
    expect(steps.authorize).toMatchObject({ phase: "failed", facts: { reference: "late" } });
    expect(steps.void).toBeUndefined();
  });
});
