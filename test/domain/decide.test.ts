import { describe, expect, it } from "vitest";
import type { Correction, OrderEvent } from "../../src/contract/events.ts";
import { LANES } from "../../src/contract/lanes.ts";
import type { Step } from "../../src/contract/order.ts";
import {
  decide,
  decideDeadlines,
  decideOutcomes,
  decideQuarantine,
  decideResume,
  decideStuck,
  type Outcome,
} from "../../src/domain/decide.ts";
import { attentionOf, evolve, type OrderState, reasonOf } from "../../src/domain/order.ts";
import type { ProviderAnswer } from "../../src/domain/ports.ts";
import { HOLD_MS, plan } from "../../src/domain/progress.ts";
import { accepted, captured, confirmed, failed, firstGroupDone, given, started, stateAfter, succeeded, T0 } from "../support/orders.ts";

const NOW = T0 + 60_000;
const lane = LANES.standard;

const done: ProviderAnswer = { outcome: "succeeded", facts: { reference: "r" } };
const declined: ProviderAnswer = { outcome: "refused", refusal: { reason: "card_declined" } };
const unavailable: ProviderAnswer = { outcome: "failed", failure: "transient", detail: "503" };
const answer = (step: Step, given: ProviderAnswer = done, attempt = 1): Outcome => ({ step, attempt, answer: given });

const answered =
  (...outcomes: Outcome[]) =>
  (state: OrderState) =>
    decideOutcomes(state, outcomes, { startedAt: NOW, at: NOW, lane, random: () => 0.5 });
const cancel = (state: OrderState) => decide(state, { type: "CancelOrder", by: "ada" });

describe("When an order is accepted", () => {
  it("holds the intents of its first group in the commit that accepts it", () => {
    expect(accepted().map((event) => ("step" in event ? event.step : event.type))).toEqual([
      "OrderPlaced",
      "screen",
      "authorize",
      "reserve",
    ]);
  });

  it("starts routing when screening, authorization and reservation have all succeeded", () =>
    given(accepted())
      .when(answered(answer("screen"), answer("authorize"), answer("reserve")))
      .thenHappens([
        { type: "OrderStarted", startedAt: NOW },
        { step: "screen" },
        { step: "authorize" },
        { step: "reserve" },
        { type: "StepStarted", step: "route", attempt: 1 },
      ]));

  it("starts nothing further while one step of the group waits for its retry", () =>
    given(accepted())
      .when(answered(answer("screen"), answer("authorize"), answer("reserve", unavailable)))
      .thenHappens([
        { type: "OrderStarted" },
        { step: "screen" },
        { step: "authorize" },
        { type: "StepFailed", step: "reserve", retryAt: NOW + 500 },
      ]));

  it("undoes what is done or unknown, but not what was refused, when a step is declined", () =>
    given(accepted())
      .when(answered(answer("screen"), answer("authorize", declined), answer("reserve")))
      .thenHappens([
        { type: "OrderStarted" },
        { step: "screen" },
        { type: "StepRefused", step: "authorize" },
        { step: "reserve" },
        { type: "StepStarted", step: "release" },
      ]));

  it("is held when screening flags it, with a deadline for the person", () =>
    given(accepted())
      .when(
        answered(
          { ...answer("screen"), answer: { outcome: "succeeded", facts: { flags: ["amount"] } } },
          answer("authorize"),
          answer("reserve"),
        ),
      )
      .thenHappens([{ type: "OrderStarted" }, {}, {}, {}, { type: "OrderHeld", flags: ["amount"], until: NOW + HOLD_MS }]));
});

