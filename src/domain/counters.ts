/**
 * The arithmetic of the live counters. Counters are exact whatever arrives twice or out of order: an order counts as its
 * highest version says, and what it counted for before is taken back. Rates are of recent minutes and only ever added to;
 * an event that comes later than they reach back is missing from them, never from the counters.
 */

import { OrderStatus, type OrderSummary, Priority } from "../contract/order.ts";
import { BASE32_DIGITS } from "../contract/primitives.ts";
import type { Outcome, Outcomes, Slice, StatsSnapshot, Tally, WaitingTime } from "../contract/stats.ts";

/**
 * Into how many shards a tenant's orders are counted: together they take some thousand orders a second, and one hub
 * merges them with ease. An order belongs to the shard that has its contribution, so with another number here orders
 * would be counted a second time elsewhere: changing it means to delete all counters and rebuild them from the history.
 */
export const SHARDS = 4;

/** The shard, from 0, that counts an order. Its id ends in a digit of a digest, hence orders are uniform over the shards. */
export function shardOf(orderId: string): number {
  return BASE32_DIGITS.indexOf(orderId.slice(-1)) % SHARDS;
}

const SLICE_MS = 10_000;

/** Five minutes: enough orders for a 95th percentile of a small shop, recent enough to watch a burst pass. */
const RING_SLICES = 30;

const SLICES_PER_MINUTE = 6;

/** Buckets per doubling of a waiting time: each is 19 % wide, so its geometric middle is off by 9 % at most. */
const BUCKETS_PER_OCTAVE = 4;

const OUTCOME_OF: Readonly<Record<OrderStatus, Outcome>> = {
  accepted: "pending",
  processing: "pending",
  held: "pending",
  cancelling: "pending",
  confirmed: "processed",
  in_fulfilment: "processed",
  completed: "processed",
  cancelled: "cancelled",
  failed: "failed",
  quarantined: "quarantined",
};

/** What an order counts for at present: what must be taken back before it can count for something else. */
export interface Contribution extends Pick<OrderSummary, "version" | "status" | "priority" | "currency" | "total" | "placedAt"> {
  /** Whether its waiting time and its confirmation are in the rates, where each order is counted once. */
  readonly startCounted: boolean;
  readonly confirmCounted: boolean;
}

export interface Counting {
  readonly tally: Tally;
  /** New contributions by order id, to be stored in one transaction with the tally; empty when nothing was new. */
  readonly changed: ReadonlyMap<string, Contribution>;
}

export const emptyTally = (): Tally => ({ orders: {}, revenue: {}, slices: {} });

/**
 * Counts orders, each at its highest version; versions that are known or older change nothing.
 * @param known the contributions of those orders that were counted before
 * @param now milliseconds; decides how far back the rates reach
 */
export function countOrders(
  tally: Tally,
  known: ReadonlyMap<string, Contribution>,
  orders: readonly OrderSummary[],
  now: number,
): Counting {
  const next = copyOf(tally);
  const changed = new Map<string, Contribution>();
  for (const order of orders) {
    const before = changed.get(order.orderId) ?? known.get(order.orderId);
    if (before !== undefined && before.version >= order.version) continue;
    if (before !== undefined) contribute(next, before, -1);
    contribute(next, order, 1);
    addToRates(next, before, order);
    changed.set(order.orderId, contributionOf(before, order));
  }
  for (const slice of Object.keys(next.slices)) if (!inRing(Number(slice), now)) delete next.slices[slice];
  return { tally: next, changed };
}

/** What a number of orders count for together. */
export interface CountedGroup extends Pick<Contribution, "status" | "priority" | "currency"> {
  readonly orders: number;
  readonly total: number;
}

/** The tally with its counters made anew from what all its orders count for. Rates cannot be made anew and stay. */
export function recount(tally: Tally, groups: readonly CountedGroup[]): Tally {
  const next: Tally = { ...emptyTally(), slices: tally.slices };
  for (const { priority, status, currency, orders, total } of groups) {
    addOrders(next, priority, status, orders);
    if (OUTCOME_OF[status] === "processed") increase(next.revenue, currency, total);
  }
  return next;
}

