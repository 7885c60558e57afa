/** Two things at once, each with one defined outcome. What races is let in at the moment when a call is out. */
import { describe, expect, it } from "vitest";
import type { Step } from "../../src/contract/order.ts";
import { placedOrder } from "../support/orders.ts";
import { World } from "../support/world.ts";

/** A world in which `act` happens while the first call of `step` is out. */
function during(step: Step, act: (world: World) => void): World {
  const world = new World();
  let acted = false;
  world.behaviour = (call) => {
    if (call.step === step && !acted) {
      acted = true;
      act(world);
    }
    return "succeed";
  };
  world.place(placedOrder());
  return world;
}

const cancel = (world: World) => void world.process.command({ type: "CancelOrder", by: "ada" });
const effects = (world: World) => world.effects.map(({ step }) => step);
const times = (world: World, step: Step) => effects(world).filter((other) => other === step).length;

describe("A cancellation", () => {
  it("that races the capture lets it be answered, then refunds it, and tells the customer nothing", async () => {
    const world = during("capture", cancel);
    await world.hint();
    expect(world.state.status).toBe("cancelled");
    expect(effects(world).slice(-3)).toEqual(["refund", "unroute", "release"]);
    expect([times(world, "capture"), times(world, "void"), times(world, "confirm")]).toEqual([1, 0, 0]);
  });

  it("that races the confirmation lets it go out, then undoes the order", async () => {
    const world = during("confirm", cancel);
    await world.hint();
    expect(world.state.status).toBe("cancelled");
    expect([times(world, "confirm"), times(world, "refund")]).toEqual([1, 1]);
    expect(world.journal.flatMap(({ events }) => events.map(({ type }) => type))).not.toContain("OrderConfirmed");
  });

  it("that comes with the confirmation's answer already journaled undoes a confirmed order", async () => {
    const world = during("confirm", () => {});
    await world.hint();
    cancel(world);
    await world.hint();
    expect(world.state).toMatchObject({ status: "cancelled", confirmedAt: expect.any(Number) });
    expect(times(world, "refund")).toBe(1);
  });

  it("that races a capture whose answer is lost refunds it and voids it, since nobody knows", async () => {
    const world = new World();
    world.behaviour = ({ step }) => {
      if (step !== "capture") return "succeed";
      cancel(world);
      return "fail_after_effect";
    };
    world.place(placedOrder());
    await world.hint();
    expect(world.state.status).toBe("cancelled");
    expect([times(world, "refund"), times(world, "void")]).toEqual([1, 1]);
  });

  it("that is sent twice at once undoes once", async () => {
    const world = during("route", (racing) => {
      cancel(racing);
      cancel(racing);
    });
    await world.hint();
    expect(times(world, "unroute")).toBe(1);
    expect(world.journal.flatMap(({ events }) => events).filter(({ type }) => type === "CancellationRequested")).toHaveLength(1);
  });
});

describe("A promotion", () => {
  it("that races the consumer leaves the run alone, and the stale hint does nothing more", async () => {
    const world = during("authorize", ({ process }) => void process.command({ type: "ExpediteOrder" }));
    await world.hint();
    expect(world.state).toMatchObject({ status: "confirmed", priority: "expedited" });
    const before = world.journal.length;
    expect(await world.process.advance({ priority: "standard", attempt: 1 })).toEqual({ status: "confirmed", retryAfterMs: null });
    expect(world.journal).toHaveLength(before);
  });

  it("before the hint arrives makes the old lane's hint stale, and the order goes once by its own lane", async () => {
    const world = new World();
    world.place(placedOrder());
    world.process.command({ type: "ExpediteOrder" });
    expect(await world.process.advance({ priority: "standard", attempt: 1 })).toEqual({ status: "accepted", retryAfterMs: null });
    expect(world.effects).toEqual([]);
    await world.hint();
    expect(world.state.status).toBe("confirmed");
  });
});

describe("A redrive", () => {
  it("that races a late hint repeats nothing that is done", async () => {
    const world = new World();
    let broken = true;
    world.behaviour = ({ step }) => (step === "route" && broken ? "poison" : "succeed");
    world.place(placedOrder());
    await world.hint();
    await world.ring();
    expect(world.state.status).toBe("quarantined");
    await world.hint(7);
    expect(world.state.status).toBe("quarantined");
    broken = false;
    world.process.command({ type: "RedriveOrder", by: "ada" });
    await Promise.all([world.hint(), world.hint(8), world.hint()]);
    expect(world.state.status).toBe("confirmed");
    expect(effects(world)).toEqual(["screen", "authorize", "reserve", "route", "capture", "commit", "confirm"]);
  });

  it("that is sent twice is one redrive, and an order that was never parked is refused", () => {
    const world = new World();
    world.place(placedOrder());
    world.process.quarantine({ class: "bug", detail: "undeliverable" });
    expect(world.process.command({ type: "RedriveOrder", by: "ada" })).not.toHaveProperty("refusal");
    const before = world.journal.length;
    expect(world.process.command({ type: "RedriveOrder", by: "ada" })).not.toHaveProperty("refusal");
    expect(world.journal).toHaveLength(before);
    const other = new World();
    other.place(placedOrder());
    expect(other.process.command({ type: "RedriveOrder", by: "ada" })).toMatchObject({ refusal: { reason: "wrong_status" } });
  });
});

describe("A dead letter", () => {
  it("that races the last answer parks the order with that answer on record, and one that comes later parks nothing", async () => {
    const world = during("confirm", ({ process }) => void process.quarantine({ class: "bug", detail: "undeliverable" }));
    await world.hint();
    // The letter came while the call was out: the order was parked, and the answer is recorded for whoever redrives it.
    expect(world.state.status).toBe("quarantined");
    expect(world.state.steps.confirm?.phase).toBe("succeeded");
    world.process.command({ type: "RedriveOrder", by: "ada" });
    await world.hint();
    expect(world.state.status).toBe("confirmed");
    expect(times(world, "confirm")).toBe(1);
    world.process.quarantine({ class: "bug", detail: "undeliverable" });
    expect(world.state.status).toBe("confirmed");
  });
});