describe("When an order is on its way", () => {
  it("captures the payment and commits the stock side by side", () =>
    given(...firstGroupDone())
      .when(answered(answer("route")))
      .thenHappens([{ type: "StepSucceeded", step: "route" }, { step: "capture" }, { step: "commit" }]));

  it("is confirmed only after the customer was told", () => {
    given(...captured())
      .when(answered(answer("confirm")))
      .thenHappens([{ step: "confirm" }, { type: "OrderConfirmed" }]);
  });

  it("parks, and does not undo, an order whose confirmation is refused, because the money has moved", () =>
    given(...captured())
      .when(answered(answer("confirm", declined)))
      .thenHappens([{ type: "StepFailed", step: "confirm", failure: "refused", retryAt: null }]));

  it("gives up a step after its last attempt", () => {
    const failures = Array.from({ length: lane.retry.maxAttempts - 1 }, (_, index): OrderEvent[] => [failed("route", index + 1, T0)]);
    given(...firstGroupDone(), ...failures)
      .when(answered(answer("route", unavailable, lane.retry.maxAttempts)))
      .thenHappens([{ type: "StepFailed", step: "route", attempt: lane.retry.maxAttempts, retryAt: null }]);
  });

  it("never retries poison", () =>
    given(...firstGroupDone())
      .when(answered(answer("route", { outcome: "failed", failure: "poison", detail: "400" })))
      .thenHappens([{ type: "StepFailed", failure: "poison", retryAt: null }]));

  it("waits at least as long as the provider asks", () =>
    given(...firstGroupDone())
      .when(answered(answer("route", { outcome: "failed", failure: "transient", detail: "429", retryAfterMs: 7_000 })))
      .thenHappens([{ type: "StepFailed", retryAt: NOW + 7_500 }]));

  it("records an answer of an older attempt and ignores it", () =>
    given(...firstGroupDone(), [failed("route", 1, T0)])
      .when(answered(answer("route", done, 1)))
      .thenHappens([{ type: "LateAnswerRecorded", step: "route", attempt: 1, outcome: "succeeded" }]));
});

describe("When an order is cancelled", () => {
  it("undoes the last effect first", () => {
    const cancelling: OrderEvent = { type: "CancellationRequested", by: "ada" };
    const undone = (journal: OrderEvent[][], ...steps: Step[]): string[] => {
      const [next] = [answered()(stateAfter(...journal))];
      const begun = next.filter((event) => event.type === "StepStarted").map((event) => event.step);
      if (begun.length === 0) return [...steps, next.at(-1)?.type ?? "nothing"];
      return undone([...journal, [...next], begun.map((step) => succeeded(step))], ...steps, ...begun);
    };
    expect(undone([...confirmed(), [cancelling]])).toEqual(["refund", "unroute", "release", "OrderCancelled"]);
    expect(undone([...firstGroupDone(), [cancelling]])).toEqual(["unroute", "void", "release", "OrderCancelled"]);
    expect(undone([accepted(), [cancelling]])).toEqual(["void", "release", "OrderCancelled"]);
  });

  it("voids and refunds when nobody knows whether the capture happened", () => {
    const journal = [
      ...firstGroupDone(),
      [succeeded("route"), started("capture"), started("commit")],
      [{ type: "CancellationRequested", by: "ada" } as OrderEvent],
    ];
    expect(
      answered()(stateAfter(...journal, [started("refund")], [succeeded("refund")], [started("unroute")], [succeeded("unroute")])),
    ).toMatchObject([{ step: "void" }, { step: "release" }]);
  });

  it("changes nothing the second time", () =>
    given(accepted(), [{ type: "CancellationRequested", by: "ada" }])
      .when(cancel)
      .thenNothingHappened());

  it("is refused once the goods are being picked", () =>
    given(...confirmed(), [{ type: "StageReached", stage: "picking", by: "ada" }])
      .when(cancel)
      .thenRefused({ reason: "wrong_status", status: "in_fulfilment" }));

  it("undoes a second time, under another key, an effect that turns out to have come late", () => {
    const cancelled: OrderEvent[][] = [
      accepted(),
      [{ type: "OrderStarted", startedAt: T0 }, succeeded("screen"), failed("authorize", 1, T0), succeeded("reserve")],
      [{ type: "CancellationRequested", by: "ada" }],
      [started("void"), started("release")],
      [succeeded("void"), succeeded("release"), { type: "OrderCancelled" }],
    ];
    const late = answered(answer("authorize"))(stateAfter(...cancelled));
    expect(late).toMatchObject([{ type: "LateAnswerRecorded", step: "authorize" }]);
    const state = stateAfter(...cancelled, late);
    expect(state.status).toBe("cancelling");
    expect(state.steps.void).toMatchObject({ phase: "failed", keyGeneration: 2, retryAt: 0 });
  });
});

