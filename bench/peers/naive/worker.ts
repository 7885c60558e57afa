/**
 * What a good engineer would write in an afternoon: an actor per order, a row in it that is updated after each call, a
 * queue that makes it begin, an alarm should that fail, and one row of history. It fences no late answer, undoes nothing,
 * retries nothing but by its alarm, counts nothing, and reads no key.
 */
import { DurableObject } from "cloudflare:workers";
import { CALLS, call, type Order } from "../calls.ts";
import { confirmed, record } from "../history.ts";

interface Env {
  readonly ORDERS: DurableObjectNamespace<NaiveOrder>;
  readonly HINTS: Queue<{ orderId: string }>;
  readonly HISTORY: D1Database;
  readonly PROVIDER: string;
}

/** When an order looks after itself: as soon as in Orderline. */
const STALL_AFTER_MS = 10_000;

const SQL = {
  schema:
    "CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, body TEXT NOT NULL, done INTEGER NOT NULL, placed_at INTEGER NOT NULL) WITHOUT ROWID",
  insert: "INSERT INTO orders (id, body, done, placed_at) VALUES (?, ?, 0, ?) ON CONFLICT (id) DO NOTHING",
  select: "SELECT id, body, done, placed_at FROM orders",
  update: "UPDATE orders SET done = ?",
} as const;

export class NaiveOrder extends DurableObject<Env> {
  async place(orderId: string, body: string): Promise<void> {
    const { sql } = this.ctx.storage;
    const at = Date.now();
    sql.exec(SQL.schema);
    sql.exec(SQL.insert, orderId, body, at);
    await this.ctx.storage.setAlarm(at + STALL_AFTER_MS);
  }

  async advance(): Promise<void> {
    const { sql } = this.ctx.storage;
    const { id, body, done, placed_at } = sql.exec<{ id: string; body: string; done: number; placed_at: number }>(SQL.select).one();
    const order = JSON.parse(body) as Order;
    for (let step = done; step < CALLS.length; step++) {
      await call(this.env.PROVIDER, CALLS[step] as string, id, order);
      sql.exec(SQL.update, step + 1);
    }
    await record(this.env.HISTORY, id, placed_at);
    await this.ctx.storage.deleteAlarm();
  }

  override alarm(): Promise<void> {
    return this.advance();
  }
}

export default {
  async fetch(request, env, ctx) {
    if (request.method !== "POST") return confirmed(env.HISTORY);
    const orderId = request.headers.get("idempotency-key") ?? crypto.randomUUID();
    await env.ORDERS.getByName(orderId).place(orderId, await request.text());
    ctx.waitUntil(env.HINTS.send({ orderId }));
    return Response.json({ orderId, status: "accepted" }, { status: 202 });
  },
  async queue(batch, env) {
    await Promise.all(
      batch.messages.map(async (message) => {
        try {
          await env.ORDERS.getByName(message.body.orderId).advance();
          message.ack();
        } catch {
          message.retry();
        }
      }),
    );
  },
} satisfies ExportedHandler<Env, { orderId: string }>;
