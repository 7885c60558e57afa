/** That projections hear of every change, whatever is lost on the way, and that a look from outside restores what the platform lost. */
import { describe, expect, it } from "vitest";
import { SETTLE_AFTER_MS } from "../../src/domain/progress.ts";
import { PUBLISH_SOON_MS } from "../../src/runtime/settlement.ts";
import { placedOrder } from "../support/orders.ts";
import { World } from "../support/world.ts";

const MINUTE = 60_000;

async function confirmedWorld(): Promise<World> {
  const world = new World();
  world.place(placedOrder());
  await world.hint();
  return world;
}

const versions = ({ published }: World) => published.map(({ order }) => order.version);

describe("What changes an order", () => {
  it("is published: its placing, a command, a run, and a parking, each at the version that it led to", async () => {
    const world = new World();
    world.place(placedOrder());
    await world.passes(PUBLISH_SOON_MS);
    expect(versions(world)).toEqual([1]);
    world.process.command({ type: "ExpediteOrder" });
    expect(versions(world)).toEqual([1, 2]);
    world.process.quarantine({ class: "bug", detail: "undeliverable" });
    expect(versions(world)).toEqual([1, 2, 3]);
    world.process.command({ type: "RedriveOrder", by: "ada" });
    await world.hint();
    expect(versions(world).at(-1)).toBe(world.state.version);
    expect(world.state.status).toBe("confirmed");
  });

  it("is published once when it is placed and carried out within a moment", async () => {
    const world = await confirmedWorld();
    await world.passes(PUBLISH_SOON_MS);
    expect(versions(world)).toEqual([world.state.version]);
  });

  it("is told commit by commit, so that a subscriber misses none", async () => {
    const world = await confirmedWorld();
    const told = world.published.at(-1)?.commits.map(({ version, events }) => [version, events]);
    expect(told).toEqual(world.journal.map(({ version, events }) => [version, events.map(({ type }) => type)]));
  });
});

describe("An order that asks whether its projections have caught up", () => {
  it("asks for its own row", async () => {
    const world = await confirmedWorld();
    await world.ring();
    const { order, placedAt } = world.state;
    expect(world.askedOf).toEqual({ tenant: order.tenant, placedAt, orderId: order.orderId });
  });

  it("does not count as settled when it changed while they were asked", async () => {
    const world = await confirmedWorld();
    world.whileHistoryIsAsked = () => {
      world.whileHistoryIsAsked = () => {};
      world.process.command({ type: "CancelOrder", by: "ada" });
    };
    await world.ring();
    expect(world.state.status).toBe("cancelling");
    world.historyVersion = 5;
    const before = world.published.length;
    for (let alarms = 0; alarms < 5 && world.published.length === before; alarms++) await world.ring();
    expect(world.published.at(-1)?.order.version).toBe(world.state.version);
    expect(world.published.length).toBeGreaterThan(before);
  });

  it("asks once, and is left in peace when they have", async () => {
    const world = await confirmedWorld();
    await world.ring();
    expect(world.historyReads).toBe(1);
    world.now += MINUTE;
    await world.process.wake();
    expect(world.historyReads).toBe(1);
  });
});

describe("An order whose projections are not known to have caught up", () => {
  const SECOND = 1_000;

  /** One that was confirmed and published, of which the history shows nothing. */
  async function unsettled(): Promise<World> {
    const world = await confirmedWorld();
    world.historyVersion = 0;
    world.published.length = 0;
    return world;
  }

  /** The history forgets what was published since the last look. */
  async function ringUnheard(world: World): Promise<number> {
    const before = world.now;
    await world.ring();
    world.historyVersion = 0;
    return world.now - before;
  }

  it("asks again as long after as it is old, and at least every quarter of an hour", async () => {
    const world = await unsettled();
    const waits: number[] = [];
    for (let looks = 0; looks < 9; looks++) waits.push((await ringUnheard(world)) / SECOND);
    expect(waits).toEqual([10, 10, 20, 40, 80, 160, 320, 640, 900]);
    expect(world.published).toHaveLength(9);
  });

  it("says in the log what the history shows instead, and how old the change is", async () => {
    const world = await unsettled();
    await world.ring();
    expect(world.logged.map((line) => JSON.parse(line))).toContainEqual(
      expect.objectContaining({ level: "warn", event: "order.unsettled", shown: 0, ageMs: 10 * SECOND }),
    );
  });

  it("is not settled by a history that does not answer, asks it again, and publishes nothing on a guess", async () => {
    const world = await unsettled();
    world.historyWorks = false;
    await world.ring();
    expect([world.published, world.historyReads, world.alarmAt]).toEqual([[], 1, world.now + 10 * SECOND]);
    expect(world.logged.map((line) => JSON.parse(line))).toContainEqual(
      expect.objectContaining({ level: "warn", event: "order.unsettled", error: "Error: D1 is down", ageMs: 10 * SECOND }),
    );
    world.historyWorks = true;
    await world.ring();
    expect([versions(world), world.historyReads]).toEqual([[world.state.version], 2]);
  });

  it("is asked about no sooner than five seconds after its change, which is still in the queue until then", async () => {
    const world = await unsettled();
    world.now += 5 * SECOND - 1;
    world.alarmAt = null;
    await world.process.wake();
    expect(world.historyReads).toBe(0);
    expect(world.alarmAt, "it asks when that is due").toBe(world.state.updatedAt + SETTLE_AFTER_MS);
    world.now += 1;
    await world.process.wake();
    expect(world.historyReads).toBe(1);
  });

  it("is not asked about by an alarm that comes before its time", async () => {
    const world = await unsettled();
    await ringUnheard(world);
    world.now += 10 * SECOND - 1;
    await world.process.wake();
    expect(world.historyReads).toBe(1);
    world.now += 1;
    await world.process.wake();
    expect(world.historyReads).toBe(2);
  });

  it("is settled by a history that shows a later version than it knows", async () => {
    const world = await unsettled();
    world.historyVersion = 99;
    await world.ring();
    expect([world.published, world.alarmAt]).toEqual([[], world.state.placedAt + 24 * 60 * MINUTE]);
  });

  it("is not told to be older than it is by a change that came while it was asked about", async () => {
    const world = await unsettled();
    world.whileHistoryIsAsked = () => {
      world.whileHistoryIsAsked = () => {};
      world.process.command({ type: "CancelOrder", by: "ada" });
    };
    await world.ring();
    expect(world.logged.map((line) => JSON.parse(line).event)).not.toContain("order.unsettled");
    expect(versions(world)).toEqual([world.state.version]);
  });
});