describe("When an undo is under way", () => {
  it("is owed again when its step's effect comes late, because its own effect may have been too early", () => {
    const journal: OrderEvent[][] = [
      accepted(),
      [{ type: "OrderStarted", startedAt: T0 }, succeeded("screen"), failed("authorize", 1, T0), succeeded("reserve")],
      [{ type: "CancellationRequested", by: "ada" }],
      [started("void"), started("release")],
      [failed("void", 1, NOW), succeeded("release")],
    ];
    const state = stateAfter(...journal, answered(answer("authorize"))(stateAfter(...journal)));
    expect(state.steps.void).toMatchObject({ phase: "failed", attempt: 3, keyGeneration: 2, retryAt: 0 });
  });

  it("is owed again when its step's own attempt is answered after it: the run died with the call out, and nobody gave it up", () => {
    const undone: OrderEvent[][] = [
      ...firstGroupDone(),
      [{ type: "CancellationRequested", by: "ada" }],
      [started("unroute")],
      [succeeded("unroute"), started("void"), started("release")],
    ];
    const events = answered(answer("route"))(stateAfter(...undone));
    expect(events[0]).toMatchObject({ type: "LateAnswerRecorded", step: "route", attempt: 1, facts: { reference: "r" } });
    const state = stateAfter(...undone, events);
    expect(state.steps).toMatchObject({ route: { facts: { reference: "r" } }, unroute: { phase: "failed", keyGeneration: 2, retryAt: 0 } });
  });
});

describe("When an undo keeps failing", () => {
  it("is parked visibly, and a redrive tries the undo again", () => {
    const stuck = stateAfter(
      ...firstGroupDone(),
      [{ type: "CancellationRequested", by: "ada" }],
      [started("unroute")],
      [failed("unroute", 1, null)],
    );
    const parked = decideStuck(stuck, NOW);
    expect(parked).toMatchObject([{ type: "OrderQuarantined", cause: { step: "unroute", class: "provider_down", detail: "503" } }]);
    given(...firstGroupDone(), [{ type: "CancellationRequested", by: "ada" }], [started("unroute")], [failed("unroute", 1, null)], parked)
      .when((state) => decide(state, { type: "RedriveOrder", by: "ada" }))
      .thenHappens([{ type: "OrderRedriven" }]);
  });

  it("may be cancelled once more, which takes the undo up again", () => {
    const parked = [
      ...firstGroupDone(),
      [{ type: "CancellationRequested", by: "ada" } as const],
      [started("unroute")],
      [failed("unroute", 1, null)],
      [{ type: "OrderQuarantined", cause: { class: "provider_down", step: "unroute", detail: "503" } } as const],
    ];
    const decision = decide(stateAfter(...parked), { type: "CancelOrder", by: "ada" });
    expect(decision).toMatchObject({ events: [{ type: "CancellationRequested" }] });
    const cancelled = stateAfter(...parked, "events" in decision ? [...decision.events] : []);
    expect(cancelled).toMatchObject({ status: "cancelling", cause: null });
    expect(plan(cancelled, cancelled.updatedAt)).toEqual({ kind: "call", steps: ["unroute"] });
  });
});

