/** Orders: submitting, reading and commanding them. What is read here comes from the actor, strongly consistent; only the list is history. */
import { createRoute } from "@hono/zod-openapi";
import type { Context } from "hono";
import { z } from "zod";
import type { OrderActor, Placement } from "../actors/order-actor.ts";
import type { Commit, PlacedOrder } from "../contract/events.ts";
import type { Hint } from "../contract/messages.ts";
import { Address, Customer, OrderStatus, Payment, PlaceOrder, Priority, totalOf } from "../contract/order.ts";
import { IdempotencyKey, OrderId, text } from "../contract/primitives.ts";
import {
  DiagnosisView,
  OrderList,
  OrderReceipt,
  OrderView,
  PlaceOrders,
  PlaceOrdersResult,
  type Problem,
  Timeline,
} from "../contract/views.ts";
import type { OrderCommand } from "../domain/decide.ts";
import type { Diagnosis } from "../domain/diagnosis.ts";
import type { OrderState } from "../domain/order.ts";
import { sendHints } from "../messaging/hints.ts";
import { type LogEvent, type LogFields, log } from "../platform/log.ts";
import { listOrders, MAX_PAGE_SIZE } from "../projections/history/queries.ts";
import { orderIdOf, requestDigestOf } from "./identity.ts";
import { type AuthEnv, requireScope } from "./keys.ts";
import { body, errors, json, router, SECURED } from "./openapi.ts";
import { invalid, orNull, problem, RETRY, refused, respond, unexpected } from "./problem.ts";
import { diagnosisOf, listItemOf, receiptOf, timelineOf, viewOf } from "./views.ts";

type Call = Context<AuthEnv>;
/** The actor's answer as plain data: over RPC it arrives wrapped in a type that makes it disposable. */
type Commanded = Awaited<ReturnType<OrderActor["command"]>>;

const NO_ORDER = "no such order";
const replayedHeader = z.object({
  "idempotency-replayed": z.string().optional().meta({ description: "`true` when the order existed already." }),
});

export const orders = router();

