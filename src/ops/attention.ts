/**
 * The list of what needs a person now, worst first, each item with the requests that help. It only reads. A source that
 * does not answer is named and left out: at three in the morning half a list is better than none.
 */
import { breakerActor } from "../actors/addresses.ts";
import type { Account } from "../contract/breaker.ts";
import type { AttentionItem, AttentionList, Severity } from "../contract/ops.ts";
import { type CauseClass, ProviderName } from "../contract/order.ts";
import { type BreakerView, calledBy, type ShownBreaker, shown } from "../domain/breaker.ts";
import { HOLD_MS } from "../domain/progress.ts";
import { readCauseFingerprint } from "../domain/redrive.ts";
import type { Env } from "../env.ts";
import { within } from "../platform/deadline.ts";
import { excerpt, log } from "../platform/log.ts";
import {
  type DeadLetterCount,
  deadLettersSince,
  type Parked,
  type ParkedGroup,
  parkedGroups,
  type Waiting,
  waitingFor,
} from "../projections/history/attention.ts";
import { profiles } from "../tenants/profiles.ts";

const HOUR_MS = 60 * 60_000;

/** A held order with less time left than this may be rejected before the next shift begins. */
const HELD_URGENT_MS = 4 * HOUR_MS;

/** Dead letters older than this are no longer shown: a person has seen them by now, or never will. */
const DEAD_LETTERS_FOR_MS = 7 * 24 * HOUR_MS;

/** A breaker answers in milliseconds, and a person waits for the list. */
const BREAKER_DEADLINE_MS = 3_000;

const RANK: Readonly<Record<Severity, number>> = { critical: 0, high: 1, normal: 2 };

/**
 * Asks all sources at the same time. Never rejects.
 * @param toPlatform whether to include what concerns the whole deployment
 */
export async function attentionOf(env: Env, tenant: string, at: number, toPlatform: boolean): Promise<AttentionList> {
  const unanswered = new Set<string>();
  const ask = async <Answer>(whom: string, question: () => Promise<Answer>): Promise<Answer | null> => {
    try {
      return await question();
    } catch (error) {
      log.warn("attention.unanswered", { tenant, whom, error: excerpt(error) });
      unanswered.add(whom);
      return null;
    }
  };
  const [parked, held, overran, letters, ...breakers] = await Promise.all([
    ask("history", () => parkedGroups(env, tenant)),
    ask("history", () => waitingFor(env, tenant, "held")),
    ask("history", () => waitingFor(env, tenant, "stage_overran")),
    toPlatform ? ask("history", () => deadLettersSince(env.HISTORY, at - DEAD_LETTERS_FOR_MS)) : null,
    ...ProviderName.options.map((name) => ask(name, () => breakerOf(env, tenant, name))),
  ]);
  const items = [
    ...(parked ? parkedItems(parked) : []),
    ...(held ? heldItems(held, at) : []),
    ...(overran ? overranItems(overran) : []),
    ...(letters ? letterItems(letters) : []),
    ...breakers.flatMap((view) => (view ? providerItems(shown(view, toPlatform)) : [])),
  ];
  items.sort((a, b) => RANK[a.severity] - RANK[b.severity] || Date.parse(a.since) - Date.parse(b.since));
  return { at: iso(at), items, incomplete: unanswered.size > 0, unanswered: [...unanswered].sort() };
}

/** The account that a tenant's orders call under its current profile. Rejects when the profile cannot be known just now. */
export async function accountAt(env: Env, tenant: string, provider: ProviderName): Promise<Account> {
  const versioned = await profiles.of(env, tenant);
  if (versioned === null) throw new Error(`the profile of ${tenant} cannot be read`);
  return calledBy({ tenant, profile: versioned.profile }, provider).account;
}

/** The breaker of the account that a tenant calls, as it is now; rejects when it does not answer in time. */
export async function breakerOf(env: Env, tenant: string, provider: ProviderName): Promise<BreakerView> {
  return breakerAt(env, await accountAt(env, tenant, provider));
}

/** The breaker of an account, as it is now. Rejects when it does not answer in time. */
export const breakerAt = (env: Env, account: Account): Promise<BreakerView> =>
  within(BREAKER_DEADLINE_MS, `the breaker of ${account}`, () => breakerActor(env, account).view());

const TROUBLE: Readonly<Record<CauseClass, { readonly severity: Severity; readonly because: string }>> = {
  bug: { severity: "critical", because: "our own code failed" },
  poison: { severity: "critical", because: "the provider can never accept what it is asked" },
  refused: { severity: "critical", because: "the provider refused where no is no answer" },
  provider_down: { severity: "high", because: "the provider failed for longer than their retries lasted" },
};

const parkedItems = ({ groups }: Parked): AttentionItem[] => groups.flatMap(parkedItem);

