/**
 * Laws 2, 3 and 4 for one order, as pure functions: do projections and ledgers agree with its journal? What is still open
 * is no difference, such as a change that is on its way, or the effect of a step whose outcome is unknown.
 */

import type { OrderStatus, OrderSummary, ProviderName, Step } from "../contract/order.ts";
import type { Subject } from "../contract/reconciliation.ts";
import type { Contribution } from "../domain/counters.ts";
import { itemsOf } from "../domain/inventory.ts";
import { isAtRest, type OrderState, summarize } from "../domain/order.ts";
import type { LedgerEntry } from "../domain/ports.ts";
import type { HistoryRow } from "../projections/history/audit.ts";

/** A change normally reaches the history and the counters within seconds. One that takes longer than this is a finding. */
export const ARRIVES_WITHIN_MS = 60_000;

/** A difference between a journal and what another part of the system shows. */
export interface Finding {
  readonly law: 2 | 3 | 4;
  readonly subject: Subject;
  readonly what: string;
  readonly expected: unknown;
  readonly found: unknown;
}

const KEPT: ReadonlySet<OrderStatus> = new Set<OrderStatus>(["confirmed", "in_fulfilment", "completed"]);
const isKept = (status: OrderStatus): boolean => KEPT.has(status);
const isUndone = (status: OrderStatus): boolean => isAtRest(status) && !isKept(status);

/**
 * Law 4 for the history.
 * @param row null when the history has no row of the order
 */
export function judgeHistory(state: OrderState, row: HistoryRow | null, at: number): Finding[] {
  return judgeProjection("history", summarize(state), row, at - state.updatedAt);
}

/**
 * Law 4 for the counters.
 * @param counted null when the order was never counted
 */
export function judgeCounters(state: OrderState, counted: Contribution | null, at: number): Finding[] {
  const { version, status, priority, currency, total } = summarize(state);
  return judgeProjection("counters", { version, status, priority, currency, total }, counted, at - state.updatedAt);
}

function judgeProjection(
  subject: "history" | "counters",
  expected: Partial<OrderSummary> & { version: number },
  found: Readonly<Partial<Record<keyof OrderSummary, unknown>>> | null,
  ageMs: number,
): Finding[] {
  const onItsWay = ageMs < ARRIVES_WITHIN_MS;
  if (found === null) return onItsWay ? [] : [{ law: 4, subject, what: `the order is missing from the ${subject}`, expected, found }];
  if (Number(found.version) < expected.version && onItsWay) return [];
  const wrong = (Object.keys(expected) as (keyof OrderSummary)[]).filter((field) => found[field] !== expected[field]);
  if (wrong.length === 0) return [];
  const of = (side: Readonly<Partial<Record<keyof OrderSummary, unknown>>>) =>
    Object.fromEntries(wrong.map((field) => [field, side[field]]));
  const what = `the order in the ${subject} differs from its journal in ${wrong.join(", ")}`;
  return [{ law: 4, subject, what, expected: of(expected), found: of(found) }];
}

/** Law 2 for a provider's ledger, and law 3 for a ledger that lists stock per SKU. */
export function judgeProvider(state: OrderState, provider: ProviderName, effects: readonly LedgerEntry[]): Finding[] {
  const perSku = effects.filter(({ sku }) => sku !== undefined);
  const perOrder = effects.filter(({ sku }) => sku === undefined);
  return [
    ...doubled(provider, perOrder),
    ...(provider === "payment" ? judgeMoney(state, perOrder) : []),
    ...(provider === "inventory" && perOrder.length === 0 ? judgeStock(state, perSku) : []),
  ];
}

function doubled(provider: ProviderName, effects: readonly LedgerEntry[]): Finding[] {
  return [...Map.groupBy(effects, ({ operation }) => operation)]
    .filter(([, same]) => same.length > 1)
    .map(([operation, same]) => ({
      law: 2,
      subject: provider,
      what: `the ${provider} provider did ${operation} ${same.length} times`,
      expected: 1,
      found: same.map(({ reference = null, amount = null }) => ({ reference, amount })),
    }));
}

/** What an order owes is only known once it is kept or undone, not while it moves or is parked. */
function judgeMoney({ status, order }: OrderState, effects: readonly LedgerEntry[]): Finding[] {
  if (!isKept(status) && !isUndone(status)) return [];
  const sumOf = (wanted: string) =>
    effects.filter(({ operation }) => operation === wanted).reduce((sum, { amount }) => sum + (amount ?? order.total), 0);
  const [captured, refunded] = [sumOf("capture"), sumOf("refund")];
  const owed = isKept(status) ? order.total : 0;
  if (captured - refunded === owed) return [];
  const what = `captured less refunded is ${captured - refunded} minor units; an order that is ${status} owes ${owed}`;
  return [{ law: 2, subject: "payment", what, expected: { owed }, found: { captured, refunded } }];
}

/** The last operations that one SKU's stock may show for the order. `null` stands for no reservation at all. */
function allowedIn(state: OrderState, tracked: boolean): readonly (string | null)[] | "anything" {
  const phaseOf = (step: Step) => state.steps[step]?.phase;
  if (isKept(state.status)) return tracked ? ["commit"] : "anything";
  if (isUndone(state.status)) return ["release", null];
  if (!tracked || phaseOf("release") !== undefined) return "anything";
  return phaseOf("commit") === undefined ? ["reserve"] : phaseOf("commit") === "succeeded" ? ["commit"] : ["reserve", "commit"];
}

const IN_WORDS: Readonly<Record<string, string>> = { reserve: "reserved", commit: "sold", release: "released", null: "nothing" };

function judgeStock(state: OrderState, effects: readonly LedgerEntry[]): Finding[] {
  const tracked = state.steps.reserve?.phase === "succeeded" ? (state.steps.reserve.facts.tracked ?? []) : [];
  return itemsOf(state.order.lines).flatMap(({ sku, quantity }): Finding[] => {
    const effect = effects.find((one) => one.sku === sku);
    const operation = effect?.operation ?? null;
    const allowed = allowedIn(state, tracked.includes(sku));
    if (allowed === "anything") return [];
    const words = allowed.map((one) => IN_WORDS[String(one)]).join(" or ");
    if (!allowed.includes(operation)) {
      const what = `the stock of ${sku} has ${IN_WORDS[String(operation)]} for an order that is ${state.status}, where it must have ${words}`;
      return [{ law: 3, subject: "inventory", what, expected: { sku, operation: allowed }, found: { sku, operation } }];
    }
    if (operation === "release" || operation === null || effect?.quantity === quantity) return [];
    const what = `the stock of ${sku} has ${effect?.quantity} ${words} where the order has ${quantity}`;
    return [{ law: 3, subject: "inventory", what, expected: { sku, quantity }, found: { sku, quantity: effect?.quantity ?? null } }];
  });
}
