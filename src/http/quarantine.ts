/** The quarantine: what is parked, what a redrive of it would do, and the job that releases it at a rate. */
import pMap from "p-map";
import { z } from "zod";
import { type FoundRedrive, MAX_CONCURRENT_ACTORS, orderActor, redriveActor } from "../actors/addresses.ts";
import { IdempotencyKey } from "../contract/primitives.ts";
import { problem } from "../contract/problems.ts";
import {
  MAX_PREVIEWED,
  MAX_REDRIVEN,
  PreviewRedrive,
  type QuarantineFilter,
  QuarantineList,
  RedriveId,
  RedriveJobView,
  RedrivePreviewView,
  StartRedrive,
} from "../contract/quarantine.ts";
import { previewOf, readCauseFingerprint } from "../domain/redrive.ts";
import { type ParkedGroup, type ParkedOrder, parkedGroups, parkedOrders } from "../projections/history/attention.ts";
import type { Call } from "./context.ts";
import { redriveIdOf, requestDigestOf } from "./identity.ts";
import { body, errors, json, route, router } from "./openapi.ts";
import { orNull, RETRY, respond } from "./problem.ts";

const NO_JOB = "no such redrive";
const byId = z.object({ id: RedriveId });

/** The routes below `/v1/quarantine`. */
export const quarantine = router();

quarantine.openapi(
  route("orders:read", {
    method: "get",
    path: "/",
    summary: "See what is parked, grouped by cause",
    description: "From the history: it trails the orders by seconds.",
    tags: ["quarantine"],
    responses: { 200: json(QuarantineList, "The causes, the most frequent first."), ...errors(503) },
  }),
  async (c) => {
    const parked = await orNull(c, parkedGroups(c.env, c.var.caller.tenant));
    return parked ? c.json({ ...parked, groups: parked.groups.flatMap(groupOf) }, 200) : respond(c, historyDown, RETRY);
  },
);

quarantine.openapi(
  route("ops", {
    method: "post",
    path: "/preview",
    summary: "See what a redrive would do",
    description: "Changes nothing. Per order: the effects that have happened and will be skipped, and the calls that will be made.",
    tags: ["quarantine"],
    request: { body: body(PreviewRedrive) },
    responses: { 200: json(RedrivePreviewView, "What would happen."), ...errors(400, 413, 415, 422, 503) },
  }),
  async (c) => {
    const { filter } = c.req.valid("json");
    const found = await matching(c, filter);
    if (!found) return respond(c, historyDown, RETRY);
    return c.json({ total: found.parked.length, truncated: found.truncated, orders: await preview(c, found.parked) }, 200);
  },
);

quarantine.openapi(
  route("ops", {
    method: "post",
    path: "/redrive",
    summary: "Release parked orders at a rate",
    description:
      "Starts a job that goes on by itself: a few orders first, the rest when those fared well, and an end by itself when too many are parked again. " +
      "Which orders is decided now. The Idempotency-Key names the job for 30 days: the same key and body meet the same job.",
    tags: ["quarantine"],
    request: { headers: z.object({ "idempotency-key": IdempotencyKey }), body: body(StartRedrive) },
    responses: { 202: json(RedriveJobView, "The job."), ...errors(400, 413, 415, 422, 503) },
  }),
  async (c) => {
    const { tenant, name: startedBy } = c.var.caller;
    const { filter, ...wanted } = c.req.valid("json");
    const [id, requestDigest] = await Promise.all([
      redriveIdOf(tenant, c.req.valid("header")["idempotency-key"]),
      requestDigestOf({ filter, ...wanted }),
    ]);
    const known = await job(c, id).find(requestDigest);
    if (known) return answer(c, known);
    const found = await matching(c, filter);
    if (!found) return respond(c, historyDown, RETRY);
    const orders = { ...wanted, id, tenant, requestDigest, startedBy, truncated: found.truncated };
    const orderIds = found.parked.map(({ orderId }) => orderId);
    return answer(c, await job(c, id).start(orders, orderIds));
  },
);

quarantine.openapi(
  route("ops", {
    method: "get",
    path: "/redrives/{id}",
    summary: "See how a redrive goes",
    tags: ["quarantine"],
    request: { params: byId },
    responses: { 200: json(RedriveJobView, "The job as it is now."), ...errors(404) },
  }),
  async (c) => {
    const view = await job(c, c.req.valid("param").id).view();
    return view ? c.json(view, 200) : respond(c, problem("not-found", NO_JOB));
  },
);

quarantine.openapi(
  route("ops", {
    method: "post",
    path: "/redrives/{id}/stop",
    summary: "Release no more orders",
    description: "Those that were released go on by themselves. A job that has ended stays as it is.",
    tags: ["quarantine"],
    request: { params: byId, body: body(z.strictObject({})) },
    responses: { 200: json(RedriveJobView, "The job as it is now."), ...errors(400, 404, 413, 415, 422) },
  }),
  async (c) => {
    const view = await job(c, c.req.valid("param").id).stop(c.var.caller.name);
    return view ? c.json(view, 200) : respond(c, problem("not-found", NO_JOB));
  },
);

const job = (c: Call, id: string) => redriveActor(c.env, c.var.caller.tenant, id);

const historyDown = problem("unavailable", "the history does not answer just now; single orders can still be read and redriven");

const keyReused = problem(
  "idempotency-key-reused",
  "this Idempotency-Key belongs to a redrive with another body; use a key of its own for each redrive",
);

function answer(c: Call, found: FoundRedrive) {
  if (found.outcome === "conflict") return respond(c, keyReused);
  return c.json(found.view, 202);
}

async function matching(c: Call, filter: QuarantineFilter): Promise<{ parked: ParkedOrder[]; truncated: boolean } | null> {
  // One more than is taken tells whether there are more without a count.
  const found = await orNull(c, parkedOrders(c.env, c.var.caller.tenant, filter, MAX_REDRIVEN + 1));
  return found && { parked: found.slice(0, MAX_REDRIVEN), truncated: found.length > MAX_REDRIVEN };
}

/** Asks each order's own actor, since the history may be behind. An order that is no longer parked is left out. */
async function preview(c: Call, parked: readonly ParkedOrder[]): Promise<z.infer<typeof RedrivePreviewView>["orders"]> {
  const previewed = async ({ orderId: id, causeFingerprint }: ParkedOrder) => {
    const state = await orderActor(c.env, id).view(c.var.caller.tenant);
    if (state?.status !== "quarantined") return [];
    const { done, willRun, undoing } = previewOf(state);
    return [{ id, priority: state.priority, causeFingerprint, done: [...done], willRun: [...willRun], undoing }];
  };
  const previews = await pMap(parked.slice(0, MAX_PREVIEWED), previewed, { concurrency: MAX_CONCURRENT_ACTORS });
  return previews.flat();
}

/** A cause fingerprint that cannot be read is a bug of the projection. Its group is left out, so that the others are shown. */
function groupOf({ causeFingerprint, orders, oldest, newest, samples }: ParkedGroup): z.infer<typeof QuarantineList>["groups"] {
  const read = readCauseFingerprint(causeFingerprint);
  if (!read) return [];
  const [oldestAt, newestAt] = [new Date(oldest).toISOString(), new Date(newest).toISOString()];
  return [{ causeFingerprint, ...read, orders, oldestAt, newestAt, sampleIds: [...samples] }];
}
