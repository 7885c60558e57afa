/** Whom an order tells what: its projections when something has changed, and no sooner; and of its turn the lane that it is in now. */
import { describe, expect, it } from "vitest";
import { LANES } from "../../src/contract/lanes.ts";
import { PUBLISH_SOON_MS } from "../../src/runtime/settlement.ts";
import { ORDER_ID, placedOrder } from "../support/orders.ts";
import { World } from "../support/world.ts";

function placed(): World {
  const world = new World();
  world.place(placedOrder());
  return world;
}

/** One that nobody has come to for so long that its alarm has moved it to the lane of those that hurry. */
async function promoted(): Promise<World> {
  const world = placed();
  world.oldestInLane = world.now;
  for (let alarms = 0; alarms < 20 && world.state.priority === "standard"; alarms++) await world.ring();
  expect(world.now - world.state.placedAt).toBeGreaterThanOrEqual(LANES.standard.ages?.afterMs ?? 0);
  return world;
}

describe("What changes nothing", () => {
  it("is not published: an order that comes again, a command that is refused or comes twice, a second parking", async () => {
    const world = placed();
    await world.passes(PUBLISH_SOON_MS);
    expect(world.place(placedOrder()).outcome).toBe("replayed");
    expect(world.place(placedOrder({ requestDigest: "f2" })).outcome).toBe("conflict");
    expect(world.process.command({ type: "RedriveOrder", by: "ada" })?.refusal).toBeDefined();
    for (const _ of [1, 2]) expect(world.process.command({ type: "ExpediteOrder" })).toEqual({ state: world.state });
    for (const _ of [1, 2]) world.process.quarantine({ class: "bug", detail: "undeliverable" });
    expect(world.published.map(({ order }) => `${order.version} ${order.status} ${order.priority}`)).toEqual([
      "1 accepted standard",
      "2 accepted expedited",
      "3 quarantined expedited",
    ]);
  });
});

describe("The lane of an order", () => {
  it("is asked for a turn once, by its present name, when the order has waited too long in another", async () => {
    const world = await promoted();
    expect(world.state.order.priority, "what the client had asked for stays on record").toBe("standard");
    expect(world.hints).toEqual([{ orderId: ORDER_ID, priority: "expedited", tenant: "shop" }]);
    await world.ring();
    expect(world.hints).toHaveLength(1);
  });

  it("is the present one where the order waits for a provider, too", async () => {
    const world = placed();
    const waiting: string[] = [];
    world.admit = (_, { priority }) => {
      waiting.push(priority);
      return { admitted: false, since: world.now, recheckAt: world.now + 60_000 };
    };
    world.process.command({ type: "ExpediteOrder" });
    await world.hint();
    expect(new Set(waiting)).toEqual(new Set(["expedited"]));
    expect(world.ledger.effects).toEqual([]);
  });
});
