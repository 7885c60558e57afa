/** Commands to one order. All may be repeated; what a repeat does stands in each one's contract. */
import { z } from "zod";
import { Address, Customer, Payment } from "../../contract/order.ts";
import { Reason, text } from "../../contract/primitives.ts";
import { problem } from "../../contract/problems.ts";
import { CommandReceipt, OrderView } from "../../contract/views.ts";
import type { OrderCommand } from "../../domain/decide.ts";
import { sendHints } from "../../messaging/hints.ts";
import { body, errors, json, route, router } from "../openapi.ts";
import { refused, respond } from "../problem.ts";
import { commandReceiptOf, viewerOf, viewOf } from "../views.ts";
import { actor, byId, hintOf, NO_ORDER } from "./shared.ts";

/** The routes `POST /v1/orders/{id}/<command>`. */
export const commands = router();

const Explained = z.strictObject({ reason: Reason.optional() });

command("cancel", "orders:write", "Cancel an order", Explained, (by, { reason }) => ({ type: "CancelOrder", by, reason }));
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
command("approve", "ops", "Approve a held order", Explained, (by, { reason }) => ({ type: "ApproveOrder", by, reason }));
command("reject", "ops", "Reject a held order; what was done for it is undone", Explained, (by, { reason }) => ({
  type: "RejectOrder",
  by,
  reason,
}));
command(
  "correct",
  "ops",
  "Correct a quarantined order before it is redriven; who and why is journaled",
  z.strictObject({
    reason: Reason,
    changes: z
      .strictObject({ customer: Customer, shipTo: Address, payment: Payment })
      .partial()
      .refine((changes) => Object.keys(changes).length > 0, "must change something"),
  }),
  (by, { reason, changes }) => ({ type: "CorrectOrder", by, reason, changes }),
  "May be repeated. Every call is journaled, even one that changes nothing, so that no answer tells whether a guess at the order was right.",
);
command("redrive", "ops", "Try a quarantined order again; what is done stays done", Explained, (by, { reason }) => ({
  type: "RedriveOrder",
  by,
  reason,
}));

/**
 * Registers a command as `POST /{id}/<name>`.
 * @param toCommand is given the name of the caller's key
 * @param repeated what a repeat does, for the document
 */
function command<Body extends z.ZodType>(
  name: string,
  scope: "orders:write" | "ops",
  summary: string,
  schema: Body,
  toCommand: (by: string, body: z.infer<Body>) => OrderCommand,
  repeated = "Idempotent: repeating it changes nothing.",
): void {
  const contract = route(scope, {
    method: "post",
    // The type system is told one path of this form, because the handler only needs to know that there is an `id`.
    path: `/{id}/${name}` as "/{id}/command",
    summary,
    description: `${repeated} Answers the order to keys with \`orders:read\`, and a receipt to all others.`,
    tags: ["orders"],
    request: { params: byId, body: body(schema) },
    responses: { 200: json(z.union([OrderView, CommandReceipt]), "The order after the command."), ...errors(400, 404, 409, 413, 415, 422) },
  });
  commands.openapi(contract, async (c) => {
    const { tenant, name: by, scopes } = c.var.caller;
    const wanted = toCommand(by, c.req.valid("json" as never) as z.infer<Body>);
    const result = await actor(c, c.req.param("id")).command(tenant, wanted);
    if (!result) return respond(c, problem("not-found", NO_ORDER));
    if (result.refusal) return respond(c, refused(result.refusal));
    c.executionCtx.waitUntil(sendHints(c.env, [hintOf(result.state.order, result.state.priority)]));
    const answer = scopes.includes("orders:read") ? viewOf(result.state, viewerOf({ scopes })) : commandReceiptOf(result.state);
    return c.json(answer, 200, { etag: `"${result.state.version}"` });
  });
}
