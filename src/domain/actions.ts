/**
 * What a person may do with an order now. There is one table, which is `decide` itself: each action is asked of it as a
 * command, and offered when it would change something. So nothing is offered that is refused, and nothing is kept back.
 */
import { Action } from "../contract/order.ts";
import { decide, type OrderCommand } from "./decide.ts";
import type { OrderState } from "./order.ts";
import { nextStage, trackOf } from "./tracks.ts";

const by = "";

/** The command that an action comes to, with what a person would say left out; null when there is none to give. */
const COMMANDS: Readonly<Record<Action, (state: OrderState) => OrderCommand | null>> = {
  cancel: () => ({ type: "CancelOrder", by }),
  expedite: () => ({ type: "ExpediteOrder" }),
  approve: () => ({ type: "ApproveOrder", by }),
  reject: () => ({ type: "RejectOrder", by }),
  stage: (state) => {
    const next = nextStage(trackOf(state), state.stage);
    return next ? { type: "ReachStage", stage: next.name, by } : null;
  },
  correct: () => ({ type: "CorrectOrder", by, reason: "", changes: {} }),
  redrive: () => ({ type: "RedriveOrder", by }),
};

/** The actions that change something now, in the order in which they are offered. */
export function mayDo(state: OrderState): Action[] {
  return Action.options.filter((action) => {
    const command = COMMANDS[action](state);
    const decision = command && decide(state, command);
    return decision && "events" in decision && decision.events.length > 0;
  });
}