describe("When a parked order is redriven", () => {
  it("shows no longer why it was parked", () => {
    const cause = { class: "poison", step: "route", detail: "400" } as const;
    expect(reasonOf(stateAfter(...parked()))).toBe("route: 400");
    expect(stateAfter(...parked(), [{ type: "OrderRedriven", by: "ada" }])).toMatchObject({ cause: null });
    expect(reasonOf(stateAfter(...parked(), [{ type: "OrderRedriven", by: "ada" }]))).toBeNull();
    expect(stateAfter(...parked()).cause).toEqual(cause);
  });

  const parked = (...events: OrderEvent[]): OrderEvent[][] => [
    ...firstGroupDone(),
    ...events.map((event) => [event]),
    [{ type: "OrderQuarantined", cause: { class: "poison", step: "route", detail: "400" } }],
  ];
  const turnedDown: OrderEvent = { type: "StepFailed", step: "route", attempt: 2, failure: "poison", detail: "400", retryAt: null };
  const correction: OrderEvent = { type: "OrderCorrected", by: "ada", reason: "typo", changes: { shipTo: { country: "FR" } } };
  const redriven: OrderEvent = { type: "OrderRedriven", by: "ada" };

  it("asks under another key where the request was turned down and cannot have had its effect", () => {
    expect(stateAfter(...parked(turnedDown), [redriven]).steps.route).toMatchObject({
      phase: "failed",
      retryAt: expect.any(Number),
      keyGeneration: 2,
    });
  });

  it("keeps the key where an attempt before that may have had its effect", () => {
    expect(stateAfter(...parked(failed("route", 1, T0), turnedDown), [redriven]).steps.route).toMatchObject({
      keyGeneration: 1,
      maybeDone: true,
    });
  });

  it("keeps the key that it got by an earlier redrive, as long as nobody has heard of what it asked under that", () => {
    const parkedAgain: OrderEvent = { type: "OrderQuarantined", cause: { class: "provider_down", detail: "no answer" } };
    const twice = stateAfter(...parked(turnedDown), [redriven], [parkedAgain], [correction], [redriven]);
    expect(twice.steps.route).toMatchObject({ phase: "failed", keyGeneration: 2 });
  });

  it("asks under another key once a person has corrected the request", () => {
    expect(stateAfter(...parked(failed("route", 1, T0), turnedDown), [correction], [redriven])).toMatchObject({
      order: { shipTo: { country: "FR" } },
      steps: { route: { keyGeneration: 2, maybeDone: false } },
    });
  });
});

describe("When a parked order is corrected", () => {
  const parked = () =>
    stateAfter(...firstGroupDone(), [{ type: "OrderQuarantined", cause: { class: "poison", step: "route", detail: "400" } }]);
  const correct = (state: OrderState, changes: Correction) =>
    decide(state, { type: "CorrectOrder", by: "ada", reason: "a guess", changes });

  it("answers the same whether or not a guess at what it holds is right", () => {
    const state = parked();
    const { payment, customer, shipTo } = state.order;
    for (const changes of [{ payment }, { payment: { token: "tok_other" } }, { customer }, { shipTo }, { payment, customer, shipTo }]) {
      expect(correct(state, changes)).toEqual({ events: [{ type: "OrderCorrected", by: "ada", reason: "a guess", changes }] });
    }
  });

  it("is refused alike for a right and a wrong guess once it is parked no longer", () => {
    const state = stateAfter(...firstGroupDone());
    const refusals = [state.order.payment, { token: "tok_other" }].map((payment) => correct(state, { payment }));
    expect(refusals[0]).toMatchObject({ refusal: { reason: "wrong_status" } });
    expect(refusals[1]).toEqual(refusals[0]);
  });
});

