/**
 * How many orders a customer placed lately, for the risk screening. What it remembers is bounded in every direction, so a robot
 * can neither make it grow nor make it forget anybody else at once.
 */
import type { Velocity } from "./risk.ts";

/** An order as it is remembered: its customer, its id, and when it was first seen, in milliseconds. */
export type SeenOrder = readonly [customer: string, orderId: string, at: number];

/** A customer's count saturates at four times what the screening tolerates. */
export const REMEMBERED_PER_NORMAL = 4;

/** Those whose last order was the longest ago are forgotten beyond this. At some 10 KB for a robot, and 200 bytes for a person. */
export const MAX_CUSTOMERS = 10_000;

const NONE: readonly SeenOrder[] = [];

const byTime = ([, , a]: SeenOrder, [, , b]: SeenOrder): number => a - b;

export class RecentOrders {
  /** By customer, the one whose last order is the longest ago first; a customer's orders by their time. */
  readonly #customers = new Map<string, readonly SeenOrder[]>();

  /** @param seen what was remembered, in any order */
  constructor(seen = NONE) {
    for (const order of seen.toSorted(byTime)) this.#keep(order[0], [...this.#of(order[0]), order]);
  }

  /**
   * Counts an order once.
   * @returns how many orders of the customer there were in the window that ends with this one, itself included, and whether it was new
   */
  count(customer: string, orderId: string, at: number, { velocityMax, velocityWindowMs }: Velocity): { recent: number; isNew: boolean } {
    const known = this.#of(customer);
    const seen = known.find(([, id]) => id === orderId);
    const all = seen ? known : [...known, [customer, orderId, at] as const].sort(byTime);
    const upTo = (end: number) => all.filter(([, , time]) => time > end - velocityWindowMs && time <= end);
    const most = REMEMBERED_PER_NORMAL * velocityMax;
    if (!seen) this.#keep(customer, upTo(Math.max(...all.map(([, , time]) => time))).slice(-most));
    return { recent: Math.min(upTo(seen?.[2] ?? at).length, most), isNew: !seen };
  }

  #of(customer: string): readonly SeenOrder[] {
    return this.#customers.get(customer) ?? NONE;
  }

  #keep(customer: string, orders: readonly SeenOrder[]): void {
    this.#customers.delete(customer);
    this.#customers.set(customer, orders);
    if (this.#customers.size <= MAX_CUSTOMERS) return;
    const [longestAgo = ""] = this.#customers.keys();
    this.#customers.delete(longestAgo);
  }
}
