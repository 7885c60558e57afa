/** What is durable, and what is only believed: a write that fails must leave no trace in memory. */
import { describe, expect, it } from "vitest";
import { LANES } from "../../src/contract/lanes.ts";
import { CURRENT_SAGA } from "../../src/domain/saga.ts";
import { OrderRecord } from "../../src/runtime/order-record.ts";
import { placedOrder } from "../support/orders.ts";
import { World } from "../support/world.ts";

describe("When the store does not take a commit and the process lives on", () => {
  it("an order is not placed: a repeat is no replay, and is accepted once the store works again", () => {
    const world = new World();
    world.diskIsFull = true;
    expect(() => world.place(placedOrder())).toThrow("SQLITE_FULL");
    expect([world.process.state, world.alarmAt, world.published]).toEqual([null, null, []]);
    world.diskIsFull = false;
    expect(world.place(placedOrder()).outcome).toBe("placed");
    expect(world.journal).toHaveLength(1);
  });

  it("a command has changed nothing, and takes effect when it is repeated", () => {
    const world = new World();
    world.place(placedOrder());
    world.diskIsFull = true;
    expect(() => world.process.command({ type: "CancelOrder", by: "ada" })).toThrow("SQLITE_FULL");
    expect(world.state).toMatchObject({ status: "accepted", version: 1 });
    world.diskIsFull = false;
    world.process.command({ type: "CancelOrder", by: "ada" });
    expect(world.state).toMatchObject({ status: "cancelling", version: 2 });
    expect(world.journal.map(({ version }) => version)).toEqual([1, 2]);
  });

  it("the answers of a run are asked for again, under the same keys, and nothing is done twice", async () => {
    const world = new World();
    world.place(placedOrder());
    world.behaviour = ({ step }) => {
      if (step === "reserve") world.diskIsFull = true;
      return "succeed";
    };
    expect(await world.hint()).toBeNull();
    expect(world.state.version).toBe(1);
    world.diskIsFull = false;
    world.behaviour = () => "succeed";
    await world.hint(2);
    expect(world.state.status).toBe("confirmed");
    expect(world.ledger.effects.map(({ step }) => step)).toEqual(["authorize", "reserve", "route", "capture", "commit", "confirm"]);
  });
});

describe("A commit", () => {
  it("is never dated before the one that it follows, though the clock was set back", () => {
    const world = new World();
    world.place(placedOrder());
    const [first] = world.journal;
    world.now -= 60_000;
    world.process.command({ type: "ExpediteOrder" });
    expect(world.journal.at(-1)).toMatchObject({ version: 2, at: first?.at });
    world.now += 90_000;
    world.process.command({ type: "CancelOrder", by: "ada" });
    expect(world.journal.at(-1)).toMatchObject({ version: 3, at: Number(first?.at) + 30_000 });
  });

  it("of nothing writes nothing, and arms nothing", () => {
    const world = new World();
    world.place(placedOrder());
    const { alarmAt } = world;
    world.alarmAt = null;
    world.process.quarantine({ class: "bug", detail: "undeliverable" });
    expect(world.process.quarantine({ class: "bug", detail: "undeliverable" })).toBe("quarantined");
    expect([world.journal.length, alarmAt]).toEqual([2, world.now + 10_000]);
  });
});

describe("The record of an order", () => {
  const record = (world: World) => {
    const { now } = world;
    const arms: number[] = [];
    const store = { append: () => {}, arm: (at: number) => void arms.push(at) };
    const clock = { now: () => world.now, after: () => () => {} };
    return { now, arms, record: new OrderRecord({ store, clock, log: () => {} }, LANES, world.journal, world.alarmAt) };
  };

  it("has no state before the order is placed", () => {
    const { record: empty } = record(new World());
    expect(empty.placed).toBeNull();
    expect(() => empty.state).toThrow("never placed");
  });

  it("arms no alarm that goes off later than the one that is armed, nor one for sooner than in a second", () => {
    const world = new World();
    world.place(placedOrder());
    const { record: placed, now, arms } = record(world);
    expect(placed.armedAt).toBe(now + 10_000);
    placed.armFor(now + 10_000);
    placed.armFor(now + 10_001);
    expect(arms).toEqual([]);
    placed.armFor(now + 9_999);
    placed.armFor(now);
    expect(arms).toEqual([now + 9_999, now + 1_000]);
    expect(placed.armedAt).toBe(now + 1_000);
  });

  it("knows the lane as its tenant's profile has it", () => {
    const world = new World();
    const profile = { version: 1, lanes: { standard: { stallAfterMs: 5_000 } } };
    world.process.place(placedOrder(), { saga: CURRENT_SAGA, profile });
    const { record: placed } = record(world);
    expect(placed.lane).toEqual({ ...LANES.standard, stallAfterMs: 5_000 });
    expect(world.alarmAt).toBe(world.now + 5_000);
  });

  it("forgets with each commit when it was worth looking again", () => {
    const world = new World();
    world.place(placedOrder());
    const { record: placed, now } = record(world);
    placed.lookAgain({ settleAt: "never" });
    placed.lookAgain({ waitAt: now + 9_000 });
    expect(placed.recheck).toEqual({ settleAt: "never", waitAt: now + 9_000 });
    placed.commit([{ type: "OrderPromoted", to: "expedited", because: "requested" }]);
    expect(placed.recheck).toEqual({ settleAt: null, waitAt: null });
  });
});