function parkedItem({ causeFingerprint, orders, oldest, samples }: ParkedGroup): AttentionItem[] {
  const read = readCauseFingerprint(causeFingerprint);
  if (!read) return [];
  const { causeClass, step } = read;
  const { severity, because } = TROUBLE[causeClass];
  const [first = ""] = samples;
  const filter = { causeFingerprint };
  const correctable = causeClass === "poison" || causeClass === "refused";
  return [
    {
      kind: "quarantined",
      severity,
      since: iso(oldest),
      count: orders,
      what: `${many(orders, "order is", "orders are")} parked${step ? ` in ${step}` : ""} because ${because}: ${causeFingerprint}.`,
      orderIds: [...samples],
      do: [
        { what: "see why the oldest is parked", method: "GET", path: `/v1/orders/${first}/diagnosis` },
        ...(correctable
          ? [{ what: "correct what is wrong with an order", method: "POST" as const, path: `/v1/orders/${first}/correct` }]
          : []),
        { what: "see what a redrive would do", method: "POST", path: "/v1/quarantine/preview", body: { filter } },
        {
          what: "release them once the cause is gone; the header Idempotency-Key names the job",
          method: "POST",
          path: "/v1/quarantine/redrive",
          body: { filter, ratePerSecond: 10 },
        },
      ],
    },
  ];
}

/** An order does not change while it is held, so its last change is the beginning of the hold. */
function heldItems({ count, oldest }: Waiting, at: number): AttentionItem[] {
  const [first] = oldest;
  if (!first) return [];
  const deadline = Math.min(...oldest.map(({ updatedAt }) => updatedAt)) + HOLD_MS;
  return [
    {
      kind: "held",
      severity: deadline - at < HELD_URGENT_MS ? "high" : "normal",
      since: iso(first.placedAt),
      count,
      what: `${many(count, "order is", "orders are")} held by the risk screening; one is rejected at ${iso(deadline)} unless somebody decides before.`,
      orderIds: oldest.map(({ orderId }) => orderId),
      do: [
        { what: "see all of them with the rules that hold them", method: "GET", path: "/v1/orders?status=held" },
        { what: "let the oldest go on", method: "POST", path: `/v1/orders/${first.orderId}/approve`, body: {} },
        { what: "end the oldest and undo it", method: "POST", path: `/v1/orders/${first.orderId}/reject`, body: {} },
      ],
    },
  ];
}

function overranItems({ count, oldest }: Waiting): AttentionItem[] {
  const [first] = oldest;
  if (!first) return [];
  return [
    {
      kind: "stage_overran",
      severity: "normal",
      since: iso(first.placedAt),
      count,
      what: `${many(count, "order has", "orders have")} been in a stage for longer than its budget.`,
      orderIds: oldest.map(({ orderId }) => orderId),
      do: [
        { what: "see which stage, and since when", method: "GET", path: `/v1/orders/${first.orderId}/diagnosis` },
        { what: "report the stage that was reached", method: "POST", path: `/v1/orders/${first.orderId}/stage` },
      ],
    },
  ];
}

function letterItems({ letters, oldest, newest }: DeadLetterCount): AttentionItem[] {
  if (oldest === null || newest === null) return [];
  return [
    {
      kind: "dead_letters",
      severity: "high",
      since: iso(oldest),
      count: letters,
      what: `${many(letters, "message", "messages")} on our queues could not be read, the newest at ${iso(newest)}; no order is in danger. See the table dead_letters of the history.`,
      orderIds: [],
      do: [],
    },
  ];
}

function providerItems({ provider, shared, state, since, nextProbeAt, lastFailure, by, reason, waiting }: ShownBreaker): AttentionItem[] {
  if (state === "closed" || since === null) return [];
  const paused = state === "paused";
  const how = paused ? `paused${by ? ` by ${by}` : ""}` : "not called";
  const why = reason ?? lastFailure;
  const orders = waiting === null ? "Other tenants call the same account." : `${many(waiting, "order waits", "orders wait")} for it.`;
  const next = paused ? "" : nextProbeAt === null ? " Orders try it out now." : ` Orders try it out at ${iso(nextProbeAt)}.`;
  const path = `/v1/ops/providers/${provider}`;
  // A shared account is paused and resumed with the scope `platform` only. Only that scope is shown how many orders wait
  // for it.
  const mayAct = !shared || waiting !== null;
  const resume = (what: string) => ({ what, method: "POST" as const, path: `${path}/resume`, body: {} });
  const pause = { what: "stop the tries, too", method: "POST" as const, path: `${path}/pause`, body: { reason: "…" } };
  return [
    {
      kind: "provider",
      severity: "high",
      since: iso(since),
      count: waiting ?? 0,
      what: `The ${provider} provider is ${how}${why === null ? "" : `: ${why}`}. ${orders}${next}`,
      orderIds: [],
      do: !mayAct ? [] : paused ? [resume("let calls pass again")] : [resume("let calls pass at once, when it is known to work"), pause],
    },
  ];
}

const iso = (millis: number): string => new Date(millis).toISOString();
const many = (count: number, one: string, more: string): string => `${count} ${count === 1 ? one : more}`;
