/** The oracle itself: evidence of a good end passes, every kind of contradiction is found, and what is not seen is not judged. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { OrderStatus, Step } from "../../src/contract/order.ts";
import { StatsSnapshot } from "../../src/contract/stats.ts";
import { emptyTally, snapshot } from "../../src/domain/counters.ts";
import { type Effect, EVERY_LEDGER, type Evidence, type PublicOrder, type SeenFrame, type Told } from "./evidence.ts";
import { stillParked, stranded, unnoticed } from "./laws/orders.ts";
import { checkQuiet } from "./laws.ts";

const ID = "ord_1";
const TENANT = "shop";

const order = (status: OrderStatus, changes: Partial<PublicOrder> = {}): PublicOrder => ({
  orderId: ID,
  tenant: TENANT,
  version: 5,
  status,
  priority: "standard",
  reference: "k-1",
  currency: "GBP",
  total: 500,
  placedAt: 0,
  lines: [{ sku: "s", quantity: 1 }],
  ...changes,
});

const told = (changes: Partial<Told> = {}): Told => ({
  orderId: ID,
  reference: "k-1",
  total: 500,
  replayed: false,
  placedAt: 0,
  ...changes,
});

/** One effect of each step, one after the other. */
const effectsOf = (...steps: readonly Step[]): Effect[] =>
  steps.map((step, index) => ({ orderId: ID, step, key: `${ID}:${step}`, at: index, amount: PAID.has(step) ? 500 : 0 }));
const PAID: ReadonlySet<Step> = new Set(["authorize", "capture", "void", "refund"]);
const FORWARD = ["authorize", "reserve", "route", "capture", "commit", "confirm"] as const;

/** Of an order that everybody sees, with these effects at its providers. */
const atProviders = (status: OrderStatus, effects: readonly Effect[]): Evidence => ({
  orders: [order(status)],
  effects,
  ledgers: EVERY_LEDGER,
});

const laws = (evidence: Evidence) => checkQuiet(evidence).map(({ law }) => law);

describe("The laws", () => {
  it("know nothing of the source but its types", () => {
    const files = [
      "evidence.ts",
      "laws.ts",
      "histories.ts",
      "linearizable.ts",
      "order-model.ts",
      ...globSync("laws/*.ts", { cwd: import.meta.dirname }),
    ];
    expect(files.length).toBeGreaterThan(5);
    for (const file of files) {
      const source = readFileSync(join(import.meta.dirname, file), "utf8");
      expect(source.match(/^import (?!type )[^;]*\/src\/[^;]*;/gm), file).toBeNull();
    }
  });

  it("have nothing against an empty world", () => {
    expect(laws({ orders: [] })).toEqual([]);
  });

  it("have nothing against a confirmed order that everybody agrees on", () => {
    const counted = { ...emptyTally(), orders: { standard: { confirmed: 1 } }, revenue: { GBP: 500 } };
    const { lines: _, ...row } = order("confirmed");
    const evidence: Evidence = {
      ...atProviders("confirmed", effectsOf(...FORWARD)),
      told: [told(), told({ replayed: true })],
      obeyed: [{ orderId: ID, command: "ApproveOrder", version: 3 }],
      history: [row],
      heard: new Map([[ID, new Set([1, 2, 3, 4, 5])]]),
      counters: [{ tenant: TENANT, counters: StatsSnapshot.parse(snapshot(counted, 0)), receivers: [] }],
    };
    expect(checkQuiet(evidence)).toEqual([]);
  });

  it("judge no provider and no projection that is not seen", () => {
    expect(laws({ orders: [order("confirmed")] })).toEqual([]);
    expect(laws({ orders: [order("confirmed")], effects: effectsOf("capture"), ledgers: new Set(["payment"]) })).toEqual([]);
  });
});

