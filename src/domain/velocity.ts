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

export class RecentOrders {
  /** By customer, the one whose last order is the longest ago first; a customer's orders by their time. */
  readonly #customers = new Map<string, SeenOrder[]>();

  /** @param seen what was remembered, in any order */
  constructor(seen: readonly SeenOrder[] = []) {
    const byTime = seen.toSorted(([, , a], [, , b]) => a - b);
    for (const order of byTime) this.#keep(order[0], [...(this.#customers.get(order[0]) ?? []), order]);
  }

  /**
   * Counts an order once.
   * @returns how many orders of the customer there were in the window that ends with this one, itself included, and whether it was new
   */
  count(customer: string, orderId: string, at: number, { velocityMax, velocityWindowMs }: Velocity): { recent: number; isNew: boolean } {
    const known = this.#customers.get(customer) ?? [];
    const seen = known.find(([, id]) => id === orderId);
    if (!seen) {
      const all = [...known, [customer, orderId, at] as const].sort(([, , a], [, , b]) => a - b);
      const newest = all.at(-1)?.[2] ?? at;
      this.#keep(customer, all.filter(([, , time]) => time > newest - velocityWindowMs).slice(-REMEMBERED_PER_NORMAL * velocityMax));
    }
    const end = seen?.[2] ?? at;
    const recent = (this.#customers.get(customer) ?? []).filter(([, , time]) => time > end - velocityWindowMs && time <= end);
    return { recent: recent.length, isNew: seen === undefined };
  }

  #keep(customer: string, orders: SeenOrder[]): void {
    this.#customers.delete(customer);
    this.#customers.set(customer, orders);
    const [oldest] = this.#customers.keys();
    if (this.#customers.size > MAX_CUSTOMERS && oldest !== undefined) this.#customers.delete(oldest);
  }
}
