import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it } from "vitest";
import { breakersFrom } from "../../src/actors/breakers.ts";
import type { Commit } from "../../src/contract/events.ts";
import type { ProviderName } from "../../src/contract/order.ts";
import { TRIP_AFTER } from "../../src/domain/breaker.ts";
import { orderIdOf } from "../../src/http/identity.ts";
import { placedOrder, T0 } from "../support/orders.ts";

const breaker = (provider: ProviderName) => env.BREAKERS.getByName(provider);

/** Actors outlive a test; each leaves its breaker closed and its queue of waiting orders empty. */
afterEach(async () => {
  for (const provider of ["payment", "inventory", "fulfilment", "notification"] as const) {
    await breaker(provider).resume();
    for (let rounds = 0; rounds < 5 && (await breaker(provider).view()).waiting > 0; rounds++)
      await runDurableObjectAlarm(breaker(provider));
  }
});

const waitingIn = (provider: ProviderName) =>
  runInDurableObject(breaker(provider), (_, { storage }) =>
    storage.sql
      .exec("SELECT order_id FROM waiting ORDER BY lane, placed_at")
      .toArray()
      .map((row) => row.order_id),
  );

describe("The breaker of a provider", () => {
  it("writes nothing about orders as long as all is well", async () => {
    expect(await breaker("inventory").admit("ord_1", "standard", T0)).toMatchObject({ admitted: true });
    await runInDurableObject(breaker("inventory"), (_, { storage }) => {
      expect(storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'waiting'").toArray()).toEqual([]);
    });
  });

  it("remembers who waits, once each, by lane and age, and through an eviction", async () => {
    await breaker("payment").trip("503");
    for (const [id, priority, placedAt] of [
      ["a", "standard", 1],
      ["b", "standard", 0],
      ["c", "expedited", 9],
      ["a", "standard", 1],
    ] as const) {
      expect(await breaker("payment").admit(id, priority, placedAt)).toMatchObject({
        admitted: false,
        breaker: { state: "open", why: "503" },
      });
    }
    await evictDurableObject(breaker("payment"));
    expect(await waitingIn("payment")).toEqual(["c", "b", "a"]);
    expect(await breaker("payment").view()).toMatchObject({ breaker: { state: "open" }, waiting: 3 });
  });

  it("sends the first that waits to try, and lets the rest go when that worked", async () => {
    await breaker("fulfilment").trip("502");
    await breaker("fulfilment").admit("first", "expedited", 1);
    await breaker("fulfilment").admit("second", "standard", 0);
    await runInDurableObject(breaker("fulfilment"), async (_, { storage }) => {
      const state = storage.kv.get<{ probeAt: number }>("breaker");
      storage.kv.put("breaker", { ...state, probeAt: 0 });
    });
    await evictDurableObject(breaker("fulfilment"));
    await runDurableObjectAlarm(breaker("fulfilment"));
    expect(await breaker("fulfilment").view()).toMatchObject({ breaker: { state: "half_open", orderId: "first" } });
    expect(await breaker("fulfilment").admit("second", "standard", 0)).toMatchObject({ admitted: false });
    expect(await breaker("fulfilment").admit("first", "expedited", 1)).toMatchObject({ admitted: true });
    expect(await breaker("fulfilment").probed("first", true)).toEqual({ state: "closed" });
    // The alarm is due at once, so the platform lets it go off by itself.
    await expect.poll(() => breaker("fulfilment").view()).toMatchObject({ breaker: { state: "closed" }, waiting: 0 });
  });

  it("sends a standard order that is to try through the expedited queue, past any backlog", async () => {
    await breaker("fulfilment").trip("502");
    await breaker("fulfilment").admit("first", "standard", 0);
    const sent: unknown[] = [];
    await runInDurableObject(breaker("fulfilment"), async (_, { storage }) => {
      storage.kv.put("breaker", { ...storage.kv.get<object>("breaker"), probeAt: 0 });
    });
    await evictDurableObject(breaker("fulfilment"));
    await runInDurableObject(breaker("fulfilment"), async (instance) => {
      Object.assign(instance, { env: { ...env, ORDERS_EXPEDITED: { send: async (hint: unknown) => void sent.push(hint) } } });
      await instance.alarm();
    });
    expect(sent).toEqual([{ orderId: "first", priority: "standard", probe: "fulfilment" }]);
  });

  it("tries another order when the first one never reports", async () => {
    await breaker("inventory").trip("502");
    await breaker("inventory").admit("gone", "expedited", 1);
    await breaker("inventory").admit("next", "standard", 0);
    const probed = [];
    for (let rounds = 0; rounds < 3; rounds++) {
      await runInDurableObject(breaker("inventory"), (_, { storage }) => {
        storage.kv.put("breaker", { ...storage.kv.get<object>("breaker"), probeAt: 0, until: 0 });
      });
      await evictDurableObject(breaker("inventory"));
      await runDurableObjectAlarm(breaker("inventory"));
      const { breaker: state } = await breaker("inventory").view();
      if (state.state === "half_open") probed.push(state.orderId);
    }
    expect(probed).toEqual(["gone", "next"]);
  });

  it("tries another order after one that failed, which may be at fault itself", async () => {
    await breaker("inventory").trip("502");
    const probed = [];
    for (let rounds = 0; rounds < 3; rounds++) {
      await breaker("inventory").admit("bad", "expedited", 1);
      await breaker("inventory").admit("good", "standard", 0);
      await runInDurableObject(breaker("inventory"), (_, { storage }) => {
        storage.kv.put("breaker", { ...storage.kv.get<object>("breaker"), probeAt: 0 });
      });
      await evictDurableObject(breaker("inventory"));
      await runDurableObjectAlarm(breaker("inventory"));
      const { breaker: state } = await breaker("inventory").view();
      if (state.state !== "half_open") break;
      probed.push(state.orderId);
      await breaker("inventory").probed(state.orderId, false);
    }
    expect(probed).toEqual(["bad", "good", "bad"]);
  });

  it("is paused and resumed by a person", async () => {
    expect(await breaker("notification").pause("maintenance")).toMatchObject({ breaker: { state: "paused", why: "maintenance" } });
    expect(await breaker("notification").admit("ord_1", "standard", T0)).toMatchObject({ admitted: false });
    expect(await breaker("notification").resume()).toMatchObject({ breaker: { state: "closed" } });
  });
});

describe("An isolate", () => {
  const order = { orderId: "ord_1", priority: "standard", placedAt: T0 } as const;

  it("opens the breaker after failures in a row, and asks no more than that", async () => {
    const breakers = breakersFrom(env);
    await breakers.admit("payment", order, false);
    for (let failures = 1; failures < TRIP_AFTER; failures++) breakers.report("payment", "ord_1", false, "503");
    breakers.report("payment", "ord_1", true, "");
    for (let failures = 1; failures < TRIP_AFTER; failures++) breakers.report("payment", "ord_1", false, "503");
    expect(await breaker("payment").view()).toMatchObject({ breaker: { state: "closed" } });
    breakers.report("payment", "ord_1", false, "503");
    await expect.poll(() => breakers.admit("payment", order, false)).toMatchObject({ admitted: false });
    expect(await breaker("payment").view()).toMatchObject({ breaker: { state: "open", why: "503" }, waiting: 1 });
  });

  it("lets calls pass when the breaker's actor does not answer", async () => {
    const deaf = Object.create(env, {
      BREAKERS: {
        value: { getByName: () => ({ view: () => Promise.reject(new Error("gone")), admit: () => Promise.reject(new Error("gone")) }) },
      },
    });
    expect(await breakersFrom(deaf).admit("inventory", order, true)).toEqual({ admitted: true });
  });

  it("lets calls pass when the breaker's actor hangs", async () => {
    const hanging = Object.create(env, { BREAKERS: { value: { getByName: () => ({ admit: () => new Promise(() => {}) }) } } });
    expect(await breakersFrom(hanging).admit("inventory", order, true)).toEqual({ admitted: true });
  });
});

describe("An order whose provider is blocked", () => {
  it("waits visibly, journals that once, spends no retry, and goes on when it is let go", async () => {
    const orderId = await orderIdOf("shop", "blocked");
    const stub = () => env.ORDERS.getByName(orderId);
    await breaker("fulfilment").pause("maintenance");
    await breakersFrom(env).admit("fulfilment", { orderId: "other", priority: "standard", placedAt: T0 }, true);
    await stub().place(placedOrder({ orderId }));
    expect(await stub().advance({ priority: "standard", attempt: 1 })).toEqual({ status: "processing", retryAfterMs: null });
    await stub().advance({ priority: "standard", attempt: 1 });
    const journal = (await stub().events("shop")) as Commit[];
    expect(journal.flatMap(({ events }) => events).filter(({ type }) => type === "StepBlocked")).toHaveLength(1);
    expect((await stub().view("shop"))?.steps.route).toMatchObject({ phase: "blocked", failures: 0, attempt: 1 });
    await runInDurableObject(stub(), async (_, { storage }) => expect(await storage.getAlarm()).toBeGreaterThan(Date.now() + 5_000));
    await breaker("fulfilment").resume();
    await expect.poll(async () => (await stub().view("shop"))?.status, { timeout: 10_000 }).toBe("confirmed");
  });
});
