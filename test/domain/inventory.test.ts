import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  adjust,
  commit,
  type Decision,
  itemsOf,
  onHand,
  type Reservation,
  receive,
  release,
  reserve,
  type Shelf,
  type Stock,
  withdraw,
} from "../../src/domain/inventory.ts";

const shelf = (stock: Stock | null, reservation: Reservation | null = null): Shelf => ({ sku: "A", stock, reservation });
const TEN: Stock = { available: 10, reserved: 0 };

describe("A SKU that was never stocked", () => {
  it("is made to order: always available, with nothing recorded", () => {
    for (const decision of [reserve(shelf(null), 1_000_000), commit(shelf(null)), release(shelf(null)), withdraw(shelf(null))]) {
      expect(decision).toEqual({ answer: { outcome: "untracked" } });
    }
  });

  it("is tracked from its first receipt, even of nothing", () => {
    expect(receive(null, 0)).toEqual({ available: 0, reserved: 0 });
    expect(reserve(shelf({ available: 0, reserved: 0 }), 1).answer.outcome).toBe("refused");
  });
});

describe("Receiving stock", () => {
  it("adds to what is available", () => {
    expect(receive({ available: 1, reserved: 2 }, 5)).toEqual({ available: 6, reserved: 2 });
  });
});

describe("Adjusting stock", () => {
  it("takes what is missing off what is available, and adds what was found", () => {
    expect(adjust("A", { available: 4, reserved: 5 }, -4)).toEqual({ stock: { available: 0, reserved: 5 } });
    expect(adjust("A", { available: 4, reserved: 5 }, 3)).toEqual({ stock: { available: 7, reserved: 5 } });
  });

  it("refuses to take out goods which are promised to orders, and says how many are", () => {
    expect(adjust("A", { available: 1, reserved: 5 }, -2)).toEqual({
      refusal: { reason: "below_reserved", sku: "A", wanted: -2, onHand: 6, reserved: 5 },
    });
  });

  it("makes no stock of what is made to order", () => {
    expect(adjust("A", null, 3)).toEqual({ refusal: { reason: "not_stocked", sku: "A" } });
  });
});

describe("Reserving", () => {
  it("moves goods from available to reserved", () => {
    expect(reserve(shelf(TEN), 4).change).toEqual({
      stock: { available: 6, reserved: 4 },
      reservation: { quantity: 4, status: "reserved" },
    });
  });

  it("takes the last piece, and refuses the one after it with the evidence", () => {
    expect(reserve(shelf(TEN), 10).answer).toEqual({ outcome: "done" });
    expect(reserve(shelf(TEN), 11)).toEqual({
      answer: { outcome: "refused", refusal: { reason: "insufficient_stock", sku: "A", wanted: 11, available: 10 } },
    });
  });

  it("changes nothing when the order holds a reservation, or has bought the goods", () => {
    for (const status of ["reserved", "committed"] as const) {
      expect(reserve(shelf(TEN, { quantity: 4, status }), 4)).toEqual({ answer: { outcome: "done" } });
    }
  });

  it("is refused when it arrives after the release", () => {
    const { change } = release(shelf(TEN));
    expect(change).toEqual({ stock: TEN, reservation: { quantity: 0, status: "released" } });
    expect(reserve(shelf(TEN, change?.reservation), 1).answer).toEqual({
      outcome: "refused",
      refusal: { reason: "released", sku: "A" },
    });
  });
});

describe("Committing", () => {
  it("takes the goods off the stock", () => {
    const { change } = commit(shelf({ available: 6, reserved: 4 }, { quantity: 4, status: "reserved" }));
    expect(change).toEqual({ stock: { available: 6, reserved: 0 }, reservation: { quantity: 4, status: "committed" } });
  });

  it("changes nothing the second time", () => {
    expect(commit(shelf(TEN, { quantity: 4, status: "committed" }))).toEqual({ answer: { outcome: "done" } });
  });

  it("is refused without a reservation and after a release", () => {
    expect(commit(shelf(TEN)).answer).toMatchObject({ refusal: { reason: "not_reserved" } });
    expect(commit(shelf(TEN, { quantity: 4, status: "released" })).answer).toMatchObject({ refusal: { reason: "released" } });
  });
});

