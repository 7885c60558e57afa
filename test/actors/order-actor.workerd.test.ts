import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { OrderActor } from "../../src/actors/order-actor.ts";
import type { Commit, PlacedOrder } from "../../src/contract/events.ts";
import { LANES } from "../../src/contract/lanes.ts";
import type { Env } from "../../src/env.ts";
import { orderIdOf } from "../../src/http/identity.ts";
import { storeCommit, storedJournal } from "../support/journal.ts";
import { placedOrder } from "../support/orders.ts";

const MUCH_LONGER_THAN_A_SEND_IS_GATHERED_MS = 900;

let count = 0;

/** An order of its own for each test, and the stub that reaches it. A stub that has thrown is broken, hence a fresh one per use. */
async function newOrder(changes: Partial<PlacedOrder> = {}) {
  const orderId = await orderIdOf("shop", `order-actor-${++count}`);
  const order = placedOrder({ ...changes, orderId });
  return { order, stub: () => env.ORDERS.getByName(orderId) };
}

const first = { priority: "standard", attempt: 1 } as const;
const journalOf = async (stub: ReturnType<Awaited<ReturnType<typeof newOrder>>["stub"]>) => (await stub.events("shop")) as Commit[];
const typesOf = (journal: Commit[]) => journal.flatMap((commit) => commit.events.map((event) => event.type));

describe("When an order is placed", () => {
  it("is durable before the answer, with its alarm armed", async () => {
    const { order, stub } = await newOrder();
    expect(await stub().place(order)).toMatchObject({ outcome: "placed", priority: "standard" });
    await runInDurableObject(stub(), async (_, { storage }) => {
      expect(storedJournal(storage)).toHaveLength(1);
      expect(await storage.getAlarm()).toBeGreaterThan(Date.now());
    });
  });

  it("is told to projections once it is durable, and not at all when it was lost", async () => {
    for (const lost of [false, true]) {
      const { order, stub } = await newOrder();
      await runInDurableObject(stub(), async (actor: OrderActor, { storage }) => {
        const flush = Promise.withResolvers<void>();
        const sync = vi.spyOn(Object.getPrototypeOf(storage), "sync").mockReturnValue(flush.promise);
        const send = vi.spyOn(env.ORDER_EVENTS, "sendBatch");
        const sentOrders = () =>
          send.mock.calls.flatMap(([batch]) => [...batch].flatMap(({ body }) => body.changes.map(({ order }) => order.orderId)));
        await actor.place(order);
        await expect.poll(() => sync.mock.calls.length).toBeGreaterThan(0);
        await new Promise((resolve) => setTimeout(resolve, MUCH_LONGER_THAN_A_SEND_IS_GATHERED_MS));
        expect(sentOrders()).not.toContain(order.orderId);
        if (lost) flush.reject(new Error("the disk is full"));
        else flush.resolve();
        if (lost) await new Promise((resolve) => setTimeout(resolve, MUCH_LONGER_THAN_A_SEND_IS_GATHERED_MS));
        else await expect.poll(sentOrders).toContain(order.orderId);
        if (lost) expect(sentOrders()).not.toContain(order.orderId);
        for (const spy of [sync, send]) spy.mockRestore();
      });
    }
  });

  it("knows what waits in its lane", async () => {
    const { order, stub } = await newOrder();
    await stub().place(order);
    const lane = { messages: expect.any(Number), ageMs: expect.any(Number), probability: 0 };
    expect(await stub().diagnosis("shop")).toMatchObject({ situation: "in_lane", lane });
  });

  it("is one order, however often and however concurrently it is placed", async () => {
    const { order, stub } = await newOrder();
    const results = await Promise.all(Array.from({ length: 50 }, () => stub().place(order)));
    expect(results.filter(({ outcome }) => outcome === "placed")).toHaveLength(1);
    expect(results.filter(({ outcome }) => outcome === "replayed")).toHaveLength(49);
    expect(await journalOf(stub())).toHaveLength(1);
  });

  it("is not overwritten by another body under the same key", async () => {
    const { order, stub } = await newOrder();
    await stub().place(order);
    expect(await stub().place({ ...order, requestDigest: "f2", total: 1 })).toMatchObject({ outcome: "conflict" });
    expect((await stub().view("shop"))?.order.total).toBe(order.total);
    expect(await journalOf(stub())).toHaveLength(1);
  });

  it("takes five commits to confirm", async () => {
    const { order, stub } = await newOrder();
    await stub().place(order);
    expect(await stub().advance(first)).toEqual({ status: "confirmed", retryAfterMs: null });
    expect(await journalOf(stub())).toHaveLength(5);
  });
});

