/** The queue of a lane. */
import type { Hint } from "../contract/messages.ts";
import type { Priority } from "../contract/order.ts";
import type { Env } from "../env.ts";

export function laneQueue(env: Env, lane: Priority): Queue<Hint> {
  switch (lane) {
    case "expedited":
      return env.ORDERS_EXPEDITED;
    case "standard":
      return env.ORDERS_STANDARD;
  }
}
