/**
 * One redrive of parked orders, named `<tenant>/<id>`: keeps the list, releases orders at a rate, and watches their
 * outcomes. `domain/redrive.ts` decides. Orders are only touched by the command that a person would give. A crash may
 * repeat the last second, which is harmless: an order that was released already is only watched.
 */
import pMap from "p-map";
import type { Hint } from "../contract/messages.ts";
import type { RedriveJobView } from "../contract/quarantine.ts";
import {
  beginRedrive,
  decided,
  type ItemOutcome,
  isEnded,
  judge,
  outcomeOf,
  type RedriveJob,
  stopRedrive,
  tickMs,
  took,
  toTake,
  underWay,
} from "../domain/redrive.ts";
import type { Env } from "../env.ts";
import { sendHints } from "../messaging/hints.ts";
import { now } from "../platform/ambient.ts";
import { within } from "../platform/deadline.ts";
import { excerpt, log } from "../platform/log.ts";
import type { Row } from "../platform/storage.ts";
import { Actor } from "./actor.ts";
import {
  type FoundRedrive,
  MAX_CONCURRENT_ACTORS,
  type OrderAddress,
  orderActor,
  type RedriveAddress,
  type RedriveOrders,
  type Serves,
} from "./addresses.ts";

/**
 * A row is written when the job begins, and once more when the order's outcome is known. How far the job has come is one
 * number in its state, not a mark on each row.
 */
const SCHEMA = ["CREATE TABLE items (position INTEGER PRIMARY KEY, order_id TEXT NOT NULL, outcome TEXT) STRICT"] as const;

const SQL = {
  add: "INSERT INTO items (position, order_id) SELECT key, value FROM json_each(?)",
  next: "SELECT position, order_id FROM items WHERE position >= ? ORDER BY position LIMIT ?",
  open: "SELECT position, order_id FROM items WHERE position < ? AND outcome IS NULL ORDER BY position",
  decide: "UPDATE items SET outcome = ? WHERE position = ?",
  failed: "SELECT order_id FROM items WHERE outcome = 'failed' ORDER BY position LIMIT ?",
} as const;

const STATE_KEY = "job";

/** Released orders examined in one second. With more under way, they take turns. */
const MAX_CHECKS = 200;

const MAX_FAILED_IDS = 10;

/** An order answers in milliseconds and a queue in tens of them. One that hangs must not hold up the others. */
const ORDER_DEADLINE_MS = 5_000;

/** A job can be read, and its Idempotency-Key is remembered, for this long after its end. */
export const KEEP_MS = 30 * 24 * 60 * 60_000;

interface Stored {
  readonly orders: RedriveOrders;
  readonly job: RedriveJob;
}

interface Item extends Row {
  position: number;
  order_id: string;
}