describe("When nothing was ever placed", () => {
  it("answers null to everything and writes nothing", async () => {
    const { stub } = await newOrder();
    expect(await stub().advance(first)).toBeNull();
    expect(await stub().view("shop")).toBeNull();
    expect(await stub().quarantine({ class: "poison", detail: "x" })).toBeNull();
    await runInDurableObject(stub(), async (instance, { storage }) => {
      await instance.alarm();
      expect(storage.sql.exec("SELECT name FROM sqlite_master").toArray()).toEqual([]);
      expect(await storage.getAlarm()).toBeNull();
    });
  });

  it("shows an order to its own tenant only", async () => {
    const { order, stub } = await newOrder();
    await stub().place(order);
    expect(await stub().view("other")).toBeNull();
    expect(await stub().events("other")).toBeNull();
    expect(await stub().command("other", { type: "CancelOrder", by: "mallory" })).toBeNull();
    expect(await stub().view("shop")).toMatchObject({ status: "accepted" });
  });
});

describe("When a hint is delivered twice", () => {
  it("does everything once", async () => {
    const { order, stub } = await newOrder();
    await stub().place(order);
    await Promise.all([stub().advance(first), stub().advance(first), stub().advance({ ...first, attempt: 2 })]);
    await stub().advance({ ...first, attempt: 3 });
    const types = typesOf(await journalOf(stub()));
    expect(types.filter((type) => type === "StepSucceeded")).toHaveLength(7);
    expect(types.filter((type) => type === "OrderConfirmed")).toHaveLength(1);
  });

  it("ignores the hint of a lane that the order has left", async () => {
    const { order, stub } = await newOrder();
    await stub().place(order);
    await stub().command("shop", { type: "ExpediteOrder" });
    expect(await stub().advance(first)).toEqual({ status: "accepted", retryAfterMs: null });
    expect(await stub().advance({ priority: "expedited", attempt: 1 })).toMatchObject({ status: "confirmed" });
  });
});

describe("When the hint is lost", () => {
  it("is carried on by its alarm, which may go off twice", async () => {
    const { order, stub } = await newOrder({ priority: "expedited" });
    await stub().place(order);
    expect(await runDurableObjectAlarm(stub())).toBe(true);
    expect(await stub().view("shop")).toMatchObject({ status: "confirmed" });
    const before = await journalOf(stub());
    await runInDurableObject(stub(), (instance) => instance.alarm());
    expect(await journalOf(stub())).toEqual(before);
  });

  it("keeps an alarm armed for as long as it is not at rest", async () => {
    const { order, stub } = await newOrder();
    await stub().place(order);
    await stub().advance(first);
    for (let alarms = 0; alarms < 3; alarms++) {
      expect(await runDurableObjectAlarm(stub())).toBe(true);
      await runInDurableObject(stub(), async (_, { storage }) => expect(await storage.getAlarm()).toBeGreaterThan(Date.now()));
    }
  });
});

describe("When the actor is evicted or aborted", () => {
  it("goes on from its journal", async () => {
    const { order, stub } = await newOrder();
    await stub().place(order);
    await evictDurableObject(stub());
    expect(await stub().advance(first)).toMatchObject({ status: "confirmed" });
    await abortAllDurableObjects();
    expect(await stub().view("shop")).toMatchObject({ status: "confirmed", version: 5 });
    expect(await stub().place(order)).toMatchObject({ outcome: "replayed" });
  });

  it("counts an attempt that died with the actor, and tries it again under the next attempt", async () => {
    const { order, stub } = await newOrder({ payment: { token: "tok_timeout" } });
    await stub().place(order);
    const hanging = Promise.resolve(stub().advance(first)).catch(() => "died");
    await new Promise((resolve) => setTimeout(resolve, 100));
    await abortAllDurableObjects();
    expect(await hanging).toBe("died");
    // The first run after it marks the order as started; a run that dies after that has lost an attempt.
    const second = Promise.resolve(stub().advance({ ...first, attempt: 2 })).catch(() => "died");
    await new Promise((resolve) => setTimeout(resolve, 100));
    await abortAllDurableObjects();
    await second;
    const third = Promise.resolve(stub().advance({ ...first, attempt: 3 })).catch(() => "died");
    await new Promise((resolve) => setTimeout(resolve, 100));
    const state = await stub().view("shop");
    expect(state?.steps.authorize).toMatchObject({ phase: "started", attempt: 2, failures: 1 });
    await abortAllDurableObjects();
    await third;
  });
});

describe("When a provider fails", () => {
  it("asks for its hint again until the step succeeds", async () => {
    const { order, stub } = await newOrder({ payment: { token: "tok_flaky" } });
    await stub().place(order);
    const answer = await stub().advance(first);
    expect(answer).toMatchObject({ status: "processing" });
    expect(answer?.retryAfterMs).toBeGreaterThanOrEqual(0);
    expect((await stub().view("shop"))?.steps).toMatchObject({
      authorize: { phase: "failed", attempt: 2 },
      reserve: { phase: "succeeded" },
    });
  });

  it("fails the order and undoes its effects when the payment is declined", async () => {
    const { order, stub } = await newOrder({ payment: { token: "tok_declined" } });
    await stub().place(order);
    expect(await stub().advance(first)).toEqual({ status: "failed", retryAfterMs: null });
    const state = await stub().view("shop");
    expect(state).toMatchObject({ ending: { status: "failed", reason: "card_declined" }, steps: { release: { phase: "succeeded" } } });
    expect(state?.steps.void).toBeUndefined();
  });

  it("sends a dead letter for poison, and parks itself even if that letter is lost", async () => {
    const { order, stub } = await newOrder({ payment: { token: "tok_poison" } });
    await stub().place(order);
    expect(await stub().advance(first)).toEqual({ status: "processing", retryAfterMs: null });
    await runDurableObjectAlarm(stub());
    expect(await stub().view("shop")).toMatchObject({ status: "quarantined", cause: { class: "poison", step: "authorize" } });
  });
});

