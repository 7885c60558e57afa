/** The same saga as a Cloudflare Workflow: a step for each call and one for the row of history. Its instance is named by the idempotency key. */
import { WorkflowEntrypoint, type WorkflowEvent, type WorkflowStep } from "cloudflare:workers";
import { CALLS, call, type Order } from "../calls.ts";
import { confirmed, record } from "../history.ts";

interface Params {
  readonly orderId: string;
  readonly placedAt: number;
  readonly order: Order;
}

interface Env {
  readonly ORDERS: Workflow<Params>;
  readonly HISTORY: D1Database;
  readonly PROVIDER: string;
}

export class OrderWorkflow extends WorkflowEntrypoint<Env, Params> {
  override async run({ payload: { orderId, placedAt, order } }: WorkflowEvent<Params>, step: WorkflowStep): Promise<void> {
    for (const operation of CALLS) {
      await step.do(operation, () => call(this.env.PROVIDER, operation, orderId, order));
    }
    await step.do("history", async () => {
      await record(this.env.HISTORY, orderId, placedAt);
    });
  }
}

export default {
  async fetch(request, env) {
    if (request.method !== "POST") return confirmed(env.HISTORY);
    const orderId = request.headers.get("idempotency-key") ?? crypto.randomUUID();
    await env.ORDERS.create({ id: orderId, params: { orderId, placedAt: Date.now(), order: await request.json<Order>() } });
    return Response.json({ orderId, status: "accepted" }, { status: 202 });
  },
} satisfies ExportedHandler<Env>;
