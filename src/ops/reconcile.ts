/**
 * The reconciliation: compares history, counters, stock and providers' ledgers with the journals, a page at a time. It begins
 * with the orders that the history has in a period. When the history has fewer orders than were counted, it goes on with those
 * that the history has lost. A repair rebuilds projections only; what is wrong at a provider or in stock is for a person.
 */

import { z } from "zod";
import { counterActors, statsHubActor, statsShardActor } from "../actors/addresses.ts";
import { ProviderName, type Refusal } from "../contract/order.ts";
import { Millis, OrderId } from "../contract/primitives.ts";
import type { Difference, Reconcile, Reconciliation } from "../contract/reconciliation.ts";
import { type Contribution, SHARDS, shardOf } from "../domain/counters.ts";
import type { Env } from "../env.ts";
import { random as dice, now } from "../platform/ambient.ts";
import { cursorOf } from "../platform/cursor.ts";
import { within } from "../platform/deadline.ts";
import { excerpt, log } from "../platform/log.ts";
import { auditPage, countOrdersOf, missingOrders } from "../projections/history/audit.ts";
import { projectionsOf } from "../projections/registry.ts";
import { type Audit, Auditor } from "./auditor.ts";
import { repairAll } from "./repair.ts";
import { someTenants } from "./tenants.ts";

/**
 * Contributions of a shard examined per page for orders that the history has lost. They cost one query to D1 and no call of an
 * order's actor.
 */
const WALK = 1_000;

const ACTOR_DEADLINE_MS = 10_000;

/** Differences of one page that are logged. The answer has all of them. */
const MAX_LOGGED = 50;

const DAY_MS = 24 * 60 * 60_000;

/** Pages compared in one night. They cover a small day wholly; of a large day they are a sample from a random point on. */
const NIGHTLY_PAGES = 20;
const NIGHTLY_LIMIT = 100;
const MAX_TENANTS = NIGHTLY_PAGES;

/** Orders of the last hour may still move. The next night compares them. */
const NIGHTLY_UNTIL_MS = 60 * 60_000;

/** Where a page begins: after an order in the history, or after one among those that a shard has counted. */
const Start = z.discriminatedUnion("phase", [
  z.strictObject({ phase: z.literal("history"), placedAt: Millis, orderId: OrderId.or(z.literal("")) }),
  z.strictObject({
    phase: z.literal("counters"),
    shard: z
      .int()
      .min(0)
      .max(SHARDS - 1),
    orderId: OrderId.or(z.literal("")),
  }),
]);
type Start = z.infer<typeof Start>;

const cursors = cursorOf(Start);

const CURSOR_REFUSALS = {
  cursor_invalid: "The cursor is not one that a reconciliation has handed out.",
  cursor_of_other_filters: "The cursor belongs to a reconciliation of another period; leave it out to begin this one.",
} as const;

/** The audits of one page. */
interface Page {
  readonly audits: readonly Audit[];
  readonly next: Start | null;
}

/**
 * Compares one page, and repairs it when `repair` is set. Rejects when the history or the counters do not answer, and may
 * then be called again. A cursor that was not handed out here is refused.
 * @param at milliseconds; a change within the minute before it may still be on its way
 */
export async function reconcile(
  env: Env,
  tenant: string,
  { from, to, repair, cursor, limit }: Reconcile,
  at: number = now(),
): Promise<Reconciliation | { readonly refusal: Refusal }> {
  const startedAt = now();
  const period = { from: Date.parse(from), to: Date.parse(to) };
  const reading = cursor === undefined ? null : await cursors.read(cursor, questionOf(period));
  if (reading?.outcome === "refused") return { refusal: { reason: reading.reason, detail: CURSOR_REFUSALS[reading.reason] } };
  const start = reading?.position ?? null;
  const auditor = new Auditor(env, tenant, at);
  const { audits, next } =
    start?.phase === "counters"
      ? await lostPage(env, tenant, auditor, period, start)
      : await historyPage(env, tenant, auditor, period, start, limit);
  const repaired = repair ? await repairAll(projectionsOf(env, counterActors(env)), tenant, audits) : new Set<string>();
  const differences = audits.flatMap(({ orderId, findings }) =>
    findings.map((finding): Difference => ({ orderId, ...finding, repaired: finding.law === 4 && repaired.has(orderId) })),
  );
  for (const { orderId, law, subject, repaired: healed, what } of differences.slice(0, MAX_LOGGED)) {
    log.warn("reconcile.found", { orderId, tenant, law, subject, repaired: healed, what: excerpt(what) });
  }
  // Providers answer in any order. Reports name them in a fixed one, so that two reports can be compared.
  const inOrder = (names: ReadonlySet<ProviderName>) => ProviderName.options.filter((name) => names.has(name));
  log.info("reconcile.done", {
    tenant,
    checked: audits.length,
    differences: differences.length,
    repaired: repaired.size,
    durationMs: now() - startedAt,
  });
  return {
    checked: audits.length,
    unreachable: auditor.unreachable,
    differences,
    unsupported: inOrder(auditor.unsupported),
    unanswered: inOrder(auditor.unanswered),
    nextCursor: next && (await cursors.write(next, questionOf(period))),
  };
}

