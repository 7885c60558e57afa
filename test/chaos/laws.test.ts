/** The oracle itself: evidence of a good end passes, and every kind of contradiction is found. */
import { describe, expect, it } from "vitest";
import type { OrderStatus, Priority } from "../../src/contract/order.ts";
import { StatsSnapshot } from "../../src/contract/stats.ts";
import { emptyTally, snapshot } from "../../src/domain/counters.ts";
import type { Accepted, ListedOrder, View } from "./client.ts";
import {
  differingCounters,
  differingHistory,
  doubled,
  type Evidence,
  forgotten,
  lost,
  misplacedGoods,
  misplacedMoney,
  type Told,
} from "./laws.ts";
import type { Account } from "./providers.ts";

const ID = "ord_00000000000000000000000001";
const PLACED_AT = "2026-11-21T08:26:00.000Z";

const receipt = (changes: Partial<Accepted> = {}): Accepted => ({ id: ID, placedAt: PLACED_AT, total: 500, replayed: false, ...changes });

const told = (changes: Partial<Told> = {}): Told => ({ key: "k-1", receipts: [receipt()], version: 0, carriedOut: new Set(), ...changes });

/** Only what the laws look at. */
const view = (status: OrderStatus, changes: { version?: number; priority?: Priority } = {}): View =>
  ({ id: ID, status, version: 5, priority: "standard", currency: "GBP", total: 500, placedAt: PLACED_AT, ...changes }) as View;

const account = (changes: Partial<Account> = {}): Account => ({
  effects: { authorize: 1, reserve: 1, route: 1, capture: 1, commit: 1, send: 1 },
  keys: {},
  authorized: 500,
  captured: 500,
  refunded: 0,
  reserved: false,
  committed: true,
  routed: true,
  ...changes,
});

function evidence(of: View | null, { orders = [told()], book = account() }: { orders?: Told[]; book?: Account | null } = {}): Evidence {
  return {
    told: orders,
    views: new Map(of ? [[of.id, of]] : []),
    ledger: { orders: book ? { [ID]: book } : {}, doubled: [], duplicates: [] },
  };
}

const UNDONE = account({
  effects: { authorize: 1, void: 1 },
  captured: 0,
  committed: false,
  routed: false,
});

describe("A confirmed order that everybody agrees on", () => {
  it("breaks no law", () => {
    const good = evidence(view("confirmed"));
    for (const law of [lost, forgotten, doubled, misplacedMoney, misplacedGoods]) expect(law(good)).toEqual([]);
  });
});

describe("What was acknowledged", () => {
  it("is missed when its order is gone", () => {
    expect(lost(evidence(null))).toHaveLength(1);
  });

  it("is one order, accepted once", () => {
    const twice = [receipt(), receipt()];
    expect(lost(evidence(view("confirmed"), { orders: [told({ receipts: twice })] }))).toEqual([`${ID} was accepted twice`]);
    const repeated = [receipt(), receipt({ replayed: true })];
    expect(lost(evidence(view("confirmed"), { orders: [told({ receipts: repeated })] }))).toEqual([]);
    const other = [receipt(), receipt({ replayed: true, id: "ord_00000000000000000000000002" })];
    expect(lost(evidence(view("confirmed"), { orders: [told({ receipts: other })] }))).toHaveLength(1);
  });

  it("does not go back to an older version", () => {
    expect(lost(evidence(view("confirmed", { version: 5 }), { orders: [told({ version: 6 })] }))).toHaveLength(1);
  });

  it.each(["cancel", "expedite"])("includes the command %s", (name) => {
    expect(forgotten(evidence(view("confirmed"), { orders: [told({ carriedOut: new Set([name]) })] }))).toHaveLength(1);
  });

  it("includes a verdict", () => {
    expect(forgotten(evidence(view("held"), { orders: [told({ carriedOut: new Set(["approve"]) })] }))).toHaveLength(1);
  });
});

describe("At the providers", () => {
  it("a second effect of an operation or of a key is found", () => {
    const { ledger } = evidence(null);
    const twice = { ...ledger, doubled: [`${ID}:capture`], duplicates: [{ key: `${ID}:capture`, attempts: 2, effects: 2 }] };
    expect(doubled({ ...evidence(null), ledger: twice })).toHaveLength(2);
  });

  it("money of a confirmed order is captured, and that of an undone one is not, nor still blocked", () => {
    expect(misplacedMoney(evidence(view("confirmed"), { book: account({ captured: 0 }) }))).toHaveLength(1);
    expect(misplacedMoney(evidence(view("failed")))).toHaveLength(2);
    expect(misplacedMoney(evidence(view("cancelled"), { book: UNDONE }))).toEqual([]);
    expect(misplacedMoney(evidence(view("cancelled"), { book: { ...UNDONE, effects: { authorize: 1 } } }))).toHaveLength(1);
  });

  it("a parked order has paid either all or nothing", () => {
    expect(misplacedMoney(evidence(view("quarantined")))).toEqual([]);
    expect(misplacedMoney(evidence(view("quarantined"), { book: account({ captured: 250 }) }))).toHaveLength(1);
  });

  it("an order that nobody else knows is found", () => {
    expect(misplacedMoney(evidence(null))).toHaveLength(1);
  });

  it("goods are committed and routed for a confirmed order only, and its customer is told once", () => {
    expect(misplacedGoods(evidence(view("confirmed"), { book: account({ reserved: true }) }))).toHaveLength(1);
    expect(misplacedGoods(evidence(view("confirmed"), { book: account({ effects: { send: 2 } }) }))).toHaveLength(1);
    expect(misplacedGoods(evidence(view("failed")))).toHaveLength(1);
    expect(misplacedGoods(evidence(view("failed"), { book: UNDONE }))).toEqual([]);
  });
});

describe("The projections", () => {
  const row = (status: OrderStatus, version: number): ListedOrder => ({ ...view(status), version }) as unknown as ListedOrder;
  const views = new Map([[ID, view("confirmed")]]);

  it("have every order once, at its version and status", () => {
    expect(differingHistory([row("confirmed", 5)], views)).toEqual([]);
    expect(differingHistory([], views)).toHaveLength(1);
    expect(differingHistory([row("processing", 5)], views)).toHaveLength(1);
    expect(differingHistory([row("confirmed", 4)], views)).toHaveLength(1);
    expect(differingHistory([row("confirmed", 5), row("confirmed", 5)], views)).toHaveLength(1);
    expect(differingHistory([row("confirmed", 5)], new Map())).toHaveLength(1);
  });

  it("count what the orders are", () => {
    const counted = { ...emptyTally(), orders: { standard: { confirmed: 1 } }, revenue: { GBP: 500 } };
    const stats = StatsSnapshot.parse(snapshot(counted, Date.parse(PLACED_AT)));
    expect(differingCounters(stats, views)).toEqual([]);
    expect(differingCounters({ ...stats, revenue: { GBP: 499 } }, views)).toHaveLength(1);
    expect(differingCounters({ ...stats, submitted: 2 }, views)).toHaveLength(1);
    expect(differingCounters(StatsSnapshot.parse(snapshot(emptyTally(), 0)), views).length).toBeGreaterThan(3);
  });
});
