/** The run loop of an order: which calls it makes when, whom it asks first, and what it takes for a call that was lost. */
import { describe, expect, it } from "vitest";
import type { ProviderName, Step } from "../../src/contract/order.ts";
import type { WaitingOrder } from "../../src/domain/breaker.ts";
import type { Admission, ProviderAnswer } from "../../src/domain/ports.ts";
import { RUN_GRACE_MS } from "../../src/domain/progress.ts";
import { CURRENT_SAGA } from "../../src/domain/saga.ts";
import { placedOrder } from "../support/orders.ts";
import { World } from "../support/world.ts";

const SECOND = 1_000;

function placed(): World {
  const world = new World();
  world.place(placedOrder());
  return world;
}

const events = ({ journal }: World) => journal.flatMap((commit) => commit.events);
const failures = (world: World) => events(world).flatMap((event) => (event.type === "StepFailed" ? [[event.step, event.detail]] : []));

/** The calls that were made, with the attempt of each. */
function calling(world: World, answer: (step: Step, attempt: number) => ProviderAnswer): string[] {
  const calls: string[] = [];
  world.behaviour = async ({ step, attempt }) => {
    calls.push(`${step} ${attempt}`);
    return answer(step, attempt);
  };
  return calls;
}

const works: ProviderAnswer = { outcome: "succeeded", facts: {} };
const fails: ProviderAnswer = { outcome: "failed", failure: "transient", detail: "503" };
const LOST = "the run that made the call died";

describe("A run", () => {
  it("waits for a retry until it is due, and is asked to come back then", async () => {
    const world = placed();
    const calls = calling(world, (step, attempt) => (step === "route" && attempt === 1 ? fails : works));
    expect(await world.hint()).toEqual({ status: "processing", retryAfterMs: 500 });
    world.now += 499;
    expect(await world.hint(2)).toEqual({ status: "processing", retryAfterMs: 1 });
    expect(calls).not.toContain("route 2");
    world.now += 1;
    expect(await world.hint(3)).toEqual({ status: "confirmed", retryAfterMs: null });
    expect(calls).toContain("route 2");
  });

  it("makes no call for an order that has none to make", async () => {
    const world = placed();
    await world.hint();
    const calls = calling(world, () => works);
    expect(await world.hint()).toEqual({ status: "confirmed", retryAfterMs: null });
    expect([calls, world.process.isRunning]).toEqual([[], false]);
  });

  it("is under way as long as its calls are out", async () => {
    const world = placed();
    const { promise, resolve } = Promise.withResolvers<ProviderAnswer>();
    world.behaviour = ({ step }) => (step === "route" ? promise : "succeed");
    const advanced = world.process.advance({ priority: "standard", attempt: 1 });
    await new Promise((turn) => setImmediate(turn));
    expect(world.process.isRunning).toBe(true);
    resolve(works);
    expect(await advanced).toEqual({ status: "confirmed", retryAfterMs: null });
    expect(world.process.isRunning).toBe(false);
  });

  it("ends after twenty groups, though a further retry is due at once, and leaves that to the alarm", async () => {
    const world = new World();
    const profile = { version: 1, lanes: { standard: { retry: { maxAttempts: 50 } } } };
    world.process.place(placedOrder(), { saga: CURRENT_SAGA, profile });
    world.random = () => 0;
    const calls = calling(world, (step) => (step === "route" ? fails : works));
    await world.hint();
    expect(calls.slice(3)).toEqual(Array.from({ length: 19 }, (_, before) => `route ${before + 1}`));
    expect(world.alarmAt).not.toBeNull();
  });
});