/** The RPC face of the redrive; see `RedriveAddress`. */
export class RedriveActor extends Actor implements Serves<RedriveAddress> {
  #stored: Stored | null;
  /** Released orders without an outcome, the longest unchecked first. */
  #open: Item[];
  /** Whether a tick is under way. The platform may fire an alarm twice, and two ticks would release twice the rate. */
  #ticking = false;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, SCHEMA);
    this.#stored = this.store.get<Stored>(STATE_KEY) ?? null;
    this.#open = this.#stored ? this.store.read<Item>(SQL.open, this.#stored.job.taken) : [];
  }

  /** The job of this name, or `conflict` when it was asked for with another request; null when there is none. */
  find(requestDigest: string): FoundRedrive | null {
    return this.#stored && this.#found(this.#stored, requestDigest);
  }

  /** Begins the job, unless it began before. When this answers, the job is durable and carries on by itself. */
  async start(orders: RedriveOrders, orderIds: readonly string[]): Promise<FoundRedrive> {
    if (this.#stored) return this.#found(this.#stored, orders.requestDigest);
    const stored = { orders, job: beginRedrive(orders, orderIds.length, now()) };
    this.store.transaction(() => {
      this.store.write(SQL.add, JSON.stringify(orderIds));
      this.#save(stored);
    });
    await this.#arm(stored);
    this.#log(stored.job, orders);
    return this.#found(stored, orders.requestDigest);
  }

  view(): RedriveJobView | null {
    return this.#stored && this.#view(this.#stored);
  }

  /** Releases no more orders. A job that has ended stays as it is. Null when there is none. */
  stop(by: string): RedriveJobView | null {
    if (!this.#stored) return null;
    this.#become(stopRedrive(this.#stored.job, by, now()));
    return this.#view(this.#stored);
  }

  protected override async wake(): Promise<void> {
    if (this.#ticking) return;
    this.#ticking = true;
    try {
      await this.#tick();
    } finally {
      this.#ticking = false;
    }
  }

  async #tick(): Promise<void> {
    if (!this.#stored) return;
    const { orders, job } = this.#stored;
    if (job.endedAt !== null) return this.#expire(job.endedAt);
    await this.#check();
    this.#become(judge(this.#job, orders, now()));
    await this.#release(orders);
    this.#become(judge(this.#job, orders, now()));
    await this.#arm({ orders, job: this.#job });
  }

  async #expire(endedAt: number): Promise<void> {
    const forgetAt = endedAt + KEEP_MS;
    if (now() < forgetAt) return this.store.arm(forgetAt);
    this.#stored = null;
    this.#open = [];
    await this.store.clear();
  }

  /** Looks at released orders, least recently examined first. An order that cannot be reached is examined again later. */
  async #check(): Promise<void> {
    const batch = this.#open.slice(0, MAX_CHECKS);
    const outcomes = await pMap(batch, (item) => this.#outcome(item).catch(asError), { concurrency: MAX_CONCURRENT_ACTORS });
    const judged = batch.flatMap((item, index) => asDecided(item, outcomes[index]));
    this.#decide(judged);
    const done = new Set(judged.map(({ item }) => item));
    this.#open = [...this.#open.slice(batch.length), ...batch.filter((item) => !done.has(item))];
  }

  async #outcome(item: Item): Promise<ItemOutcome | null> {
    const asked = () => this.#order(item).view(this.#tenant);
    const state = await within(ORDER_DEADLINE_MS, "reading an order", asked);
    return state === null ? "failed" : outcomeOf(state.status);
  }

  async #release(orders: RedriveOrders): Promise<void> {
    const batch = this.store.read<Item>(SQL.next, this.#job.taken, toTake(this.#job, orders));
    if (batch.length === 0) return;
    const answers = await pMap(batch, (item) => this.#redrive(item, orders).catch(asError), { concurrency: MAX_CONCURRENT_ACTORS });
    const outcomes = answers.map((answer) => (answer instanceof Error ? "failed" : answer.outcome));
    await sendHints(
      this.env,
      answers.flatMap((answer) => (answer instanceof Error || !answer.hint ? [] : [answer.hint])),
    );
    this.#become(took(this.#job, batch.length, now()));
    const judged = batch.flatMap((item, index) => asDecided(item, outcomes[index]));
    this.#decide(judged);
    const done = new Set(judged.map(({ item }) => item));
    this.#open.push(...batch.filter((item) => !done.has(item)));
  }

  /** Releases an order. One that moves already was released before a crash, or by a person, and is watched like the others. */
  async #redrive(item: Item, { startedBy: by, reason, id }: RedriveOrders): Promise<{ outcome: ItemOutcome | null; hint?: Hint }> {
    const command = { type: "RedriveOrder", by, reason: reason ?? `redrive ${id}` } as const;
    const ask = () => this.#order(item).command(this.#tenant, command);
    const result = await within(ORDER_DEADLINE_MS, "redriving an order", () => ask().catch(ask));
    if (result === null) return { outcome: "failed" };
    const { state, refusal } = result;
    if (refusal) return { outcome: outcomeOf(state.status) === null ? null : "skipped" };
    const { order, priority } = state;
    return { outcome: null, hint: { orderId: order.orderId, priority, tenant: order.tenant, ...(order.trace && { trace: order.trace }) } };
  }

  #decide(judged: readonly { readonly item: Item; readonly outcome: ItemOutcome }[]): void {
    if (judged.length === 0) return;
    const outcomes = judged.map(({ outcome }) => outcome);
    this.store.transaction(() => {
      for (const { item, outcome } of judged) this.store.write(SQL.decide, outcome, item.position);
      this.#become(decided(this.#job, outcomes, now()));
    });
  }

  /** A change is always made to the job as it is now, because it may have been stopped while its orders were asked. */
  #become(job: RedriveJob): void {
    const before = this.#stored as Stored;
    if (job === before.job) return;
    this.#save({ ...before, job });
    if (job.state !== before.job.state) this.#log(job, before.orders);
  }

  #save(stored: Stored): void {
    this.store.put(STATE_KEY, stored);
    this.#stored = stored;
  }

  /** For the next tick, or for the time at which an ended job is forgotten. */
  #arm({ orders, job }: Stored): Promise<void> {
    return this.store.arm(now() + (isEnded(job) ? KEEP_MS : tickMs(job, orders, now())));
  }

  #found(stored: Stored, requestDigest: string): FoundRedrive {
    if (stored.orders.requestDigest !== requestDigest) return { outcome: "conflict" };
    return { outcome: "found", view: this.#view(stored) };
  }

  #view({ orders, job }: Stored): RedriveJobView {
    const { id, truncated, ratePerSecond, canaryShare, stopAtFailureShare, reason = null, startedBy } = orders;
    const { state, endedBecause, total, taken, skipped, succeeded, failed, startedAt, endedAt } = job;
    return {
      id,
      state,
      endedBecause,
      total,
      truncated,
      pending: total - taken,
      skipped,
      released: taken - skipped,
      underWay: underWay(job),
      succeeded,
      failed,
      failedIds: failed === 0 ? [] : this.store.read<{ order_id: string }>(SQL.failed, MAX_FAILED_IDS).map((row) => row.order_id),
      ratePerSecond,
      canaryShare,
      stopAtFailureShare,
      reason,
      startedBy,
      startedAt: new Date(startedAt).toISOString(),
      endedAt: endedAt === null ? null : new Date(endedAt).toISOString(),
      links: { self: `/v1/quarantine/redrives/${id}`, stop: `/v1/quarantine/redrives/${id}/stop` },
    };
  }

  #log({ state, total, taken, skipped, succeeded, failed }: RedriveJob, { id, tenant }: RedriveOrders): void {
    log[state === "stopped" ? "warn" : "info"]("redrive.changed", {
      redriveId: id,
      tenant,
      state,
      total,
      released: taken - skipped,
      succeeded,
      failed,
    });
  }

  get #job(): RedriveJob {
    return (this.#stored as Stored).job;
  }

  get #tenant(): string {
    return (this.#stored as Stored).orders.tenant;
  }

  #order({ order_id: orderId }: Item): OrderAddress {
    return orderActor(this.env, orderId);
  }
}

const asError = (error: unknown): Error => new Error(excerpt(error));

function asDecided(item: Item, outcome: ItemOutcome | Error | null | undefined): { item: Item; outcome: ItemOutcome }[] {
  return outcome === null || outcome === undefined || outcome instanceof Error ? [] : [{ item, outcome }];
}
