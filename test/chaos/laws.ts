/**
 * The laws of the design as an oracle: it is given what the clients were told, what the actors, the history, the counters and
 * the providers say now that everything stands still, and names every contradiction. It asks nobody and decides nothing.
 *
 * Left out, because a kill cannot break it or another test looks: law 6 (frames of a socket), the email adapter, and tracked
 * stock of our own, since here the provider keeps it.
 */
import { OrderStatus, Priority } from "../../src/contract/order.ts";
import type { StatsSnapshot } from "../../src/contract/stats.ts";
import type { Accepted, ListedOrder, View } from "./client.ts";
import type { Account, Ledger } from "./providers.ts";

/** What one order's clients know of it. */
export interface Told {
  readonly key: string;
  /** Every 202 that they got, in the order of arrival; the first one is the acknowledgement. */
  readonly receipts: readonly Accepted[];
  /** The highest version that an answer to a command showed, and which commands were carried out. */
  readonly version: number;
  readonly carriedOut: ReadonlySet<string>;
}

export interface Evidence {
  readonly told: readonly Told[];
  /** By order id, from the actors; an order that answers 404 is missing. */
  readonly views: ReadonlyMap<string, View>;
  readonly ledger: Ledger;
}

/** No call is out, and none will be made unless a person or a stage of the track comes along. */
export const STANDS_STILL: ReadonlySet<OrderStatus> = new Set([
  ...(["confirmed", "held", "quarantined"] as const),
  ...(["in_fulfilment", "completed", "failed", "cancelled"] as const),
]);

const KEPT: ReadonlySet<OrderStatus> = new Set(["confirmed", "in_fulfilment", "completed"]);
const UNDONE: ReadonlySet<OrderStatus> = new Set(["failed", "cancelled"]);

/** Law 1: whatever was acknowledged exists, once, and says of itself what was acknowledged. */
export function lost({ told, views }: Evidence): string[] {
  return told.flatMap(({ key, receipts, version }) => {
    const [first] = receipts;
    if (!first) return [`${key} was never acknowledged`];
    const view = views.get(first.id);
    if (!view) return [`${first.id} (${key}) was acknowledged and is gone`];
    return [
      ...receipts
        .filter(({ id, placedAt }) => id !== first.id || placedAt !== first.placedAt)
        .map(({ id }) => `${key} is two orders: ${id}`),
      ...(receipts.filter(({ replayed }) => !replayed).length > 1 ? [`${first.id} was accepted twice`] : []),
      ...(view.placedAt !== first.placedAt || view.total !== first.total ? [`${first.id} is not what was acknowledged`] : []),
      ...(view.version < version ? [`${first.id} is at version ${view.version}, but version ${version} was acknowledged`] : []),
    ];
  });
}

/** Law 1, for commands: what was answered with 200 has not been forgotten. */
export function forgotten({ told, views }: Evidence): string[] {
  return told.flatMap(({ receipts, carriedOut }) => {
    const view = views.get(receipts[0]?.id ?? "");
    if (!view) return [];
    const { id, status, priority } = view;
    return [
      ...(carriedOut.has("cancel") && status !== "cancelled" && status !== "quarantined"
        ? [`${id} is ${status}, its cancellation was acknowledged`]
        : []),
      ...(carriedOut.has("expedite") && priority !== "expedited" ? [`${id} is ${priority}, its promotion was acknowledged`] : []),
      ...((carriedOut.has("approve") || carriedOut.has("reject")) && status === "held"
        ? [`${id} is held, a verdict was acknowledged`]
        : []),
    ];
  });
}

/** Law 2: at most one effect per order and step, no effects for orders that nobody has, and the money is where the order's end says. */
export function doubled({ ledger }: Evidence): string[] {
  return [
    ...ledger.doubled,
    ...ledger.duplicates.filter(({ effects }) => effects > 1).map(({ key, effects }) => `${key} had ${effects} effects`),
  ];
}

