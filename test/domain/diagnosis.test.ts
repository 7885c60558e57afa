import { describe, expect, it } from "vitest";
import type { Commit, OrderEvent } from "../../src/contract/events.ts";
import { LANES } from "../../src/contract/lanes.ts";
import { type ShownBreaker, shown } from "../../src/domain/breaker.ts";
import { type Circumstances, diagnose } from "../../src/domain/diagnosis.ts";
import { attentionOf } from "../../src/domain/order.ts";
import { HOLD_MS } from "../../src/domain/progress.ts";
import { accepted, confirmed, failed, firstGroupDone, placedOrder, started, stateAfter, succeeded, T0 } from "../support/orders.ts";

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
    expect(diagnosed([accepted()], { backlog: { messages: 1_875, ageMs: 33_000 } })).toMatchObject({
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

describe("The sentence of a diagnosis", () => {
  const MINUTE = 60_000;
  const HOUR = 60 * MINUTE;

  const routeFails = (retryAt: number | null): OrderEvent[][] => [...firstGroupDone(), [failed("route", 1, retryAt)]];
  const routeBlocked: OrderEvent[][] = [...firstGroupDone(), [blocked]];
  const held = (...flags: string[]): OrderEvent[][] => [
    accepted(),
    [
      { type: "OrderStarted", startedAt: T0 },
      { type: "OrderHeld", flags, until: T0 + HOLD_MS },
    ],
  ];
  const parked: OrderEvent = { type: "OrderQuarantined", cause: { class: "poison", step: "route", detail: "400" } };
  const reached = (stage: string): OrderEvent => ({ type: "StageReached", stage, by: "ada" });
  const provider = (changes: Partial<ShownBreaker>): Partial<Circumstances> => ({
    provider: {
      provider: "fulfilment",
      shared: false,
      state: "open",
      since: T0 - HOUR,
      nextProbeAt: null,
      lastFailure: null,
      by: null,
      reason: null,
      waiting: 2,
      ...changes,
    },
  });

  const CASES: readonly (readonly [about: string, commits: OrderEvent[][], circumstances: Partial<Circumstances>, sentence: string])[] = [
    [
      "an order in a lane that nobody knows the backlog of",
      [accepted()],
      {},
      "Waiting for its turn in the standard lane since 08:26:00 UTC; how many wait there is not known. It looks for itself in 20 s.",
    ],
    [
      "an order in a lane with one hint",
      [accepted()],
      { backlog: { messages: 1, ageMs: 33_000 } },
      "Waiting for its turn in the standard lane since 08:26:00 UTC; 1 hint waits there, the oldest for 33 s. It looks for itself in 20 s.",
    ],
    [
      "an order in a lane that is almost full",
      [accepted()],
      { backlog: { messages: 1_252, ageMs: 0 } },
      "Waiting for its turn in the standard lane since 08:26:00 UTC; 1252 hints wait there, the oldest for 0 s; the lane is so full that 0 % of starts are put off by up to 1 s. It looks for itself in 20 s.",
    ],
    [
      "an order without an alarm",
      [accepted()],
      { alarmAt: null },
      "Waiting for its turn in the standard lane since 08:26:00 UTC; how many wait there is not known. It has no alarm armed.",
    ],
    [
      "an order whose calls are out",
      [accepted()],
      { running: true },
      "Its calls are out now: screen, authorize, reserve. Each is given up after 10 s and tried again. It looks for itself in 20 s.",
    ],
    [
      "an order whose undos are out",
      [...firstGroupDone(), [cancelling], [started("unroute")]],
      { running: true },
      "Its calls are out now: unroute. It is being undone (requested). Each is given up after 10 s and tried again. It looks for itself in 20 s.",
    ],
    [
      "an order whose undo is due",
      [...firstGroupDone(), [cancelling], [started("unroute")]],
      {},
      "Ready for unroute since 08:26:03 UTC and waiting for a hint. It is being undone (requested). It looks for itself in 20 s.",
    ],
    [
      "an order whose undo has not begun",
      [...firstGroupDone(), [cancelling]],
      {},
      "Ready for its next step since 08:26:02 UTC and waiting for a hint. It is being undone (requested). It looks for itself in 20 s.",
    ],
    [
      "an order whose calls may be made",
      firstGroupDone(),
      {},
      "Ready for route since 08:26:01 UTC and waiting for a hint. It looks for itself in 20 s.",
    ],
    [
      "an order that has failed twice, and waits long",
      [...routeFails(NOW), [started("route", 2)], [failed("route", 2, NOW + 119 * MINUTE)]],
      { alarmAt: NOW + 120 * MINUTE },
      'Waiting to try again: route failed 2 times, last with "503", next attempt in 119 min. It looks for itself in 2 h.',
    ],
    [
      "an order with two retries and an alarm that is late",
      [
        accepted(),
        [
          { type: "OrderStarted", startedAt: T0 },
          succeeded("screen"),
          failed("authorize", 1, NOW + 119_000),
          failed("reserve", 1, NOW + 120_000),
        ],
      ],
      { alarmAt: NOW - 3_000 },
      'Waiting to try again: authorize failed 1 time, last with "503", next attempt in 119 s; reserve failed 1 time, last with "503", next attempt in 2 min. It looks for itself in 0 s.',
    ],
    [
      "an order whose provider nobody can ask about",
      routeBlocked,
      {},
      "Its provider has not been called since 08:26:00 UTC. This order waits with route and spends no retry. It looks for itself in 20 s.",
    ],
    [
      "an order whose provider is down",
      routeBlocked,
      provider({ nextProbeAt: NOW + 5_000, lastFailure: "502" }),
      "fulfilment unavailable since 07:26:00 UTC (502), 2 orders waiting, next probe in 5 s. This order waits with route and spends no retry. It looks for itself in 20 s.",
    ],
    [
      "an order whose provider is down, for others too",
      routeBlocked,
      provider({ nextProbeAt: NOW + 5_000, waiting: null }),
      "fulfilment unavailable since 07:26:00 UTC, shared with other tenants, next probe in 5 s. This order waits with route and spends no retry. It looks for itself in 20 s.",
    ],
    [
      "an order whose provider is tried out",
      routeBlocked,
      provider({ state: "half_open", waiting: 1 }),
      "fulfilment unavailable since 07:26:00 UTC, 1 order waiting, a probe is out. This order waits with route and spends no retry. It looks for itself in 20 s.",
    ],
    [
      "an order whose provider works again",
      routeBlocked,
      provider({ state: "closed", since: null, waiting: 1 }),
      "fulfilment works again; 1 order waiting to be let go. This order waits with route and spends no retry. It looks for itself in 20 s.",
    ],
    [
      "an order whose shared provider works again",
      routeBlocked,
      provider({ state: "closed", since: null, waiting: null }),
      "fulfilment works again; shared with other tenants. This order waits with route and spends no retry. It looks for itself in 20 s.",
    ],
    [
      "an order whose provider a colleague has stopped",
      routeBlocked,
      provider({ state: "paused", by: "bob", reason: "audit" }),
      "fulfilment paused by bob since 07:26:00 UTC (audit), 2 orders waiting; only a person lets them go. This order waits with route and spends no retry. It looks for itself in 20 s.",
    ],
    [
      "an order whose shared provider somebody has stopped",
      routeBlocked,
      provider({ state: "paused", waiting: null }),
      "fulfilment paused by a person since 07:26:00 UTC, shared with other tenants; only a person lets them go. This order waits with route and spends no retry. It looks for itself in 20 s.",
    ],
    [
      "an order that has no retry left",
      routeFails(null),
      {},
      "Out of retries with route; it will be parked in front of a person. It looks for itself in 20 s.",
    ],
    [
      "an order of a release that was rolled back",
      [[{ type: "OrderPlaced", order: placedOrder(), saga: 4_711 }]],
      {},
      "It can go no further: this release does not hold version 4711 of the saga; it will be parked in front of a person. It looks for itself in 20 s.",
    ],
    [
      "a held order",
      held("amount", "velocity"),
      {},
      "Held for a person by the risk screening since 08:26:01 UTC: amount, velocity. Nobody deciding by 2026-11-22 08:26 UTC rejects it.",
    ],
    [
      "an order that waits for its first stage",
      confirmed(),
      {},
      "Confirmed and waiting for the stage picking, which is due by 2026-11-22 08:26 UTC.",
    ],
    [
      "an order that waits for a further stage",
      [...confirmed(), [reached("picking")], [reached("packing")]],
      {},
      "Confirmed and waiting for the stage shipped, which is due by 2026-11-21 20:26 UTC.",
    ],
    [
      "an order at a stage that its track does not have",
      [...confirmed(), [reached("baking")]],
      {},
      "Confirmed and waiting for the stage after the last, which is due by 2026-11-22 08:26 UTC.",
    ],
    [
      "an order whose first stage is late",
      [...confirmed(), [{ type: "StageOverran", stage: "confirmed" }]],
      {},
      "The stage confirmed has taken longer than its budget, since 08:26:04 UTC; somebody should look where the goods are.",
    ],
    [
      "an order whose further stage is late",
      [...confirmed(), [reached("picking")], [{ type: "StageOverran", stage: "picking" }]],
      {},
      "The stage picking has taken longer than its budget, since 08:26:05 UTC; somebody should look where the goods are.",
    ],
    [
      "an order that was parked with a step",
      [...routeFails(null), [parked]],
      {},
      "Parked since 08:26:03 UTC: route failed as poison, last heard: 400. Nothing moves it but a person.",
    ],
    [
      "an order that was parked on its way back",
      [
        ...firstGroupDone(),
        [cancelling],
        [started("unroute")],
        [{ type: "OrderQuarantined", cause: { class: "bug", detail: "undeliverable" } }],
      ],
      {},
      "Parked since 08:26:04 UTC: the order failed as bug, last heard: undeliverable. It is being undone (requested). Nothing moves it but a person.",
    ],
    [
      "an order that is completed",
      [...confirmed(), [reached("delivered"), { type: "OrderCompleted" }]],
      {},
      "At rest since 08:26:05 UTC: completed. Nothing is left to do.",
    ],
    [
      "an order that is cancelled",
      [accepted(), [cancelling], [{ type: "OrderCancelled" }]],
      { running: true },
      "At rest since 08:26:02 UTC: cancelled (requested). Nothing is left to do.",
    ],
  ];

  it.each(CASES)("tells all there is to know of %s", (_, commits, circumstances, sentence) => {
    expect(diagnosed(commits, circumstances).sentence).toBe(sentence);
  });
});

describe("What a diagnosis holds besides its sentence", () => {
  const provider = { account: "shop/payment", waiting: 0, breaker: { state: "closed" } } as const;
  const known = { provider: shown(provider, false), backlog: { messages: 3, ageMs: 1 } };

  it("is the provider only of an order that waits for one, and the lane only of an order that waits there", () => {
    expect(diagnosed(firstGroupDone(), known)).toMatchObject({ provider: null, lane: null });
    expect(diagnosed([...firstGroupDone(), [blocked]], known)).toMatchObject({ provider: known.provider, lane: null });
    expect(diagnosed([accepted()], known)).toMatchObject({ provider: null, lane: { messages: 3 } });
    expect(diagnosed([...firstGroupDone(), [blocked]], { ...known, running: true })).toMatchObject({
      situation: "running",
      provider: null,
    });
  });

  it("is since when the first of its providers is not called, and which steps wait", () => {
    const both: OrderEvent[][] = [
      accepted(),
      [
        { type: "OrderStarted", startedAt: T0 },
        succeeded("screen"),
        { type: "StepBlocked", step: "authorize", provider: "payment", since: T0 - 3_000 },
        { type: "StepBlocked", step: "reserve", provider: "inventory", since: T0 - 9_000 },
      ],
    ];
    expect(diagnosed(both)).toMatchObject({ situation: "waiting_for_provider", since: T0 - 9_000, steps: ["authorize", "reserve"] });
  });

  it("is since when a provider is not called that is not called now, whatever was not called before", () => {
    const again: OrderEvent[][] = [
      accepted(),
      [
        { type: "OrderStarted", startedAt: T0 },
        succeeded("screen"),
        { type: "StepBlocked", step: "authorize", provider: "payment", since: T0 - 9_000 },
      ],
      [failed("authorize", 1, NOW + 5_000), { type: "StepBlocked", step: "reserve", provider: "inventory", since: T0 + 1_000 }],
    ];
    expect(diagnosed(again)).toMatchObject({ situation: "waiting_for_provider", since: T0 + 1_000 });
  });

  it("is since when an order waits for its stage, whatever else happened to it", () => {
    const late: OrderEvent = { type: "LateAnswerRecorded", step: "route", attempt: 1, outcome: "failed" };
    expect(diagnosed([...confirmed(), [late]]).since).toBe(T0 + 4_000);
  });

  it("is that an order is on its way back until it is at rest", () => {
    const gone: OrderEvent[][] = [...firstGroupDone(), [cancelling]];
    expect(diagnosed(gone).undoing).toBe(true);
    expect(diagnosed(firstGroupDone()).undoing).toBe(false);
    expect(diagnosed([...gone, [{ type: "OrderCancelled" }]]).undoing).toBe(false);
  });

  it("is each attempt with how it went, the outside's own words apart from ours", () => {
    const journal: OrderEvent[][] = [
      accepted(),
      [
        { type: "OrderStarted", startedAt: T0 },
        succeeded("screen"),
        { type: "StepSucceeded", step: "reserve", attempt: 1, facts: {} },
        { type: "StepRefused", step: "authorize", attempt: 1, refusal: { reason: "declined" } },
        { type: "StepRefused", step: "authorize", attempt: 2, refusal: { reason: "declined", detail: "no funds" } },
        failed("route", 1, null),
        { type: "StepFailed", step: "route", attempt: 2, failure: "poison", detail: "400", said: "no such street", retryAt: null },
      ],
      [blocked, { type: "LateAnswerRecorded", step: "route", attempt: 1, outcome: "succeeded", facts: {} }],
    ];
    const at = T0 + 1_000;
    expect(diagnosed(journal).attempts).toEqual([
      { step: "screen", attempt: 1, at, result: "succeeded", detail: "screen-ref", said: null },
      { step: "reserve", attempt: 1, at, result: "succeeded", detail: null, said: null },
      { step: "authorize", attempt: 1, at, result: "refused", detail: "declined", said: null },
      { step: "authorize", attempt: 2, at, result: "refused", detail: "declined", said: "no funds" },
      { step: "route", attempt: 1, at, result: "failed", detail: "transient: 503", said: null },
      { step: "route", attempt: 2, at, result: "failed", detail: "poison: 400", said: "no such street" },
      { step: "route", attempt: 0, at: at + 1_000, result: "blocked", detail: "fulfilment", said: null },
      { step: "route", attempt: 1, at: at + 1_000, result: "late", detail: "succeeded", said: null },
    ]);
  });

  it("is the newest fifty attempts of an order that has had more", () => {
    const many = Array.from({ length: 60 }, (_, before) => failed("route", before + 1, NOW));
    expect(diagnosed([...firstGroupDone(), many]).attempts.map(({ attempt }) => attempt)).toEqual(
      Array.from({ length: 50 }, (_, before) => before + 11),
    );
  });
});
