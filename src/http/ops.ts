/** What an operator asks and does across orders: what needs a person, the breakers of the providers, sweeps and reconciliations. */
import { z } from "zod";
import { type BreakerAddress, breakerActor } from "../actors/addresses.ts";
import { BreakerReason } from "../contract/breaker.ts";
import { AttentionList, ProviderList, ProviderView, SweepReport } from "../contract/ops.ts";
import { ProviderName } from "../contract/order.ts";
import { problem } from "../contract/problems.ts";
import { Reconcile, Reconciliation } from "../contract/reconciliation.ts";
import { type BreakerView, isShared, shown } from "../domain/breaker.ts";
import { accountAt, attentionOf, breakerOf } from "../ops/attention.ts";
import { reconcile } from "../ops/reconcile.ts";
import { sweep } from "../ops/sweeper.ts";
import { now } from "../platform/ambient.ts";
import type { Call, Caller } from "./context.ts";
import { body, errors, json, route, router } from "./openapi.ts";
import { orNull, RETRY, respond } from "./problem.ts";

const byProvider = z.object({ provider: ProviderName });
/** The routes below `/v1/ops`. */
export const ops = router();

ops.openapi(
  route("ops", {
    method: "get",
    path: "/attention",
    summary: "See what needs a person now, worst first",
    description:
      "When a part does not answer, the others are shown all the same and `incomplete` is true. Messages that could not be read belong to no tenant and are shown to keys with the scope `platform` only.",
    tags: ["ops"],
    responses: { 200: json(AttentionList, "What needs a person. Empty: nothing does."), ...errors() },
  }),
  async (c) => c.json(await attentionOf(c.env, c.var.caller.tenant, now(), isPlatform(c.var.caller)), 200),
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
    const { caller } = c.var;
    const views = await orNull(c, Promise.all(ProviderName.options.map((provider) => breakerOf(c.env, caller.tenant, provider))));
    if (!views) return respond(c, breakerDown, RETRY);
    return c.json({ providers: views.map((view) => providerView(view, caller)) }, 200);
  },
);

ops.openapi(
  route("ops", {
    method: "post",
    path: "/providers/{provider}/pause",
    summary: "Stop all calls of a provider",
    description:
      "Within some seconds no order of the tenant calls it any more. They wait and spend no retries, until somebody resumes it. " +
      "An account that the tenant shares with others takes the scope `platform`.",
    tags: ["ops"],
    request: { params: byProvider, body: body(z.strictObject({ reason: BreakerReason })) },
    responses: { 200: json(ProviderView, "The provider as it is now."), ...errors(400, 404, 413, 415, 422, 503) },
  }),
  (c) => turnGate(c, c.req.valid("param").provider, (breaker, by) => breaker.pause(by, c.req.valid("json").reason)),
);

ops.openapi(
  route("ops", {
    method: "post",
    path: "/providers/{provider}/resume",
    summary: "Let a provider be called again",
    description: "Ends a pause, or an outage that is known to be over. Those that wait are let go by lane and age, a share at a time.",
    tags: ["ops"],
    request: { params: byProvider, body: body(z.strictObject({ reason: BreakerReason.optional() })) },
    responses: { 200: json(ProviderView, "The provider as it is now."), ...errors(400, 404, 413, 415, 422, 503) },
  }),
  (c) => turnGate(c, c.req.valid("param").provider, (breaker, by) => breaker.resume(by, c.req.valid("json").reason)),
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

const breakerDown = problem("unavailable", "a provider's breaker does not answer just now; try again");

const platformOnly = problem("forbidden", "the account is shared with other tenants; this needs the scope platform", { scope: "platform" });

/** Pauses or resumes the provider's breaker. A shared account takes the scope `platform`, because other tenants call it, too. */
async function turnGate(c: Call, provider: ProviderName, turn: (breaker: BreakerAddress, by: string) => Promise<BreakerView>) {
  const { caller } = c.var;
  const account = await orNull(c, accountAt(c.env, caller.tenant, provider));
  if (account === null) return respond(c, breakerDown, RETRY);
  if (isShared(account) && !isPlatform(caller)) return respond(c, platformOnly);
  return c.json(providerView(await turn(breakerActor(c.env, account), caller.name), caller), 200);
}

const isPlatform = ({ scopes }: Caller): boolean => scopes.includes("platform");

function providerView(view: BreakerView, caller: Caller): ProviderView {
  const { since, nextProbeAt, ...rest } = shown(view, isPlatform(caller));
  return { ...rest, since: isoOrNull(since), nextProbeAt: isoOrNull(nextProbeAt) };
}

const isoOrNull = (millis: number | null): string | null => (millis === null ? null : new Date(millis).toISOString());
