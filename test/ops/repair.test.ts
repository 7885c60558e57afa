import { describe, expect, it } from "vitest";
import type { JournaledOrder } from "../../src/contract/order.ts";
import type { Audit } from "../../src/ops/auditor.ts";
import type { Finding } from "../../src/ops/laws.ts";
import { repairAll } from "../../src/ops/repair.ts";
import type { Projection } from "../../src/projections/projection.ts";
import { confirmed, stateAfter } from "../support/orders.ts";

const state = stateAfter(...confirmed());
const { orderId } = state.order;

/** What a repair has the projections of these names rebuild, after an audit that found these subjects wrong. */
async function rebuiltIn(names: readonly string[], wrong: readonly Finding["subject"][], audited: Partial<Audit> = {}) {
  const rebuilt: Record<string, readonly JournaledOrder[]> = {};
  const projections = names.map(
    (name): Projection => ({
      name,
      project: async () => ({ durable: new Set(), rowsWritten: 0 }),
      rebuild: async (_tenant, orders) => {
        rebuilt[name] = orders;
      },
    }),
  );
  const findings = wrong.map((subject): Finding => ({ law: 4, subject, what: "it differs", expected: null, found: null }));
  const repaired = await repairAll(projections, "shop", [
    { orderId, state, shown: { history: null, counters: null }, findings, ...audited },
  ]);
  return { rebuilt, repaired: [...repaired] };
}

describe("A repair", () => {
  it("rebuilds the projection that was found wrong, and no other", async () => {
    const { rebuilt, repaired } = await rebuiltIn(["counters", "history"], ["history"]);
    expect(Object.keys(rebuilt)).toEqual(["history"]);
    expect(rebuilt.history).toMatchObject([{ order: { orderId, version: state.version }, seen: null }]);
    expect(repaired).toEqual([orderId]);
  });

  it("also rebuilds one that no audit looks into, because the same change may be missing there", async () => {
    expect(Object.keys((await rebuiltIn(["counters", "boards", "history"], ["counters"])).rebuilt)).toEqual(["counters", "boards"]);
  });

  it("tells the projection which version it showed", async () => {
    const shown = { history: null, counters: { version: 99 } } as unknown as Audit["shown"];
    expect((await rebuiltIn(["counters"], ["counters"], { shown })).rebuilt.counters).toMatchObject([{ seen: 99 }]);
  });

  it("rebuilds nothing for a provider's ledger that differs, and nothing of an order that does not exist", async () => {
    expect(await rebuiltIn(["counters", "boards", "history"], ["payment"])).toEqual({ rebuilt: {}, repaired: [] });
    expect(await rebuiltIn(["counters", "history"], ["history"], { state: null })).toEqual({ rebuilt: {}, repaired: [] });
  });
});
