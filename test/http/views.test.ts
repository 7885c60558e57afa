/** What is shown of an order: every field from where it stands, times as text, and nothing that is not the viewer's to see. */
import { describe, expect, it } from "vitest";
import type { Commit, OrderEvent } from "../../src/contract/events.ts";
import type { Diagnosis } from "../../src/domain/diagnosis.ts";
import { summarize } from "../../src/domain/order.ts";
import { commandReceiptOf, diagnosisOf, listItemOf, receiptOf, timelineOf, viewerOf, viewOf } from "../../src/http/views.ts";
import { accepted, confirmed, failed, firstGroupDone, ORDER_ID, placedOrder, started, stateAfter, T0 } from "../support/orders.ts";

const OPS = { forOps: true };
const READER = { forOps: false };
const links = { self: `/v1/orders/${ORDER_ID}`, events: `/v1/orders/${ORDER_ID}/events` };
const iso = (seconds: number) => new Date(T0 + seconds * 1_000).toISOString();

describe("The view of an order", () => {
  it("has its times as text, and none that have not come", () => {
    expect(viewOf(stateAfter(accepted()), READER)).toMatchObject({
      id: ORDER_ID,
      status: "accepted",
      profileVersion: 0,
      stage: null,
      nextStage: "picking",
      reference: "536365",
      placedAt: iso(0),
      startedAt: null,
      confirmedAt: null,
      updatedAt: iso(0),
      links,
    });
    expect(viewOf(stateAfter(...confirmed()), READER)).toMatchObject({ startedAt: iso(0), confirmedAt: iso(4), updatedAt: iso(4) });
  });

  it("has each step with where it stands, what it brought and what last went wrong", () => {
    const { steps, ahead } = viewOf(stateAfter(...firstGroupDone(), [failed("route", 1, T0 + 9_000)]), READER);
    expect(steps.at(1)).toEqual({
      step: "authorize",
      state: "succeeded",
      attempt: 1,
      retryAt: null,
      reference: "authorize-ref",
      lastFailure: null,
    });
    expect(steps.at(-1)).toEqual({ step: "route", state: "failed", attempt: 2, retryAt: iso(9), reference: null, lastFailure: "503" });
    expect(ahead).toEqual(["capture", "commit", "confirm"]);
  });

  it("names the profile that it was accepted under, and no stage after the last", () => {
    const placed: OrderEvent = { type: "OrderPlaced", order: placedOrder({ reference: undefined }), saga: 1, profile: { version: 7 } };
    expect(viewOf(stateAfter([placed]), READER)).toMatchObject({ profileVersion: 7, reference: null });
    const delivered: OrderEvent = { type: "StageReached", stage: "delivered", by: "ada" };
    expect(viewOf(stateAfter(...confirmed(), [delivered]), READER).nextStage).toBeNull();
  });

  it("has no payment in it", () => expect(JSON.stringify(viewOf(stateAfter(accepted()), OPS))).not.toContain("tok_visa"));
});

describe("A provider's reference", () => {
  const shown = (reference: string, viewer: { readonly forOps: boolean }) => {
    const event: OrderEvent = { type: "StepSucceeded", step: "authorize", attempt: 1, facts: { reference } };
    return viewOf(stateAfter(accepted(), [event]), viewer).steps.find(({ step }) => step === "authorize")?.reference;
  };

  it.each(["pi_3Kx", "A-1.2:3/4", "x".repeat(200)])("is shown to everybody when it is an identifier: %s", (reference) => {
    expect([shown(reference, READER), shown(reference, OPS)]).toEqual([reference, reference]);
  });

  it.each(["", "for Ada Lovelace", "x y", " x", "x ", "x".repeat(201)])("is shown to ops only when it may be words: %j", (reference) => {
    expect([shown(reference, READER), shown(reference, OPS)]).toEqual([null, reference]);
  });
});

describe("The viewer", () => {
  it("is ops when its key has that scope", () => {
    expect([viewerOf({ scopes: ["orders:read", "ops"] }), viewerOf({ scopes: ["orders:read"] })]).toEqual([OPS, READER]);
  });
});

describe("The receipts", () => {
  it("of an accepted order and of a command name it, and say when", () => {
    expect(receiptOf({ orderId: ORDER_ID, total: 5, currency: "GBP" }, T0)).toEqual({
      id: ORDER_ID,
      status: "accepted",
      placedAt: iso(0),
      total: 5,
      currency: "GBP",
      links,
    });
    expect(commandReceiptOf(stateAfter(...confirmed()))).toEqual({
      id: ORDER_ID,
      status: "confirmed",
      version: 5,
      updatedAt: iso(4),
      links,
    });
  });
});

describe("An order of a list", () => {
  it("is its summary with its id and its times as text, and without its tenant", () => {
    const { orderId: _, tenant: __, ...summary } = summarize(stateAfter(...confirmed()));
    expect(listItemOf(summarize(stateAfter(...confirmed())))).toEqual({
      ...summary,
      id: ORDER_ID,
      placedAt: iso(0),
      startedAt: iso(0),
      confirmedAt: iso(4),
      updatedAt: iso(4),
      links,
    });
    expect(listItemOf(summarize(stateAfter(accepted())))).toMatchObject({ startedAt: null, confirmedAt: null });
  });
});