describe("What was acknowledged", () => {
  const receipts = (...all: readonly Told[]) => checkQuiet({ orders: [order("confirmed")], told: all });

  it("is missed when its order is gone, or another one", () => {
    expect(checkQuiet({ orders: [], told: [told()] })).toMatchObject([{ law: 1, subject: ID }]);
    for (const other of [{ total: 501 }, { placedAt: 1 }, { reference: "k-2" }]) expect(receipts(told(other))).toHaveLength(1);
  });

  it("is one order, accepted once", () => {
    expect(receipts(told(), told())).toMatchObject([{ law: 1, evidence: "k-1 was accepted twice" }]);
    expect(receipts(told({ replayed: true }), told())).toEqual([]);
    const orders = [order("confirmed"), order("confirmed", { orderId: "ord_2" })];
    expect(laws({ orders, told: [told(), told({ orderId: "ord_2" })] })).toEqual([1]);
  });

  it.each<[string, PublicOrder]>([
    ["CancelOrder", order("confirmed")],
    ["ExpediteOrder", order("confirmed")],
    ["ApproveOrder", order("held")],
    ["RejectOrder", order("held")],
  ])("includes the command %s", (command, one) => {
    expect(laws({ orders: [one], obeyed: [{ orderId: ID, command, version: 1 }] })).toEqual([1]);
  });

  it("does not go back to an older version", () => {
    expect(laws({ orders: [order("cancelled")], obeyed: [{ orderId: ID, command: "CancelOrder", version: 6 }] })).toEqual([1]);
  });

  it.each(["accepted", "processing", "cancelling"] as const)("does not stay %s for ever", (status) => {
    expect(checkQuiet({ orders: [order(status)] })).toMatchObject([{ law: 1, subject: ID, evidence: expect.stringContaining(status) }]);
  });

  it("is not obeyed by an order that is gone", () => {
    expect(laws({ orders: [], obeyed: [{ orderId: ID, command: "ExpediteOrder", version: 2 }] })).toEqual([1]);
  });

  it.each(["held", "confirmed", "in_fulfilment"] as const)("is noticed once its time is over where it is %s", (status) => {
    expect(unnoticed({ orders: [order(status)] })).toMatchObject([{ law: 5, subject: ID }]);
    expect(unnoticed({ orders: [order(status, { attention: "stage_overran" })] })).toEqual([]);
  });

  it("is got out of where it is parked, and needs no noticing where a person has it or nobody waits for it", () => {
    const evidence = { orders: [order("quarantined"), order("confirmed")] };
    expect(stillParked(evidence, ["quarantined"])).toHaveLength(1);
    expect(unnoticed({ orders: [order("quarantined"), order("completed"), order("failed")] })).toEqual([]);
  });

  it("is never where nothing will wake it, unless a person knows of it", () => {
    const idle = {
      orderId: ID,
      isAtRest: false,
      alarmIsArmed: false,
      alarmWasLost: false,
      isRunning: false,
      status: "processing",
    } as const;
    expect(stranded({ ...idle, attention: null })).toMatchObject({ law: 5 });
    expect(stranded({ ...idle, status: "quarantined", attention: "quarantined" })).toBeNull();
    for (const known of ["isAtRest", "alarmIsArmed", "alarmWasLost", "isRunning"])
      expect(stranded({ ...idle, attention: null, [known]: true }), known).toBeNull();
  });
});

