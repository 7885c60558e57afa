/**
 * Reading orders. A single order comes from its actor and is strongly consistent. The list comes from the history, which
 * trails by seconds.
 */
import { z } from "zod";
import { OrderStatus, Priority } from "../../contract/order.ts";
import { Cursor, text } from "../../contract/primitives.ts";
import { problem } from "../../contract/problems.ts";
import { DiagnosisView, OrderList, OrderView, Timeline } from "../../contract/views.ts";
import { listOrders, MAX_PAGE_SIZE } from "../../projections/history/queries.ts";
import { isUnchanged } from "../conditional.ts";
import { errors, json, route, router } from "../openapi.ts";
import { orNull, RETRY, respond } from "../problem.ts";
import { diagnosisOf, listItemOf, timelineOf, viewerOf, viewOf } from "../views.ts";
import { actor, byId, NO_ORDER } from "./shared.ts";

/** The routes that read orders. */
export const reading = router();

reading.openapi(
  route("orders:read", {
    method: "get",
    path: "/",
    summary: "List orders",
    description: "From the history, newest first. It trails the orders themselves by seconds.",
    tags: ["orders"],
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
        cursor: Cursor.optional(),
      }),
    },
    responses: { 200: json(OrderList, "One page."), ...errors(422, 503) },
  }),
  async (c) => {
    const { from, to, limit, cursor, ...filter } = c.req.valid("query");
    const period = { ...(from && { from: Date.parse(from) }), ...(to && { to: Date.parse(to) }) };
    const page = await orNull(c, listOrders(c.env, c.var.caller.tenant, { ...filter, ...period }, cursor ?? null, limit));
    if (!page) return respond(c, problem("unavailable", "the history does not answer just now; single orders can still be read"), RETRY);
    if (page.outcome === "refused") return respond(c, problem("invalid-cursor", page.refusal.detail ?? page.refusal.reason));
    return c.json({ orders: page.orders.map(listItemOf), nextCursor: page.next }, 200);
  },
);

reading.openapi(
  route("orders:read", {
    method: "get",
    path: "/{id}",
    summary: "Read an order",
    description: "Strongly consistent. The `ETag` is the version; `If-None-Match` is honoured.",
    tags: ["orders"],
    request: { params: byId },
    responses: { 200: json(OrderView, "The order."), 304: { description: "Unchanged." }, ...errors(404) },
  }),
  async (c) => {
    const state = await actor(c, c.req.valid("param").id).view(c.var.caller.tenant);
    if (!state) return respond(c, problem("not-found", NO_ORDER));
    const etag = `"${state.version}"`;
    if (isUnchanged(c.req.header("if-none-match"), etag)) return c.body(null, 304, { etag });
    return c.json(viewOf(state, viewerOf(c.var.caller)), 200, { etag });
  },
);

reading.openapi(
  route("orders:read", {
    method: "get",
    path: "/{id}/events",
    summary: "Read an order's timeline",
    tags: ["orders"],
    request: { params: byId },
    responses: { 200: json(Timeline, "Every event of its journal, oldest first."), ...errors(404) },
  }),
  async (c) => {
    const { id } = c.req.valid("param");
    const journal = await actor(c, id).events(c.var.caller.tenant);
    return journal ? c.json(timelineOf(id, journal, viewerOf(c.var.caller)), 200) : respond(c, problem("not-found", NO_ORDER));
  },
);

reading.openapi(
  route("orders:read", {
    method: "get",
    path: "/{id}/diagnosis",
    summary: "Ask why an order is where it is",
    description: "What it does or waits for, since when, what was tried, when it looks for itself next, and what a person can do.",
    tags: ["orders"],
    request: { params: byId },
    responses: { 200: json(DiagnosisView, "The diagnosis."), ...errors(404) },
  }),
  async (c) => {
    const { id } = c.req.valid("param");
    const diagnosis = await actor(c, id).diagnosis(c.var.caller.tenant);
    return diagnosis ? c.json(diagnosisOf(id, diagnosis, viewerOf(c.var.caller)), 200) : respond(c, problem("not-found", NO_ORDER));
  },
);
