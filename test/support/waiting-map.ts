/** The list of those that wait at a breaker, in memory, with the order and the bounds of the actor's table. */
import { LANES } from "../../src/contract/lanes.ts";
import type { Waiting, WaitingOrder } from "../../src/domain/breaker.ts";
import { lineOf, type WaitingList } from "../../src/runtime/breaker-runner.ts";

export class WaitingMap implements WaitingList {
  readonly #orders = new Map<string, WaitingOrder>();

  count(): Waiting {
    const failed = this.all().filter(({ failures }) => failures > 0).length;
    return { fresh: this.#orders.size - failed, failed };
  }

  add(order: WaitingOrder): boolean {
    if (this.#orders.has(keyOf(order))) return false;
    this.#orders.set(keyOf(order), order);
    return true;
  }

  remove(orders: readonly WaitingOrder[]): void {
    for (const order of orders) this.#orders.delete(keyOf(order));
  }

  list(of: "fresh" | "failed", count: number, every: number): WaitingOrder[] {
    const line = this.all().filter((order) => lineOf(order) === of);
    return line.filter((_, position) => position % every === 0).slice(0, count);
  }

  /** In line. */
  all(): WaitingOrder[] {
    return [...this.#orders.values()].sort(
      (a, b) => a.failures - b.failures || laneOf(a) - laneOf(b) || a.placedAt - b.placedAt || (a.orderId < b.orderId ? -1 : 1),
    );
  }
}

const laneOf = ({ priority }: WaitingOrder) => LANES[priority].rank;
const keyOf = ({ failures, priority, placedAt, orderId }: WaitingOrder) => `${failures} ${priority} ${placedAt} ${orderId}`;
