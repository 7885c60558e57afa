/**
 * What the HTTP face shows of orders, made from their state and from rows of the history. The payment token is never shown.
 * The words of a provider may quote a customer, so they are shown to `ops` only.
 */
import type { z } from "zod";
import type { Commit, OrderEvent, PlacedOrder } from "../contract/events.ts";
import type { OrderSummary, Step } from "../contract/order.ts";
import type { CommandReceipt, DiagnosisView, Links, OrderListItem, OrderReceipt, OrderView, Timeline } from "../contract/views.ts";
import { mayDo } from "../domain/actions.ts";
import type { Diagnosis } from "../domain/diagnosis.ts";
import { type OrderState, reasonOf, type StepState } from "../domain/order.ts";
import { stepsAhead } from "../domain/progress.ts";
import { nextStage, trackOf } from "../domain/tracks.ts";

const iso = (millis: number): string => new Date(millis).toISOString();
const isoOrNull = (millis: number | null): string | null => (millis === null ? null : iso(millis));

const linksOf = (id: string): z.infer<typeof Links> => ({ self: `/v1/orders/${id}`, events: `/v1/orders/${id}/events` });

/**
 * What a client gets for an accepted order.
 * @param placedAt milliseconds
 */
export function receiptOf(
  { orderId: id, total, currency }: Pick<PlacedOrder, "orderId" | "total" | "currency">,
  placedAt: number,
): OrderReceipt {
  return { id, status: "accepted", placedAt: iso(placedAt), total, currency, links: linksOf(id) };
}

/** What a command answers to keys that may not read orders. */
export function commandReceiptOf({ order, status, version, updatedAt }: OrderState): CommandReceipt {
  return { id: order.orderId, status, version, updatedAt: iso(updatedAt), links: linksOf(order.orderId) };
}

/** What the viewer's scopes allow to be shown. */
export interface Viewer {
  readonly forOps: boolean;
}

export const viewerOf = ({ scopes }: { readonly scopes: readonly string[] }): Viewer => ({ forOps: scopes.includes("ops") });

/** A reference of this form is an identifier. Any other text may be words of the provider. */
const IDENTIFIER = /^[\w.:/-]{1,200}$/;

const referenceFor = ({ forOps }: Viewer, reference: string | undefined): string | null =>
  reference !== undefined && (forOps || IDENTIFIER.test(reference)) ? reference : null;

/** One order, from its own actor's state. */
export function viewOf(state: OrderState, viewer: Viewer): OrderView {
  const { order } = state;
  return {
    id: order.orderId,
    status: state.status,
    version: state.version,
    priority: state.priority,
    profileVersion: state.profile?.version ?? 0,
    track: order.track,
    stage: state.stage,
    reason: reasonOf(state),
    cause: state.cause,
    reference: order.reference ?? null,
    currency: order.currency,
    total: order.total,
    lines: order.lines,
    charges: order.charges,
    customer: order.customer,
    shipTo: order.shipTo,
    steps: (Object.entries(state.steps) as [Step, StepState][]).map(([step, { phase, attempt, retryAt, facts, lastFailure }]) => ({
      step,
      state: phase,
      attempt: attempt,
      retryAt: isoOrNull(retryAt),
      reference: referenceFor(viewer, facts.reference),
      lastFailure: lastFailure?.detail ?? null,
    })),
    ahead: stepsAhead(state),
    nextStage: nextStage(trackOf(state), state.stage)?.name ?? null,
    actions: mayDo(state),
    placedAt: iso(state.placedAt),
    startedAt: isoOrNull(state.startedAt),
    confirmedAt: isoOrNull(state.confirmedAt),
    updatedAt: iso(state.updatedAt),
    links: linksOf(order.orderId),
  };
}

/** One order of a list, from its row of the history. */
export function listItemOf({ orderId: id, tenant: _, ...order }: OrderSummary): z.infer<typeof OrderListItem> {
  return {
    ...order,
    id,
    placedAt: iso(order.placedAt),
    startedAt: isoOrNull(order.startedAt),
    confirmedAt: isoOrNull(order.confirmedAt),
    updatedAt: iso(order.updatedAt),
    links: linksOf(id),
  };
}

/** All events of an order's journal, oldest first. */
export function timelineOf(id: string, journal: readonly Commit[], viewer: Viewer): z.infer<typeof Timeline> {
  const entries = ({ version, at, events }: Commit) => events.map((event) => ({ version, at: iso(at), ...entryOf(event, viewer) }));
  return { id, events: journal.flatMap(entries) };
}

/** Why an order is where it is. */
export function diagnosisOf(id: string, diagnosis: Diagnosis, viewer: Viewer): z.infer<typeof DiagnosisView> {
  const { provider, lane } = diagnosis;
  return {
    ...diagnosis,
    id,
    since: iso(diagnosis.since),
    steps: [...diagnosis.steps],
    provider: provider && {
      name: provider.provider,
      state: provider.state,
      since: isoOrNull(provider.since),
      waiting: provider.waiting,
    },
    lane: lane && {
      waiting: lane.messages,
      oldestMs: lane.ageMs,
      deferredShare: lane.probability,
      deferredUpToMs: Math.round(lane.upToSeconds * 1_000),
    },
    nextWakeAt: isoOrNull(diagnosis.nextWakeAt),
    attempts: diagnosis.attempts.map((attempt) => ({
      ...attempt,
      at: iso(attempt.at),
      detail: attempt.result === "succeeded" ? referenceFor(viewer, attempt.detail ?? undefined) : attempt.detail,
      said: viewer.forOps ? attempt.said : null,
    })),
    actions: [...diagnosis.actions],
  };
}

/** What was ordered is shown by the order itself. The timeline only says that it was placed. */
function entryOf(event: OrderEvent, viewer: Viewer): { type: string; data: Record<string, unknown> } {
  const { type, ...data } = viewer.forOps ? event : withoutForeignWords(event, viewer);
  if (type === "OrderPlaced") return { type, data: {} };
  if ("changes" in data) return { type, data: { by: data.by, reason: data.reason, changed: Object.keys(data.changes) } };
  return {
    type,
    data: Object.fromEntries(Object.entries(data).map(([name, value]) => [name, isInstant(name, value) ? iso(value) : value])),
  };
}

function withoutForeignWords(event: OrderEvent, viewer: Viewer): OrderEvent {
  switch (event.type) {
    case "StepRefused":
      return { ...event, refusal: { reason: event.refusal.reason } };
    case "StepFailed": {
      const { said: _, ...own } = event;
      return own;
    }
    case "StepSucceeded":
    case "LateAnswerRecorded": {
      const { reference, flags } = event.facts ?? {};
      const shown = referenceFor(viewer, reference);
      return { ...event, facts: { ...(shown !== null && { reference: shown }), ...(flags && { flags }) } };
    }
    default:
      return event;
  }
}

const INSTANTS: ReadonlySet<string> = new Set(["startedAt", "retryAt", "until"]);
const isInstant = (name: string, value: unknown): value is number => INSTANTS.has(name) && typeof value === "number";
