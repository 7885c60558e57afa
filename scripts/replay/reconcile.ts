/**
 * Compares what the file says, what the history in D1 says and what the live counters say, to the penny. Pure: it is handed
 * all three. The counters belong to everybody, so it compares how far they moved, and it calls a larger movement somebody
 * else's only when the history shows somebody else.
 */
import type { Counters } from "./client.ts";
import { isOpen, type Tracked } from "./watch.ts";
import { plural, pounds } from "./words.ts";

export interface Evidence {
  /** The orders that were to be sent. */
  readonly file: { readonly orders: number; readonly value: number };
  /** The orders that were accepted, by id, with what the history has of them. */
  readonly tracked: readonly Tracked[];
  readonly before: Counters;
  readonly after: Counters;
  /** Other people's orders that may have moved the counters: placed since `before`, or not at rest then. */
  readonly others: { readonly placed: number; readonly underWay: number };
}

/**
 * One quantity by its three witnesses; the counters do not know the value of orders that are not processed. The revenue of
 * the file is what the processed orders come to there. Money is in pence.
 */
export interface Comparison {
  readonly what: "orders" | "order value" | "revenue";
  readonly unit: "count" | "pence";
  readonly file: number;
  readonly history: number;
  readonly counters: number | null;
  readonly verdict: "equal" | "other_traffic" | "different";
}

export interface Reconciliation {
  readonly comparisons: readonly Comparison[];
  /** Every comparison holds and no order is still moving. */
  readonly equal: boolean;
  /** What a person should know, in sentences. */
  readonly notes: readonly string[];
}

const CURRENCY = "GBP";

/** Orders named in one note; a run that goes wrong does so for all of them. */
const MAX_NAMED = 5;

export function reconcile({ file, tracked, before, after, others }: Evidence): Reconciliation {
  const expected = expectedMovement(tracked, before.at);
  const moved = movement(before, after);
  const listed = tracked.flatMap((order) => (order.listed ? [order.listed] : []));
  const value = sum(listed, (order) => order.total);
  const earned = tracked.filter(isEarned);
  const fileRevenue = sum(earned, ({ total }) => total);
  const revenue = sum(earned, ({ listed }) => listed?.total ?? 0);
  /** @param explained how far others can have moved this counter */
  const byCounters = (surplus: number, explained: number) =>
    surplus === 0 ? "equal" : surplus > 0 && surplus <= explained ? "other_traffic" : "different";
  const surplusOrders = moved.orders - expected.orders;
  const surplusRevenue = moved.revenue - expected.revenue;
  // What others' orders come to is not known, since an order may be confirmed long after it was placed.
  const explainedRevenue = others.placed + others.underWay > 0 ? Number.POSITIVE_INFINITY : 0;

  const comparisons: Comparison[] = [
    {
      what: "orders",
      unit: "count",
      file: file.orders,
      history: listed.length,
      // What an earlier run brought in was counted then.
      counters: moved.orders + expected.earlier.orders,
      verdict: file.orders === listed.length ? byCounters(surplusOrders, others.placed) : "different",
    },
    {
      what: "order value",
      unit: "pence",
      file: file.value,
      history: value,
      counters: null,
      verdict: file.value === value ? "equal" : "different",
    },
    {
      what: "revenue",
      unit: "pence",
      file: fileRevenue,
      history: revenue,
      counters: moved.revenue + expected.earlier.revenue,
      verdict: fileRevenue === revenue ? byCounters(surplusRevenue, explainedRevenue) : "different",
    },
  ];

  const missing = tracked.filter((order) => !order.listed);
  const moving = tracked.filter((order) => order.listed && isOpen(order));
  const changed = tracked.filter(({ listed: row, total }) => row && (row.total !== total || row.currency !== CURRENCY));
  const notes = [
    naming(missing, "accepted but not in the history"),
    naming(moving, "still moving when the time was up"),
    naming(changed, "in the history with another total than in the file"),
    comparisons.some(({ verdict }) => verdict === "other_traffic")
      ? otherTraffic({ orders: surplusOrders, revenue: surplusRevenue }, others)
      : undefined,
    expected.earlier.orders > 0 ? `${expected.earlier.orders} orders are from an earlier run; the counters had them already` : undefined,
  ].filter((note) => note !== undefined);

  const equal = comparisons.every(({ verdict }) => verdict !== "different") && [...missing, ...moving, ...changed].length === 0;
  return { comparisons, equal, notes };
}

/** What this run should have added to the counters, and what earlier runs with the same keys already had. */
export function expectedMovement(tracked: readonly Tracked[], startedAt: number) {
  const fresh = tracked.filter((order) => order.fresh);
  const earned = tracked.filter(isEarned);
  // An order of an earlier run may have been confirmed during this one.
  const earnedNow = earned.filter((order) => order.fresh || (order.listed?.confirmedAt ?? 0) >= startedAt);
  const revenue = sum(earnedNow, ({ listed }) => listed?.total ?? 0);
  return {
    orders: fresh.length,
    revenue,
    earlier: { orders: tracked.length - fresh.length, revenue: sum(earned, ({ listed }) => listed?.total ?? 0) - revenue },
  };
}

/** How far the counters moved between two readings. */
export function movement(before: Counters, after: Counters): { readonly orders: number; readonly revenue: number } {
  return {
    orders: after.submitted - before.submitted,
    revenue: (after.revenue[CURRENCY] ?? 0) - (before.revenue[CURRENCY] ?? 0),
  };
}

/** Confirmed, and not undone since. */
function isEarned({ listed }: Tracked): boolean {
  return listed?.status === "confirmed" || listed?.status === "in_fulfilment" || listed?.status === "completed";
}

/** @param surplus how far the counters moved beyond what this run accounts for */
function otherTraffic(surplus: { readonly orders: number; readonly revenue: number }, others: Evidence["others"]): string {
  const by = [
    ...(surplus.orders > 0 ? [plural(surplus.orders, "order")] : []),
    ...(surplus.revenue > 0 ? [pounds(surplus.revenue)] : []),
  ].join(" and ");
  const was = (count: number) => (count === 1 ? "was" : "were");
  const [first, ...more] = [
    { count: others.placed, did: "placed while it ran" },
    { count: others.underWay, did: "under way before it began" },
  ].filter(({ count }) => count > 0);
  const whose = first === undefined ? "" : `; ${plural(first.count, "order")} of others ${was(first.count)} ${first.did}`;
  const also = more.map(({ count, did }) => ` and ${count} ${was(count)} ${did}`).join("");
  return `other traffic: the counters moved further than this run accounts for, by ${by}${whose}${also}`;
}

const sum = <Item>(items: readonly Item[], of: (item: Item) => number): number => items.reduce((total, item) => total + of(item), 0);

function naming(orders: readonly Tracked[], what: string): string | undefined {
  if (orders.length === 0) return undefined;
  const named = orders.slice(0, MAX_NAMED).map(({ invoice, id }) => `${invoice} (${id})`);
  const more = orders.length > MAX_NAMED ? ` and ${orders.length - MAX_NAMED} more` : "";
  return `${orders.length} ${what}: ${named.join(", ")}${more}`;
}
