/** What an operator asks and does about the whole: what needs a person, the gates of the providers, sweeps and audits. */
import { z } from "zod";
import { type BreakerView, breakerActor } from "../actors/addresses.ts";
import { AttentionList, ProviderList, ProviderView, SweepReport } from "../contract/ops.ts";
import { ProviderName } from "../contract/order.ts";
import { text } from "../contract/primitives.ts";
import { Reconcile, Reconciliation } from "../contract/reconciliation.ts";
import { attentionOf, breakerOf } from "../ops/attention.ts";
import { reconcile } from "../ops/reconcile.ts";
import { sweep } from "../ops/sweeper.ts";
import { now } from "../platform/ambient.ts";
import { body, errors, json, route, router } from "./openapi.ts";
import { orNull, problem, RETRY, respond } from "./problem.ts";

const byProvider = z.object({ provider: ProviderName });
export const ops = router();

ops.openapi(
  route("ops", {
    method: "get",
    path: "/attention",
    summary: "See what needs a person now, worst first",
    description:
      "When a part does not answer, the others are shown all the same and `incomplete` is true. Orders are the tenant's own; providers are shared.",
    tags: ["ops"],
    responses: { 200: json(AttentionList, "What needs a person. Empty: nothing does."), ...errors() },
  }),
  async (c) => c.json(await attentionOf(c.env, c.var.caller.tenant, now()), 200),
);

ops.openapi(
  route("ops", {
    method: "get",
    path: "/providers",
    summary: "See which providers may be called",
    tags: ["ops"],
    responses: { 200: json(ProviderList, "All four."), ...errors(503) },
  }),
  async (c) => {
    const views = await orNull(c, Promise.all(ProviderName.options.map((provider) => breakerOf(c.env, provider))));
    if (!views) return respond(c, problem("unavailable", "a provider's breaker does not answer just now; try again"), RETRY);
    return c.json({ providers: views.map(providerView) }, 200);
  },
);

ops.openapi(
  route("ops", {
    method: "post",
    path: "/providers/{provider}/pause",
    summary: "Stop all calls of a provider",
    description: "Within some seconds no order calls it any more, of no tenant. They wait and spend no retries, until somebody resumes it.",
    tags: ["ops"],
    request: { params: byProvider, body: body(z.strictObject({ why: text(200) })) },
    responses: { 200: json(ProviderView, "The provider as it is now."), ...errors(400, 404, 413, 415, 422) },
  }),
  async (c) => {
    const breaker = breakerActor(c.env, c.req.valid("param").provider);
    return c.json(providerView(await breaker.pause(c.req.valid("json").why)), 200);
  },
);

ops.openapi(
  route("ops", {
    method: "post",
    path: "/providers/{provider}/resume",
    summary: "Let a provider be called again",
    description: "Ends a pause, or an outage that is known to be over. Those that wait are let go by lane and age, a share at a time.",
    tags: ["ops"],
    request: { params: byProvider, body: body(z.strictObject({})) },
    responses: { 200: json(ProviderView, "The provider as it is now."), ...errors(400, 404, 413, 415, 422) },
  }),
  async (c) => {
    const breaker = breakerActor(c.env, c.req.valid("param").provider);
    return c.json(providerView(await breaker.resume()), 200);
  },
);

ops.openapi(
  route("ops", {
    method: "post",
    path: "/sweep",
    summary: "Look for orders that should have moved and did not",
    description:
      "What runs by itself every five minutes, for the tenant's own orders. Lost alarms are armed and lost events published again; nothing else changes.",
    tags: ["ops"],
    request: { body: body(z.strictObject({})) },
    responses: { 200: json(SweepReport, "What was found."), ...errors(400, 413, 415, 422, 503) },
  }),
  async (c) => {
    const report = await orNull(c, sweep(c.env, { tenant: c.var.caller.tenant }));
    return report ? c.json(report, 200) : respond(c, historyDown, RETRY);
  },
);

ops.openapi(
  route("ops", {
    method: "post",
    path: "/reconcile",
    summary: "Compare history, counters, stock and providers with the journals",
    description:
      "One page of the orders that were placed from `from` until `to`; go on with `cursor` until `nextCursor` is null. With `repair` the history and the counters " +
      "are put right from the journals; providers and stock are never touched. A change of the last minute is given time to arrive and is no difference.",
    tags: ["ops"],
    request: { body: body(Reconcile) },
    responses: { 200: json(Reconciliation, "What differs. Empty: nothing does."), ...errors(400, 413, 415, 422, 503) },
  }),
  async (c) => {
    const result = await orNull(c, reconcile(c.env, c.var.caller.tenant, c.req.valid("json")));
    if (!result) return respond(c, historyDown, RETRY);
    if ("refusal" in result) return respond(c, problem("invalid-cursor", result.refusal.detail ?? result.refusal.reason));
    return c.json(result, 200);
  },
);

const historyDown = problem("unavailable", "the history or the counters do not answer just now; single orders can still be read");

function providerView({ provider, breaker, waiting }: BreakerView): ProviderView {
  return {
    provider,
    state: breaker.state,
    since: "since" in breaker ? new Date(breaker.since).toISOString() : null,
    why: "why" in breaker ? breaker.why : null,
    nextProbeAt: breaker.state === "open" ? new Date(breaker.probeAt).toISOString() : null,
    waiting,
  };
}
