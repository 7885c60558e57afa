/** Which lane an order takes and how long its start is put off. Nothing accepted is ever dropped here. */
import type { Priority } from "../contract/order.ts";
import type { Lane } from "./lanes.ts";

/** Below this share of pressure nothing is deferred, so that a quiet system adds no delay. */
const CALM = 0.5;

/** The longest deferral. An order that must wait longer is better off waiting in its queue, where order is kept. */
export const MAX_DEFERRAL_SECONDS = 30;

export interface Route {
  readonly lane: Priority;
  readonly delaySeconds: number;
}

/** What a queue says of itself. */
export interface Backlog {
  readonly messages: number;
  /** Of the oldest message, in milliseconds; 0 for an empty queue. */
  readonly ageMs: number;
}

/**
 * The lane that a hint travels. One that is to try a provider out takes the expedited lane, whatever its order's priority:
 * behind a backlog it would be given up before it arrived, again and again.
 */
export function laneOf({ priority, probe }: { readonly priority: Priority; readonly probe?: unknown }): Priority {
  return probe === undefined ? priority : "expedited";
}

/** How full a lane is: 0 is empty, 1 is as much, or as old, as it should ever hold. */
export function pressureOf({ messages, ageMs }: Backlog, lane: Pick<Lane, "capacity" | "fullAfterMs">): number {
  return Math.max(messages / lane.capacity, ageMs / lane.fullAfterMs);
}

/**
 * Expedited orders start at once, always. Standard orders are deferred with a probability that rises from 0 to 1 as
 * pressure rises from 0.5 to 1, by a delay that is uniform up to a bound that rises with it: a burst is spread out
 * instead of being worked off at the expense of everything else.
 * @param pressure how full the standard lane is, see `pressureOf`
 * @param random two uniform draws in [0, 1): whether, and how long
 */
export function routeByPriority(order: { priority: Priority }, pressure: number, random: readonly [number, number]): Route {
  if (order.priority === "expedited") return { lane: "expedited", delaySeconds: 0 };
  const strain = Math.min(1, Math.max(0, (pressure - CALM) / (1 - CALM)));
  const deferred = random[0] < strain;
  return { lane: "standard", delaySeconds: deferred ? Math.ceil(random[1] * strain * MAX_DEFERRAL_SECONDS) : 0 };
}
