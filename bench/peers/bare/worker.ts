/**
 * The yardstick of the accept path: what anyone would write first. One actor per order, one table, one insert, one alarm,
 * one message, 202. It reads no key, checks no field, recognises no repeat, and carries no order anywhere. The message is
 * sent after the answer, as Orderline does: sending it before would make the yardstick slower, and us look better.
 */
import { DurableObject } from "cloudflare:workers";

interface Env {
  readonly ORDERS: DurableObjectNamespace<BareOrder>;
  readonly HINTS: Queue<{ orderId: string }>;
}

/** When an order would look after itself: as long as in Orderline's standard lane. */
const STALL_AFTER_MS = 30_000;

const SQL = {
  schema: "CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, body TEXT NOT NULL, placed_at INTEGER NOT NULL) WITHOUT ROWID",
  insert: "INSERT INTO orders (id, body, placed_at) VALUES (?, ?, ?)",
} as const;

export class BareOrder extends DurableObject<Env> {
  async place(orderId: string, body: string): Promise<void> {
    const { sql } = this.ctx.storage;
    const at = Date.now();
    sql.exec(SQL.schema);
    sql.exec(SQL.insert, orderId, body, at);
    await this.ctx.storage.setAlarm(at + STALL_AFTER_MS);
  }

  override async alarm(): Promise<void> {}
}

export default {
  async fetch(request, env, ctx) {
    if (request.method !== "POST") return new Response("ok");
    const orderId = request.headers.get("idempotency-key") ?? crypto.randomUUID();
    await env.ORDERS.getByName(orderId).place(orderId, await request.text());
    ctx.waitUntil(env.HINTS.send({ orderId }));
    return Response.json({ orderId, status: "accepted" }, { status: 202 });
  },
  async queue(batch) {
    batch.ackAll();
  },
} satisfies ExportedHandler<Env, { orderId: string }>;