describe("The timeline", () => {
  const entriesOf = (events: OrderEvent[], viewer = READER) => {
    const journal: Commit[] = [{ version: 3, at: T0, events }];
    const { id, events: entries } = timelineOf(ORDER_ID, journal, viewer);
    expect(id).toBe(ORDER_ID);
    expect(entries.every(({ version, at }) => version === 3 && at === iso(0))).toBe(true);
    return entries.map(({ type, data }) => ({ type, data }));
  };

  it("says only that the order was placed, and what a correction changed, not to what", () => {
    const corrected: OrderEvent = { type: "OrderCorrected", by: "ada", reason: "moved", changes: { shipTo: { country: "FR" } } };
    expect(entriesOf([...accepted().slice(0, 2), corrected], OPS)).toEqual([
      { type: "OrderPlaced", data: {} },
      { type: "StepStarted", data: { step: "screen", attempt: 1 } },
      { type: "OrderCorrected", data: { by: "ada", reason: "moved", changed: ["shipTo"] } },
    ]);
  });

  it("has times as text, and numbers as numbers", () => {
    expect(
      entriesOf([{ type: "OrderStarted", startedAt: T0 }, failed("route", 2, T0 + 1_000), failed("route", 3, null), started("route", 4)]),
    ).toEqual([
      { type: "OrderStarted", data: { startedAt: iso(0) } },
      { type: "StepFailed", data: { step: "route", attempt: 2, failure: "transient", detail: "503", retryAt: iso(1) } },
      { type: "StepFailed", data: { step: "route", attempt: 3, failure: "transient", detail: "503", retryAt: null } },
      { type: "StepStarted", data: { step: "route", attempt: 4 } },
    ]);
  });

  it("has the words of others for ops only", () => {
    const words = "for Ada Lovelace";
    const facts = { reference: words, flags: ["amount"], tracked: [words] };
    const events: OrderEvent[] = [
      { type: "StepRefused", step: "authorize", attempt: 1, refusal: { reason: "declined", detail: words } },
      { type: "StepFailed", step: "route", attempt: 1, failure: "poison", detail: "400", said: words, retryAt: null },
      { type: "StepSucceeded", step: "screen", attempt: 1, facts },
      { type: "LateAnswerRecorded", step: "route", attempt: 1, outcome: "succeeded", facts: { reference: "f-1" } },
      { type: "LateAnswerRecorded", step: "route", attempt: 1, outcome: "failed" },
    ];
    expect(entriesOf(events).map(({ data }) => data)).toEqual([
      { step: "authorize", attempt: 1, refusal: { reason: "declined" } },
      { step: "route", attempt: 1, failure: "poison", detail: "400", retryAt: null },
      { step: "screen", attempt: 1, facts: { flags: ["amount"] } },
      { step: "route", attempt: 1, outcome: "succeeded", facts: { reference: "f-1" } },
      { step: "route", attempt: 1, outcome: "failed", facts: {} },
    ]);
    expect(entriesOf(events, OPS).map(({ data }) => data)).toEqual(events.map(({ type: _, ...data }) => data));
  });
});

describe("The diagnosis that is shown", () => {
  const diagnosis: Diagnosis = {
    status: "processing",
    situation: "waiting_for_provider",
    undoing: false,
    since: T0,
    steps: ["route"],
    provider: {
      provider: "fulfilment",
      shared: false,
      state: "open",
      since: T0,
      nextProbeAt: T0,
      lastFailure: "502",
      by: "ada",
      reason: "audit",
      waiting: 3,
    },
    lane: { messages: 5, ageMs: 7, probability: 0.5, upToSeconds: 1.5 },
    nextWakeAt: T0 + 1_000,
    attempts: [
      { step: "route", attempt: 1, at: T0, result: "succeeded", detail: "for Ada", said: null },
      { step: "route", attempt: 2, at: T0, result: "succeeded", detail: null, said: null },
      { step: "route", attempt: 3, at: T0, result: "failed", detail: "400 Bad", said: "for Ada" },
    ],
    actions: ["cancel"],
    sentence: "It waits.",
  };

  it("has times as text, and the words of others for ops only", () => {
    const shown = diagnosisOf(ORDER_ID, diagnosis, READER);
    expect(shown).toMatchObject({
      id: ORDER_ID,
      since: iso(0),
      steps: ["route"],
      nextWakeAt: iso(1),
      actions: ["cancel"],
      sentence: "It waits.",
    });
    expect(shown.provider).toEqual({ name: "fulfilment", state: "open", since: iso(0), waiting: 3 });
    expect(shown.lane).toEqual({ waiting: 5, oldestMs: 7, deferredShare: 0.5, deferredUpToMs: 1_500 });
    expect(shown.attempts.map(({ at, detail, said }) => [at, detail, said])).toEqual([
      [iso(0), null, null],
      [iso(0), null, null],
      [iso(0), "400 Bad", null],
    ]);
    expect(diagnosisOf(ORDER_ID, diagnosis, OPS).attempts.map(({ detail, said }) => [detail, said])).toEqual([
      ["for Ada", null],
      [null, null],
      ["400 Bad", "for Ada"],
    ]);
  });

  it("has neither provider, lane nor alarm when there is none", () => {
    expect(diagnosisOf(ORDER_ID, { ...diagnosis, provider: null, lane: null, nextWakeAt: null }, READER)).toMatchObject({
      provider: null,
      lane: null,
      nextWakeAt: null,
    });
  });
});
