/**
 * Submitting orders, one or a batch. The answer leaves once the orders are durable (write-ahead); their hints are sent
 * after it.
 */

import { z } from "zod";
import type { Placement } from "../../actors/addresses.ts";
import type { PlacedOrder } from "../../contract/events.ts";
import type { LogEvent } from "../../contract/log-events.ts";
import type { Hint } from "../../contract/messages.ts";
import { PlaceOrder, totalOf } from "../../contract/order.ts";
import { IdempotencyKey } from "../../contract/primitives.ts";
import type { Problem } from "../../contract/problems.ts";
import { type ProblemOf, problem } from "../../contract/problems.ts";
import type { VersionedProfile } from "../../contract/profile.ts";
import { OrderReceipt, PlaceOrders, PlaceOrdersResult } from "../../contract/views.ts";
import { sendHints } from "../../messaging/hints.ts";
import { type LogFields, log } from "../../platform/log.ts";
import { admit } from "../../tenants/profile.ts";
import { profiles } from "../../tenants/profiles.ts";
import type { Call } from "../context.ts";
import { orderIdOf, requestDigestOf } from "../identity.ts";
import { body, errors, json, route, router } from "../openapi.ts";
import { invalid, invalidFields, RETRY, respond, unexpected } from "../problem.ts";
import { receiptOf } from "../views.ts";
import { actor, hintOf } from "./shared.ts";

const replayedHeader = z.object({
  "idempotency-replayed": z.string().optional().meta({ description: "`true` when the order existed already." }),
});

/** The routes that submit orders. */
export const submission = router();

submission.openapi(
  route("orders:write", {
    method: "post",
    path: "/",
    summary: "Submit an order",
    description: "Answers once the order is durable. The same key and body may be sent again at any time; they meet the same order.",
    tags: ["orders"],
    request: { headers: z.object({ "idempotency-key": IdempotencyKey }), body: body(PlaceOrder) },
    responses: { 202: { ...json(OrderReceipt, "Accepted."), headers: replayedHeader }, ...errors(400, 413, 415, 422, 503) },
  }),
  async (c) => {
    const profile = await profiles.of(c.env, c.var.caller.tenant);
    const placed = await place(c, profile, c.req.valid("header")["idempotency-key"], c.req.valid("json"));
    if ("problem" in placed) return respond(c, placed.problem, placed.problem.status === 503 ? RETRY : {});
    const { order, placement } = placed;
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
    const profile = await profiles.of(c.env, c.var.caller.tenant);
    const results = await Promise.all(
      c.req.valid("json").orders.map(async ({ idempotencyKey, order }, index) => {
        const refusal = (body: Problem) => ({ idempotencyKey, status: body.status, replayed: false, receipt: null, problem: body });
        const parsed = PlaceOrder.safeParse(order);
        if (!parsed.success) return refusal(invalid(parsed.error, ["orders", String(index), "order"]));
        try {
          const placed = await place(c, profile, idempotencyKey, parsed.data);
          if ("problem" in placed) return refusal(below(placed.problem, `/orders/${index}/order`));
          const { order, placement } = placed;
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

/** The outcome of a submission, or the problem when the tenant's profile does not admit the order. */
type Placed = { readonly order: Submitted; readonly placement: Placement } | { readonly problem: ProblemOf<422 | 503> };

/** An order before the tenant's profile has chosen its track. */
type Submitted = Omit<PlacedOrder, "track">;

/**
 * Places the order under the profile, or recognises it as a repeat.
 * @param profile null when it cannot be read just now
 */
async function place(c: Call, profile: VersionedProfile | null, idempotencyKey: string, submitted: PlaceOrder): Promise<Placed> {
  const { trace } = c.var;
  const { tenant } = c.var.caller;
  const [orderId, requestDigest] = await Promise.all([orderIdOf(tenant, idempotencyKey), requestDigestOf(submitted)]);
  const order = { ...submitted, orderId, tenant, requestDigest, total: totalOf(submitted), trace };
  const admitted = profile && admit(profile, submitted);
  if (admitted && "track" in admitted) {
    return { order, placement: await actor(c, orderId).place({ ...order, track: admitted.track }, admitted.profile) };
  }
  // A repeat gets the answer of its order, whatever the profile allows by now.
  const known = await actor(c, orderId).recognise(requestDigest);
  if (known) return { order, placement: known };
  return { problem: admitted ? invalidFields(admitted.errors) : profileUnknown };
}

/** The same problem with its pointers moved below `prefix`. */
const below = (problem: Problem, prefix: string): Problem =>
  problem.errors ? invalidFields(problem.errors.map(({ pointer, detail }) => ({ pointer: `${prefix}${pointer}`, detail }))) : problem;

const profileUnknown = problem("unavailable", "the tenant's profile is not known just now; try again");

const EVENTS = { placed: "order.placed", replayed: "order.replayed" } as const satisfies Record<string, LogEvent>;

const aboutOf = ({ orderId, lines, total, currency }: Submitted, { priority: lane }: Placement): LogFields => ({
  orderId,
  lane,
  lines: lines.length,
  total,
  currency,
});
