import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_CUSTOMERS, REMEMBERED_PER_NORMAL, RecentOrders, type SeenOrder } from "../../src/domain/velocity.ts";

const NORMAL = { velocityMax: 5, velocityWindowMs: 1_000 };
const MOST = REMEMBERED_PER_NORMAL * NORMAL.velocityMax;

const counting = (seen: readonly SeenOrder[] = []) => {
  const recent = new RecentOrders(seen);
  return (customer: string, orderId: string, at: number) => recent.count(customer, orderId, at, NORMAL).recent;
};

describe("The recent orders of a customer", () => {
  it("are those of the window that ends with the order, itself included", () => {
    const count = counting();
    expect([count("ada", "o1", 0), count("ada", "o2", 10), count("ada", "o3", 1_000), count("ada", "o4", 2_000)]).toEqual([1, 2, 2, 1]);
  });

  it("do not count what came after", () => {
    const count = counting();
    count("ada", "o1", 500);
    expect(count("ada", "late", 0)).toBe(1);
  });

  it("are counted once each, at the time of the first call", () => {
    const recent = new RecentOrders();
    expect(recent.count("ada", "o1", 0, NORMAL)).toEqual({ recent: 1, isNew: true });
    expect(recent.count("ada", "o2", 1, NORMAL)).toEqual({ recent: 2, isNew: true });
    expect(recent.count("ada", "o1", 900, NORMAL)).toEqual({ recent: 1, isNew: false });
  });

  it("leave out one that came a whole window before", () => {
    const count = counting();
    count("ada", "o1", 0);
    count("ada", "o2", 1);
    expect(count("ada", "o3", 1_000)).toBe(2);
    expect(count("ada", "o4", 999)).toBe(2);
  });

  it("are forgotten once they have left the window, and the oldest beyond the most, however late one comes", () => {
    const recent = new RecentOrders();
    const isNew = (orderId: string, at: number) => recent.count("ada", orderId, at, NORMAL).isNew;
    isNew("o1", 0);
    isNew("o2", 500);
    isNew("o3", 1_000);
    expect([isNew("o1", 0), isNew("o2", 500)]).toEqual([true, false]);
    for (let order = 0; order < MOST; order++) isNew(`p${order}`, 1_100 - order);
    expect([isNew("p0", 1_100), isNew("p1", 1_099), isNew("o2", 500)]).toEqual([false, false, true]);
    expect([isNew("late", 600), isNew("p0", 1_100), isNew("late", 600)], "the last to come is the oldest").toEqual([true, false, true]);
  });

  it("of a robot stop growing", () => {
    const count = counting();
    let last = 0;
    for (let order = 0; order < MOST + 20; order++) last = count("robot", `o${order}`, order);
    expect(last).toBe(MOST);
  });

  it("are forgotten of those who ordered the longest ago, when there are too many customers", () => {
    const count = counting();
    count("ada", "o1", 0);
    for (let customer = 0; customer < MAX_CUSTOMERS; customer++) count(`customer ${customer}`, `p${customer}`, 1);
    expect(count("ada", "o2", 2)).toBe(1);
    expect(count(`customer ${MAX_CUSTOMERS - 1}`, "p", 2)).toBe(2);
  });

  it("are kept of as many customers as there may be, and of one who has ordered again", () => {
    const count = counting();
    count("ada", "o1", 0);
    for (let customer = 1; customer < MAX_CUSTOMERS; customer++) count(`customer ${customer}`, `p${customer}`, 1);
    expect(count("ada", "o2", 2), "there is room for all").toBe(2);
    count("one more", "q", 3);
    expect(count("ada", "o3", 4), "somebody else ordered longer ago").toBe(3);
  });

  it("are forgotten although one of them was asked about again", () => {
    const count = counting();
    count("ada", "o1", 0);
    for (let customer = 1; customer < MAX_CUSTOMERS; customer++) count(`customer ${customer}`, `p${customer}`, 1);
    expect(count("ada", "o1", 2)).toBe(1);
    count("one more", "q", 3);
    expect(count("ada", "o2", 4), "a repeat is no order").toBe(1);
  });

  it("are forgotten of those who ordered the longest ago, in whatever order they were remembered", () => {
    const seen = Array.from({ length: MAX_CUSTOMERS }, (_, n): SeenOrder => [`customer ${n}`, `o${n}`, MAX_CUSTOMERS - n]);
    const count = counting(seen.toSorted(([, , a], [, , b]) => (a % 100) - (b % 100)));
    count("one more", "q", MAX_CUSTOMERS);
    expect(count(`customer ${MAX_CUSTOMERS - 1}`, "p", 5)).toBe(1);
    expect(count("customer 0", "p", MAX_CUSTOMERS)).toBe(2);
  });

  it("are all there when they are remembered, each of its own customer", () => {
    const seen: SeenOrder[] = [
      ["ada", "o2", 20],
      ["bob", "o3", 15],
      ["ada", "o1", 10],
    ];
    expect(counting(seen)("ada", "o4", 30)).toBe(3);
    expect(counting(seen)("bob", "o4", 30)).toBe(2);
    expect(counting(seen)("cyd", "o4", 30)).toBe(1);
  });

  it("count on from what was remembered, in whatever order it comes", () => {
    const order = fc.tuple(fc.constantFrom("ada", "bob"), fc.nat(20).map(String), fc.nat(3_000));
    fc.assert(
      fc.property(fc.uniqueArray(order, { selector: ([, id]) => id, maxLength: 12 }), fc.nat(3_000), (seen, at) => {
        const inOrder = counting(seen.toSorted(([, , a], [, , b]) => a - b))("ada", "the next", at);
        expect(counting(seen)("ada", "the next", at)).toBe(inOrder);
      }),
    );
  });
});
