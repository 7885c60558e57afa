import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { InventoryActor } from "../../src/actors/inventory-actor.ts";

let skus = 0;
const fresh = () => {
  skus++;
  return env.INVENTORY.getByName(`acme/SKU ${skus}/a`);
};

const stocked = async (quantity: number) => {
  const stub = fresh();
  await stub.receive({ receiptId: "first", quantity });
  return stub;
};

/** What the object holds on disk: its tables, and how many of the rows that it is billed for. */
const contents = (stub: ReturnType<typeof fresh>) =>
  runInDurableObject(stub, (_, { storage }) => {
    const tables = storage.sql.exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").toArray();
    return tables.map(({ name }) => name);
  });

const rows = (stub: ReturnType<typeof fresh>, table: string) =>
  runInDurableObject(stub, (_, { storage }) => storage.sql.exec<{ n: number }>(`SELECT count(*) AS n FROM ${table}`).one().n);

describe("A SKU that was never stocked", () => {
  it("answers every request without writing anything", async () => {
    const stub = fresh();
    expect(await stub.stock()).toBeNull();
    expect(await stub.reserve("o1", 1_000_000)).toEqual({ outcome: "untracked" });
    expect(await stub.commit("o1")).toEqual({ outcome: "untracked" });
    expect(await stub.release("o1")).toEqual({ outcome: "untracked" });
    expect(await stub.withdraw("o1")).toEqual({ outcome: "untracked" });
    expect(await contents(stub)).toEqual([]);
  });

  it("is left as it was by an adjustment", async () => {
    const stub = fresh();
    const adjustment = { adjustmentId: "a", quantity: 1, reason: "found", by: "ada" };
    expect(await stub.adjust(adjustment)).toMatchObject({ outcome: "refused", refusal: { reason: "not_stocked" } });
    expect(await stub.adjustments(10)).toEqual([]);
    expect(await contents(stub)).toEqual([]);
  });
});

describe("Adjusting stock", () => {
  const broken = { adjustmentId: "a1", quantity: -2, reason: "broken", by: "ada" };

  it("happens once, however often it is asked for, and is kept with who and why", async () => {
    const stub = await stocked(5);
    const before = Date.now();
    for (let time = 0; time < 3; time++) {
      expect(await stub.adjust(broken)).toEqual({ outcome: "adjusted", level: { onHand: 3, available: 3, reserved: 0 } });
    }
    await stub.adjust({ adjustmentId: "a2", quantity: 1, reason: "found behind a shelf", by: "bob" });
    const entries = await stub.adjustments(10);
    expect(entries).toMatchObject([{ adjustmentId: "a2", quantity: 1, reason: "found behind a shelf", by: "bob" }, broken]);
    expect(entries[0]?.at).toBeGreaterThanOrEqual(before);
    expect(await stub.adjustments(1)).toHaveLength(1);
    expect(await rows(stub, "adjustments")).toBe(2);
  });

  it("never takes out what is reserved, and leaves no trace when it is refused", async () => {
    const stub = await stocked(5);
    await stub.reserve("o1", 4);
    expect(await stub.adjust(broken)).toMatchObject({ outcome: "refused", refusal: { reason: "below_reserved", onHand: 5, reserved: 4 } });
    expect(await stub.stock()).toEqual({ onHand: 5, available: 1, reserved: 4 });
    expect(await stub.adjustments(10)).toEqual([]);
    await stub.release("o1");
    expect(await stub.adjust(broken)).toMatchObject({ outcome: "adjusted" });
  });

  it("is another one with another quantity or reason, which its name cannot be used for", async () => {
    const stub = await stocked(5);
    await stub.adjust(broken);
    for (const other of [{ quantity: -1 }, { reason: "stolen" }]) {
      expect(await stub.adjust({ ...broken, ...other })).toEqual({
        outcome: "refused",
        refusal: { reason: "adjustment_conflict", quantity: -2 },
      });
    }
    expect(await stub.stock()).toMatchObject({ onHand: 3 });
  });
});

describe("Receiving stock", () => {
  it("counts a receipt once, however often it is reported", async () => {
    const stub = fresh();
    for (let time = 0; time < 3; time++) {
      expect(await stub.receive({ receiptId: "r1", quantity: 5 })).toEqual({
        outcome: "received",
        level: { onHand: 5, available: 5, reserved: 0 },
      });
    }
    await stub.receive({ receiptId: "r2", quantity: 2 });
    expect(await stub.stock()).toEqual({ onHand: 7, available: 7, reserved: 0 });
  });

  it("refuses another quantity under the same receipt", async () => {
    const stub = await stocked(5);
    expect(await stub.receive({ receiptId: "first", quantity: 6 })).toEqual({
      outcome: "refused",
      refusal: { reason: "receipt_conflict", quantity: 5 },
    });
    expect(await stub.stock()).toMatchObject({ onHand: 5 });
  });
});

