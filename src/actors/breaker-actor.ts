/**
 * The Durable Object of one account's circuit breaker, named by the account: storage, alarm and queues for a
 * `BreakerRunner`, which holds the rules.
 */
import { Account, BreakerState } from "../contract/breaker.ts";
import { DEFAULT_PRIORITY, LANES, LANES_BY_RANK } from "../contract/lanes.ts";
import type { BreakerView, CallResult, TripRule, Waiting, WaitingOrder } from "../domain/breaker.ts";
import type { Admission } from "../domain/ports.ts";
import type { Env } from "../env.ts";
import { sendHints } from "../messaging/hints.ts";
import { now } from "../platform/ambient.ts";
import { type LogFields, log } from "../platform/log.ts";
import type { Row } from "../platform/storage.ts";
import { BreakerRunner, type WaitingList } from "../runtime/breaker-runner.ts";
import { Actor } from "./actor.ts";
import type { BreakerAddress, Serves } from "./addresses.ts";

/**
 * `lane` is the rank of the lane. The index of the key is two waiting lines: orders that have not failed, by lane and age,
 * and the others.
 */
const SCHEMA = [
  `CREATE TABLE waiting (
     failures INTEGER NOT NULL,
     lane INTEGER NOT NULL,
     placed_at INTEGER NOT NULL,
     order_id TEXT NOT NULL,
     PRIMARY KEY (failures, lane, placed_at, order_id)
   ) STRICT, WITHOUT ROWID`,
] as const;

const SQL = {
  add: "INSERT INTO waiting (failures, lane, placed_at, order_id) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING order_id",
  remove: "DELETE FROM waiting WHERE failures = ? AND lane = ? AND placed_at = ? AND order_id = ?",
  count: "SELECT count(*) FILTER (WHERE failures = 0) AS fresh, count(*) FILTER (WHERE failures > 0) AS failed FROM waiting",
  list: `
    SELECT failures, lane, placed_at, order_id FROM (
      SELECT *, row_number() OVER (ORDER BY failures, lane, placed_at, order_id) - 1 AS position
      FROM waiting WHERE failures BETWEEN ?1 AND ?2
    ) WHERE position % ?3 = 0 ORDER BY position LIMIT ?4`,
} as const;

/** The bounds of `failures` in each waiting line. */
const LINES = { fresh: [0, 0], failed: [1, Number.MAX_SAFE_INTEGER] } as const;

const STATE_KEY = "breaker";

/** The RPC face of the breaker; see `BreakerAddress`. */
export class BreakerActor extends Actor implements Serves<BreakerAddress> {
  readonly #runner: BreakerRunner;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, SCHEMA);
    this.#runner = new BreakerRunner(
      {
        store: {
          save: (breaker) => this.store.put(STATE_KEY, breaker),
          arm: (at) => ctx.waitUntil(this.store.arm(at)),
          waiting: this.#waitingList(),
        },
        now,
        hint: (hint) => sendHints(env, [hint]),
        log: (level, event, fields) => log[level](event, fields),
      },
      Account.parse(ctx.id.name),
      BreakerState.optional().parse(this.store.get(STATE_KEY)),
    );
  }

  view(): BreakerView {
    return this.#runner.view;
  }

  look(workedAgoMs: number | null): BreakerState {
    return this.#runner.look(workedAgoMs);
  }

  admit(order: WaitingOrder): Admission & { readonly breaker: BreakerState } {
    return this.#runner.admit(order);
  }

  report(result: CallResult, rule: TripRule): BreakerState {
    return this.#runner.report(result, rule);
  }

  /** @param by the name of the key that asks for it */
  pause(by: string, reason: string): BreakerView {
    return this.#runner.pause(by, reason);
  }

  resume(by: string, reason?: string): BreakerView {
    return this.#runner.resume(by, reason);
  }

  protected override wake(): Promise<void> {
    return this.#runner.wake();
  }

  protected override get subject(): LogFields {
    return { account: this.ctx.id.name };
  }

  #waitingList(): WaitingList {
    const { store } = this;
    const keyOf = ({ failures, priority, placedAt, orderId }: WaitingOrder) => [failures, LANES[priority].rank, placedAt, orderId] as const;
    return {
      count: () => store.read<Waiting & Row>(SQL.count)[0] ?? { fresh: 0, failed: 0 },
      add: (order) => store.write(SQL.add, ...keyOf(order)).length > 0,
      remove: (orders) => store.transaction(() => orders.forEach((order) => void store.write(SQL.remove, ...keyOf(order)))),
      list: (of, count, every) => store.read<WaitingRow>(SQL.list, ...LINES[of], every, count).map(orderOf),
    };
  }
}

interface WaitingRow extends Row {
  failures: number;
  lane: number;
  placed_at: number;
  order_id: string;
}

const orderOf = ({ failures, lane, placed_at: placedAt, order_id: orderId }: WaitingRow): WaitingOrder => ({
  orderId,
  priority: LANES_BY_RANK[lane]?.priority ?? DEFAULT_PRIORITY,
  placedAt,
  failures,
});
