import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import type { RedriveOrders } from "../../src/actors/addresses.ts";
import { KEEP_MS, type RedriveActor } from "../../src/actors/redrive-actor.ts";
import type { Hint } from "../../src/contract/messages.ts";
import type { RedriveJobView } from "../../src/contract/quarantine.ts";
import { Outbox } from "../../src/messaging/outbox.ts";
import { OUTAGE, parkOrder, placeOrder, stateOf, stubOf } from "../support/http.ts";

const TENANT = "redrive-actor";
const PATIENT = { timeout: 20_000, interval: 200 };
let count = 0;

const asked = (over: Partial<RedriveOrders> = {}): RedriveOrders => ({
  id: `rdr_${String(++count).padStart(26, "0")}`,
  tenant: TENANT,
  requestDigest: "f1",
  startedBy: "ada",
  truncated: false,
  ratePerSecond: 10,
  canaryShare: 0.1,
  stopAtFailureShare: 0.2,
  ...over,
});

const actorOf = ({ id }: RedriveOrders) => env.REDRIVES.getByName(`${TENANT}/${id}`);
const many = (size: number, changes = {}) => Promise.all(Array.from({ length: size }, () => parkOrder(TENANT, OUTAGE, changes)));
const view = async (orders: RedriveOrders) => (await actorOf(orders).view()) as RedriveJobView;
const ends = (orders: RedriveOrders, state: string) => expect.poll(async () => (await view(orders)).state, PATIENT).toBe(state);

/** Nothing goes off by itself: the test is what rings. */
async function startSilently(orders: RedriveOrders, ids: string[]) {
  await actorOf(orders).start(orders, ids);
  await runInDurableObject(actorOf(orders), (_, { storage }) => storage.deleteAlarm());
}
async function ring(orders: RedriveOrders) {
  await runInDurableObject(actorOf(orders), async (actor: RedriveActor, { storage }) => {
    await actor.alarm();
    await storage.deleteAlarm();
  });
}

