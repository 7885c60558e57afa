/** The backend that collapsed: every call of the saga inside the request, one after the other. Stock is asked over HTTP like the rest. */

import { call, type Order } from "../calls.ts";
import { confirmed, record } from "../history.ts";

interface Env {
  readonly HISTORY: D1Database;
  readonly PROVIDER: string;
}

const CALLS = [
  ...["payment/authorize", "inventory/reserve", "fulfilment/route"],
  ...["payment/capture", "inventory/commit", "notification/send"],
] as const;

export default {
  async fetch(request, env) {
    if (request.method !== "POST") return confirmed(env.HISTORY);
    const orderId = request.headers.get("idempotency-key") ?? crypto.randomUUID();
    const placedAt = Date.now();
    const order = await request.json<Order>();
    for (const operation of CALLS) await call(env.PROVIDER, operation, orderId, order);
    await record(env.HISTORY, orderId, placedAt);
    return Response.json({ orderId, status: "confirmed" }, { status: 202 });
  },
} satisfies ExportedHandler<Env>;