describe("Releasing", () => {
  it("makes reserved goods available again", () => {
    const { change } = release(shelf({ available: 6, reserved: 4 }, { quantity: 4, status: "reserved" }));
    expect(change?.stock).toEqual(TEN);
  });

  it("puts sold goods back on hand", () => {
    const { change } = release(shelf({ available: 6, reserved: 0 }, { quantity: 4, status: "committed" }));
    expect(change?.stock).toEqual(TEN);
  });

  it("changes nothing the second time", () => {
    expect(release(shelf(TEN, { quantity: 4, status: "released" }))).toEqual({ answer: { outcome: "done" } });
  });
});

describe("Withdrawing", () => {
  it("gives a reservation back but lets a sale stand", () => {
    const reserved = shelf({ available: 6, reserved: 4 }, { quantity: 4, status: "reserved" });
    expect(withdraw(reserved)).toEqual(release(reserved));
    expect(withdraw(shelf(TEN, { quantity: 4, status: "committed" }))).toEqual({ answer: { outcome: "done" } });
  });
});

describe("Any sequence of requests", () => {
  it("keeps on hand = available + reserved, with nothing negative, nothing lost and nothing made up", () => {
    const request = fc.record({
      kind: fc.constantFrom("receive", "adjust", "reserve", "commit", "release", "withdraw"),
      order: fc.integer({ min: 0, max: 4 }),
      quantity: fc.integer({ min: -5, max: 12 }),
    });
    fc.assert(
      fc.property(fc.array(request, { maxLength: 60 }), (requests) => {
        let stock: Stock | null = null;
        let received = 0;
        const reservations = new Map<number, Reservation>();
        for (const { kind, order, quantity } of requests) {
          if (kind === "receive") {
            stock = receive(stock, Math.max(0, quantity));
            received += Math.max(0, quantity);
            continue;
          }
          if (kind === "adjust") {
            const decision = adjust("A", stock, quantity);
            if ("refusal" in decision) continue;
            stock = decision.stock;
            received += quantity;
            continue;
          }
          const before = shelf(stock, reservations.get(order) ?? null);
          const decide: Record<string, () => Decision> = {
            reserve: () => reserve(before, Math.max(1, quantity)),
            commit: () => commit(before),
            release: () => release(before),
            withdraw: () => withdraw(before),
          };
          const { change } = decide[kind]?.() ?? {};
          if (!change) continue;
          stock = change.stock;
          reservations.set(order, change.reservation);
        }
        const held = (status: Reservation["status"]) =>
          [...reservations.values()].filter((one) => one.status === status).reduce((sum, one) => sum + one.quantity, 0);
        const level = stock ?? { available: 0, reserved: 0 };
        expect(level.available).toBeGreaterThanOrEqual(0);
        expect(level.reserved).toBe(held("reserved"));
        expect(onHand(level)).toBe(received - held("committed"));
      }),
    );
  });
});

describe("An order's items", () => {
  it("are summed per SKU", () => {
    expect(
      itemsOf([
        { sku: "A", quantity: 1 },
        { sku: "B", quantity: 2 },
        { sku: "A", quantity: 3 },
      ]),
    ).toEqual([
      { sku: "A", quantity: 4 },
      { sku: "B", quantity: 2 },
    ]);
  });
});

describe("What is written of a release", () => {
  const stock = { available: 5, reserved: 3 };

  it.each(["reserved", "committed"] as const)("of %s goods is that they are released for good, and how many", (status) => {
    const { change } = release({ sku: "A", stock, reservation: { quantity: 2, status } });
    expect(change?.reservation).toEqual({ quantity: 2, status: "released" });
  });
});
