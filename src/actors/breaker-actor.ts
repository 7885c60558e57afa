/**
 * The circuit breaker of one provider, named by it, shared by every isolate. It knows who waits for the provider, sends
 * the first of them to try it out, and lets the others go by lane and age, a share at a time, once it works again. It is
 * asked only about a provider in trouble: while all is well no call comes here but the isolates' look every few seconds.
 */
import { DurableObject } from "cloudflare:workers";
import type { Hint } from "../contract/messages.ts";
import { type Priority, ProviderName } from "../contract/order.ts";
import { type BreakerState, breakerDeadline, CLOSED, mayCall, probe, probed, trip } from "../domain/breaker.ts";
import type { Admission } from "../domain/ports.ts";
import { laneOf } from "../domain/routing.ts";
import type { Env } from "../env.ts";
import { laneQueue } from "../messaging/lanes.ts";
import { now } from "../platform/ambient.ts";
import { excerpt, log } from "../platform/log.ts";
import { exec, Meter } from "../platform/meter.ts";
import { Schema } from "../platform/schema.ts";

/** `lane` 0 is expedited, so that the index of the key hands the orders out by lane and age. */
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

const LANES: readonly Priority[] = ["expedited", "standard"];

/** What an operator sees of a provider. Times in milliseconds. */
export interface BreakerView {
  readonly provider: ProviderName;
  readonly breaker: BreakerState;
  readonly waiting: number;
}

export class BreakerActor extends DurableObject<Env> {
  readonly #storage: DurableObjectStorage;
  readonly #meter: Meter;
  readonly #schema: Schema;
  #breaker: BreakerState;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#storage = ctx.storage;
    this.#meter = new Meter("BreakerActor", env);
    this.#schema = new Schema(ctx.storage, this.#meter, SCHEMA);
    this.#breaker = ctx.storage.kv.get<BreakerState>(STATE_KEY) ?? CLOSED;
  }

  view(): BreakerView {
    return this.#meter.request(() => ({ provider: this.#provider, breaker: this.#breaker, waiting: this.#waiting() }));
  }

  /** Lets the order call, or remembers that it waits. */
  admit(orderId: string, priority: Priority, placedAt: number): Admission & { readonly breaker: BreakerState } {
    return this.#meter.request(() => {
      const breaker = this.#breaker;
      if (breaker.state === "closed" || mayCall(breaker, orderId)) return { admitted: true, breaker };
      this.#storage.transactionSync(() => {
        this.#schema.create();
        exec(this.#storage.sql, this.#meter, SQL.wait, LANES.indexOf(priority), placedAt, orderId);
      });
      return { admitted: false, since: breaker.since, recheckAt: now() + RECHECK_MS, breaker };
    });
  }

  /** Enough calls have failed in a row. */
  async trip(why: string): Promise<BreakerState> {
    return this.#meter.request(() => this.#become(trip(this.#breaker, why, now())));
  }

  /** How the order that tried the provider out has fared; another order's result changes nothing. */
  async probed(orderId: string, worked: boolean): Promise<BreakerState> {
    return this.#meter.request(() => this.#become(probed(this.#breaker, orderId, worked, now())));
  }

  /** A person stops all calls to the provider, until a person lets them go on. */
  async pause(why: string): Promise<BreakerView> {
    await this.#meter.request(() => this.#become({ state: "paused", since: now(), why }));
    return this.view();
  }

  /** Ends a pause, or an outage that a person knows to be over. */
  async resume(): Promise<BreakerView> {
    await this.#meter.request(() => this.#become(CLOSED));
    return this.view();
  }

  /** Never throws: the platform deletes an alarm that has failed six times. */
  override async alarm(): Promise<void> {
    await this.#meter.request(async () => {
      try {
        await this.#act();
      } catch (error) {
        log.error("breaker.alarm_failed", { provider: this.#provider, error: excerpt(error) });
        await this.#arm(now() + DRAIN_EVERY_MS);
      }
    });
  }

  async #act(): Promise<void> {
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
    exec(this.#storage.sql, this.#meter, SQL.release, next.lane, next.placed_at, next.order_id);
    await this.#hint(next, this.#provider);
  }

  /** Lets a share go and comes back for the next, as long as the breaker stays closed. */
  async #drain(): Promise<void> {
    const batch = this.#first(DRAIN_BATCH);
    await Promise.all(batch.map((row) => this.#hint(row)));
    this.#storage.transactionSync(() => {
      for (const row of batch) exec(this.#storage.sql, this.#meter, SQL.release, row.lane, row.placed_at, row.order_id);
    });
    if (batch.length > 0) log.info("breaker.drained", { provider: this.#provider, released: batch.length, waiting: this.#waiting() });
    if (this.#waiting() > 0) await this.#arm(now() + DRAIN_EVERY_MS);
  }

  async #hint({ lane, order_id: orderId }: WaitingRow, probe?: ProviderName): Promise<void> {
    const hint: Hint = { orderId, priority: LANES[lane] ?? "standard", ...(probe && { probe }) };
    await laneQueue(this.env, laneOf(hint)).send(hint);
    this.#meter.add({ queueOperations: 1 });
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
    this.#storage.kv.put(STATE_KEY, breaker);
    this.#meter.add({ rowsWritten: 1 });
    this.#breaker = breaker;
    await this.#armForBreaker();
    return breaker;
  }

  async #armForBreaker(): Promise<void> {
    const deadline = this.#breaker.state === "closed" ? (this.#waiting() > 0 ? now() : null) : breakerDeadline(this.#breaker);
    if (deadline !== null) await this.#arm(deadline);
  }

  async #arm(at: number): Promise<void> {
    this.#meter.add({ alarmsSet: 1 });
    await this.#storage.setAlarm(at);
  }

  #first(limit: number, skipped = 0): WaitingRow[] {
    return this.#schema.exists ? exec<WaitingRow>(this.#storage.sql, this.#meter, SQL.first, limit, skipped) : [];
  }

  #waiting(): number {
    return this.#schema.exists ? (exec<{ waiting: number }>(this.#storage.sql, this.#meter, SQL.count)[0]?.waiting ?? 0) : 0;
  }

  get #provider(): ProviderName {
    return ProviderName.parse(this.ctx.id.name);
  }
}

interface WaitingRow extends Record<string, SqlStorageValue> {
  lane: number;
  placed_at: number;
  order_id: string;
}
