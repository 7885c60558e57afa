import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { BreakerActor } from "../../src/actors/breaker-actor.ts";
import { breakersFrom } from "../../src/actors/breakers.ts";
import type { BreakerState } from "../../src/contract/breaker.ts";
import type { Commit } from "../../src/contract/events.ts";
import type { Priority } from "../../src/contract/lanes.ts";
import { calledBy, DEFAULT_BREAKER } from "../../src/domain/breaker.ts";
import { orderIdOf } from "../../src/http/identity.ts";
import { BELIEF_MS } from "../../src/runtime/breakers.ts";
import { placedOrder, T0 } from "../support/orders.ts";

/** Actors outlive a test, so each test has an account of its own. */
let accounts = 0;
const newAccount = () => `breaker-${++accounts}/payment`;

const breaker = (account: string) => env.BREAKERS.getByName(account);
const waiting = (orderId: string, failures = 0, priority: Priority = "standard", placedAt = T0) => ({
  orderId,
  priority,
  placedAt,
  failures,
});

async function open(account: string, orders = 5): Promise<void> {
  for (let n = 0; n < orders; n++) {
    const result = { orderId: `o${n}`, worked: false, detail: "answered 503", usedUp: false };
    await breaker(account).report(result, DEFAULT_BREAKER);
  }
}

/** As if the time of the next round had come. */
async function probeNow(account: string): Promise<void> {
  await runInDurableObject(breaker(account), (_, { storage }) => {
    storage.kv.put("breaker", { ...storage.kv.get<object>("breaker"), probeAt: 0 });
  });
  await evictDurableObject(breaker(account));
  await runDurableObjectAlarm(breaker(account));
}

