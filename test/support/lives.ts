/** Lives of orders, drawn by a property test and carried on by the domain's rules as a run of the saga does it. */
import fc from "fast-check";
import type { Commit, OrderEvent } from "../../src/contract/events.ts";
import { LANES } from "../../src/contract/lanes.ts";
import type { Step } from "../../src/contract/order.ts";
import { decide, decideOutcomes, decideStuck } from "../../src/domain/decide.ts";
import type { OrderState } from "../../src/domain/order.ts";
import type { ProviderAnswer } from "../../src/domain/ports.ts";
import { follow, plan } from "../../src/domain/progress.ts";
import { fold, T0 } from "./orders.ts";

const lane = LANES.standard;

/** More turns than any order takes. */
const MANY_TURNS = 100;

/** What happens in a turn of an order's life, drawn by the test. */
export type Turn = "succeed" | "refuse" | "fail" | "cancel" | "flag";

const answerOf = (turn: Turn, step: Step): ProviderAnswer => {
  if (turn === "refuse") return { outcome: "refused", refusal: { reason: "declined" } };
  if (turn === "fail") return { outcome: "failed", failure: "transient", detail: "503" };
  return { outcome: "succeeded", facts: turn === "flag" && step === "screen" ? { flags: ["amount"] } : {} };
};

/** An order and its journal, carried on by the rules as its run does it. */
export class Life {
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

/** A few turns; most of them go well. */
export const turns = fc.array(fc.constantFrom<Turn>("succeed", "succeed", "succeed", "refuse", "fail", "cancel", "flag"), { maxLength: 8 });
