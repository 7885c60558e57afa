/**
 * The circuit breaker of one provider, named by it, shared by every isolate. It knows who waits for the provider, sends
 * the first of them to try it out, and lets the others go by lane and age, a share at a time, once it works again. It is
 * asked only about a provider in trouble: while all is well no call comes here but the isolates' look every few seconds.
 */
import { DEFAULT_PRIORITY, LANES, LANES_BY_RANK, type Priority } from "../contract/lanes.ts";
import type { Hint } from "../contract/messages.ts";
import { ProviderName } from "../contract/order.ts";
import { type BreakerState, breakerDeadline, CLOSED, mayCall, probe, probed, trip } from "../domain/breaker.ts";
import type { Admission } from "../domain/ports.ts";
import type { Env } from "../env.ts";
import { sendHints } from "../messaging/hints.ts";
import { now } from "../platform/ambient.ts";
import { log } from "../platform/log.ts";
import type { Row } from "../platform/storage.ts";
import { Actor } from "./actor.ts";
import type { BreakerAddress, BreakerView, Serves } from "./addresses.ts";

/** `lane` is the rank of the lane, so that the index of the key hands the orders out by lane and age. */
const SCHEMA = [
  `CREATE TABLE waiting (
     lane INTEGER NOT NULL,
     placed_at INTEGER NOT NULL,
     order_id TEXT NOT NULL,
     PRIMARY KEY (lane, placed_at, order_id)
   ) STRICT, WITHOUT ROWID`,
] as const;

const SQL = {
  wait: "INSERT INTO waiting (lane, placed_at, order_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
  first: "SELECT lane, placed_at, order_id FROM waiting ORDER BY lane, placed_at, order_id LIMIT ? OFFSET ?",
  release: "DELETE FROM waiting WHERE lane = ? AND placed_at = ? AND order_id = ?",
  count: "SELECT count(*) AS waiting FROM waiting",
} as const;

const STATE_KEY = "breaker";

/** Orders let go at once, and how often: a provider that has just come back must not be knocked over by those that waited. */
const DRAIN_BATCH = 50;
const DRAIN_EVERY_MS = 1_000;

/** A blocked order looks for itself after this, in case its hint or this actor's memory of it was lost. */
const RECHECK_MS = 60_000;

export class BreakerActor extends Actor implements Serves<BreakerAddress> {
  #breaker: BreakerState;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, SCHEMA);
    this.#breaker = this.store.get<BreakerState>(STATE_KEY) ?? CLOSED;
  }

  view(): BreakerView {
    return this.#view();
  }

  /** Lets the order call, or remembers that it waits. */
  admit(orderId: string, priority: Priority, placedAt: number): Admission & { readonly breaker: BreakerState } {
    const breaker = this.#breaker;
    if (breaker.state === "closed" || mayCall(breaker, orderId)) return { admitted: true, breaker };
    this.store.write(SQL.wait, LANES[priority].rank, placedAt, orderId);
    return { admitted: false, since: breaker.since, recheckAt: now() + RECHECK_MS, breaker };
  }

  /** Enough calls have failed in a row. */
  async trip(why: string): Promise<BreakerState> {
    return this.#become(trip(this.#breaker, why, now()));
  }

  /** How the order that tried the provider out has fared; another order's result changes nothing. */
  async probed(orderId: string, worked: boolean): Promise<BreakerState> {
    return this.#become(probed(this.#breaker, orderId, worked, now()));
  }

  /** A person stops all calls to the provider, until a person lets them go on. */
  async pause(why: string): Promise<BreakerView> {
    await this.#become({ state: "paused", since: now(), why });
    return this.#view();
  }

  /** Ends a pause, or an outage that a person knows to be over. */
  async resume(): Promise<BreakerView> {
    await this.#become(CLOSED);
    return this.#view();
  }

  protected override async wake(): Promise<void> {
    const breaker = this.#breaker;
    const at = now();
    if (breaker.state === "closed") return this.#drain();
    if (breaker.state === "half_open" && at >= breaker.until) await this.#become(probed(breaker, breaker.orderId, false, at));
    else if (breaker.state === "open" && at >= breaker.probeAt) await this.#probe(breaker);
    else await this.#armForBreaker();
  }

  /**
   * Sends one that waits, another each time: the fault may be that order's, and must not keep the others waiting. When
   * nobody waits, the next order that comes along is let through and shows how things are.
   */
  async #probe(breaker: BreakerState & { state: "open" }): Promise<void> {
    const [next] = this.#first(1, breaker.probes % Math.max(1, this.#waiting()));
    if (!next) {
      await this.#become(CLOSED);
      return;
    }
    await this.#become(probe(breaker, next.order_id, now()));
    // It waits no longer: should it have no more need of the provider, the next probe must be another order.
    this.store.write(SQL.release, next.lane, next.placed_at, next.order_id);
    await this.#hint(next, this.#provider);
  }

  /** Lets a share go and comes back for the next, as long as the breaker stays closed. */
  async #drain(): Promise<void> {
    const batch = this.#first(DRAIN_BATCH);
    await Promise.all(batch.map((row) => this.#hint(row)));
    this.store.transaction(() => {
      for (const row of batch) this.store.write(SQL.release, row.lane, row.placed_at, row.order_id);
    });
    if (batch.length > 0) log.info("breaker.drained", { provider: this.#provider, released: batch.length, waiting: this.#waiting() });
    if (this.#waiting() > 0) await this.store.arm(now() + DRAIN_EVERY_MS);
  }

  async #hint({ lane, order_id: orderId }: WaitingRow, probe?: ProviderName): Promise<void> {
    const hint: Hint = { orderId, priority: LANES_BY_RANK[lane]?.priority ?? DEFAULT_PRIORITY, ...(probe && { probe }) };
    await sendHints(this.env, [hint]);
  }

  async #become(breaker: BreakerState): Promise<BreakerState> {
    if (breaker === this.#breaker) return breaker;
    const { state } = breaker;
    log.warn("breaker.changed", {
      provider: this.#provider,
      from: this.#breaker.state,
      to: state,
      waiting: this.#waiting(),
      ...("why" in breaker && { why: breaker.why }),
    });
    this.store.put(STATE_KEY, breaker);
    this.#breaker = breaker;
    await this.#armForBreaker();
    return breaker;
  }

  async #armForBreaker(): Promise<void> {
    const deadline = this.#breaker.state === "closed" ? (this.#waiting() > 0 ? now() : null) : breakerDeadline(this.#breaker);
    if (deadline !== null) await this.store.arm(deadline);
  }

  #view(): BreakerView {
    return { provider: this.#provider, breaker: this.#breaker, waiting: this.#waiting() };
  }

  #first(limit: number, skipped = 0): WaitingRow[] {
    return this.store.read<WaitingRow>(SQL.first, limit, skipped);
  }

  #waiting(): number {
    return this.store.read<{ waiting: number }>(SQL.count)[0]?.waiting ?? 0;
  }

  get #provider(): ProviderName {
    return ProviderName.parse(this.ctx.id.name);
  }
}

interface WaitingRow extends Row {
  lane: number;
  placed_at: number;
  order_id: string;
}