orders.openapi(
  createRoute({
    method: "post",
    path: "/",
    summary: "Submit an order",
    description: "Answers once the order is durable. The same key and body may be sent again at any time; they meet the same order.",
    tags: ["orders"],
    security: SECURED,
    middleware: [requireScope("orders:write")] as const,
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

orders.openapi(
  createRoute({
    method: "post",
    path: "/batch",
    summary: "Submit up to 100 orders",
    description: "Each order is judged by itself and gets a result of its own, in the order they were sent.",
    tags: ["orders"],
    security: SECURED,
    middleware: [requireScope("orders:write")] as const,
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

orders.openapi(
  createRoute({
    method: "get",
    path: "/",
    summary: "List orders",
    description: "From the history, newest first. It trails the orders themselves by seconds.",
    tags: ["orders"],
    security: SECURED,
    middleware: [requireScope("orders:read")] as const,
    request: {
      query: z.strictObject({
        status: OrderStatus.optional(),
        priority: Priority.optional(),
        customer: text(64).optional().meta({ description: "Your own customer number." }),
        from: z.iso.datetime({ offset: true }).optional().meta({ description: "Placed at or after." }),
        to: z.iso.datetime({ offset: true }).optional().meta({ description: "Placed before." }),
        limit: z
          .string()
          .regex(/^\d{1,3}$/)
          .transform(Number)
          .pipe(z.int().min(1).max(MAX_PAGE_SIZE))
          .default(50),
        cursor: z.string().max(500).optional(),
      }),
    },
    responses: { 200: json(OrderList, "One page."), ...errors(422, 503) },
  }),
  async (c) => {
    const { from, to, limit, cursor, ...filter } = c.req.valid("query");
    const period = { ...(from && { from: Date.parse(from) }), ...(to && { to: Date.parse(to) }) };
    const page = await orNull(c, listOrders(c.env.HISTORY, c.var.caller.tenant, { ...filter, ...period }, cursor ?? null, limit));
    if (!page) return respond(c, problem("unavailable", "the history does not answer just now; single orders can still be read"), RETRY);
    if (page.outcome === "refused") return respond(c, problem("invalid-cursor", page.refusal.detail ?? page.refusal.reason));
    return c.json({ orders: page.orders.map(listItemOf), nextCursor: page.next }, 200);
  },
);

const byId = z.object({ id: OrderId });

orders.openapi(
  createRoute({
    method: "get",
    path: "/{id}",
    summary: "Read an order",
    description: "Strongly consistent. The `ETag` is the version; `If-None-Match` is honoured.",
    tags: ["orders"],
    security: SECURED,
    middleware: [requireScope("orders:read")] as const,
    request: { params: byId },
    responses: { 200: json(OrderView, "The order."), 304: { description: "Unchanged." }, ...errors(404) },
  }),
  async (c) => {
    const state: OrderState | null = await actor(c, c.req.valid("param").id).view(c.var.caller.tenant);
    if (!state) return respond(c, problem("not-found", NO_ORDER));
    const etag = `"${state.version}"`;
    if (c.req.header("if-none-match") === etag) return c.body(null, 304, { etag });
    return c.json(viewOf(state), 200, { etag });
  },
);

orders.openapi(
  createRoute({
    method: "get",
    path: "/{id}/events",
    summary: "Read an order's timeline",
    tags: ["orders"],
    security: SECURED,
    middleware: [requireScope("orders:read")] as const,
    request: { params: byId },
    responses: { 200: json(Timeline, "Every event of its journal, oldest first."), ...errors(404) },
  }),
  async (c) => {
    const { id } = c.req.valid("param");
    const journal = (await actor(c, id).events(c.var.caller.tenant)) as Commit[] | null;
    return journal ? c.json(timelineOf(id, journal), 200) : respond(c, problem("not-found", NO_ORDER));
  },
);

orders.openapi(
  createRoute({
    method: "get",
    path: "/{id}/diagnosis",
    summary: "Ask why an order is where it is",
    description: "What it does or waits for, since when, what was tried, when it looks for itself next, and what a person can do.",
    tags: ["orders"],
    security: SECURED,
    middleware: [requireScope("orders:read")] as const,
    request: { params: byId },
    responses: { 200: json(DiagnosisView, "The diagnosis."), ...errors(404) },
  }),
  async (c) => {
    const { id } = c.req.valid("param");
    const diagnosis = (await actor(c, id).diagnosis(c.var.caller.tenant)) as Diagnosis | null;
    return diagnosis ? c.json(diagnosisOf(id, diagnosis), 200) : respond(c, problem("not-found", NO_ORDER));
  },
);

const Note = z.strictObject({ note: text(1_000).optional() });

command("cancel", "orders:write", "Cancel an order", z.strictObject({ reason: text(200).optional() }), (by, { reason }) => ({
  type: "CancelOrder",
  by,
  reason,
}));
command("expedite", "orders:write", "Promote an order to the expedited lane", z.strictObject({}), () => ({ type: "ExpediteOrder" }));
command(
  "stage",
  "orders:write",
  "Report that an order has reached a stage of its track",
  z.strictObject({ stage: text(50) }),
  (by, { stage }) => ({
    type: "ReachStage",
    by,
    stage,
  }),
);
command("approve", "ops", "Approve a held order", Note, (by, { note }) => ({ type: "ApproveOrder", by, note }));
command("reject", "ops", "Reject a held order; what was done for it is undone", Note, (by, { note }) => ({
  type: "RejectOrder",
  by,
  note,
}));
command(
  "correct",
  "ops",
  "Correct a quarantined order before it is redriven; who and why is journaled",
  z.strictObject({
    why: text(1_000),
    changes: z
      .strictObject({ customer: Customer, shipTo: Address, payment: Payment })
      .partial()
      .refine((changes) => Object.keys(changes).length > 0, "must change something"),
  }),
  (by, { why, changes }) => ({ type: "CorrectOrder", by, why, changes }),
);
command("redrive", "ops", "Try a quarantined order again; what is done stays done", Note, (by, { note }) => ({
  type: "RedriveOrder",
  by,
  note,
}));

/** `POST /{id}/<name>`: a command, which may be repeated, since one that already took effect changes nothing. */
function command<Body extends z.ZodType>(
  name: string,
  scope: "orders:write" | "ops",
  summary: string,
  schema: Body,
  toCommand: (by: string, body: z.infer<Body>) => OrderCommand,
): void {
  const route = createRoute({
    method: "post",
    // Typed as one path of this form, since the form is all that the handler needs to know.
    path: `/{id}/${name}` as "/{id}/command",
    summary,
    description: "Idempotent: repeating it changes nothing and answers the order as it is.",
    tags: ["orders"],
    security: SECURED,
    middleware: [requireScope(scope)] as const,
    request: { params: byId, body: body(schema) },
    responses: { 200: json(OrderView, "The order after the command."), ...errors(400, 404, 409, 413, 415, 422) },
  });
  orders.openapi(route, async (c) => {
    const { tenant, name: by } = c.var.caller;
    const wanted = toCommand(by, c.req.valid("json" as never) as z.infer<Body>);
    const result = (await actor(c, c.req.param("id")).command(tenant, wanted)) as Commanded;
    if (!result) return respond(c, problem("not-found", NO_ORDER));
    if (result.refusal) return respond(c, refused(result.refusal));
    c.executionCtx.waitUntil(sendHints(c.env, [hintOf(result.state.order, result.state.priority)]));
    return c.json(viewOf(result.state), 200, { etag: `"${result.state.version}"` });
  });
}

const keyReused = problem(
  "idempotency-key-reused",
  "this Idempotency-Key belongs to an order with another body; use a key of its own for each order",
);

const actor = (c: Call, id: string) => c.env.ORDERS.getByName(id);

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

const hintOf = ({ orderId, trace }: PlacedOrder, priority: Priority): Hint => ({ orderId, priority, ...(trace && { trace }) });