describe("When an order is cancelled", () => {
  it("is undone by its next hint, once", async () => {
    const { order, stub } = await newOrder();
    await stub().place(order);
    await stub().advance(first);
    expect(await stub().command("shop", { type: "CancelOrder", by: "ada", reason: "changed my mind" })).toMatchObject({
      state: { status: "cancelling" },
    });
    expect(await stub().advance(first)).toEqual({ status: "cancelled", retryAfterMs: null });
    const after = await journalOf(stub());
    expect(typesOf(after).slice(-1)).toEqual(["OrderCancelled"]);
    expect(await stub().command("shop", { type: "CancelOrder", by: "ada" })).toMatchObject({ state: { status: "cancelled" } });
    expect(await journalOf(stub())).toEqual(after);
  });
});

describe("When newer code reads an old journal", () => {
  it("understands events that hold fields it does not know", async () => {
    const { order, stub } = await newOrder();
    await stub().place(order);
    await runInDurableObject(stub(), (_, { storage }) => {
      const events = [{ type: "OrderPromoted", to: "expedited", because: "aged", since: "a later release" }];
      storeCommit(storage, { version: 2, events });
    });
    await evictDurableObject(stub());
    expect(await stub().view("shop")).toMatchObject({ version: 2, priority: "expedited" });
  });
});

describe("When a row of the journal cannot be read", () => {
  const write = (stub: DurableObjectStub, events: readonly unknown[]) =>
    runInDurableObject(stub, (_, { storage }) => storeCommit(storage, { version: 2, events }));

  it("throws rather than go on from a part of it, and goes on as soon as the row is mended", async () => {
    const { order, stub } = await newOrder();
    await stub().place(order);
    await write(stub(), [{ type: "OrderPromoted", to: "the moon", because: "requested" }]);
    await evictDurableObject(stub());
    const asked = () => runInDurableObject(stub(), (actor) => actor.view("shop"));
    for (const _ of [1, 2]) await expect(asked()).rejects.toThrow("must be one of expedited, standard");
    await write(stub(), [{ type: "OrderPromoted", to: "expedited", because: "requested" }]);
    expect(await asked()).toMatchObject({ version: 2, priority: "expedited" });
  });
});

describe("When the platform fires the alarm by itself", () => {
  it("carries an order on whose hint was lost, after the time that its profile pins", async () => {
    const { order, stub } = await newOrder();
    await stub().place(order, { version: 1, lanes: { standard: { stallAfterMs: 1_000 } } });
    await evictDurableObject(stub());
    await expect.poll(() => stub().view("shop"), { timeout: 10_000 }).toMatchObject({ status: "confirmed" });
  });
});

describe("The deployment", () => {
  /** An actor of a deployment whose bindings differ from those of the tests. */
  const inActor = <Result>(orderId: string, bindings: object, work: (actor: OrderActor) => Promise<Result>) =>
    runInDurableObject(env.ORDERS.getByName(orderId), (_, ctx) => work(new OrderActor(ctx, { ...env, ...bindings } as unknown as Env)));
  const alarmOf = (stub: DurableObjectStub) => runInDurableObject(stub, async (_, { storage }) => Number(await storage.getAlarm()));

  it("says by its lanes how long an order waits for its hint, unless the order's profile says it", async () => {
    const bindings = { LANES: JSON.stringify({ standard: { stallAfterMs: 8_000 } }) };
    const profile = { version: 1, lanes: { standard: { stallAfterMs: 5_000 } } };
    const deadlineOf = async (pinned?: typeof profile) => {
      const { order, stub } = await newOrder();
      const { placedAt } = await inActor(order.orderId, bindings, (actor) => actor.place(order, pinned));
      return (await alarmOf(stub())) - placedAt;
    };
    expect([await deadlineOf(), await deadlineOf(profile)]).toEqual([8_000, 5_000]);
  });

  it("may have a queue that does not answer: a diagnosis does without it", async () => {
    const { order } = await newOrder();
    const silent = { metrics: () => Promise.reject(new Error("Network connection lost")) };
    const queues = Object.fromEntries(Object.keys(LANES.standard.queues).map((binding) => [binding, silent]));
    await inActor(order.orderId, queues, async (actor) => {
      await actor.place(order);
      expect(await actor.diagnosis("shop")).toMatchObject({ situation: "in_lane", lane: null });
    });
  });
});