/** The counters of all the orders of several tallies, none of which may be counted in two of them. */
export function mergeTallies(tallies: readonly Tally[]): Tally {
  const merged = emptyTally();
  for (const tally of tallies) {
    for (const [priority, counts] of entriesOf(tally.orders)) {
      for (const [status, count] of entriesOf(counts)) addOrders(merged, priority, status, count);
    }
    for (const [currency, sum] of Object.entries(tally.revenue)) increase(merged.revenue, currency, sum);
    for (const [key, slice] of Object.entries(tally.slices)) addSlice(sliceAt(merged, key), slice);
  }
  return merged;
}

/** The tally as it is shown at a time, in milliseconds. A tally that stands still shows falling rates as time goes by. */
export function snapshot(tally: Tally, now: number): StatsSnapshot {
  const byStatus = recordOf(OrderStatus.options, (status) =>
    Priority.options.reduce((sum, priority) => sum + (tally.orders[priority]?.[status] ?? 0), 0),
  );
  return {
    at: new Date(now).toISOString(),
    submitted: OrderStatus.options.reduce((sum, status) => sum + byStatus[status], 0),
    ...outcomesOf(byStatus),
    byStatus,
    byPriority: recordOf(Priority.options, (priority) => outcomesOf(tally.orders[priority] ?? {})),
    revenue: { ...tally.revenue },
    throughput: {
      submittedPerMinute: lastMinute(tally, now, "submitted"),
      confirmedPerMinute: lastMinute(tally, now, "confirmed"),
    },
    waiting: recordOf(Priority.options, (priority) => waitingTime(tally, priority, now)),
  };
}

/** Whether time alone can no longer change what the snapshot shows. */
export function isQuiet({ throughput, waiting }: StatsSnapshot): boolean {
  const { submittedPerMinute, confirmedPerMinute } = throughput;
  return submittedPerMinute === 0 && confirmedPerMinute === 0 && Priority.options.every((priority) => waiting[priority].p50Ms === null);
}

function contribute(
  tally: Tally,
  { status, priority, currency, total }: Omit<Contribution, "startCounted" | "confirmCounted">,
  sign: 1 | -1,
): void {
  addOrders(tally, priority, status, sign);
  if (OUTCOME_OF[status] === "processed") increase(tally.revenue, currency, sign * total);
}

function addOrders(tally: Tally, priority: Priority, status: OrderStatus, by: number): void {
  const counts = entryOf(tally.orders, priority, {});
  increase(counts, status, by);
  if (Object.keys(counts).length === 0) delete tally.orders[priority];
}

/**
 * The slice that takes an event is the one of the event's own time; when it is heard of does not matter. A slice that lies
 * outside of the ring is taken away again with those that have left it.
 */
function addToRates(tally: Tally, before: Contribution | undefined, order: OrderSummary): void {
  const { placedAt, startedAt, confirmedAt, priority } = order;
  const sliceOfTime = (at: number) => sliceAt(tally, String(sliceOf(at)));
  if (before === undefined) sliceOfTime(placedAt).submitted += 1;
  if (confirmedAt !== null && !before?.confirmCounted) sliceOfTime(confirmedAt).confirmed += 1;
  if (startedAt !== null && !before?.startCounted) {
    increase(waitsOf(sliceOfTime(startedAt), priority), String(bucketOf(startedAt - placedAt)), 1);
  }
}

/** What an order counts for at a version, when before it counted for `before`. */
export function contributionOf(before: Contribution | undefined, order: OrderSummary): Contribution {
  const { version, status, priority, currency, total, placedAt, startedAt, confirmedAt } = order;
  return {
    version,
    status,
    priority,
    currency,
    total,
    placedAt,
    startCounted: before?.startCounted === true || startedAt !== null,
    confirmCounted: before?.confirmCounted === true || confirmedAt !== null,
  };
}

function outcomesOf(counts: Partial<Record<OrderStatus, number>>): Outcomes {
  const outcomes: Outcomes = { processed: 0, failed: 0, cancelled: 0, pending: 0, quarantined: 0 };
  for (const status of OrderStatus.options) outcomes[OUTCOME_OF[status]] += counts[status] ?? 0;
  return outcomes;
}