describe("At the providers", () => {
  const found = (status: OrderStatus, effects: readonly Effect[]) => checkQuiet(atProviders(status, effects));
  const without = (...left: readonly Step[]) => effectsOf(...FORWARD.filter((step) => !left.includes(step)));

  it("a second effect of a step is found, under whatever key", () => {
    const send: Effect = { orderId: ID, step: "confirm", key: `${ID}:confirm:2`, at: 9, amount: 0 };
    expect(laws({ orders: [order("confirmed")], effects: [...effectsOf("confirm"), send] })).toEqual([2]);
    expect(laws({ orders: [order("confirmed")], effects: ["a", "b"].map((sku) => ({ ...send, step: "reserve", sku })) })).toEqual([]);
  });

  it("an order that nobody else knows is found", () => {
    expect(laws({ orders: [], effects: effectsOf("authorize") })).toEqual([2]);
  });

  it("money of a kept order is captured, and that of an undone one is not, nor still blocked", () => {
    expect(found("confirmed", without("capture"))).toMatchObject([{ law: 2, evidence: expect.stringContaining("is 0") }]);
    expect(found("cancelled", effectsOf("authorize", "void"))).toEqual([]);
    expect(found("cancelled", effectsOf("authorize", "capture", "refund"))).toEqual([]);
    expect(found("cancelled", effectsOf("authorize"))).toMatchObject([{ law: 2, evidence: expect.stringContaining("still authorized") }]);
    expect(found("failed", effectsOf("authorize", "capture"))).toHaveLength(2);
  });

  it("money of an order is what it owes, to the penny", () => {
    const paying = (status: OrderStatus, captured: number, refunded: number) =>
      found(
        status,
        [...effectsOf(...FORWARD), ...(status === "cancelled" ? effectsOf("refund", "unroute", "release") : [])].map((effect) => ({
          ...effect,
          ...(effect.step === "capture" && { amount: captured }),
          ...(effect.step === "refund" && { amount: refunded }),
        })),
      );
    expect(paying("confirmed", 500, 0)).toEqual([]);
    expect(paying("cancelled", 500, 500)).toEqual([]);
    for (const captured of [0, 1, 499, 501, 1_000]) {
      const evidence = `it is confirmed, owes 500, captured less refunded is ${captured}`;
      expect(paying("confirmed", captured, 0)).toEqual([{ law: 2, subject: ID, evidence }]);
    }
    for (const refunded of [0, 499, 501]) {
      const evidence = `it is cancelled, captured less refunded is ${500 - refunded}`;
      expect(paying("cancelled", 500, refunded)).toEqual([{ law: 2, subject: ID, evidence }]);
    }
  });

  it.each(["confirmed", "in_fulfilment", "completed"] as const)("an order that is %s has all that it is kept for", (status) => {
    expect(found(status, without())).toEqual([]);
    expect(found(status, without("capture"))).toMatchObject([{ law: 2, evidence: expect.stringContaining("owes 500") }]);
    expect(found(status, without("commit"))).toMatchObject([{ law: 3 }]);
    expect(found(status, without("route"))).toMatchObject([{ law: 2, evidence: expect.stringContaining("not on their way") }]);
    expect(found(status, without("confirm"))).toMatchObject([{ law: 2, evidence: expect.stringContaining("told 0 times") }]);
  });

  it("goods of a parked order may be anywhere: a person decides what becomes of them", () => {
    for (const effects of [effectsOf("authorize"), effectsOf("reserve"), effectsOf("reserve", "route", "commit")])
      expect(found("quarantined", effects)).toEqual([]);
  });

  it("a customer who was told twice is found, besides the second message", () => {
    expect(found("confirmed", [...without(), ...effectsOf("confirm")])).toMatchObject([
      { law: 2, evidence: expect.stringContaining("confirm took effect 2 times") },
      { law: 2, evidence: "it is confirmed, its customer was told 2 times" },
    ]);
  });

  it("a parked order has paid either all or nothing, and a held one nothing", () => {
    const half = effectsOf("authorize", "capture").map((effect) => ({ ...effect, amount: 250 }));
    expect(found("quarantined", effectsOf("authorize", "capture"))).toEqual([]);
    expect(found("quarantined", half)).toMatchObject([{ law: 2 }]);
    expect(found("held", effectsOf("authorize", "capture"))).toMatchObject([{ law: 2 }]);
  });

  it("goods are sold and on their way for a kept order only, and its customer is told once", () => {
    expect(found("confirmed", without("commit"))).toMatchObject([{ law: 3, evidence: expect.stringContaining("reserved") }]);
    expect(found("confirmed", without("route"))).toMatchObject([{ law: 2, evidence: expect.stringContaining("not on their way") }]);
    expect(found("confirmed", without("confirm"))).toMatchObject([{ law: 2, evidence: expect.stringContaining("told 0 times") }]);
    expect(found("cancelled", effectsOf("reserve"))).toMatchObject([{ law: 3 }]);
    expect(found("cancelled", effectsOf("reserve", "commit", "release"))).toEqual([]);
    expect(found("cancelled", effectsOf("route"))).toMatchObject([{ law: 2 }]);
    expect(found("failed", effectsOf("confirm"))).toMatchObject([{ law: 2 }]);
  });

  it("an order of a graph without that step is not routed", () => {
    const unrouted = new Set([ID]);
    expect(checkQuiet({ ...atProviders("confirmed", without("route")), unrouted })).toEqual([]);
    expect(checkQuiet({ ...atProviders("confirmed", without()), unrouted })).toMatchObject([{ law: 2 }]);
  });

  it("the last effect is undone first, if it was there when the undoing began", () => {
    const undone = atProviders("cancelled", effectsOf("reserve", "route", "release", "unroute"));
    expect(checkQuiet({ ...undone, undoBegan: new Map([[ID, 2]]) })).toMatchObject([{ law: 2, subject: ID }]);
    expect(checkQuiet({ ...undone, undoBegan: new Map([[ID, 1]]) })).toEqual([]);
    expect(checkQuiet(undone)).toEqual([]);
  });

  it("the last effect is undone at all, before an earlier one is; those that were done side by side are undone in any order", () => {
    const undoing = (...steps: Step[]) =>
      checkQuiet({ orders: [order("quarantined")], effects: effectsOf(...steps), undoBegan: new Map([[ID, 2]]) });
    expect(undoing("reserve", "route", "release")).toMatchObject([{ law: 2, evidence: "release took effect before unroute" }]);
    expect(undoing("route", "capture", "refund")).toEqual([]);
    expect(undoing("authorize", "reserve", "release", "void")).toEqual([]);
    expect(undoing("authorize", "reserve", "void", "release")).toEqual([]);
  });
});

