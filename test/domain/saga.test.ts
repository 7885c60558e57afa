import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import type { Commit } from "../../src/contract/events.ts";
import { LANES } from "../../src/contract/lanes.ts";
import type { Step } from "../../src/contract/order.ts";
import { decidePlace, decideStuck } from "../../src/domain/decide.ts";
import { diagnose } from "../../src/domain/diagnosis.ts";
import { apply, type OrderState } from "../../src/domain/order.ts";
import { stepsAhead } from "../../src/domain/progress.ts";
import { previewOf } from "../../src/domain/redrive.ts";
import { CURRENT_SAGA } from "../../src/domain/saga.ts";
import { Life, type Turn, turns } from "../support/lives.ts";
import { placedOrder, T0 } from "../support/orders.ts";
import { currentSaga, OTHER_RELEASE, release, sagaWithout } from "../support/sagas.ts";

const lane = LANES.standard;

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
