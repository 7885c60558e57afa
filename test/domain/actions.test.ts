import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LANES } from "../../src/contract/lanes.ts";
import type { Action } from "../../src/contract/order.ts";
import { mayDo } from "../../src/domain/actions.ts";
import { decide, decidePlace, type OrderCommand } from "../../src/domain/decide.ts";
import { diagnose } from "../../src/domain/diagnosis.ts";
import type { OrderState } from "../../src/domain/order.ts";
import { trackOf } from "../../src/domain/tracks.ts";
import { Life, type Turn, turns } from "../support/lives.ts";
import { placedOrder, T0 } from "../support/orders.ts";

const by = "ada";

/** What a person could send for each action, built as the HTTP face builds it. */
const commandsOf = (state: OrderState): Record<Action, readonly OrderCommand[]> => ({
  approve: [{ type: "ApproveOrder", by }],
  reject: [{ type: "RejectOrder", by }],
  correct: ["Lille", "Lyon"].map((city) => ({ type: "CorrectOrder", by, reason: "moved", changes: { shipTo: { country: "FR", city } } })),
  redrive: [{ type: "RedriveOrder", by }],
  stage: trackOf(state).stages.map(({ name: stage }) => ({ type: "ReachStage", stage, by })),
  expedite: [{ type: "ExpediteOrder" }],
  cancel: [{ type: "CancelOrder", by, reason: "changed my mind" }],
});

const changes = (state: OrderState, command: OrderCommand): boolean => {
  const decision = decide(state, command);
  return "events" in decision && decision.events.length > 0;
};

/** A turn, or any of the actions that a person has. */
type Deed = { readonly turn: Turn } | { readonly action: Action; readonly nth: number };

const deeds = fc.array(
  fc.oneof(
    turns.filter((drawn) => drawn.length > 0).map((drawn): Deed => ({ turn: drawn[0] as Turn })),
    fc.record({
      action: fc.constantFrom<Action>("approve", "reject", "correct", "redrive", "stage", "stage", "expedite", "cancel"),
      nth: fc.nat(5),
    }),
  ),
  { maxLength: 25 },
);

describe("What a person may do with an order", () => {
  it("is offered exactly when it is accepted and changes something, in every state that can be reached", () => {
    const offeredIn = new Map<string, Set<Action>>();
    fc.assert(
      fc.property(deeds, (lived) => {
        const life = new Life([{ version: 1, at: T0, events: decidePlace(placedOrder(), T0) }]);
        for (const deed of lived) {
          if ("turn" in deed) life.live(deed.turn);
          else {
            const commands = commandsOf(life.state)[deed.action];
            const decision = decide(life.state, commands[deed.nth % commands.length] as OrderCommand);
            if ("events" in decision) life.commit(decision.events);
          }
          const { state } = life;
          const accepted = Object.entries(commandsOf(state)).flatMap(([action, commands]) =>
            commands.some((command) => changes(state, command)) ? [action] : [],
          );
          expect(mayDo(state)).toEqual(accepted);
          offeredIn.set(state.status, new Set([...(offeredIn.get(state.status) ?? []), ...mayDo(state)]));
        }
      }),
      { numRuns: 500 },
    );
    expect(offeredIn.size, "statuses reached").toBeGreaterThanOrEqual(8);
  });

  it("is what the diagnosis tells", () => {
    const journal = [{ version: 1, at: T0, events: decidePlace(placedOrder(), T0) }];
    const circumstances = { now: T0, alarmAt: null, running: false, provider: null, backlog: null };
    const { state } = new Life(journal);
    expect(diagnose(state, journal, circumstances, LANES.standard).actions).toEqual(mayDo(state));
  });
});