describe("When an order is held", () => {
  const held = (): OrderEvent[][] => [
    accepted(),
    [
      { type: "OrderStarted", startedAt: T0 },
      { type: "StepSucceeded", step: "screen", attempt: 1, facts: { flags: ["amount"] } },
      succeeded("authorize"),
      succeeded("reserve"),
      { type: "OrderHeld", flags: ["amount"], until: T0 + HOLD_MS },
    ],
  ];

  it("goes on when it is approved", () => {
    given(...held(), [{ type: "OrderApproved", by: "ada" }])
      .when(answered())
      .thenHappens([{ type: "StepStarted", step: "route" }]);
  });

  it("shows why it is held, and no longer once it is approved or undone", () => {
    expect(reasonOf(stateAfter(...held()))).toBe("amount");
    expect(reasonOf(stateAfter(...held(), [{ type: "OrderApproved", by: "ada" }]))).toBeNull();
    expect(reasonOf(stateAfter(...held(), [{ type: "CancellationRequested", by: "ada" }]))).toBe("requested");
  });

  it("is undone when it is rejected", () => {
    const rejected = decide(stateAfter(...held()), { type: "RejectOrder", by: "ada", reason: "stolen card" });
    given(...held(), "events" in rejected ? rejected.events : [])
      .when(answered())
      .thenHappens([{ step: "void" }, { step: "release" }]);
  });

  it("is rejected no more once it was cancelled, in whatever words", () =>
    given(...held(), [{ type: "CancellationRequested", by: "ada", reason: "rejected" }])
      .when((state) => decide(state, { type: "RejectOrder", by: "ada" }))
      .thenRefused({ reason: "wrong_status", status: "cancelling" }));

  it("is rejected by its deadline, not before", () => {
    given(...held())
      .when((state) => decideDeadlines(state, lane, T0 + HOLD_MS - 1))
      .thenNothingHappened();
    given(...held())
      .when((state) => decideDeadlines(state, lane, T0 + HOLD_MS))
      .thenHappens([{ type: "OrderRejected", by: "deadline", refusal: { reason: "review_timeout" } }]);
  });
});

describe("When an order waits in its lane", () => {
  it("ages into the expedited lane, once", () => {
    const aged = T0 + (lane.ages?.afterMs ?? 0);
    given(accepted())
      .when((state) => decideDeadlines(state, lane, aged))
      .thenHappens([{ type: "OrderPromoted", to: "expedited", because: "aged" }]);
    given(accepted(), [{ type: "OrderPromoted", to: "expedited", because: "aged" }])
      .when((state) => decideDeadlines(state, LANES.expedited, aged))
      .thenNothingHappened();
  });

  it("ages by its time in the lane it is in, not by its time since it was placed", () => {
    const ageing = { ...lane, ages: { into: "expedited", afterMs: 60_000 } } as const;
    const moved: OrderEvent = { type: "OrderPromoted", to: "standard", because: "aged" };
    const state = evolve(stateAfter(accepted()), moved, T0 + 50_000);
    expect(decideDeadlines(state, ageing, T0 + 109_999)).toEqual([]);
    expect(decideDeadlines(state, ageing, T0 + 110_000)).toEqual([{ type: "OrderPromoted", to: "expedited", because: "aged" }]);
  });

  it("is promoted by request, and a second request changes nothing", () => {
    given(accepted())
      .when((state) => decide(state, { type: "ExpediteOrder" }))
      .thenHappens([{ type: "OrderPromoted", to: "expedited", because: "requested" }]);
    given(accepted(), [{ type: "OrderPromoted", to: "expedited", because: "requested" }])
      .when((state) => decide(state, { type: "ExpediteOrder" }))
      .thenNothingHappened();
  });
});

