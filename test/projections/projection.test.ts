import { describe, expect, it } from "vitest";
import type { OrderChanged } from "../../src/contract/messages.ts";
import { feed, newestChanges, type Projection } from "../../src/projections/projection.ts";
import { orderIdOf, summary } from "./history/summaries.ts";

const change = (n: number, version = 1): OrderChanged => ({ order: summary({ orderId: orderIdOf(n), version }), commits: [] });

/** A projection that takes every order but those that it is told not to. */
function projection(...refused: number[]): Projection & { readonly taken: string[] } {
  const taken: string[] = [];
  return {
    name: "counters",
    taken,
    async project(changes) {
      const ids = changes.map(({ order }) => order.orderId).filter((id) => !refused.map(orderIdOf).includes(id));
      taken.push(...ids);
      return { durable: new Set(ids), rowsWritten: ids.length };
    },
    rebuild: async () => {},
  };
}

describe("Feeding the projections", () => {
  it("lets the last one have only what all the others hold, since its version is the watermark", async () => {
    const [counters, boards, history] = [projection(1), projection(2), projection()];
    const { durable } = await feed([counters, boards, history], [change(1), change(2), change(3)]);
    expect([...durable]).toEqual([orderIdOf(3)]);
    expect(history.taken).toEqual([orderIdOf(3)]);
    expect(counters.taken).toEqual([orderIdOf(2), orderIdOf(3)]);
    expect(boards.taken).toEqual([orderIdOf(1), orderIdOf(3)]);
  });

  it("answers what the last one holds, and nothing that it refused", async () => {
    expect([...(await feed([projection(), projection(3)], [change(3), change(4)])).durable]).toEqual([orderIdOf(4)]);
  });

  it("needs no other projection than the watermark", async () => {
    expect((await feed([projection()], [change(1)])).rowsWritten).toBe(1);
  });

  it("is no feeding when there is none to settle by", async () => {
    await expect(feed([], [change(1)])).rejects.toThrow("no projection");
  });

  it("takes each order once, at its highest version", () => {
    expect(newestChanges([change(1, 2), change(2), change(1, 3), change(1, 1)])).toEqual([change(1, 3), change(2)]);
  });
});
