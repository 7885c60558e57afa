import { describe, expect, it } from "vitest";
import type { Commit, OrderEvent } from "../../src/contract/events.ts";
import { LANES } from "../../src/contract/lanes.ts";
import { shown } from "../../src/domain/breaker.ts";
import { type Circumstances, diagnose } from "../../src/domain/diagnosis.ts";
import { attentionOf } from "../../src/domain/order.ts";
import { HOLD_MS } from "../../src/domain/progress.ts";
import { accepted, confirmed, failed, firstGroupDone, started, stateAfter, succeeded, T0 } from "../support/orders.ts";

const NOW = T0 + 60_000;

function diagnosed(commits: OrderEvent[][], circumstances: Partial<Circumstances> = {}) {
  const journal: Commit[] = commits.map((events, index) => ({ version: index + 1, at: T0 + index * 1_000, events }));
  const usual = { now: NOW, alarmAt: NOW + 20_000, running: false, provider: null, backlog: null };
  return diagnose(stateAfter(...commits), journal, { ...usual, ...circumstances }, LANES.standard);
}

const cancelling: OrderEvent = { type: "CancellationRequested", by: "ada" };
const blocked: OrderEvent = { type: "StepBlocked", step: "route", provider: "fulfilment", since: T0 };

describe("The diagnosis of an order", () => {
  it("in its lane names the lane and the alarm that stands behind the hint", () =>
    expect(diagnosed([accepted()])).toMatchObject({
      situation: "in_lane",
      actions: ["expedite", "cancel"],
      sentence: expect.stringMatching(/standard lane since 08:26:00 UTC.*looks for itself in 20 s/),
    }));

  it("in its lane says what waits there with it", () =>
    expect(diagnosed([accepted()], { backlog: { messages: 214, ageMs: 33_000 } })).toMatchObject({
      lane: { messages: 214, ageMs: 33_000, probability: 0 },
      sentence: expect.stringContaining("214 hints wait there, the oldest for 33 s."),
    }));

  it("in a full lane says that starts are put off, how many and by how much", () =>
    expect(diagnosed([accepted()], { backlog: { messages: 7_500, ageMs: 33_000 } })).toMatchObject({
      situation: "in_lane",
      lane: { probability: 0.5, upToSeconds: 15 },
      sentence: expect.stringContaining("the lane is so full that 50 % of starts are put off by up to 15 s."),
    }));

  it("whose calls are out says which", () =>
    expect(diagnosed([accepted()], { running: true })).toMatchObject({ situation: "running", steps: ["screen", "authorize", "reserve"] }));

  it("that waits for a retry says what failed, how often, and when it is tried again", () => {
    const { situation, sentence, attempts } = diagnosed([...firstGroupDone(), [failed("route", 1, NOW + 7_000)]]);
    expect([situation, sentence]).toEqual([
      "waiting_for_retry",
      expect.stringContaining('route failed 1 time, last with "503", next attempt in 7 s'),
    ]);
    expect(attempts.at(-1)).toEqual({ step: "route", attempt: 1, at: T0 + 2_000, result: "failed", detail: "transient: 503", said: null });
  });

  it("that waits for a provider says since when, with how many others, and when the next probe is", () => {
    const provider = shown(
      {
        account: "shop/fulfilment",
        waiting: 214,
        breaker: { state: "open", since: T0 - 1_380_000, lastFailure: "502", probeAt: NOW + 20_000, rounds: 2 },
      },
      false,
    );
    expect(diagnosed([...firstGroupDone(), [blocked]], { provider })).toMatchObject({
      situation: "waiting_for_provider",
      actions: ["resume_provider", "expedite", "cancel"],
      sentence: expect.stringContaining("fulfilment unavailable since 08:03:00 UTC (502), 214 orders waiting, next probe in 20 s."),
    });
  });

  it("that is undone says so, and why", () =>
    expect(diagnosed([...firstGroupDone(), [cancelling], [started("unroute")]])).toMatchObject({
      situation: "between_steps",
      undoing: true,
      steps: ["unroute"],
      sentence: expect.stringContaining("It is being undone (requested)"),
    }));

  it("out of retries says that it will be parked", () =>
    expect(diagnosed([...firstGroupDone(), [failed("route", 1, null)]])).toMatchObject({
      situation: "about_to_be_parked",
      actions: ["expedite", "cancel"],
    }));

  it("held names the flags and the deadline", () => {
    const hold: OrderEvent[][] = [
      accepted(),
      [
        { type: "OrderStarted", startedAt: T0 },
        { type: "OrderHeld", flags: ["amount"], until: T0 + HOLD_MS },
      ],
    ];
    expect(diagnosed(hold)).toMatchObject({
      situation: "held",
      actions: ["approve", "reject", "cancel"],
      sentence: expect.stringMatching(/amount.*by 2026-11-22 08:26 UTC rejects it/),
    });
  });

  it("parked names the cause and offers what gets it out", () => {
    const parked = (kind: "poison" | "provider_down"): OrderEvent[][] => [
      ...firstGroupDone(),
      [failed("route", 1, null)],
      [{ type: "OrderQuarantined", cause: { class: kind, step: "route", detail: "400: no such country" } }],
    ];
    expect(diagnosed(parked("poison"), { alarmAt: null })).toMatchObject({
      situation: "quarantined",
      actions: ["correct", "redrive", "cancel"],
      nextWakeAt: null,
    });
    expect(diagnosed(parked("provider_down"))).toMatchObject({
      actions: ["correct", "redrive", "cancel"],
      sentence: expect.stringContaining("no such country"),
    });
  });

  it("confirmed names the next stage and its deadline, and later that it overran", () => {
    expect(diagnosed(confirmed())).toMatchObject({ situation: "waiting_for_stage", sentence: expect.stringContaining("picking") });
    expect(diagnosed([...confirmed(), [{ type: "StageOverran", stage: "confirmed" }]])).toMatchObject({ situation: "stage_overran" });
    const cancelled = stateAfter(
      ...confirmed(),
      [{ type: "StageOverran", stage: "confirmed" }],
      [cancelling],
      [{ type: "OrderCancelled" }],
    );
    expect(attentionOf(cancelled), "whoever cancelled it has looked").toBeNull();
  });

  it("at rest says how it ended", () =>
    expect(
      diagnosed([
        accepted(),
        [cancelling],
        [started("void"), started("release")],
        [succeeded("void"), succeeded("release"), { type: "OrderCancelled" }],
      ]),
    ).toMatchObject({
      situation: "at_rest",
      undoing: false,
      sentence: expect.stringContaining("cancelled (requested)"),
    }));
});
