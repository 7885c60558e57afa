/**
 * One shard of a tenant's counters. It remembers for every order what it counts for, so that duplicates and late arrivals
 * change nothing. It reaches the world only through `ShardPorts`, so the same code runs in the actor and in a simulation.
 */
import type { JournaledOrder, OrderSummary } from "../contract/order.ts";
import { ShardTally, type Tally } from "../contract/stats.ts";
import { type Contribution, type CountedGroup, contributionOf, countOrders, emptyTally, recount } from "../domain/counters.ts";

export interface ShardPorts {
  readonly store: {
    /** What orders count for; an order that was never counted is missing. */
    contributions(orderIds: readonly string[]): ReadonlyMap<string, Contribution>;
    /** What all orders together count for. */
    groups(): readonly CountedGroup[];
    saveContributions(contributions: ReadonlyMap<string, Contribution>): void;
    saveTally(state: ShardTally): void;
    /** What `work` saves becomes durable together, or nothing of it when it throws. */
    transaction<Result>(work: () => Result): Result;
  };
  now(): number;
}

export class ShardRunner {
  readonly #ports: ShardPorts;
  #state: ShardTally;

  /** @param state the tally as it was saved */
  constructor(ports: ShardPorts, state: ShardTally = { revision: 0, tally: emptyTally() }) {
    this.#ports = ports;
    this.#state = state;
  }

  get state(): ShardTally {
    return this.#state;
  }

  /** Counts orders at the versions given. The answer holds all that was ever counted here; `revision` rises when this call changed it. */
  apply(orders: readonly OrderSummary[]): ShardTally {
    const known = this.#ports.store.contributions(orders.map(({ orderId }) => orderId));
    const { tally, changed } = countOrders(this.#state.tally, known, orders, this.#ports.now());
    return changed.size > 0 ? this.#save(changed, () => tally) : this.#state;
  }

  /** Makes orders count for what their journals say, and the tally anew from what all orders count for. */
  repair(orders: readonly JournaledOrder[]): ShardTally {
    const { store } = this.#ports;
    const known = store.contributions(orders.map(({ order }) => order.orderId));
    const changed = new Map<string, Contribution>();
    for (const { order, seen } of orders) {
      const before = known.get(order.orderId);
      // It was counted again after the journal was read.
      if (before !== undefined && before.version > order.version && before.version !== seen) continue;
      changed.set(order.orderId, contributionOf(before, order));
    }
    return this.#save(changed, () => recount(this.#state.tally, store.groups()));
  }

  /** @param tallyOf asked once the contributions are written */
  #save(changed: ReadonlyMap<string, Contribution>, tallyOf: () => Tally): ShardTally {
    const { store } = this.#ports;
    // Memory follows the store: a write that failed must leave no tally behind that nothing durable stands for.
    this.#state = store.transaction(() => {
      store.saveContributions(changed);
      // A tally that cannot be, such as one below nothing, stays here: the hub would refuse the other shards' reports with it.
      const state = ShardTally.parse({ revision: this.#state.revision + 1, tally: tallyOf() });
      store.saveTally(state);
      return state;
    });
    return this.#state;
  }
}