describe("On the shelves", () => {
  it("goods that are nowhere are found, and goods reserved for nobody", () => {
    const shelf = { sku: "s", received: 10, available: 9, reserved: 0 };
    expect(checkQuiet({ orders: [], shelves: [shelf] })).toMatchObject([{ law: 3, subject: "s" }]);
    expect(laws({ orders: [], shelves: [{ ...shelf, reserved: 1 }] })).toEqual([3]);
    expect(laws({ orders: [], shelves: [{ ...shelf, available: 10 }] })).toEqual([]);
    expect(laws({ orders: [order("confirmed")], shelves: [shelf] })).toEqual([]);
    expect(laws({ orders: [order("quarantined")], shelves: [{ ...shelf, reserved: 1 }] })).toEqual([]);
  });

  it("goods are counted by piece and SKU, for every order that is kept and for no other", () => {
    const shelf = { sku: "s", received: 10, available: 7, reserved: 0 };
    const taking = (status: OrderStatus, ...lines: PublicOrder["lines"]) => laws({ orders: [order(status, { lines })], shelves: [shelf] });
    for (const status of ["confirmed", "in_fulfilment", "completed"] as const) {
      expect(taking(status, { sku: "s", quantity: 3 })).toEqual([]);
      expect(taking(status, { sku: "s", quantity: 1 }, { sku: "t", quantity: 9 }, { sku: "s", quantity: 2 })).toEqual([]);
      expect(taking(status, { sku: "s", quantity: 2 })).toEqual([3]);
      expect(taking(status, { sku: "t", quantity: 3 })).toEqual([3]);
    }
    expect(taking("cancelled", { sku: "s", quantity: 3 })).toEqual([3]);
  });

  it("more than came in cannot be there or sold, and no part of it is less than nothing", () => {
    const selling = (quantity: number) => [order("confirmed", { lines: [{ sku: "s", quantity }] })];
    const shelf = { sku: "s", received: 10, available: 9, reserved: 0 };
    expect(laws({ orders: selling(1), shelves: [shelf] })).toEqual([]);
    expect(laws({ orders: selling(2), shelves: [shelf] })).toEqual([3]);
    expect(laws({ orders: [], shelves: [{ ...shelf, available: 11 }] })).toEqual([3]);
    expect(laws({ orders: selling(11), shelves: [{ ...shelf, available: -1 }] })).toEqual([3]);
    expect(laws({ orders: selling(1), shelves: [{ ...shelf, available: 10, reserved: -1 }] })).toEqual([3]);
  });
});