/** The seventh slice back counts by the share of it that still lies within the minute, so that the rate does not saw. */
function lastMinute(tally: Tally, now: number, what: "submitted" | "confirmed"): number {
  const current = sliceOf(now);
  const count = (age: number) => tally.slices[String(current - age)]?.[what] ?? 0;
  let sum = count(SLICES_PER_MINUTE) * (1 - (now % SLICE_MS) / SLICE_MS);
  for (let age = 0; age < SLICES_PER_MINUTE; age++) sum += count(age);
  return Math.round(sum);
}

function waitingTime(tally: Tally, priority: Priority, now: number): WaitingTime {
  const histogram: Record<string, number> = {};
  for (const [key, slice] of Object.entries(tally.slices)) {
    if (!inRing(Number(key), now)) continue;
    for (const [bucket, count] of Object.entries(slice.waiting[priority] ?? {})) increase(histogram, bucket, count);
  }
  return { p50Ms: quantile(histogram, 0.5), p95Ms: quantile(histogram, 0.95) };
}

function quantile(histogram: Readonly<Record<string, number>>, share: number): number | null {
  const buckets = Object.entries(histogram).sort(([a], [b]) => Number(a) - Number(b));
  let rank = Math.ceil(share * buckets.reduce((sum, [, count]) => sum + count, 0));
  for (const [bucket, count] of buckets) {
    rank -= count;
    if (rank <= 0) return middleOf(Number(bucket));
  }
  return null;
}

/** Below a millisecond there is nothing to tell apart. */
const bucketOf = (ms: number): number => Math.floor(Math.log2(Math.max(1, ms)) * BUCKETS_PER_OCTAVE);
const middleOf = (bucket: number): number => Math.round(2 ** ((bucket + 0.5) / BUCKETS_PER_OCTAVE));

const sliceOf = (at: number): number => Math.floor(at / SLICE_MS);

/** One slice ahead is let in, because the clocks of two machines differ; a clock that is far ahead must not fill the ring. */
function inRing(slice: number, now: number): boolean {
  const current = sliceOf(now);
  return slice > current - RING_SLICES && slice <= current + 1;
}

const sliceAt = (tally: Tally, key: string): Slice => entryOf(tally.slices, key, { submitted: 0, confirmed: 0, waiting: {} });

const waitsOf = (slice: Slice, priority: Priority): Record<string, number> => entryOf(slice.waiting, priority, {});

function addSlice(to: Slice, from: Slice): void {
  to.submitted += from.submitted;
  to.confirmed += from.confirmed;
  for (const [priority, waits] of entriesOf(from.waiting)) {
    for (const [bucket, count] of entriesOf(waits)) increase(waitsOf(to, priority), bucket, count);
  }
}

/** By hand, since `structuredClone` takes several times as long, for each delivery. */
function copyOf({ orders, revenue, slices }: Tally): Tally {
  const copySlice = ({ waiting, ...counts }: Slice): Slice => ({ ...counts, waiting: mapValues(waiting, (waits) => ({ ...waits })) });
  return { orders: mapValues(orders, (counts) => ({ ...counts })), revenue: { ...revenue }, slices: mapValues(slices, copySlice) };
}

function mapValues<Key extends string, Value>(record: Partial<Record<Key, Value>>, change: (value: Value) => Value): Record<Key, Value> {
  return Object.fromEntries(entriesOf(record).map(([key, value]) => [key, change(value)])) as Record<Key, Value>;
}

/** What comes to nothing is removed, so that equal tallies look equal however they came about. */
function increase<Key extends string>(counts: Partial<Record<Key, number>>, key: Key, by: number): void {
  const value = (counts[key] ?? 0) + by;
  if (value === 0) delete counts[key];
  else counts[key] = value;
}

function entryOf<Key extends string, Value>(record: Partial<Record<Key, Value>>, key: Key, fresh: Value): Value {
  const known = record[key];
  if (known !== undefined) return known;
  record[key] = fresh;
  return fresh;
}

const entriesOf = <Key extends string, Value>(record: Partial<Record<Key, Value>>): [Key, Value][] =>
  Object.entries(record) as [Key, Value][];

function recordOf<Key extends string, Value>(keys: readonly Key[], toValue: (key: Key) => Value): Record<Key, Value> {
  return Object.fromEntries(keys.map((key) => [key, toValue(key)])) as Record<Key, Value>;
}
