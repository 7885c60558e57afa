/** What an order does while it waits: for its turn, for a provider, or for the run of another hint. */
import { describe, expect, it } from "vitest";
import type { Priority, ProviderName } from "../../src/contract/order.ts";
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

describe("An order that its alarm finds in its lane", () => {
  const SECOND = 1_000;

  /** One that was placed some seconds ago, and whose alarm is to go off now. */
  function waiting(priority: Priority = "standard"): World {
    const world = new World();
    world.place(placedOrder({ priority }));
    world.now += 20 * SECOND;
    world.alarmAt = world.now;
    return world;
  }

  it("waits on behind a message as old as itself", async () => {
    const world = waiting();
    world.oldestInLane = world.state.placedAt;
    await world.ring();
    expect([world.state.status, world.alarmAt]).toEqual(["accepted", world.now + 30 * SECOND]);
  });

  it("comes again when as much time has passed as it had waited, but no sooner than its lane allows", async () => {
    const world = waiting();
    world.oldestInLane = world.state.placedAt;
    await world.ring();
    await world.ring();
    expect(world.alarmAt).toBe(world.now + 50 * SECOND);
  });

  it("comes again at the latest when it ages into another lane", async () => {
    const world = waiting();
    const { placedAt } = world.state;
    world.oldestInLane = placedAt;
    world.now = placedAt + 400 * SECOND;
    await world.ring();
    expect(world.alarmAt).toBe(placedAt + 600 * SECOND);
  });

  it("asks no lane that starts orders at once, and none that it has left", async () => {
    const expedited = waiting("expedited");
    expedited.oldestInLane = expedited.state.placedAt - SECOND;
    await expedited.ring();
    expect(expedited.state.status).toBe("confirmed");
    const begun = waiting();
    begun.behaviour = ({ step }) => (step === "route" ? "fail_before_effect" : "succeed");
    await begun.hint();
    begun.behaviour = () => "succeed";
    begun.oldestInLane = begun.state.placedAt - SECOND;
    begun.now += SECOND;
    await begun.ring();
    expect(begun.state.status).toBe("confirmed");
  });

  it("carries itself on when nothing waits there, however short it has waited itself", async () => {
    const world = new World();
    world.place(placedOrder());
    await world.process.wake();
    expect(world.state.status).toBe("confirmed");
  });

  it("carries itself on when nobody knows what waits there", async () => {
    const world = waiting();
    world.oldestInLane = world.state.placedAt - SECOND;
    world.queuesWork = false;
    await world.ring();
    expect(world.state.status).toBe("confirmed");
  });
});

describe("A hint that came through a lane which its order has left", () => {
  it("does nothing, because another is on its way through the new one", async () => {
    const world = new World();
    world.place(placedOrder());
    world.process.command({ type: "ExpediteOrder" });
    expect(await world.process.advance({ priority: "standard", attempt: 1 })).toEqual({ status: "accepted", retryAfterMs: null });
    expect(world.effects).toEqual([]);
  });
});

describe("An order that was never placed", () => {
  it("knows nothing of what it is asked", async () => {
    const { process, ...world } = new World();
    expect(process.state).toBeNull();
    expect(process.command({ type: "CancelOrder", by: "ada" })).toBeNull();
    expect(await process.advance({ priority: "standard", attempt: 1 })).toBeNull();
    expect(process.quarantine({ class: "bug", detail: "undeliverable" })).toBeNull();
    expect(process.poke(null, 0)).toBeNull();
    await process.wake();
    expect([world.alarmAt, world.published, world.logged]).toEqual([null, [], []]);
  });
});

describe("An order whose calls are out", () => {
  it("needs no look from outside: its run arms the alarm, and parks it if need be", async () => {
    const world = new World();
    world.place(placedOrder());
    world.behaviour = () => new Promise(() => {});
    void world.process.advance({ priority: "standard", attempt: 1 });
    await new Promise((turn) => setImmediate(turn));
    expect(world.process.poke(null, world.state.version)).toBe("healthy");
    world.now += 60_000;
    expect(world.process.poke(null, 0)).toBe("history_behind");
  });
});

describe("An order that has aged into another lane", () => {
  it("asks for its turn there with the trace of the request that placed it", async () => {
    const world = new World();
    world.place(placedOrder({ trace: "t1" }));
    world.oldestInLane = world.now;
    world.now += 600_000;
    await world.ring();
    expect(world.hints).toEqual([{ orderId: world.state.order.orderId, priority: "expedited", tenant: "shop", trace: "t1" }]);
  });
});

describe("An order that is blocked from two providers", () => {
  const recheckAt: Partial<Record<ProviderName, number>> = {};

  it("looks again at the first of the two dates", async () => {
    const world = new World();
    recheckAt.payment = world.now + 90_000;
    recheckAt.inventory = world.now + 9_000;
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
