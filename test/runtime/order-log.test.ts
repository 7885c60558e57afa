/** The lines that an order leaves in the log: whoever searches for its id reads its story, and nothing of a person. */
import { describe, expect, it } from "vitest";
import { ORDER_ID, placedOrder } from "../support/orders.ts";
import { World } from "../support/world.ts";

const SECOND = 1_000;

function placed(trace?: string): World {
  const world = new World();
  world.place(placedOrder(trace === undefined ? {} : { trace }));
  world.logged.length = 0;
  return world;
}

const lines = (world: World) => world.logged.splice(0).map((line) => JSON.parse(line) as Record<string, unknown>);

describe("The log of an order", () => {
  it("tells of a run once, with what it called, and how long the order had waited for it", async () => {
    const world = placed();
    world.now += 3 * SECOND;
    await world.hint();
    expect(lines(world)).toEqual([
      {
        level: "info",
        event: "order.advanced",
        orderId: ORDER_ID,
        lane: "standard",
        status: "confirmed",
        version: 5,
        by: "hint",
        steps:
          "screen:succeeded:0ms authorize:succeeded:0ms reserve:succeeded:0ms route:succeeded:0ms capture:succeeded:0ms commit:succeeded:0ms confirm:succeeded:0ms",
        waitedMs: 3 * SECOND,
        durationMs: 0,
      },
    ]);
  });

  it("tells of no run that changed nothing", async () => {
    const world = placed();
    await world.hint();
    lines(world);
    await world.hint();
    expect(lines(world)).toEqual([]);
  });

  it("tells of each attempt that came to nothing, with the time that it took and the trace of its request", async () => {
    const world = placed("t1");
    world.behaviour = ({ step }) => (step === "authorize" ? "answer_late" : "succeed");
    await world.hint();
    const [attempt, run] = lines(world);
    expect(attempt).toEqual({
      level: "warn",
      event: "step.attempt",
      orderId: ORDER_ID,
      lane: "standard",
      status: "accepted",
      version: 1,
      step: "authorize",
      attempt: 1,
      durationMs: 10 * SECOND,
      outcome: "failed",
      failure: "unknown",
      detail: "no answer within 10000 ms",
      trace: "t1",
    });
    expect(run).toMatchObject({ event: "order.advanced", durationMs: 10 * SECOND, trace: "t1" });
    expect(run?.steps).toContain("authorize:failed:10000ms");
  });

  it("tells of an answer that came late, and of the run that it brought about", async () => {
    const world = placed();
    world.behaviour = ({ step, attempt }) => (step === "authorize" && attempt === 1 ? "answer_late" : "succeed");
    await world.hint();
    await world.ring();
    const told = lines(world).filter(({ event }) => event === "order.late_answer");
    expect(told).toMatchObject([{ level: "warn", step: "authorize", attempt: 1, outcome: "succeeded" }]);
  });

  it("tells of a late answer that could not be recorded", async () => {
    const world = placed();
    const { promise, resolve } = Promise.withResolvers<void>();
    world.behaviour = ({ step }) => {
      if (step !== "authorize") return "succeed";
      return promise.then(() => ({ outcome: "succeeded", facts: {} }));
    };
    await world.hint();
    lines(world);
    world.diskIsFull = true;
    resolve();
    await new Promise((turn) => setImmediate(turn));
    expect(lines(world)).toMatchObject([
      { level: "error", event: "order.late_answer", step: "authorize", attempt: 1, error: "Error: SQLITE_FULL" },
    ]);
  });

  it("tells of a command that changed something, and of none that did not", () => {
    const world = placed();
    for (const _ of [1, 2]) world.process.command({ type: "ExpediteOrder" });
    world.process.command({ type: "RedriveOrder", by: "ada" });
    expect(lines(world)).toMatchObject([
      { level: "info", event: "order.changed", command: "ExpediteOrder", lane: "expedited", version: 2 },
    ]);
  });

  it("tells of an alarm that moved the order: where it found it, and when it looks again", async () => {
    const world = placed();
    await world.ring();
    const nextInMs = Number(world.alarmAt) - world.now;
    expect(lines(world).at(-1)).toMatchObject({ level: "info", event: "order.alarm", from: "accepted", status: "confirmed", nextInMs });
  });

  it("tells of an alarm that could not move an order which is to move", async () => {
    const world = placed();
    world.admit = () => ({ admitted: false, since: 1, recheckAt: world.now + 60 * SECOND });
    await world.ring();
    lines(world);
    await world.ring();
    expect(lines(world)).toMatchObject([{ event: "order.alarm", from: "processing", status: "processing" }]);
  });

  it("says nothing of an alarm that found nothing to do", async () => {
    const world = placed();
    await world.hint();
    lines(world);
    await world.ring();
    expect(lines(world)).toEqual([]);
  });

  it("tells of an order that still waits in its lane, and for how long the lane has done so", async () => {
    const world = placed();
    world.oldestInLane = world.now - SECOND;
    await world.ring();
    expect(lines(world)[0]).toMatchObject({ event: "order.alarm", waiting: "queued", laneAgeMs: 11 * SECOND });
  });

  it("tells of an order that is parked, of its cause, and cuts short what is long", () => {
    const world = placed();
    world.process.quarantine({ class: "poison", step: "route", detail: "x".repeat(300) });
    expect(lines(world)).toMatchObject([
      { level: "error", event: "order.parked", status: "quarantined", step: "route", cause: "poison", detail: "x".repeat(200) },
    ]);
  });

  it("tells of a hint that the order could not send when it had aged into another lane", async () => {
    const world = placed();
    world.oldestInLane = world.now;
    world.queuesWork = false;
    world.behaviour = () => "fail_before_effect";
    world.now += 10 * 60 * SECOND;
    await world.ring();
    expect(lines(world).find(({ event }) => event === "hint.lost")).toMatchObject({ level: "warn", error: "Error: the queue is down" });
  });

  it("tells of a dead letter that could not be sent", async () => {
    const world = placed();
    world.behaviour = ({ step }) => (step === "route" ? "poison" : "succeed");
    world.queuesWork = false;
    await world.hint();
    expect(lines(world).find(({ event }) => event === "hint.lost")).toMatchObject({
      level: "warn",
      error: "Error: the queue is down",
      queue: "orders-dead-letter",
    });
    expect(world.state.status).toBe("processing");
  });
});
