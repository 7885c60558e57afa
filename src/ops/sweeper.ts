/**
 * The sweeper, a safety net below the alarms: finds orders that should have moved and did not, and pokes them. Every order
 * looks after itself, so a sweep only finds what the platform has lost. A poke restores a lost alarm or publishes a lost
 * change, and does nothing to a healthy order. A sweep is bounded; the next one goes on with the rest.
 */
import pMap from "p-map";
import { MAX_CONCURRENT_ACTORS, orderActor, tenantActor } from "../actors/addresses.ts";
import type { SweepReport } from "../contract/ops.ts";
import type { OrderStatus } from "../contract/order.ts";
import { HOLD_MS } from "../domain/progress.ts";
import { EMBEDDED_TRACKS, type NamedTrack } from "../domain/tracks.ts";
import type { Env } from "../env.ts";
import { random as dice, now } from "../platform/ambient.ts";
import { within } from "../platform/deadline.ts";
import { excerpt, log } from "../platform/log.ts";
import { type OverdueOrder, type OverdueRange, overdueOrders } from "../projections/history/overdue.ts";
import type { Poked } from "../runtime/order-runner.ts";
import { profiles } from "../tenants/profiles.ts";
import { someTenants } from "./tenants.ts";

/** Orders poked in one sweep, of all tenants together. With 20 at a time this takes some seconds. */
const MAX_POKED = 500;

/** Tenants visited in one sweep. Each costs one batch of queries. With more tenants, each sweep begins at a random one. */
const MAX_TENANTS = 50;

const POKE_DEADLINE_MS = 10_000;

/** An order ends within seconds, or waits for a retry or a provider. One that still moves after this is worth a look. */
const MOVING_FOR_MS = 5 * 60_000;

/** The platform may fire an alarm a minute late, and the history may trail the outcome by seconds. */
const GRACE_MS = 2 * 60_000;

/** How long after its deadline an order without a mark is still looked for, on top of the time it may have been held. */
const LOOK_BACK_MS = 2 * 24 * 60 * 60_000;

/** An order whose goods are late for weeks and then move on has no mark any more. It is found within a few sweeps. */
const LATE_FOR_MS = 90 * 24 * 60 * 60_000;

const MOVING: readonly OrderStatus[] = ["accepted", "processing", "cancelling"];

/** What a sweep by the clock leaves out. */
export interface SweepOptions {
  /** Only this tenant's orders. */
  readonly tenant?: string;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
  /** Milliseconds. */
  readonly at?: number;
}

/** Sweeps once. Rejects when the history does not answer; the next sweep then finds what this one would have found. */
export async function sweep(env: Env, { tenant, random = dice, at = now() }: SweepOptions = {}): Promise<SweepReport> {
  const startedAt = now();
  const tenants = tenant === undefined ? await someTenants(env, MAX_TENANTS, random) : [tenant];
  const fair = Math.ceil(MAX_POKED / Math.max(1, tenants.length));
  const report = { checked: 0, healthy: 0, stuck: 0, alarmLost: 0, historyBehind: 0, unreachable: 0 };
  for (const name of tenants) {
    const ranges = rangesAt(at, random, await tracksOf(env, name));
    const overdue = (await overdueOrders(env, name, ranges, fair)).slice(0, fair);
    const found = await pMap(overdue, (order) => poke(env, name, order), { concurrency: MAX_CONCURRENT_ACTORS });
    report.checked += found.length;
    for (const outcome of found) report[outcome]++;
  }
  const done: SweepReport = { ...report, durationMs: now() - startedAt };
  log.info("sweep.done", { ...done, tenants: tenants.length });
  return done;
}

const TRACKS_DEADLINE_MS = 5_000;

/**
 * Every track that an order in flight may be on. An order keeps the track of the profile that it was accepted under, so
 * older versions of the profile count, too. When the tenant's actor does not answer, the embedded and the current tracks
 * are used.
 */
async function tracksOf(env: Env, tenant: string): Promise<readonly NamedTrack[]> {
  const current = await profiles.of(env, tenant);
  if (current?.version === 0) return EMBEDDED_TRACKS;
  const asked = within(TRACKS_DEADLINE_MS, "asking for a tenant's tracks", () => tenantActor(env, tenant).tracks());
  const own = await asked.catch((error: unknown) => {
    log.warn("tenant.profile_unanswered", { tenant, error: excerpt(error) });
    return Object.entries(current?.profile.tracks ?? {}).map(([name, track]) => ({ name, track }));
  });
  return [...EMBEDDED_TRACKS, ...own];
}

type Found = Exclude<keyof SweepReport, "checked" | "durationMs">;

const FOUND: Readonly<Record<Poked, Found>> = {
  healthy: "healthy",
  stuck: "stuck",
  alarm_lost: "alarmLost",
  history_behind: "historyBehind",
};

async function poke(env: Env, tenant: string, { orderId, version }: OverdueOrder): Promise<Found> {
  try {
    const poked = await within(POKE_DEADLINE_MS, "poking an order", () => orderActor(env, orderId).poke(version));
    if (poked !== "healthy") log.warn("sweep.found", { orderId, tenant, found: poked ?? "unknown_order", version });
    return poked === null ? "unreachable" : FOUND[poked];
  } catch (error) {
    log.warn("sweep.found", { orderId, tenant, found: "unreachable", version, error: excerpt(error) });
    return "unreachable";
  }
}

/**
 * The ranges of orders that should have moved by `at`. Each range is examined from its beginning and once more from a random
 * point. Otherwise many healthy orders at its beginning, such as those that wait for a provider, would hide a lost one.
 * Of the orders on a track, those that were placed long before are examined from a random point only.
 */
export function rangesAt(at: number, random: () => number, tracks: readonly NamedTrack[] = EMBEDDED_TRACKS): OverdueRange[] {
  const onTrack = tracks.flatMap((track) => trackRanges(track, at));
  const ranges: OverdueRange[] = [
    ...MOVING.map((status) => ({ status, track: null, from: 0, to: at - MOVING_FOR_MS, unchangedSince: at - GRACE_MS })),
    { status: "held", track: null, from: 0, to: at - HOLD_MS - GRACE_MS, unchangedSince: at - HOLD_MS - GRACE_MS },
    ...onTrack,
  ];
  const before = (time: number, ms: number) => Math.floor(time - random() * ms);
  return [
    ...ranges.flatMap((range) => [range, { ...range, from: Math.max(range.from, before(range.to, LOOK_BACK_MS)) }]),
    ...onTrack.map((range) => ({ ...range, from: before(range.from, LATE_FOR_MS), to: range.from })),
  ];
}

/**
 * The history does not tell since when a stage lasts. An order that is in one for longer than the longest stage may take is
 * overdue in any case.
 */
function trackRanges({ name, track: { firstStageWithinMs, stages } }: NamedTrack, at: number): OverdueRange[] {
  const budgets = stages.map(({ budgetMs }) => budgetMs);
  const until = (status: OrderStatus, budgetMs: number, unchangedForMs: number): OverdueRange => {
    const to = at - budgetMs - GRACE_MS;
    return { status, track: name, from: to - HOLD_MS - LOOK_BACK_MS, to, unchangedSince: at - unchangedForMs - GRACE_MS };
  };
  const total = budgets.reduce((sum, budget) => sum + budget, firstStageWithinMs);
  return [until("confirmed", firstStageWithinMs, firstStageWithinMs), until("in_fulfilment", total, Math.max(...budgets))];
}