describe("The projections", () => {
  const orders = [order("confirmed")];
  const { lines: _, ...row } = order("confirmed");

  it("have every order once, as it is", () => {
    expect(laws({ orders, history: [row] })).toEqual([]);
    expect(laws({ orders, history: [] })).toEqual([4]);
    expect(laws({ orders, history: [{ ...row, status: "processing" }] })).toEqual([4]);
    expect(laws({ orders, history: [{ ...row, version: 4 }] })).toEqual([4]);
    expect(laws({ orders, history: [row, row] })).toEqual([4]);
    expect(laws({ orders: [], history: [row] })).toEqual([4]);
  });

  it.each<Partial<PublicOrder>>([
    { tenant: "bakery" },
    { priority: "expedited" },
    { reference: "k-2" },
    { currency: "EUR" },
    { total: 499 },
    { placedAt: 1 },
  ])("have no other %j than the order", (other) => {
    const [field = ""] = Object.keys(other);
    expect(checkQuiet({ orders, history: [{ ...row, ...other }] })).toMatchObject([
      { law: 4, subject: ID, evidence: expect.stringContaining(`${field} is`) },
    ]);
  });

  it("are compared in what both sides show", () => {
    expect(laws({ orders, history: [{ ...row, stage: "picking" }] })).toEqual([]);
    expect(laws({ orders: [order("confirmed", { stage: null })], history: [{ ...row, stage: "picking" }] })).toEqual([4]);
  });

  it("tell a subscriber of each commit", () => {
    expect(checkQuiet({ orders, heard: new Map([[ID, new Set([1, 2, 4])]]) })).toMatchObject([
      { law: 4, evidence: "no subscriber was told of version 3, 5" },
    ]);
    expect(checkQuiet({ orders, heard: new Map() })).toMatchObject([
      { law: 4, evidence: "no subscriber was told of version 1, 2, 3, 4, 5" },
    ]);
  });

  it("count what the orders are", () => {
    const counted = { ...emptyTally(), orders: { standard: { confirmed: 1 } }, revenue: { GBP: 500 } };
    const counters = StatsSnapshot.parse(snapshot(counted, 0));
    const found = (changes: Partial<StatsSnapshot>) =>
      laws({ orders, counters: [{ tenant: TENANT, counters: { ...counters, ...changes }, receivers: [] }] });
    expect(found({})).toEqual([]);
    expect(found({ revenue: { GBP: 499 } })).toEqual([4]);
    expect(found({ revenue: {} })).toEqual([4]);
    expect(found({ revenue: { GBP: 500, EUR: 1 } })).toEqual([4]);
    expect(found({ pending: 1 })).toEqual([4]);
    expect(found({ byStatus: { ...counters.byStatus, failed: 1 } })).toEqual([4]);
    const { standard } = counters.byPriority;
    expect(found({ byPriority: { ...counters.byPriority, standard: { ...standard, failed: 1 } } })).toEqual([4]);
    expect(found({ submitted: 2 })).toEqual([4]);
    expect(found({ processed: 2 })).toEqual([4]);
    expect(found(snapshot(emptyTally(), 0)).length).toBeGreaterThan(3);
    expect(laws({ orders, counters: [{ tenant: "bakery", counters, receivers: [] }] }).length).toBeGreaterThan(3);
  });

  it.each(["confirmed", "in_fulfilment", "completed"] as const)("count the revenue of an order that is %s", (status) => {
    const counted = (revenue: Record<string, number>) => ({ ...emptyTally(), orders: { standard: { [status]: 1 } }, revenue });
    const found = (revenue: Record<string, number>) =>
      laws({ orders: [order(status)], counters: [{ tenant: TENANT, counters: snapshot(counted(revenue), 0), receivers: [] }] });
    expect(found({ GBP: 500 })).toEqual([]);
    expect(found({})).toEqual([4]);
  });

  it("show nobody less than nothing, not even for a moment", () => {
    const counters = StatsSnapshot.parse(snapshot(emptyTally(), 0));
    const negative: SeenFrame = { type: "stats", seq: 1, stats: { ...counters, byStatus: { ...counters.byStatus, held: -1 } } };
    const receivers = [[negative, { ...negative, seq: 2, stats: counters }]];
    expect(checkQuiet({ orders: [], counters: [{ tenant: TENANT, counters, receivers }] })).toMatchObject([
      { law: 4, evidence: "frame 1 shows a negative count" },
    ]);
  });

  it("show no gap between frames, unless the frame says so", () => {
    const stats = StatsSnapshot.parse(snapshot(emptyTally(), 0));
    const frame = (seq: number, gap = false): SeenFrame => ({ type: gap ? "snapshot" : "stats", seq, gap, stats });
    const watched = (...frames: SeenFrame[]) => laws({ orders: [], counters: [{ tenant: TENANT, counters: stats, receivers: [frames] }] });
    expect(watched(frame(1), frame(3))).toEqual([6]);
    expect(watched(frame(3), frame(2))).toEqual([6]);
    const stale: SeenFrame = { ...frame(3), stats: { ...stats, byStatus: { ...stats.byStatus, confirmed: 1 } } };
    expect(watched(frame(1), stale)).toEqual([6, 6]);
    expect(watched(frame(1), frame(3, true), frame(4), frame(4))).toEqual([]);
    expect(watched({ ...frame(1), stats: { ...stats, byStatus: { ...stats.byStatus, confirmed: 1 } } })).toEqual([6]);
  });

  it("number no two states alike, whoever was shown them", () => {
    const stats = StatsSnapshot.parse(snapshot(emptyTally(), 0));
    const before: SeenFrame = { type: "stats", seq: 1, stats: { ...stats, byStatus: { ...stats.byStatus, held: 1 } } };
    const after: SeenFrame = { type: "stats", seq: 1, stats };
    const receivers = [[before, { ...after, seq: 2 }], [after]];
    expect(laws({ orders: [], counters: [{ tenant: TENANT, counters: stats, receivers }] })).toEqual([6]);
  });
});

describe("Trouble", () => {
  it("that is answered with 500 is a bug", () => {
    expect(laws({ orders: [], bugs: ["GET /v1/stats: oh"] })).toEqual([7]);
  });

  it("of another tenant's orders, or what another's people have stopped, is not waited for", () => {
    const blocked = [{ orderId: ID, tenant: TENANT, provider: "payment", since: 100_000 } as const];
    const stop = { tenant: TENANT, provider: "payment", at: 99_000, by: "failure" } as const;
    const found = (...stopped: NonNullable<Evidence["stopped"]>) => checkQuiet({ orders: [], blocked, stopped });
    expect(found(stop)).toEqual([]);
    expect(found({ ...stop, by: "person", at: 100_000 })).toEqual([]);
    for (const other of [{ tenant: "bakery" }, { provider: "inventory" }, { at: 10_000 }, { at: 101_000 }, { by: "person" }] as const)
      expect(found({ ...stop, ...other })).toMatchObject([{ law: 8, subject: ID }]);
  });
});