describe("The actor of a breaker", () => {
  it("writes nothing as long as all is well, nor for single calls that fail", async () => {
    const account = newAccount();
    expect(await breaker(account).admit(waiting("a"))).toMatchObject({ admitted: true });
    await breaker(account).look(5);
    await open(account, 4);
    await runInDurableObject(breaker(account), async (_, { storage }) => {
      expect(storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'waiting'").toArray()).toEqual([]);
      expect([storage.kv.get("breaker"), await storage.getAlarm()]).toEqual([undefined, null]);
    });
  });

  it("remembers its state and who waits through an eviction: one row each, written once", async () => {
    const account = newAccount();
    await open(account);
    for (const order of [waiting("late"), waiting("early", 0, "standard", T0 - 1), waiting("late"), waiting("failed", 2, "expedited")])
      expect(await breaker(account).admit(order)).toMatchObject({
        admitted: false,
        breaker: { state: "open", lastFailure: "answered 503" },
      });
    await evictDurableObject(breaker(account));
    expect(await breaker(account).view()).toMatchObject({ account, breaker: { state: "open" }, waiting: 3 });
    const rows = await runInDurableObject(breaker(account), (_, { storage }) =>
      storage.sql
        .exec("SELECT order_id FROM waiting")
        .toArray()
        .map((row) => row.order_id),
    );
    expect(rows).toEqual(["early", "late", "failed"]);
  });

  it("sends those to try that have not failed, through the expedited queue past any backlog, and from all over the line", async () => {
    const account = newAccount();
    await open(account);
    for (let n = 0; n < 9; n++) await breaker(account).admit(waiting(`w${n}`));
    await breaker(account).admit(waiting("failed", 1, "expedited", 0));
    const rounds: string[][] = [];
    for (let round = 0; round < 2; round++) {
      await probeNow(account);
      const { breaker: state } = (await breaker(account).view()) as { breaker: BreakerState };
      if (state.state !== "half_open") throw new Error(`it is ${state.state}`);
      rounds.push(state.probing);
      for (const orderId of state.probing) {
        expect(await breaker(account).admit(waiting(orderId))).toMatchObject({ admitted: true });
        await breaker(account).report({ orderId, worked: false, detail: "answered 503", usedUp: false }, DEFAULT_BREAKER);
      }
    }
    expect(rounds).toEqual([["w0"], ["w1", "w3", "w5"]]);
  });

  it("lets the others go when a probe worked", async () => {
    const account = newAccount();
    await open(account);
    await breaker(account).admit(waiting("first", 0, "expedited"));
    await breaker(account).admit(waiting("second"));
    await probeNow(account);
    expect(await breaker(account).admit(waiting("second"))).toMatchObject({ admitted: false });
    expect(await breaker(account).report({ orderId: "first", worked: true, detail: "", usedUp: false }, DEFAULT_BREAKER)).toEqual({
      state: "closed",
    });
    // The alarm is due at once, so the platform lets it go off by itself.
    await expect.poll(() => breaker(account).view()).toMatchObject({ breaker: { state: "closed" }, waiting: 0 });
  });

  it("is paused and resumed by a person, and remembers who it was", async () => {
    const account = newAccount();
    expect(await breaker(account).pause("ada", "maintenance")).toMatchObject({ breaker: { state: "paused", by: "ada" } });
    await evictDurableObject(breaker(account));
    expect(await breaker(account).admit(waiting("a"))).toMatchObject({ admitted: false });
    expect(await breaker(account).resume("bob")).toMatchObject({ breaker: { state: "closed", by: "bob" } });
  });
});

describe("An isolate", () => {
  it("lets calls pass when the breaker's actor hangs", async () => {
    const hanging = { BREAKERS: { getByName: () => ({ admit: () => new Promise(() => {}) }) } } as unknown as typeof env;
    const called = calledBy({ tenant: "hanging" }, "payment");
    expect(await breakersFrom(hanging).admit(called, waiting("a"), true)).toEqual({ admitted: true });
  });
});

describe("An isolate that believes all is well", () => {
  afterEach(() => vi.restoreAllMocks());

  it("hears of a person's pause by its next look, and of the end of it by its next question", async () => {
    const tenant = `looking-${++accounts}`;
    const called = calledBy({ tenant }, "payment");
    const at = Date.now();
    const clock = vi.spyOn(Date, "now").mockReturnValue(at);
    const admitted = async () => (await breakersFrom(env).admit(called, waiting("a"), false)).admitted;
    // The first question of an isolate is a look at the breaker, too: it must be over before somebody pauses it.
    const looked = vi.spyOn(BreakerActor.prototype, "look");
    expect(await admitted()).toBe(true);
    await vi.waitFor(() => expect(looked).toHaveResolved());
    await breaker(called.account).pause("ada", "maintenance");
    clock.mockReturnValue(at + BELIEF_MS);
    expect(await admitted(), "it believes for a while").toBe(true);
    clock.mockReturnValue(at + BELIEF_MS + 1);
    await admitted();
    await vi.waitFor(async () => expect(await admitted()).toBe(false));
    expect(looked).toHaveBeenCalledTimes(2);
    await breaker(called.account).resume("ada");
    expect(await admitted()).toBe(true);
  });
});

describe("An order whose provider is blocked", () => {
  it("waits visibly, journals that once, spends no retry, and goes on when it is let go", async () => {
    const tenant = "blocked";
    const orderId = await orderIdOf(tenant, "blocked");
    const called = calledBy({ tenant }, "fulfilment");
    const stub = () => env.ORDERS.getByName(orderId);
    await breaker(called.account).pause("ada", "maintenance");
    await breakersFrom(env).admit(called, waiting("other"), true);
    await stub().place(placedOrder({ orderId, tenant }));
    expect(await stub().advance({ priority: "standard", attempt: 1 })).toEqual({ status: "processing", retryAfterMs: null });
    await stub().advance({ priority: "standard", attempt: 1 });
    const journal = (await stub().events(tenant)) as Commit[];
    expect(journal.flatMap(({ events }) => events).filter(({ type }) => type === "StepBlocked")).toHaveLength(1);
    expect((await stub().view(tenant))?.steps.route).toMatchObject({ phase: "blocked", failures: 0, attempt: 1 });
    expect(await stub().diagnosis(tenant)).toMatchObject({ provider: { provider: "fulfilment", state: "paused", by: "ada", waiting: 2 } });
    await runInDurableObject(stub(), async (_, { storage }) => expect(await storage.getAlarm()).toBeGreaterThan(Date.now() + 5_000));
    await breaker(called.account).resume("ada");
    await expect.poll(async () => (await stub().view(tenant))?.status, { timeout: 10_000 }).toBe("confirmed");
  });
});
