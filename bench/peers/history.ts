/** The one row that every peer writes of an order that is confirmed, and how many there are. */

const SQL = {
  schema:
    "CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, placed_at INTEGER NOT NULL, confirmed_at INTEGER NOT NULL) WITHOUT ROWID",
  insert: "INSERT INTO orders (id, placed_at, confirmed_at) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING",
  count: "SELECT count(*) AS orders FROM orders",
} as const;

export const record = (history: D1Database, orderId: string, placedAt: number): Promise<unknown> =>
  history.prepare(SQL.insert).bind(orderId, placedAt, Date.now()).run();

/** What every peer answers to anything but an order: how many were confirmed. The first to ask creates the table. */
export async function confirmed(history: D1Database): Promise<Response> {
  await history.prepare(SQL.schema).run();
  return Response.json({ processed: await history.prepare(SQL.count).first("orders") });
}