describe("When a run died with its calls out", () => {
  const openSteps: Step[] = ["authorize", "reserve"];

  it("only marks the order as started the first time, because nobody may have worked on it", () =>
    given(accepted())
      .when((state) => decideResume(state, openSteps, lane, NOW))
      .thenHappens([{ type: "OrderStarted", startedAt: NOW }]));

  it("counts the lost attempts and begins the next attempt", () =>
    given(accepted(), [{ type: "OrderStarted", startedAt: T0 }])
      .when((state) => decideResume(state, ["authorize"], lane, NOW))
      .thenHappens([
        { type: "StepFailed", step: "authorize", attempt: 1, failure: "unknown", retryAt: NOW },
        { type: "StepStarted", step: "authorize", attempt: 2 },
      ]));

  it("parks an order whose calls keep killing its actor", () => {
    const journal: OrderEvent[][] = [accepted(), [{ type: "OrderStarted", startedAt: T0 }]];
    for (let runs = 0; runs < lane.retry.maxAttempts; runs++) journal.push(decideResume(stateAfter(...journal), ["authorize"], lane, NOW));
    given(...journal)
      .when((state) => decideStuck(state, NOW))
      .thenHappens([
        { type: "OrderQuarantined", cause: { step: "authorize", class: "provider_down", detail: "the run that made the call died" } },
      ]);
  });
});

describe("When an order is confirmed", () => {
  const reach = (stage: string) => (state: OrderState) => decide(state, { type: "ReachStage", stage, by: "ada" });

  it("moves through the stages of its track in order, and completes with the last", () => {
    const journal = confirmed();
    for (const stage of ["picking", "packing", "shipped", "delivered"]) {
      const decision = reach(stage)(stateAfter(...journal));
      journal.push("events" in decision ? [...decision.events] : []);
    }
    expect(stateAfter(...journal)).toMatchObject({ status: "completed", stage: "delivered" });
  });

  it("refuses to skip a stage and says which is next", () =>
    given(...confirmed())
      .when(reach("shipped"))
      .thenRefused({ reason: "wrong_stage", next: "picking" }));

  it("refuses a stage that its track does not have, before the first as after it", () => {
    given(...confirmed())
      .when(reach("glazing"))
      .thenRefused({ reason: "wrong_stage", wanted: "glazing", next: "picking" });
    given(...confirmed(), [{ type: "StageReached", stage: "picking", by: "ada" }])
      .when(reach("glazing"))
      .thenRefused({ reason: "wrong_stage", wanted: "glazing", next: "packing" });
  });

  it("ignores a stage that it has passed", () =>
    given(...confirmed(), [{ type: "StageReached", stage: "picking", by: "ada" }])
      .when(reach("picking"))
      .thenNothingHappened());

  it("notices once that a stage takes too long", () => {
    const late = T0 + 48 * 60 * 60_000;
    given(...confirmed())
      .when((state) => decideDeadlines(state, lane, late))
      .thenHappens([{ type: "StageOverran", stage: "confirmed" }]);
    given(...confirmed(), [{ type: "StageOverran", stage: "confirmed" }])
      .when((state) => decideDeadlines(state, lane, late))
      .thenNothingHappened();
  });

  it("forgets that a stage took too long once the next is reached, and notices when that one does", () => {
    const journal = [...confirmed(), [{ type: "StageOverran", stage: "confirmed" } as const]];
    expect(attentionOf(stateAfter(...journal))).toBe("stage_overran");
    const picking = [...journal, [{ type: "StageReached", stage: "picking", by: "ada" } as const]];
    expect(attentionOf(stateAfter(...picking))).toBeNull();
    given(...picking)
      .when((state) => decideDeadlines(state, lane, T0 + 48 * 60 * 60_000))
      .thenHappens([{ type: "StageOverran", stage: "picking" }]);
  });

  it("is not parked by a dead letter that comes too late", () =>
    given(...confirmed())
      .when((state) => decideQuarantine(state, { class: "bug", detail: "late" }))
      .thenNothingHappened());
});