describe("A redrive", { timeout: 30_000 }, () => {
  it("carries every order on and says so, with who did it in their journals", async () => {
    const ids = await many(12);
    const orders = asked({ reason: "incident 42" });
    await actorOf(orders).start(orders, ids);
    await ends(orders, "finished");
    expect(await view(orders)).toMatchObject({
      total: 12,
      pending: 0,
      released: 12,
      succeeded: 12,
      failed: 0,
      underWay: 0,
      endedBecause: null,
    });
    for (const id of ids) expect((await stateOf(TENANT, id)).status).toBe("confirmed");
    const journal = (await stubOf(ids[0] ?? "").events(TENANT)) as { events: object[] }[];
    expect(journal.flatMap(({ events }) => events)).toContainEqual({ type: "OrderRedriven", by: "ada", reason: "incident 42" });
  });

  it("stops after its canaries when they are parked again, and leaves the rest as it was", async () => {
    const ids = await many(20, { payment: { token: "tok_poison" } });
    const orders = asked();
    await actorOf(orders).start(orders, ids);
    await ends(orders, "stopped");
    expect(await view(orders)).toMatchObject({ pending: 18, released: 2, failed: 2, failedIds: ids.slice(0, 2) });
    for (const id of ids.slice(2)) expect((await stateOf(TENANT, id)).version).toBe(2);
  });

  it("releases no more in a second than its rate, and canaries first", async () => {
    const ids = await many(9);
    const orders = asked({ ratePerSecond: 3, canaryShare: 0 });
    await startSilently(orders, ids);
    await ring(orders);
    expect(await view(orders)).toMatchObject({ state: "canary", released: 1, pending: 8 });
    await expect.poll(async () => (await stateOf(TENANT, ids[0] ?? "")).status, PATIENT).toBe("confirmed");
    await ring(orders);
    expect(await view(orders)).toMatchObject({ state: "releasing", released: 4, succeeded: 1 });
  });

  it("asks for a turn of each order in the lane that it is in now, the expedited ones among them", async () => {
    const [usual = ""] = await many(1);
    const [hurried = ""] = await many(1, { priority: "expedited" });
    const promoted = await placeOrder(TENANT);
    await stubOf(promoted).command(TENANT, { type: "ExpediteOrder" });
    await stubOf(promoted).quarantine(OUTAGE);
    const orders = asked({ canaryShare: 1 });
    const ids = [usual, hurried, promoted];
    await startSilently(orders, ids);
    const sent = vi.spyOn(Outbox.prototype, "add");
    await ring(orders);
    // The changes of orders pass through an outbox, too; they name their order elsewhere.
    const messages = sent.mock.calls.flatMap(([added]) => added as readonly { readonly body?: Hint }[]);
    const hinted = (id: string) => messages.flatMap(({ body }) => (body?.orderId === id ? [body] : []));
    expect(ids.map(hinted)).toEqual([
      [{ orderId: usual, priority: "standard", tenant: "redrive-actor" }],
      [{ orderId: hurried, priority: "expedited", tenant: "redrive-actor" }],
      [{ orderId: promoted, priority: "expedited", tenant: "redrive-actor" }],
    ]);
    sent.mockRestore();
  });

  it("skips orders that are no longer parked", async () => {
    const [cancelled, good] = await many(2);
    await stubOf(cancelled ?? "").command(TENANT, { type: "CancelOrder", by: "shop" });
    const moving = await placeOrder(TENANT);
    await stubOf(moving).advance({ priority: "standard", attempt: 1 });
    await stubOf(cancelled ?? "").advance({ priority: "standard", attempt: 1 });
    const orders = asked({ canaryShare: 1 });
    await actorOf(orders).start(orders, [cancelled ?? "", moving, good ?? ""]);
    await ends(orders, "finished");
    expect(await view(orders)).toMatchObject({ skipped: 2, succeeded: 1, released: 1 });
  });

  it("begins once, however often it is started, and is another job in other words", async () => {
    const orders = asked();
    const [first] = await many(1);
    await Promise.all([actorOf(orders).start(orders, [first ?? ""]), actorOf(orders).start(orders, [])]);
    expect(await actorOf(orders).find("f1")).toMatchObject({ outcome: "found", view: { total: 1 } });
    expect(await actorOf(orders).find("f2")).toEqual({ outcome: "conflict" });
  });

  it("goes on after an eviction with what it knew", async () => {
    const ids = await many(3);
    const orders = asked({ canaryShare: 1 });
    await startSilently(orders, ids);
    await ring(orders);
    await evictDurableObject(actorOf(orders));
    expect(await view(orders)).toMatchObject({ released: 3, underWay: 3 });
    await expect
      .poll(async () => Promise.all(ids.map(async (id) => (await stateOf(TENANT, id)).status)), PATIENT)
      .toEqual(Array(3).fill("confirmed"));
    await ring(orders);
    expect(await view(orders)).toMatchObject({ state: "finished", succeeded: 3 });
  });

  it("releases no order again when a crash made it forget its last second", async () => {
    const ids = await many(3);
    const orders = asked({ canaryShare: 1 });
    await startSilently(orders, ids);
    const before = await runInDurableObject(actorOf(orders), (_, { storage }) => storage.kv.get("job"));
    await ring(orders);
    await runInDurableObject(actorOf(orders), (_, { storage }) => storage.kv.put("job", before));
    await evictDurableObject(actorOf(orders));
    await ring(orders);
    expect(await view(orders)).toMatchObject({ released: 3 });
    for (const id of ids) {
      const journal = (await stubOf(id).events(TENANT)) as { events: { type: string }[] }[];
      expect(journal.flatMap(({ events }) => events).filter(({ type }) => type === "OrderRedriven")).toHaveLength(1);
    }
  });

  it("stops when told to, and orders that were released go on", async () => {
    const ids = await many(5);
    const orders = asked({ canaryShare: 0, ratePerSecond: 1 });
    await startSilently(orders, ids);
    await ring(orders);
    expect(await actorOf(orders).stop("bob")).toMatchObject({ state: "stopped", endedBecause: "stopped by bob", pending: 4 });
    expect(await actorOf(orders).stop("eve")).toMatchObject({ endedBecause: "stopped by bob" });
    await ring(orders);
    expect((await view(orders)).released).toBe(1);
    await expect.poll(async () => (await stateOf(TENANT, ids[0] ?? "")).status, PATIENT).toBe("confirmed");
  });

  it("counts orders that do not exist as failed instead of waiting for them", async () => {
    const orders = asked();
    await actorOf(orders).start(orders, ["ord_zzzzzzzzzzzzzzzzzzzzzzzzzz"]);
    await ends(orders, "stopped");
    expect(await view(orders)).toMatchObject({ failed: 1, failedIds: ["ord_zzzzzzzzzzzzzzzzzzzzzzzzzz"] });
  });

  it("survives a tick that throws, with its alarm armed again", async () => {
    const orders = asked();
    await startSilently(orders, await many(1));
    await runInDurableObject(actorOf(orders), async (actor: RedriveActor, { storage }) => {
      storage.sql.exec("ALTER TABLE items RENAME TO gone");
      await actor.alarm();
      expect(await storage.getAlarm()).toBeGreaterThan(Date.now());
      storage.sql.exec("ALTER TABLE gone RENAME TO items");
    });
    await ends(orders, "finished");
  });

  it("is forgotten a month after its end, and not before", async () => {
    const orders = asked();
    await actorOf(orders).start(orders, []);
    await ends(orders, "finished");
    expect(await view(orders)).toMatchObject({ total: 0 });
    await runInDurableObject(actorOf(orders), (_, { storage }) => {
      const stored = storage.kv.get<{ job: { endedAt: number } }>("job");
      storage.kv.put("job", { ...stored, job: { ...stored?.job, endedAt: Date.now() - KEEP_MS - 1 } });
    });
    await evictDurableObject(actorOf(orders));
    expect(await runDurableObjectAlarm(actorOf(orders))).toBe(true);
    expect(await actorOf(orders).view()).toBeNull();
    expect(await actorOf(orders).start(orders, [])).toMatchObject({ outcome: "found" });
  });

  it("that was never started is nothing, and writes nothing", async () => {
    const orders = asked();
    expect(await actorOf(orders).view()).toBeNull();
    expect(await actorOf(orders).find("f1")).toBeNull();
    expect(await actorOf(orders).stop("ada")).toBeNull();
    await runInDurableObject(actorOf(orders), (_, { storage }) => {
      expect(storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'items'").toArray()).toEqual([]);
    });
  });
});