/** The nightly reconciliation of the day before. It repairs nothing, so that a person sees what drifts before it is gone. */
export async function reconcileLastDay(env: Env): Promise<void> {
  const at = now();
  const tenants = await someTenants(env, MAX_TENANTS, dice);
  const [from, to] = [at - DAY_MS - NIGHTLY_UNTIL_MS, at - NIGHTLY_UNTIL_MS];
  const period = { from: new Date(from).toISOString(), to: new Date(to).toISOString(), repair: false, limit: NIGHTLY_LIMIT };
  for (const tenant of tenants) {
    const pages = Math.floor(NIGHTLY_PAGES / tenants.length);
    const isSample = (await auditPage(env, tenant, { from, to }, null, pages * NIGHTLY_LIMIT + 1)).length > pages * NIGHTLY_LIMIT;
    const somewhere: Start = { phase: "history", placedAt: Math.floor(from + dice() * (to - from)), orderId: "" };
    let cursor = isSample ? await cursors.write(somewhere, questionOf({ from, to })) : undefined;
    for (let page = 0; page < pages; page++) {
      const result = await reconcile(env, tenant, { ...period, cursor }, at);
      if ("refusal" in result || result.nextCursor === null) break;
      cursor = result.nextCursor;
    }
  }
}

type Period = { readonly from: number; readonly to: number };

/** What a cursor belongs to: a repair may carry on where a comparison has begun. */
const questionOf = ({ from, to }: Period): string => JSON.stringify([from, to]);

async function historyPage(
  env: Env,
  tenant: string,
  auditor: Auditor,
  period: Period,
  start: (Start & { phase: "history" }) | null,
  limit: number,
): Promise<Page> {
  // One more than asked for tells whether there is a next page.
  const rows = await auditPage(env, tenant, period, start, limit + 1);
  const page = rows.slice(0, limit);
  const counted = await countedFor(
    env,
    tenant,
    page.map(({ orderId }) => orderId),
  );
  const audits = await auditor.all(
    page.map((row) => ({ orderId: row.orderId, shown: { history: row, counters: counted.get(row.orderId) ?? null } })),
  );
  const last = page.at(-1);
  if (last && rows.length > limit) return { audits, next: { phase: "history", placedAt: last.placedAt, orderId: last.orderId } };
  const [kept, { submitted }] = await Promise.all([countOrdersOf(env, tenant), statsHubActor(env, tenant).snapshot()]);
  return { audits, next: kept < submitted ? { phase: "counters", shard: 0, orderId: "" } : null };
}

/** Orders that were counted and have no row in the history. Orders placed outside the period are passed over. */
async function lostPage(
  env: Env,
  tenant: string,
  auditor: Auditor,
  period: Period,
  { shard, orderId }: Start & { phase: "counters" },
): Promise<Page> {
  const actor = statsShardActor(env, tenant, shard);
  const counted = await within(ACTOR_DEADLINE_MS, "walking the counters", () => actor.contributionsAfter(orderId, WALK));
  const missing = await missingOrders(
    env,
    [...counted].map(([orderId, { placedAt }]) => ({ tenant, placedAt, orderId })),
  );
  const audits = await auditor.all(missing.map((id) => ({ orderId: id, shown: { history: null, counters: counted.get(id) ?? null } })));
  const lost = audits.filter(({ state }) => state === null || (state.placedAt >= period.from && state.placedAt < period.to));
  const last = [...counted.keys()].at(-1);
  if (last !== undefined && counted.size === WALK) return { audits: lost, next: { phase: "counters", shard, orderId: last } };
  return { audits: lost, next: shard + 1 < SHARDS ? { phase: "counters", shard: shard + 1, orderId: "" } : null };
}

async function countedFor(env: Env, tenant: string, orderIds: readonly string[]): Promise<Map<string, Contribution>> {
  const shards = [...Map.groupBy(orderIds, shardOf)];
  const answers = await Promise.all(
    shards.map(([shard, own]) => {
      const asked = () => statsShardActor(env, tenant, shard).contributionsOf(own);
      return within(ACTOR_DEADLINE_MS, "reading the counters", asked);
    }),
  );
  return new Map(answers.flatMap((answer) => [...answer]));
}