describe("An order's way through the stock", () => {
  it("reserves, commits and gives back, each once", async () => {
    const stub = await stocked(10);
    for (const _ of [1, 2]) expect(await stub.reserve("o1", 4)).toEqual({ outcome: "done" });
    expect(await stub.stock()).toEqual({ onHand: 10, available: 6, reserved: 4 });
    for (const _ of [1, 2]) expect(await stub.commit("o1")).toEqual({ outcome: "done" });
    expect(await stub.stock()).toEqual({ onHand: 6, available: 6, reserved: 0 });
    for (const _ of [1, 2]) expect(await stub.release("o1")).toEqual({ outcome: "done" });
    expect(await stub.stock()).toEqual({ onHand: 10, available: 10, reserved: 0 });
    expect(await stub.reserve("o1", 4)).toMatchObject({ refusal: { reason: "released" } });
  });

  it("gives back what is withdrawn, for good, unless it was sold meanwhile", async () => {
    const stub = await stocked(10);
    await stub.reserve("held", 4);
    await stub.reserve("sold", 3);
    await stub.commit("sold");
    for (const order of ["held", "sold"]) expect(await stub.withdraw(order)).toEqual({ outcome: "done" });
    expect(await stub.stock()).toEqual({ onHand: 7, available: 7, reserved: 0 });
    expect(await stub.reservationOf("sold")).toEqual({ quantity: 3, status: "committed" });
    expect(await stub.reserve("held", 4)).toMatchObject({ refusal: { reason: "released" } });
  });

  it("names the SKU, slashes and spaces included, when it refuses", async () => {
    const stub = await stocked(1);
    const answer = await stub.reserve("o1", 2);
    expect(answer).toEqual({
      outcome: "refused",
      refusal: { reason: "insufficient_stock", sku: `SKU ${skus}/a`, wanted: 2, available: 1 },
    });
    expect(await rows(stub, "reservations")).toBe(0);
  });

  it("refuses a reservation that arrives after its release", async () => {
    const stub = await stocked(5);
    await stub.release("late");
    expect(await stub.reserve("late", 1)).toMatchObject({ outcome: "refused", refusal: { reason: "released" } });
    expect(await stub.stock()).toEqual({ onHand: 5, available: 5, reserved: 0 });
  });

  it("never sells more than there is to orders that come together", async () => {
    const stub = await stocked(10);
    const answers = await Promise.all(Array.from({ length: 20 }, (_, order) => stub.reserve(`o${order}`, 3)));
    expect(answers.filter(({ outcome }) => outcome === "done")).toHaveLength(3);
    expect(await stub.stock()).toEqual({ onHand: 10, available: 1, reserved: 9 });
  });

  it("is remembered when the actor is evicted in between", async () => {
    const stub = await stocked(10);
    await stub.reserve("o1", 4);
    await evictDurableObject(stub);
    expect(await stub.reserve("o1", 4)).toEqual({ outcome: "done" });
    await evictDurableObject(stub);
    expect(await stub.commit("o1")).toEqual({ outcome: "done" });
    expect(await stub.stock()).toEqual({ onHand: 6, available: 6, reserved: 0 });
  });

  it("costs one row for the stock and one for the reservation", async () => {
    const stub = await stocked(10);
    const bill = await runInDurableObject(stub, (actor, { storage }) => {
      const before = storage.sql.exec("SELECT total_changes() AS n").one().n as number;
      actor.reserve("o1", 1);
      return (storage.sql.exec("SELECT total_changes() AS n").one().n as number) - before;
    });
    expect(bill).toBe(2);
    expect(await contents(stub)).toEqual(expect.arrayContaining(["receipts", "reservations", "stock"]));
  });
});

describe("A write that the store refuses", () => {
  /** As a full disk does, in the middle of a change. */
  const refuse = (stub: ReturnType<typeof fresh>, table: string) =>
    runInDurableObject(stub, (_, { storage }) => {
      storage.sql.exec(`CREATE TRIGGER full BEFORE INSERT ON ${table} BEGIN SELECT RAISE(ABORT, 'SQLITE_FULL'); END`);
    });

  it.each([
    { table: "reservations", change: (actor: InventoryActor) => actor.reserve("o1", 4) },
    { table: "receipts", change: (actor: InventoryActor) => actor.receive({ receiptId: "second", quantity: 5 }) },
    {
      table: "adjustments",
      change: (actor: InventoryActor) => actor.adjust({ adjustmentId: "a1", quantity: -2, reason: "broken", by: "ada" }),
    },
  ])("takes the whole change with it: nothing is counted that the $table do not show", async ({ table, change }) => {
    const stub = await stocked(10);
    await refuse(stub, table);
    await runInDurableObject(stub, (actor) => expect(() => change(actor)).toThrow("SQLITE_FULL"));
    expect(await stub.stock()).toEqual({ onHand: 10, available: 10, reserved: 0 });
    await runInDurableObject(stub, (actor, { storage }) => {
      storage.sql.exec("DROP TRIGGER full");
      change(actor);
    });
    expect(await stub.stock()).not.toEqual({ onHand: 10, available: 10, reserved: 0 });
  });
});
