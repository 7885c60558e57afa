/** What an order does while it waits: for its turn, for a provider, or for the run of another hint. */
import { describe, expect, it } from "vitest";
import type { ProviderName } from "../../src/contract/order.ts";
import { placedOrder } from "../support/orders.ts";
import { World } from "../support/world.ts";

describe("Two hints at once", () => {
  it("come back once for the retry: two that came back would double with each doubled delivery", async () => {
    const world = new World();
    world.behaviour = ({ step }) => (step === "route" ? "fail_before_effect" : "succeed");
    world.place(placedOrder());
    const answers = await Promise.all([1, 2].map((attempt) => world.process.advance({ priority: "standard", attempt })));
    expect(answers.filter((answer) => answer?.retryAfterMs !== null)).toHaveLength(1);
    expect(world.state.steps.route).toMatchObject({ phase: "failed" });
  });
});

describe("An order whose hint was lost", () => {
  it("does not wait for messages that came into its lane after it", async () => {
    const world = new World();
    world.place(placedOrder());
    world.oldestInLane = world.now + 1;
    await world.ring();
    expect(world.state.status).toBe("confirmed");
  });
});

describe("An order that is blocked from two providers", () => {
  const recheckAt: Partial<Record<ProviderName, number>> = {};

  it("looks again at the first of the two dates", async () => {
    const world = new World();
    recheckAt.payment = world.now + 90_000;
    recheckAt.inventory = world.now + 15_000;
    world.admit = (port) => ({ admitted: false, since: world.now, recheckAt: recheckAt[port] ?? 0 });
    world.place(placedOrder());
    await world.hint();
    expect(world.alarmAt).toBe(recheckAt.inventory);
    expect(world.ledger.effects).toEqual([]);
    expect(world.state.steps).toMatchObject({ authorize: { phase: "blocked", failures: 0 }, reserve: { phase: "blocked", failures: 0 } });
  });
});

describe("An order that is sent to try a provider out", () => {
  it("does so by the hint of the lane that it was promoted out of: the probe is the order's own", async () => {
    const world = new World();
    world.place(placedOrder());
    world.process.command({ type: "ExpediteOrder" });
    expect(await world.process.advance({ priority: "standard", attempt: 1, probe: "payment" })).toMatchObject({ status: "confirmed" });
  });
});
