/**
 * Counts one customer's recent orders for the risk screening. It holds one row with a bounded list of order ids and times.
 * It may forget, so a caller must do without an answer.
 */
import { z } from "zod";
import { RISK_LIMITS, type Velocity } from "../domain/risk.ts";
import { Actor } from "./actor.ts";
import type { Serves, VelocityAddress } from "./addresses.ts";

/** The count saturates at four times what the screening tolerates, so a robot cannot make the row grow. */
export const REMEMBERED_PER_NORMAL = 4;

const KEY = "orders";

/** Order ids with the time each was first seen, in milliseconds. */
const Remembered = z.array(z.tuple([z.string(), z.number()]));
type Remembered = z.infer<typeof Remembered>;

/** The RPC face of the count; see `VelocityAddress`. */
export class VelocityActor extends Actor implements Serves<VelocityAddress> {
  /**
   * Counts an order once, and answers how many there were in the window that ends with it, itself included.
   * @param at milliseconds; a repeat keeps the time of the first call
   * @param normal from the profile that the order was accepted under
   */
  record(orderId: string, at: number, normal: Velocity = RISK_LIMITS): number {
    const before = Remembered.parse(this.store.get(KEY) ?? []);
    const seenAt = before.find(([seen]) => seen === orderId)?.[1];
    const after = seenAt === undefined ? remember(before, orderId, at, normal) : before;
    if (after !== before) this.store.put(KEY, after);
    const end = seenAt ?? at;
    return after.filter(([, time]) => time > end - normal.velocityWindowMs && time <= end).length;
  }
}

/** The list with one more order. Orders older than any window are dropped, and the oldest beyond the cap. */
function remember(before: Remembered, orderId: string, at: number, { velocityMax, velocityWindowMs }: Velocity): Remembered {
  const sorted: Remembered = [...before, [orderId, at] satisfies Remembered[number]].sort(([, a], [, b]) => a - b);
  const newest = sorted.at(-1)?.[1] ?? at;
  return sorted.filter(([, time]) => time > newest - velocityWindowMs).slice(-REMEMBERED_PER_NORMAL * velocityMax);
}
