import { describe, expect, it } from "vitest";
import type { ShardTally } from "../../src/contract/stats.ts";
import type { Contribution, CountedGroup } from "../../src/domain/counters.ts";
import { ShardRunner } from "../../src/runtime/shard-runner.ts";
import { orderIdOf, summary } from "../projections/history/summaries.ts";

/** One shard, and a store that survives a restart. */
class Stand {
  contributions = new Map<string, Contribution>();
  tally: ShardTally | undefined;
  storeWorks = true;
  shard = this.restart();

  restart(): ShardRunner {
    const store = {
      contributions: (orderIds: readonly string[]) => new Map([...this.contributions].filter(([orderId]) => orderIds.includes(orderId))),
      groups: () => [...this.contributions.values()].map((one): CountedGroup => ({ ...one, orders: 1 })),
      saveContributions: (changed: ReadonlyMap<string, Contribution>) => {
        this.contributions = new Map([...this.contributions, ...changed]);
      },
      saveTally: (state: ShardTally) => {
        if (!this.storeWorks) throw new Error("the disk is full");
        this.tally = state;
      },
      transaction: <Result>(work: () => Result): Result => {
        const { contributions, tally } = this;
        try {
          return work();
        } catch (error) {
          Object.assign(this, { contributions, tally });
          throw error;
        }
      },
    };
    this.shard = new ShardRunner({ store, now: () => 0 }, this.tally);
    return this.shard;
  }
}

const accepted = summary({ version: 1 });
const confirmed = summary({ version: 2, status: "confirmed" });
const failed = summary({ version: 3, status: "failed" });

describe("A shard of the counters", () => {
  it("counts an order once, whatever arrives twice or late", () => {
    const { shard } = new Stand();
    shard.apply([confirmed]);
    shard.apply([accepted, confirmed, confirmed]);
    const { revision, tally } = shard.apply([accepted]);
    expect(revision).toBe(1);
    expect(tally).toMatchObject({ orders: { standard: { confirmed: 1 } }, revenue: { GBP: 1_000 } });
  });

  it("neither keeps nor reports a tally that cannot be", () => {
    const stand = new Stand();
    stand.shard.apply([accepted]);
    stand.tally = { revision: 1, tally: { orders: {}, revenue: {}, slices: {} } };
    const shard = stand.restart();
    expect(() => shard.apply([confirmed])).toThrow();
    expect(shard.state.revision).toBe(1);
    expect(stand.tally).toMatchObject({ revision: 1 });
    expect(stand.contributions.get(accepted.orderId)).toMatchObject({ version: 1 });
  });

  it("answers with everything it has counted, so that a lost answer loses nothing", () => {
    const { shard } = new Stand();
    shard.apply([summary({ orderId: orderIdOf(1) })]);
    const answer = shard.apply([summary({ orderId: orderIdOf(2) })]);
    expect(answer).toMatchObject({ revision: 2, tally: { orders: { standard: { accepted: 2 } } } });
    expect(shard.apply([])).toEqual(answer);
  });

  it("saves nothing when it counted nothing", () => {
    const stand = new Stand();
    expect(stand.shard.apply([])).toEqual({ revision: 0, tally: { orders: {}, revenue: {}, slices: {} } });
    expect(stand.tally).toBeUndefined();
  });

  it("goes on after a restart with what it has counted", () => {
    const stand = new Stand();
    stand.shard.apply([accepted]);
    expect(stand.restart().apply([confirmed])).toMatchObject({ revision: 2, tally: { orders: { standard: { confirmed: 1 } } } });
  });

  it("has counted nothing when its tally could not be saved, and counts it when it comes again", () => {
    const stand = new Stand();
    stand.shard.apply([accepted]);
    stand.storeWorks = false;
    expect(() => stand.shard.apply([confirmed])).toThrow("the disk is full");
    expect(stand.shard.state).toMatchObject({ revision: 1, tally: { orders: { standard: { accepted: 1 } } } });
    stand.storeWorks = true;
    expect(stand.shard.apply([confirmed])).toMatchObject({ revision: 2, tally: { orders: { standard: { confirmed: 1 } } } });
  });
});

describe("A repair of a shard", () => {
  it("makes an order count for what its journal says, which may be less than was counted", () => {
    const stand = new Stand();
    stand.shard.apply([failed]);
    const { revision, tally } = stand.shard.repair([{ order: confirmed, seen: failed.version }]);
    expect([revision, tally.orders]).toEqual([2, { standard: { confirmed: 1 } }]);
    expect(stand.contributions.get(confirmed.orderId)?.version).toBe(confirmed.version);
  });

  it("leaves alone an order that was counted again after its journal was read", () => {
    const stand = new Stand();
    stand.shard.apply([failed]);
    expect(stand.shard.repair([{ order: confirmed, seen: accepted.version }]).tally.orders).toEqual({ standard: { failed: 1 } });
  });

  it("makes a tally anew that has drifted from what its orders count for", () => {
    const stand = new Stand();
    stand.shard.apply([accepted]);
    stand.tally = { revision: 7, tally: { orders: { standard: { held: 3 } }, revenue: { GBP: 5 }, slices: {} } };
    expect(stand.restart().repair([])).toEqual({ revision: 8, tally: { orders: { standard: { accepted: 1 } }, revenue: {}, slices: {} } });
  });

  it("makes an order count that was never counted", () => {
    const stand = new Stand();
    expect(stand.shard.repair([{ order: confirmed, seen: null }]).tally.orders).toEqual({ standard: { confirmed: 1 } });
  });

  it("makes an order count anew that was counted at the same version, or at an earlier one", () => {
    const stand = new Stand();
    stand.shard.apply([{ ...confirmed, status: "held" }]);
    expect(stand.shard.repair([{ order: confirmed, seen: accepted.version }]).tally.orders).toEqual({ standard: { confirmed: 1 } });
    expect(stand.shard.repair([{ order: failed, seen: accepted.version }]).tally.orders).toEqual({ standard: { failed: 1 } });
  });

  it("goes on with the other orders after one that it leaves alone", () => {
    const stand = new Stand();
    const other = summary({ orderId: orderIdOf(2), version: 1 });
    stand.shard.apply([failed]);
    const { tally } = stand.shard.repair([
      { order: confirmed, seen: accepted.version },
      { order: other, seen: null },
    ]);
    expect(tally.orders).toEqual({ standard: { failed: 1, accepted: 1 } });
  });
});