export function misplacedMoney({ views, ledger }: Evidence): string[] {
  const strangers = Object.keys(ledger.orders).filter((id) => !views.has(id));
  return [
    ...strangers.map((id) => `the providers know ${id}, nobody else does`),
    ...[...views.values()].flatMap(({ id, status, total }) => {
      const account = ledger.orders[id];
      const kept = (account?.captured ?? 0) - (account?.refunded ?? 0);
      // What is parked may have stopped on either side of its capture; a person decides what becomes of it.
      const right = KEPT.has(status) ? kept === total : status === "quarantined" ? kept === 0 || kept === total : kept === 0;
      const blocked = UNDONE.has(status) && account !== undefined && isBlocked(account);
      return [
        ...(right ? [] : [`${id} is ${status} at ${total}, captured less refunded is ${kept}`]),
        ...(blocked ? [`${id} is ${status}, its payment is still authorized`] : []),
      ];
    }),
  ];
}

const isBlocked = ({ effects }: Account): boolean => (effects.authorize ?? 0) > 0 && !effects.void && !effects.refund;

/** Law 3, by the provider's ledger: goods of kept orders are committed and on their way, nothing is reserved or routed for others. */
export function misplacedGoods({ views, ledger }: Evidence): string[] {
  return [...views.values()].flatMap(({ id, status }) => {
    const { reserved = false, committed = false, routed = false, effects = {} } = ledger.orders[id] ?? {};
    const goods = `${reserved ? "reserved" : committed ? "committed" : "free"} and ${routed ? "routed" : "not routed"}`;
    if (KEPT.has(status) && (reserved || !committed || !routed)) return [`${id} is ${status}, its goods are ${goods}`];
    if (KEPT.has(status) && effects.send !== 1) return [`${id} is ${status}, its customer was told ${effects.send ?? 0} times`];
    if (UNDONE.has(status) && (reserved || committed || routed)) return [`${id} is ${status}, its goods are ${goods}`];
    return [];
  });
}

/** Law 4, the history: the same orders as the actors', at the same versions and statuses. */
export function differingHistory(listed: readonly ListedOrder[], views: ReadonlyMap<string, View>): string[] {
  const rows = new Map(listed.map((row) => [row.id, row]));
  return [
    ...(rows.size === listed.length ? [] : [`${listed.length - rows.size} orders are listed twice`]),
    ...listed.filter(({ id }) => !views.has(id)).map(({ id }) => `the history lists ${id}, nobody else knows it`),
    ...[...views.values()].flatMap(({ id, status, version }) => {
      const row = rows.get(id);
      if (!row) return [`the history lacks ${id}, which is ${status} at version ${version}`];
      const same = row.status === status && row.version === version;
      return same ? [] : [`${id} is ${status} at version ${version}, the history has ${row.status} at ${row.version}`];
    }),
  ];
}

/** Law 4, the counters: what anybody would count who had the actors' answers before them. */
export function differingCounters(stats: StatsSnapshot, views: ReadonlyMap<string, View>): string[] {
  const orders = [...views.values()];
  const differences: string[] = [];
  const compare = (what: string, counted: number, expected: number) => {
    if (counted !== expected) differences.push(`${what}: the counters say ${counted}, the orders ${expected}`);
  };
  compare("submitted", stats.submitted, orders.length);
  for (const status of OrderStatus.options) {
    compare(status, stats.byStatus[status] ?? 0, orders.filter((order) => order.status === status).length);
  }
  for (const priority of Priority.options) {
    const counted = Object.values(stats.byPriority[priority]).reduce((sum, count) => sum + count, 0);
    compare(priority, counted, orders.filter((order) => order.priority === priority).length);
  }
  const kept = orders.filter(({ status }) => KEPT.has(status));
  for (const currency of new Set([...Object.keys(stats.revenue), ...kept.map((order) => order.currency)])) {
    const sum = kept.reduce((revenue, order) => revenue + (order.currency === currency ? order.total : 0), 0);
    compare(`revenue in ${currency}`, stats.revenue[currency] ?? 0, sum);
  }
  return differences;
}