describe("A command that comes twice, or too late", () => {
  const by = "ada";
  const holding = (): OrderEvent[][] => [accepted(), [{ type: "OrderHeld", flags: ["amount"], until: T0 + HOLD_MS }]];
  const declined: OrderEvent = { type: "StepRefused", step: "authorize", attempt: 1, refusal: { reason: "declined" } };

  it("changes nothing when it took effect before", () => {
    given(...holding(), [{ type: "OrderApproved", by }])
      .when((state) => decide(state, { type: "ApproveOrder", by }))
      .thenNothingHappened();
    given(...holding(), [{ type: "OrderRejected", by, refusal: { reason: "rejected" } }])
      .when((state) => decide(state, { type: "RejectOrder", by }))
      .thenNothingHappened();
  });

  it("is refused to an order that was never held, with where it stands", () => {
    for (const type of ["ApproveOrder", "RejectOrder"] as const)
      given(accepted())
        .when((state) => decide(state, { type, by }))
        .thenRefused({ reason: "wrong_status", command: type, status: "accepted" });
  });

  it("takes no other end for a rejection, whatever its reason is called", () => {
    const cancelled: OrderEvent = { type: "CancellationRequested", by, reason: "rejected" };
    for (const end of [declined, cancelled])
      given(accepted(), [end])
        .when((state) => decide(state, { type: "RejectOrder", by }))
        .thenRefused({ reason: "wrong_status", command: "RejectOrder" });
  });

  it("cancels nothing that is on its way to failure, or at rest", () => {
    for (const journal of [
      [accepted(), [declined]],
      [...confirmed(), [{ type: "OrderCompleted" } as const]],
    ])
      given(...journal)
        .when((state) => decide(state, { type: "CancelOrder", by }))
        .thenRefused({ reason: "wrong_status", command: "CancelOrder" });
  });

  it("keeps the reason that was given, and no field where none was", () => {
    given(...holding())
      .when((state) => decide(state, { type: "RejectOrder", by, reason: "stolen card" }))
      .thenHappens([{ type: "OrderRejected", by, refusal: { reason: "rejected", detail: "stolen card" } }]);
    expect(decide(stateAfter(...holding()), { type: "RejectOrder", by })).toEqual({
      events: [{ type: "OrderRejected", by, refusal: { reason: "rejected" } }],
    });
  });
});

describe("A deadline", () => {
  it("of a stage is passed when it is reached, not before", () => {
    const dueAt = T0 + 4_000 + 24 * 60 * 60_000;
    given(...confirmed())
      .when((state) => decideDeadlines(state, lane, dueAt - 1))
      .thenNothingHappened();
    given(...confirmed())
      .when((state) => decideDeadlines(state, lane, dueAt))
      .thenHappens([{ type: "StageOverran", stage: "confirmed" }]);
  });
});

describe("A step that waits for its provider when a run begins", () => {
  it("has lost no attempt", () => {
    const blocked: OrderEvent = { type: "StepBlocked", step: "authorize", provider: "payment", since: T0 };
    given(accepted(), [{ type: "OrderStarted", startedAt: T0 }, blocked])
      .when((state) => decideResume(state, ["authorize"], lane, NOW))
      .thenNothingHappened();
  });
});

describe("An answer to an attempt that is over", () => {
  const answers = (journal: OrderEvent[][], answer: ProviderAnswer) =>
    decideOutcomes(stateAfter(...journal), [{ step: "screen", attempt: 1, answer }], {
      startedAt: T0,
      at: NOW,
      lane,
      random: () => 0,
    }).filter(({ type }) => type !== "OrderStarted");

  it.each<OrderEvent>([succeeded("screen"), { type: "StepRefused", step: "screen", attempt: 1, refusal: { reason: "no" } }])(
    "is recorded as late, and what failed brings nothing: $type",
    (over) => {
      const failing: ProviderAnswer = { outcome: "failed", failure: "transient", detail: "503" };
      expect(answers([accepted(), [over]], failing)[0]).toStrictEqual({
        type: "LateAnswerRecorded",
        step: "screen",
        attempt: 1,
        outcome: "failed",
      });
    },
  );
});
