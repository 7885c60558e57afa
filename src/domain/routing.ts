/** Which lane an order takes and how long its start is put off. Nothing accepted is ever dropped here. */
import { FIRST_PRIORITY, type Lane, type LaneBinding, type Priority } from "../contract/lanes.ts";

/** Below this share of pressure nothing is deferred, so that a quiet system adds no delay. */
const CALM = 0.5;

/** The longest deferral. An order that must wait longer is better off waiting in its queue, where order is kept. */
export const MAX_DEFERRAL_SECONDS = 30;

/** What a queue says of itself. */
export interface Backlog {
  readonly messages: number;
  /** Of the oldest message, in milliseconds; 0 for an empty queue. */
  readonly ageMs: number;
}

/**
 * The lane that a hint travels. One that is to try a provider out takes the first lane, whatever its order's priority:
 * behind a backlog it would be given up before it arrived, again and again.
 */
export function laneOf({ priority, probe }: { readonly priority: Priority; readonly probe?: unknown }): Priority {
  return probe === undefined ? priority : FIRST_PRIORITY;
}

/**
 * The queues of a lane that a tenant's hints may travel, by their bindings: two, chosen by its name (shuffle sharding). A tenant
 * that floods the lane fills these two. Of four queues, five in six other tenants have one that it does not fill.
 * @param whose the tenant, or another text that the hints of one sender share
 */
export function queuesFor(lane: Pick<Lane, "queues">, whose: string): readonly LaneBinding[] {
  const all = Object.keys(lane.queues) as LaneBinding[];
  if (all.length <= 2) return all;
  const hash = fnv1a(whose);
  const first = hash % all.length;
  const further = 1 + (Math.floor(hash / all.length) % (all.length - 1));
  return [first, (first + further) % all.length].map((index) => all[index] as LaneBinding);
}

/** The hash function FNV-1a, in 32 bits: it spreads short texts well and costs nothing. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}

/** How full a queue of a lane is: 0 is empty, 1 is as much, or as old, as it should ever hold. */
export function pressureOf({ messages, ageMs }: Backlog, lane: Pick<Lane, "capacity" | "fullAfterMs" | "queues">): number {
  return Math.max((messages * Object.keys(lane.queues).length) / lane.capacity, ageMs / lane.fullAfterMs);
}

/**
 * How starts in a lane are deferred: with which probability, which rises from 0 to 1 as pressure rises from 0.5 to 1, and
 * by up to how many seconds, which rises with it. In a lane that does not defer, orders start at once, always.
 */
export function deferralOf(
  { defers }: Pick<Lane, "defers">,
  pressure: number,
): { readonly probability: number; readonly upToSeconds: number } {
  const strain = !defers ? 0 : Math.min(1, Math.max(0, (pressure - CALM) / (1 - CALM)));
  return { probability: strain, upToSeconds: strain * MAX_DEFERRAL_SECONDS };
}

/**
 * By how many seconds a start in a lane is put off, uniform up to the bound of `deferralOf`: a burst is spread out instead
 * of being worked off at the expense of everything else.
 * @param pressure how full the lane is, see `pressureOf`
 * @param random two uniform draws in [0, 1): whether, and how long
 */
export function delaySecondsOf(lane: Pick<Lane, "defers">, pressure: number, random: readonly [number, number]): number {
  const { probability, upToSeconds } = deferralOf(lane, pressure);
  return random[0] < probability ? Math.ceil(random[1] * upToSeconds) : 0;
}
