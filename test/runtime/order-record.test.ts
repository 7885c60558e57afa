/** What is durable, and what is only believed: a write that fails must leave no trace in memory. */
import { describe, expect, it } from "vitest";
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
