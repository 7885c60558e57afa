import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import type { Commit, OrderEvent } from "../../src/contract/events.ts";
import type { Step } from "../../src/contract/order.ts";
import { decide, decideOutcomes, decidePlace, decideStuck } from "../../src/domain/decide.ts";
import { diagnose } from "../../src/domain/diagnosis.ts";
import { LANES } from "../../src/domain/lanes.ts";
import { apply, fold, type OrderState } from "../../src/domain/order.ts";
import type { ProviderAnswer } from "../../src/domain/ports.ts";
import { follow, plan, stepsAhead } from "../../src/domain/progress.ts";
import { previewOf } from "../../src/domain/redrive.ts";
import { CURRENT_SAGA } from "../../src/domain/saga.ts";
import { placedOrder, T0 } from "../support/orders.ts";
import { currentSaga, OTHER_RELEASE, release, sagaWithout } from "../support/sagas.ts";

const lane = LANES.standard;

/** More turns than any order takes. */
const MANY_TURNS = 100;

/** What happens in a turn of an order's life, drawn by the test. */
type Turn = "succeed" | "refuse" | "fail" | "cancel" | "flag";

const answerOf = (turn: Turn, step: Step): ProviderAnswer => {
  if (turn === "refuse") return { outcome: "refused", refusal: { reason: "declined" } };
  if (turn === "fail") return { outcome: "failed", failure: "transient", detail: "503" };
  return { outcome: "succeeded", facts: turn === "flag" && step === "screen" ? { flags: ["amount"] } : {} };
};

/** An order and its journal, carried on by the rules as its run does it. */
class Life {
  readonly journal: Commit[];
  #now = T0;

  constructor(journal: readonly Commit[]) {
    this.journal = [...journal];
  }

  get state(): OrderState {
    const state = fold(this.journal);
    if (!state) throw new Error("nothing was placed");
    return state;
  }

  commit(events: readonly OrderEvent[]): void {
    if (events.length > 0) this.journal.push({ version: this.journal.length + 1, at: this.#now, events: [...events] });
  }

  /** One turn; false when the order has come to an end or waits for a person. */
  live(turn: Turn): boolean {
    this.#now += 1_000;
    if (turn === "cancel") {
      const decision = decide(this.state, { type: "CancelOrder", by: "ada" });
      if ("events" in decision) this.commit(decision.events);
    }
    this.commit(follow(this.state, this.#now));
    const planned = plan(this.state, this.#now);
    if (planned.kind === "wait") this.#now = planned.until;
    if (planned.kind === "stuck") this.commit(decideStuck(this.state, this.#now));
    if (planned.kind !== "call") return planned.kind === "wait" || planned.kind === "next";
    const outcomes = planned.steps.map((step) => ({
      step,
      attempt: this.state.steps[step]?.attempt ?? 1,
      answer: answerOf(turn, step),
    }));
    this.commit(decideOutcomes(this.state, outcomes, { startedAt: this.#now, at: this.#now, lane, random: () => 0.5 }));
    return true;
  }

  /** Everything works from now on, and a person decides what is put before one. */
  finish(): OrderState["status"] {
    for (let turn = 0; turn < MANY_TURNS; turn++) {
      if (this.live("succeed")) continue;
      const { status } = this.state;
      const command = status === "held" ? "ApproveOrder" : status === "quarantined" ? "RedriveOrder" : null;
      if (command === null) return status;
      const decision = decide(this.state, { type: command, by: "ada" });
      if ("events" in decision) this.commit(decision.events);
    }
    return this.state.status;
  }
}

const turns = fc.array(fc.constantFrom<Turn>("succeed", "succeed", "succeed", "refuse", "fail", "cancel", "flag"), { maxLength: 8 });

/** The journal of an order that was accepted under the graph of the other release and lived through these turns. */
function journalOf(lived: readonly Turn[]): readonly Commit[] {
  const life = new Life([{ version: 1, at: T0, events: decidePlace(placedOrder(), T0, { saga: OTHER_RELEASE }) }]);
  for (const turn of lived) life.live(turn);
  return life.journal;
}

/** Every stand that the order ever had. */
const prefixesOf = (journal: readonly Commit[]) => journal.map((_, index) => journal.slice(0, index + 1));

const ENDS = ["confirmed", "cancelled", "failed"];

afterEach(() => release(OTHER_RELEASE, currentSaga));

describe.each([
  { added: "screen" as const, where: "an earlier group" },
  { added: "commit" as const, where: "a later group" },
  { added: "route" as const, where: "a group of its own" },
])("When a release adds a step to $where ($added)", ({ added }) => {
  it("carries every order in flight to its end by the graph under which it was accepted", () =>
    fc.assert(
      fc.property(turns, (lived) => {
        const before = sagaWithout(added);
        release(OTHER_RELEASE, before);
        for (const prefix of prefixesOf(journalOf(lived))) {
          const life = new Life(prefix);
          const { state } = life;
          const known: readonly Step[] = [...before.forward.flat(), ...before.undo.flat()];
          expect([...previewOf(state).willRun, ...stepsAhead(state)].filter((step) => !known.includes(step))).toEqual([]);
          expect(ENDS).toContain(life.finish());
          expect((Object.keys(life.state.steps) as Step[]).filter((step) => !known.includes(step))).toEqual([]);
        }
      }),
    ));

  it("strands no order whose graph was changed under it either", () =>
    fc.assert(
      fc.property(turns, (lived) => {
        release(OTHER_RELEASE, sagaWithout(added));
        const journal = journalOf(lived);
        release(OTHER_RELEASE, currentSaga);
        for (const prefix of prefixesOf(journal)) expect(ENDS).toContain(new Life(prefix).finish());
      }),
    ));
});

describe("When an order was accepted by a release that is no longer there", () => {
  const version = 4_711;
  const journal: Commit[] = [{ version: 1, at: T0, events: [{ type: "OrderPlaced", order: placedOrder(), saga: version }] }];
  const state = apply(null, journal[0] as Commit) as OrderState;

  it("is parked as a bug, with its cause", () =>
    expect(decideStuck(state, T0)).toEqual([
      { type: "OrderQuarantined", cause: { class: "bug", detail: `this release does not hold version ${version} of the saga` } },
    ]));

  it("is diagnosed as one that can go no further", () => {
    const circumstances = { now: T0, alarmAt: null, running: false, provider: null, backlog: null };
    expect(diagnose(state, journal, circumstances, lane)).toMatchObject({
      situation: "about_to_be_parked",
      sentence: expect.stringContaining(`does not hold version ${version}`),
    });
  });
});

describe("A new order", () => {
  it("pins the current graph", () => expect(decidePlace(placedOrder(), T0)[0]).toMatchObject({ type: "OrderPlaced", saga: CURRENT_SAGA }));
});
