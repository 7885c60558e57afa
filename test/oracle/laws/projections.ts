/** Laws 4 and 6: the projections show what the orders are, and a socket hides no gap. */
import { type Counted, type Evidence, KEPT, type ListedOrder, type SeenFrame, type Violation } from "../evidence.ts";

/** Law 4: the history has the same orders, once each. Whatever both sides show of one is equal. */
export function differingHistory({ orders, history }: Evidence): Violation[] {
  if (history === undefined) return [];
  const differs = (subject: string, evidence: string): Violation => ({ law: 4, subject, evidence });
  const rows = Map.groupBy(history, ({ orderId }) => orderId);
  const known = new Set(orders.map(({ orderId }) => orderId));
  return [
    ...[...rows].flatMap(([orderId, same]) => [
      ...(known.has(orderId) ? [] : [differs(orderId, "the history has it, nobody else")]),
      ...(same.length > 1 ? [differs(orderId, `the history has it ${same.length} times`)] : []),
    ]),
    ...orders.flatMap(({ lines: _, ...order }) => {
      const [row] = rows.get(order.orderId) ?? [];
      if (!row) return [differs(order.orderId, `it is ${order.status}, the history lacks it`)];
      const fields = Object.keys(order).filter((field) => field in row) as (keyof ListedOrder)[];
      const differences = fields.filter((field) => row[field] !== order[field]);
      if (differences.length === 0) return [];
      return [differs(order.orderId, differences.map((field) => `${field} is ${order[field]}, the history has ${row[field]}`).join("; "))];
    }),
  ];
}

/** Law 4: a subscriber that acts on each commit must not miss one, whichever messages were lost. */
export function unheardCommits({ orders, heard }: Evidence): Violation[] {
  if (heard === undefined) return [];
  return orders.flatMap(({ orderId, version }): Violation[] => {
    const missing = Array.from({ length: version }, (_, index) => index + 1).filter((one) => !heard.get(orderId)?.has(one));
    return missing.length === 0 ? [] : [{ law: 4, subject: orderId, evidence: `no subscriber was told of version ${missing.join(", ")}` }];
  });
}

/** Law 4: the counters are what anybody would count who had the orders before them. */
export function differingCounters({ orders, counters = [] }: Evidence): Violation[] {
  return counters.flatMap((counted) =>
    countedWrong(counted, orders).map((evidence) => ({ law: 4, subject: `counters of ${counted.tenant}`, evidence })),
  );
}

function countedWrong({ tenant, counters, receivers }: Counted, all: Evidence["orders"]): string[] {
  const orders = all.filter((order) => order.tenant === tenant);
  const kept = orders.filter(({ status }) => KEPT.has(status));
  const differences: string[] = [];
  const compare = (what: string, counted: number, expected: number) => {
    if (counted !== expected) differences.push(`${what}: counted ${counted}, there are ${expected}`);
  };
  compare("submitted", counters.submitted, orders.length);
  for (const [status, count] of Object.entries(counters.byStatus))
    compare(status, count, orders.filter((order) => order.status === status).length);
  for (const [priority, outcomes] of Object.entries(counters.byPriority))
    compare(
      priority,
      Object.values(outcomes).reduce((sum, count) => sum + count, 0),
      orders.filter((order) => order.priority === priority).length,
    );
  for (const currency of new Set([...Object.keys(counters.revenue), ...kept.map((order) => order.currency)])) {
    const revenue = kept.reduce((sum, order) => sum + (order.currency === currency ? order.total : 0), 0);
    compare(`revenue in ${currency}`, counters.revenue[currency] ?? 0, revenue);
  }
  compare("processed", counters.processed, kept.length);
  compare("pending", counters.pending, orders.filter(({ status }) => PENDING.has(status)).length);
  const negative = receivers.flat().find(({ stats }) => Object.values(stats.byStatus).some((count) => count < 0));
  if (negative) differences.push(`frame ${negative.seq} shows a negative count`);
  return differences;
}

/** What the merchant still waits for. */
const PENDING: ReadonlySet<ListedOrder["status"]> = new Set(["accepted", "processing", "held", "cancelling"]);

/** Law 6: each frame follows the one before it, or says that it does not; a number stands for one state; and the newest frame shows the truth. */
export function unannouncedGaps({ counters = [] }: Evidence): Violation[] {
  return counters.flatMap(({ tenant, receivers, counters: shown }) => [
    ...ambiguousNumbers(tenant, receivers.flat()),
    ...receivers.flatMap((frames, index): Violation[] => {
      const subject = `receiver ${index} of ${tenant}`;
      const gaps = frames.flatMap(({ seq, gap }, at): Violation[] => {
        const before = frames[at - 1];
        const follows = before === undefined || seq === before.seq || seq === before.seq + 1 || gap;
        return follows ? [] : [{ law: 6, subject, evidence: `frame ${seq} follows ${before.seq} and does not say so` }];
      });
      const newest = frames.at(-1)?.stats.byStatus;
      const stale = newest !== undefined && JSON.stringify(newest) !== JSON.stringify(shown.byStatus);
      return stale ? [...gaps, { law: 6, subject, evidence: "the newest frame does not show the counters" }] : gaps;
    }),
  ]);
}

/** A receiver that comes back with a number is told what happened since by it, whoever else was shown that number. */
function ambiguousNumbers(tenant: string, frames: readonly SeenFrame[]): Violation[] {
  const states = new Map<number, string>();
  for (const { seq, stats } of frames) {
    const state = JSON.stringify(stats.byStatus);
    const known = states.get(seq) ?? state;
    if (known !== state) return [{ law: 6, subject: `frames of ${tenant}`, evidence: `frame ${seq} is the number of two states` }];
    states.set(seq, state);
  }
  return [];
}
