/**
 * The Durable Object of one shard of a tenant's counters, named `<tenant>/<shard>`: storage for a `ShardRunner`. The tally is
 * one row that each delivery rewrites once. It never forgets an order: at about 100 bytes each, the 10 GB of an actor hold
 * 100 million orders per shard.
 */
import type { JournaledOrder, OrderSummary } from "../contract/order.ts";
import { ShardTally } from "../contract/stats.ts";
import type { Contribution, CountedGroup } from "../domain/counters.ts";
import type { Env } from "../env.ts";
import { now } from "../platform/ambient.ts";
import type { Row } from "../platform/storage.ts";
import { ShardRunner } from "../runtime/shard-runner.ts";
import { Actor } from "./actor.ts";
import type { Serves, StatsShardAddress } from "./addresses.ts";

/** `WITHOUT ROWID` because an index would be billed as a second row. */
const SCHEMA: readonly string[] = [
  `CREATE TABLE contributions (
     order_id TEXT PRIMARY KEY,
     version INTEGER NOT NULL,
     status TEXT NOT NULL,
     priority TEXT NOT NULL,
     currency TEXT NOT NULL,
     total INTEGER NOT NULL,
     placed_at INTEGER NOT NULL,
     start_counted INTEGER NOT NULL,
     confirm_counted INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE tally (id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL, body TEXT NOT NULL) STRICT;`,
];

/** A delivery is one JSON text, because a statement binds no more than 100 values. */
const SQL = {
  tally: "SELECT revision, body FROM tally WHERE id = 1",
  setTally:
    "INSERT INTO tally (id, revision, body) VALUES (1, ?, ?) ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, body = excluded.body",
  contributions:
    "SELECT order_id, version, status, priority, currency, total, placed_at, start_counted, confirm_counted FROM contributions WHERE order_id IN (SELECT value FROM json_each(?))",
  contributionsAfter:
    "SELECT order_id, version, status, priority, currency, total, placed_at, start_counted, confirm_counted FROM contributions WHERE order_id > ? ORDER BY order_id LIMIT ?",
  groups:
    "SELECT priority, status, currency, count(*) AS orders, sum(total) AS total FROM contributions GROUP BY priority, status, currency",
  setContributions: `
    INSERT INTO contributions (order_id, version, status, priority, currency, total, placed_at, start_counted, confirm_counted)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8 FROM json_each(?) WHERE true
    ON CONFLICT (order_id) DO UPDATE SET version = excluded.version, status = excluded.status, priority = excluded.priority,
      currency = excluded.currency, total = excluded.total, placed_at = excluded.placed_at, start_counted = excluded.start_counted, confirm_counted = excluded.confirm_counted`,
} as const;

interface ContributionRow extends Row {
  order_id: string;
  version: number;
  status: Contribution["status"];
  priority: Contribution["priority"];
  currency: string;
  total: number;
  placed_at: number;
  start_counted: number;
  confirm_counted: number;
}

export class StatsShard extends Actor implements Serves<StatsShardAddress> {
  readonly #runner: ShardRunner;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, SCHEMA);
    const { store } = this;
    this.#runner = new ShardRunner(
      {
        store: {
          contributions: (orderIds) => this.#contributions(orderIds),
          groups: () => store.read<CountedGroup & Row>(SQL.groups),
          saveContributions: (changed) => void store.write(SQL.setContributions, JSON.stringify([...changed].map(toRow))),
          saveTally: ({ revision, tally }) => void store.write(SQL.setTally, revision, JSON.stringify(tally)),
          transaction: (work) => store.transaction(work),
        },
        now,
      },
      this.#savedTally(),
    );
  }

  apply(orders: readonly OrderSummary[]): ShardTally {
    return this.#runner.apply(orders);
  }

  read(): ShardTally {
    return this.#runner.state;
  }

  contributionsOf(orderIds: readonly string[]): Map<string, Contribution> {
    return this.#contributions(orderIds);
  }

  contributionsAfter(orderId: string, limit: number): Map<string, Contribution> {
    return new Map(this.store.read<ContributionRow>(SQL.contributionsAfter, orderId, limit).map(fromRow));
  }

  repair(orders: readonly JournaledOrder[]): ShardTally {
    return this.#runner.repair(orders);
  }

  /** Apart from `contributionsOf`, which would count as a request. */
  #contributions(orderIds: readonly string[]): Map<string, Contribution> {
    return new Map(this.store.read<ContributionRow>(SQL.contributions, JSON.stringify(orderIds)).map(fromRow));
  }

  #savedTally(): ShardTally | undefined {
    const row = this.store.read<{ revision: number; body: string }>(SQL.tally)[0];
    return row && ShardTally.parse({ revision: row.revision, tally: JSON.parse(row.body) });
  }
}

/** In the order of the columns. JSON's booleans arrive in SQLite as 0 and 1. */
function toRow([orderId, { version, status, priority, currency, total, placedAt, startCounted, confirmCounted }]: [string, Contribution]) {
  return [orderId, version, status, priority, currency, total, placedAt, startCounted, confirmCounted];
}

function fromRow({ order_id, placed_at: placedAt, start_counted, confirm_counted, ...row }: ContributionRow): [string, Contribution] {
  const { version, status, priority, currency, total } = row;
  return [
    order_id,
    { version, status, priority, currency, total, placedAt, startCounted: start_counted === 1, confirmCounted: confirm_counted === 1 },
  ];
}
