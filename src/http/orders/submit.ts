/** Submitting orders, one or a batch. Both answer once the order is durable; its hint is sent after the answer. */
import { z } from "zod";
import type { Placement } from "../../actors/addresses.ts";
import type { PlacedOrder } from "../../contract/events.ts";
import type { Hint } from "../../contract/messages.ts";
import { PlaceOrder, totalOf } from "../../contract/order.ts";
import { IdempotencyKey } from "../../contract/primitives.ts";
import { OrderReceipt, PlaceOrders, PlaceOrdersResult, type Problem } from "../../contract/views.ts";
import { sendHints } from "../../messaging/hints.ts";
import { type LogEvent, type LogFields, log } from "../../platform/log.ts";
import type { Call } from "../context.ts";
import { orderIdOf, requestDigestOf } from "../identity.ts";
import { body, errors, json, route, router } from "../openapi.ts";
import { invalid, problem, respond, unexpected } from "../problem.ts";
import { receiptOf } from "../views.ts";
import { actor, hintOf } from "./shared.ts";

const replayedHeader = z.object({
  "idempotency-replayed": z.string().optional().meta({ description: "`true` when the order existed already." }),
});

export const submission = router();

submission.openapi(
  route("orders:write", {
    method: "post",
    path: "/",
    summary: "Submit an order",
    description: "Answers once the order is durable. The same key and body may be sent again at any time; they meet the same order.",
    tags: ["orders"],
    request: { headers: z.object({ "idempotency-key": IdempotencyKey }), body: body(PlaceOrder) },
    responses: { 202: { ...json(OrderReceipt, "Accepted."), headers: replayedHeader }, ...errors(400, 413, 415, 422) },
  }),
  async (c) => {
    const { order, placement } = await place(c, c.req.valid("header")["idempotency-key"], c.req.valid("json"));
    c.set("about", aboutOf(order, placement));
    if (placement.outcome === "conflict") return respond(c, keyReused);
    c.set("event", EVENTS[placement.outcome]);
    if (placement.outcome === "placed") c.executionCtx.waitUntil(sendHints(c.env, [hintOf(order, placement.priority)]));
    return c.json(receiptOf(order, placement.placedAt), 202, placement.outcome === "replayed" ? { "idempotency-replayed": "true" } : {});
  },
);

submission.openapi(
  route("orders:write", {
    method: "post",
    path: "/batch",
    summary: "Submit up to 100 orders",
    description: "Each order is judged by itself and gets a result of its own, in the order they were sent.",
    tags: ["orders"],
    request: { body: body(PlaceOrders) },
    responses: { 200: json(PlaceOrdersResult, "One result per order."), ...errors(400, 413, 415, 422) },
  }),
  async (c) => {
    const hints: Hint[] = [];
    const results = await Promise.all(
      c.req.valid("json").orders.map(async ({ idempotencyKey, order }, index) => {
        const refusal = (body: Problem) => ({ idempotencyKey, status: body.status, replayed: false, receipt: null, problem: body });
        const parsed = PlaceOrder.safeParse(order);
        if (!parsed.success) return refusal(invalid(parsed.error, ["orders", String(index), "order"]));
        try {
          const { order, placement } = await place(c, idempotencyKey, parsed.data);
          if (placement.outcome === "conflict") return refusal(keyReused);
          log.info(EVENTS[placement.outcome], { ...aboutOf(order, placement), tenant: order.tenant, trace: order.trace });
          if (placement.outcome === "placed") hints.push(hintOf(order, placement.priority));
          const receipt = receiptOf(order, placement.placedAt);
          return { idempotencyKey, status: 202, replayed: placement.outcome === "replayed", receipt, problem: null };
        } catch (error) {
          return refusal(unexpected(error, { trace: c.var.trace, orderId: await orderIdOf(c.var.caller.tenant, idempotencyKey) }));
        }
      }),
    );
    if (hints.length > 0) c.executionCtx.waitUntil(sendHints(c.env, hints));
    return c.json({ results }, 200);
  },
);

const keyReused = problem(
  "idempotency-key-reused",
  "this Idempotency-Key belongs to an order with another body; use a key of its own for each order",
);

async function place(c: Call, idempotencyKey: string, submitted: PlaceOrder): Promise<{ order: PlacedOrder; placement: Placement }> {
  const { trace } = c.var;
  const { tenant } = c.var.caller;
  const [orderId, requestDigest] = await Promise.all([orderIdOf(tenant, idempotencyKey), requestDigestOf(submitted)]);
  const order = { ...submitted, orderId, tenant, requestDigest, total: totalOf(submitted), trace };
  return { order, placement: await actor(c, orderId).place(order) };
}

const EVENTS = { placed: "order.placed", replayed: "order.replayed" } as const satisfies Record<string, LogEvent>;

const aboutOf = ({ orderId, lines, total, currency }: PlacedOrder, { priority: lane }: Placement): LogFields => ({
  orderId,
  lane,
  lines: lines.length,
  total,
  currency,
});