describe("A change", () => {
  it("is published once by a process, however often it is asked to", async () => {
    const world = await confirmedWorld();
    world.published.length = 0;
    await world.hint();
    world.process.quarantine({ class: "bug", detail: "too late" });
    expect(world.published).toEqual([]);
  });

  it("is not published again by a process that has just started", async () => {
    const world = await confirmedWorld();
    world.published.length = 0;
    world.kill();
    world.process.quarantine({ class: "bug", detail: "too late" });
    expect(world.published).toEqual([]);
  });

  it("brings the newest two hundred commits of an order that has had more", () => {
    const world = new World();
    world.place(placedOrder());
    world.process.quarantine({ class: "bug", detail: "undeliverable" });
    for (let times = 0; times < 200; times++) {
      world.process.command({ type: "CorrectOrder", by: "ada", reason: "moved", changes: { shipTo: { country: "GB" } } });
    }
    const told = world.published.at(-1)?.commits ?? [];
    expect([told.length, told[0]?.version, told.at(-1)?.version]).toEqual([200, 3, 202]);
  });
});

describe("A commit", () => {
  it("arms the alarm anew when the one that it would rely on is long overdue, and was lost", async () => {
    const world = await confirmedWorld();
    const armedAt = Number(world.alarmAt);
    world.alarmAt = null;
    world.now = armedAt + MINUTE + 1;
    world.process.command({ type: "ReachStage", stage: "picking", by: "ada" });
    expect(world.alarmAt).toBeGreaterThan(world.now);
  });

  it("relies on an alarm that is only a little late", async () => {
    const world = await confirmedWorld();
    const armedAt = Number(world.alarmAt);
    world.now = armedAt + MINUTE;
    world.process.command({ type: "ReachStage", stage: "picking", by: "ada" });
    expect(world.alarmAt).toBe(armedAt);
  });
});

describe("A look from outside", () => {
  it("arms the alarm that the platform lost, though the process believes in it", async () => {
    const world = await confirmedWorld();
    const armedAt = world.alarmAt;
    world.alarmAt = null;
    expect(world.process.poke(null, world.state.version)).toBe("alarm_lost");
    expect(world.alarmAt).toBe(armedAt);
  });

  it("arms an alarm for an order that can go no further, though the process believes in one that is just due", () => {
    const world = new World();
    world.place(placedOrder());
    world.journal[0]?.events.splice(0, 9, { type: "OrderPlaced", order: placedOrder(), saga: 4_711 });
    world.kill();
    const { process } = world;
    world.now = Number(world.alarmAt) - 500;
    world.alarmAt = null;
    expect(process.poke(null, 1)).toBe("stuck");
    expect(world.alarmAt).toBe(world.now + 1_000);
  });

  it("publishes again what the history does not show, once it has had the time to", async () => {
    const world = await confirmedWorld();
    const { version } = world.state;
    world.published.length = 0;
    world.now += SETTLE_AFTER_MS;
    expect(world.process.poke(world.alarmAt, version - 1)).toBe("healthy");
    expect(world.published).toEqual([]);
    world.now += 1;
    expect(world.process.poke(world.alarmAt, version - 1)).toBe("history_behind");
    expect(versions(world)).toEqual([version]);
  });

  it("publishes nothing when the history shows the newest version", async () => {
    const world = await confirmedWorld();
    world.published.length = 0;
    world.now += 10 * MINUTE;
    expect(world.process.poke(world.now, world.state.version)).toBe("healthy");
    expect(world.published).toEqual([]);
  });

  it.each([
    ["is not there", () => null],
    ["is overdue by more than a minute, and will never go off", (now: number) => now - MINUTE - 1],
  ])("arms the alarm when it %s", async (_, armedAt) => {
    const world = await confirmedWorld();
    world.now += 10 * MINUTE;
    const seen = armedAt(world.now);
    world.alarmAt = null;
    expect(world.process.poke(seen, world.state.version)).toBe("alarm_lost");
    expect(world.alarmAt).not.toBeNull();
  });

  it("leaves an alarm alone that is a little late", async () => {
    const world = await confirmedWorld();
    world.now += 10 * MINUTE;
    world.alarmAt = null;
    expect(world.process.poke(world.now - MINUTE, world.state.version)).toBe("healthy");
    expect(world.alarmAt).toBeNull();
  });

  it("expects no alarm of an order that is at rest or with a person", () => {
    const world = new World();
    world.place(placedOrder());
    world.process.quarantine({ class: "bug", detail: "undeliverable" });
    expect(world.process.poke(null, world.state.version)).toBe("healthy");
  });
});
