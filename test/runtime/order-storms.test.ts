/** Orders to which anything happens: hundreds of short lives, each with its own failures, deaths, repeats and commands. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Step } from "../../src/contract/order.ts";
import { summarize } from "../../src/domain/order.ts";
import { EVERY_LEDGER } from "../oracle/evidence.ts";
import { checkQuiet } from "../oracle/laws.ts";
import { placedOrder } from "../support/orders.ts";
import { type Behaviour, World } from "../support/world.ts";

/** What must be true of the outside world once an order has stopped moving. */
function checkLaws({ state, ledger: { effects, undoBegan } }: World): void {
  const orders = [{ ...summarize(state), lines: state.order.lines }];
  expect(checkQuiet({ orders, effects, undoBegan, ledgers: EVERY_LEDGER })).toEqual([]);
}

const behaviour = fc.constantFrom<Behaviour>(
  "succeed",
  "refuse",
  "fail_before_effect",
  "fail_after_effect",
  "answer_late",
  "die_after_effect",
  "poison",
);
/** For each step, how its first attempts go; after them it succeeds. A refusal stands for ever, as a provider's does. */
const script = fc.record(
  Object.fromEntries(Step.options.map((step) => [step, fc.array(behaviour, { maxLength: 3 })])) as Record<Step, fc.Arbitrary<Behaviour[]>>,
);
const action = fc.constantFrom("hint", "hint twice", "late hint", "alarm", "kill", "cancel", "expedite", "place again", "redrive");

describe("Whatever fails, dies, is doubled or comes late", () => {
  it("does each step's effect at most once, and ends at rest or in front of a person with nothing left undone", async () => {
    await fc.assert(
      fc.asyncProperty(script, fc.array(action, { maxLength: 8 }), async (attempts, actions) => {
        const world = new World();
        world.behaviour = ({ step, key, attempt }) => {
          const scripted = attempts[step][attempt - 1] ?? "succeed";
          // A provider refuses before its effect or never: the same key has the same answer.
          const done = world.effects.some((effect) => effect.key === key);
          return scripted === "refuse" && (done || attempt > 1) ? "succeed" : scripted;
        };
        const order = placedOrder();
        world.place(order);
        for (const act of actions) {
          switch (act) {
            case "hint":
              await world.hint();
              break;
            case "hint twice":
              await Promise.all([world.hint(), world.hint(2)]);
              break;
            case "late hint":
              await world.hint(3);
              break;
            case "alarm":
              await world.ring();
              break;
            case "kill":
              world.kill();
              break;
            case "cancel":
              world.process.command({ type: "CancelOrder", by: "ada" });
              break;
            case "expedite":
              world.process.command({ type: "ExpediteOrder" });
              break;
            case "redrive":
              world.process.command({ type: "RedriveOrder", by: "ada" });
              break;
            case "place again":
              expect(world.place(order).outcome).toBe("replayed");
              break;
          }
        }
        await world.ringUntilQuiet();
        // A person redrives what was parked until nothing is; the scripts run out, so that this ends.
        for (let redrives = 0; redrives < 30 && world.state.status === "quarantined"; redrives++) {
          world.process.command({ type: "RedriveOrder", by: "ada" });
          await world.hint();
          await world.ringUntilQuiet();
        }
        expect(["confirmed", "cancelled", "failed"]).toContain(world.state.status);
        checkLaws(world);
        expect(world.journal.map(({ version }) => version)).toEqual(world.journal.map((_, index) => index + 1));
      }),
      { numRuns: 500 },
    );
  });
});