describe("A call that was out when its process died", () => {
  /** An order whose process died with the calls of a group out, of which the first has been answered before. */
  async function died(): Promise<World> {
    const world = placed();
    world.behaviour = ({ step }) => (step === "route" ? "die_after_effect" : "succeed");
    await world.hint();
    world.behaviour = () => "succeed";
    expect(world.state.steps.route).toMatchObject({ phase: "started", attempt: 1 });
    return world;
  }

  it("counts as lost to a further delivery of the hint", async () => {
    const world = await died();
    await world.hint(2);
    expect(failures(world)).toEqual([["route", LOST]]);
    expect(world.state).toMatchObject({ status: "confirmed", steps: { route: { attempt: 2 } } });
  });

  it("counts as lost to the alarm", async () => {
    const world = await died();
    await world.ring();
    expect(failures(world)).toEqual([["route", LOST]]);
  });

  it("is made again by a first hint, which knows of no other, under the same attempt", async () => {
    const world = await died();
    await world.hint(1);
    expect(failures(world)).toEqual([]);
    expect(world.state).toMatchObject({ status: "confirmed", steps: { route: { attempt: 1 } } });
  });

  it("is no reason to count a retry as lost that only waits for its time", async () => {
    const world = placed();
    calling(world, (step, attempt) => (step === "route" && attempt === 1 ? fails : works));
    await world.hint();
    world.now += SECOND;
    await world.hint(2);
    expect(failures(world)).toEqual([["route", "503"]]);
    expect(events(world).filter((event) => event.type === "StepStarted" && event.step === "route")).toHaveLength(1);
  });

  it("is journaled anew by the alarm, the retry that is due too", async () => {
    const world = placed();
    calling(world, (step, attempt) => (step === "route" && attempt === 1 ? fails : works));
    await world.hint();
    await world.ring();
    expect(failures(world)).toEqual([["route", "503"]]);
    expect(events(world).filter((event) => event.type === "StepStarted" && event.step === "route")).toMatchObject([
      { attempt: 1 },
      { attempt: 2 },
    ]);
  });
});

describe("The breakers", () => {
  const blocked = (at: number): Admission => ({ admitted: false, since: at, recheckAt: at + 90 * SECOND });

  it("are asked about every outside call, and never about our own screening", async () => {
    const world = placed();
    const asked: (readonly [ProviderName, WaitingOrder, boolean])[] = [];
    world.admit = (port, order, probe) => {
      asked.push([port, order, probe]);
      return { admitted: true };
    };
    await world.hint();
    const { orderId, placedAt } = { orderId: world.state.order.orderId, placedAt: world.state.placedAt };
    const order: WaitingOrder = { orderId, priority: "standard", placedAt, failures: 0 };
    expect(asked).toEqual(
      ["payment", "inventory", "fulfilment", "payment", "inventory", "notification"].map((port) => [port, order, false]),
    );
    expect(world.reports.map(({ account }) => account)).not.toContain("shop/risk");
  });

  it("hear how often the order has failed at the provider, and whether it is sent to try that one out", async () => {
    const world = placed();
    calling(world, (step) => (step === "authorize" ? fails : works));
    await world.hint();
    const asked: string[] = [];
    world.admit = (port, { failures }, probe) => {
      asked.push(`${port} ${failures} ${probe}`);
      return { admitted: true };
    };
    calling(world, () => works);
    world.now += SECOND;
    await world.process.advance({ priority: "standard", attempt: 1, probe: "payment" });
    expect(asked).toEqual(["payment 1 true", "fulfilment 0 false", "payment 0 true", "inventory 0 false", "notification 0 false"]);
  });

  it("let the order's other calls of the group out, and the one that they block is journaled once", async () => {
    const world = placed();
    const asked: string[] = [];
    world.admit = (port) => {
      asked.push(port);
      return port === "payment" ? blocked(world.now) : { admitted: true };
    };
    const calls = calling(world, () => works);
    const since = world.now;
    await world.hint();
    expect(calls).toEqual(["screen 1", "reserve 1"]);
    expect(world.alarmAt).toBe(since + 10 * SECOND);
    await world.hint(2);
    expect(events(world).filter(({ type }) => type === "StepBlocked")).toEqual([
      { type: "StepBlocked", step: "authorize", provider: "payment", since },
    ]);
    expect(calls).toEqual(["screen 1", "reserve 1"]);
    expect(asked).toEqual(["payment", "inventory", "payment", "payment"]);
    expect(await world.hint(2), "its breaker sends a hint").toEqual({ status: "processing", retryAfterMs: null });
  });

  it("that let an order pass put its alarm off to no other time than its state asks for", async () => {
    const world = placed();
    world.admit = (port) => (port === "fulfilment" ? blocked(world.now) : { admitted: true });
    await world.hint();
    while (world.historyReads === 0) await world.ring();
    world.admit = () => ({ admitted: true });
    const armed: (number | null)[] = [];
    world.behaviour = () => {
      armed.push(world.alarmAt);
      return "succeed";
    };
    await world.ring();
    expect(world.state.status).toBe("confirmed");
    expect(armed).not.toContain(Number.POSITIVE_INFINITY);
  });

  it("do not learn of a bug of ours", async () => {
    const world = placed();
    world.behaviour = ({ step }) => (step === "authorize" ? Promise.reject(new Error("a bug")) : "succeed");
    await world.hint();
    expect(world.reports.map(({ account }) => account)).toEqual(["shop/inventory"]);
    expect(world.state.steps.authorize).toMatchObject({ phase: "failed", lastFailure: { failure: "bug", detail: "the adapter threw" } });
  });

  it("learn of a failure in our words, of nothing of a call that worked, and of an order whose retries are used up", async () => {
    const world = placed();
    calling(world, (step) => (step === "authorize" ? fails : works));
    await world.hint();
    for (let retries = 1; retries < 8; retries++) {
      world.now += 200 * SECOND;
      await world.hint();
    }
    const told = world.reports.map(({ account, worked, detail, usedUp }) => [account, worked, detail, usedUp]);
    const failure = ["shop/payment", false, "503", false];
    expect(told).toEqual([failure, ["shop/inventory", true, "", false], ...Array(6).fill(failure), ["shop/payment", false, "503", true]]);
    expect(world.deadLetters).toMatchObject([{ cause: { step: "authorize", class: "provider_down" } }]);
  });
});

describe("An answer that comes after its call was given up", () => {
  /** An order whose payment answers when the test says so, long after the call was given up. */
  async function waited() {
    const world = placed();
    const { promise, resolve } = Promise.withResolvers<ProviderAnswer>();
    world.behaviour = ({ step, attempt }) => (step === "authorize" && attempt === 1 ? promise : "succeed");
    await world.hint();
    const before = world.journal.length;
    const answer = async (late: ProviderAnswer) => {
      resolve(late);
      for (let turns = 0; turns < 3; turns++) await new Promise((turn) => setImmediate(turn));
      return world.journal.slice(before).flatMap((commit) => commit.events);
    };
    return { world, answer };
  }

  it("tells nothing new when it is another failure", async () => {
    const { answer } = await waited();
    expect(await answer(fails)).toEqual([]);
  });

  it("is recorded, and published, and leaves the retry to its time", async () => {
    const { world, answer } = await waited();
    expect(await answer(works)).toEqual([{ type: "LateAnswerRecorded", step: "authorize", attempt: 1, outcome: "succeeded", facts: {} }]);
    expect(world.published.at(-1)?.order.version).toBe(world.state.version);
    expect(world.state.steps.authorize).toMatchObject({ phase: "failed" });
  });

  it("undoes at once, by a run that needs no hint, what a cancelled order did not want", async () => {
    const { world, answer } = await waited();
    world.process.command({ type: "CancelOrder", by: "ada" });
    await world.hint();
    expect(world.state.status).toBe("cancelled");
    await answer({ outcome: "succeeded", facts: { reference: "late" } });
    expect(world.state).toMatchObject({ status: "cancelled", steps: { void: { phase: "succeeded", keyGeneration: 2 } } });
    expect(world.published.at(-1)?.order).toMatchObject({ status: "cancelled", version: world.state.version });
  });
});

describe("An answer that comes late to an order", () => {
  it("that was cancelled meanwhile begins its undo, of which no attempt is lost", async () => {
    const world = placed();
    const { promise, resolve } = Promise.withResolvers<ProviderAnswer>();
    world.behaviour = ({ step, attempt }) => (step === "authorize" && attempt === 1 ? promise : "succeed");
    await world.hint();
    world.process.command({ type: "CancelOrder", by: "ada" });
    resolve(works);
    for (let turns = 0; turns < 3; turns++) await new Promise((turn) => setImmediate(turn));
    expect(world.state.status).toBe("cancelled");
    expect(failures(world)).toEqual([["authorize", "no answer within 10000 ms"]]);
  });

  it("whose run could commit nothing says when its call was made, not that it began in 1970", async () => {
    const world = placed();
    const { promise, resolve } = Promise.withResolvers<ProviderAnswer>();
    world.behaviour = ({ step }) => (step === "authorize" ? promise : "succeed");
    world.diskIsFull = true;
    const calledAt = world.now;
    await world.hint();
    expect(world.state).toMatchObject({ startedAt: null, version: 1 });
    world.diskIsFull = false;
    resolve(works);
    for (let turns = 0; turns < 3; turns++) await new Promise((turn) => setImmediate(turn));
    expect(world.state.startedAt).toBe(calledAt);
  });
});

describe("The alarm of an order whose calls are out", () => {
  it("makes none of them again, and comes back when the run must have ended", async () => {
    const world = placed();
    const calls = calling(world, () => works);
    world.behaviour = ({ step }) => (step === "authorize" ? new Promise(() => {}) : "succeed");
    void world.process.advance({ priority: "standard", attempt: 1 });
    await new Promise((turn) => setImmediate(turn));
    world.alarmAt = null;
    await world.process.wake();
    expect(world.alarmAt).toBe(world.now + RUN_GRACE_MS);
    expect([calls, world.state.version]).toEqual([[], 1]);
  });
});
