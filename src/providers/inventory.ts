/**
 * The embedded inventory: one actor per SKU, and this adapter, which takes an order through the actors of its SKUs. A
 * reservation is all or nothing. When one SKU refuses, the order is withdrawn from all before the refusal is answered; the
 * withdrawal leaves a tombstone, so an attempt that is still under way cannot reserve anything later. No transaction spans
 * SKUs; the saga's compensation stands in for it.
 */
import pMap from "p-map";
import { type Item, itemsOf, type Reservation, type StockAnswer, type StockRefusal } from "../domain/inventory.ts";
import type { LedgerEntry, LedgerReader, Provider, ProviderAnswer, ProviderCall } from "../domain/ports.ts";
import { abortedAfter } from "../platform/deadline.ts";
import { failed, kindOf, refused, succeeded } from "./answers.ts";
import { bounded } from "./bounded.ts";

/** The stock of one SKU as this adapter uses it; the stub of an `InventoryActor` implements it. */
export interface SkuStock {
  reserve(orderId: string, quantity: number): Promise<StockAnswer>;
  commit(orderId: string): Promise<StockAnswer>;
  release(orderId: string): Promise<StockAnswer>;
  withdraw(orderId: string): Promise<StockAnswer>;
}

/** What the stock of one SKU knows of an order. */
export interface SkuRecord {
  reservationOf(orderId: string): Promise<Reservation | null>;
}

/** Where the stock of a SKU is. Called anew for each request, because a stub that threw once may stay broken. */
export type StockOf<Stock = SkuStock> = (tenant: string, sku: string) => Stock;

/** Actors called at a time for one order. An order of 1,000 lines takes 50 rounds and does not crowd out other orders. */
const MAX_CONCURRENT_SKUS = 20;

/** Enough for fifty rounds of actors that answer in milliseconds. An actor that hangs must not hold up an audit. */
const LEDGER_DEADLINE_MS = 5_000;

/** An overloaded actor rejects requests, and a retry within a second would only add to its load. */
const OVERLOAD_PAUSE_MS = 1_000;

export function inventoryProvider(stockOf: StockOf): Provider {
  return bounded(async (call) => {
    switch (call.step) {
      case "reserve":
        return reserve(stockOf, call);
      case "commit":
        return settle(stockOf, call, (stock, { orderId }) => stock.commit(orderId));
      case "release":
        return settle(stockOf, call, (stock, { orderId }) => stock.release(orderId));
      default:
        throw new Error(`${call.step} is no step of the inventory`);
    }
  });
}

async function reserve(stockOf: StockOf, call: ProviderCall): Promise<ProviderAnswer> {
  const items = itemsOf(call.order.lines);
  const visit = await visitAll(stockOf, call, items, (stock, { orderId }, { quantity }) => stock.reserve(orderId, quantity));
  if (visit.refusals.length === 0) return failureOf(visit) ?? succeeded({ tracked: visit.done });
  const untracked = new Set(visit.untracked);
  const held = items.filter(({ sku }) => !untracked.has(sku));
  const undone = await visitAll(stockOf, call, held, (stock, { orderId }) => stock.withdraw(orderId));
  return failureOf(undone) ?? refusalOf(visit.refusals);
}

/** The items that were reserved. When the reservation's answer was lost, that may be any of them, so all are returned. */
function concerned({ order, facts }: Pick<ProviderCall, "order" | "facts">): Item[] {
  const { tracked } = facts.reserve ?? {};
  return itemsOf(order.lines).filter(({ sku }) => tracked === undefined || tracked.includes(sku));
}

async function settle(stockOf: StockOf, call: ProviderCall, ask: Ask): Promise<ProviderAnswer> {
  const visit = await visitAll(stockOf, call, concerned(call), ask);
  return failureOf(visit) ?? (visit.refusals.length > 0 ? refusalOf(visit.refusals) : succeeded());
}

const OPERATION_OF: Readonly<Record<Reservation["status"], string>> = { reserved: "reserve", committed: "commit", released: "release" };

/** The ledger of the embedded stock: the reservation of the order at each of its SKUs. */
export function inventoryLedgerReader(stockOf: StockOf<SkuRecord>): LedgerReader {
  return async (asked) => {
    const { tenant, orderId } = asked.order;
    const entries = async ({ sku }: Item): Promise<LedgerEntry[]> => {
      const reservation = await stockOf(tenant, sku).reservationOf(orderId);
      return reservation === null ? [] : [{ operation: OPERATION_OF[reservation.status], sku, quantity: reservation.quantity }];
    };
    const read = (signal: AbortSignal) => pMap(concerned(asked), entries, { concurrency: MAX_CONCURRENT_SKUS, signal });
    try {
      const effects = await abortedAfter(LEDGER_DEADLINE_MS, "reading the stock's ledger", read);
      return { outcome: "read", effects: effects.flat() };
    } catch (error) {
      return { outcome: "unanswered", detail: kindOf(error) };
    }
  };
}

type Ask = (stock: SkuStock, order: ProviderCall["order"], item: Item) => Promise<StockAnswer>;

interface Visit {
  readonly done: string[];
  readonly untracked: string[];
  readonly refusals: StockRefusal[];
  readonly errors: unknown[];
}

/**
 * Calls the SKUs in rounds and stops after a round with a refusal or an error, because the answer is known then. Results keep
 * the order of the lines.
 */
async function visitAll(stockOf: StockOf, { order, signal }: ProviderCall, items: readonly Item[], ask: Ask): Promise<Visit> {
  const visit: Visit = { done: [], untracked: [], refusals: [], errors: [] };
  for (let start = 0; start < items.length; start += MAX_CONCURRENT_SKUS) {
    if (signal.aborted || visit.refusals.length > 0 || visit.errors.length > 0) break;
    const round = items.slice(start, start + MAX_CONCURRENT_SKUS);
    const asked = await Promise.allSettled(round.map(async (item) => ask(stockOf(order.tenant, item.sku), order, item)));
    for (const [index, { sku }] of round.entries()) {
      const said = asked[index];
      if (said?.status !== "fulfilled") visit.errors.push(said?.reason);
      else if (said.value.outcome === "refused") visit.refusals.push(said.value.refusal);
      else visit[said.value.outcome].push(sku);
    }
  }
  if (signal.aborted) visit.errors.push(new Error("the attempt's time was up before every SKU had been asked"));
  return visit;
}

/** An overloaded actor has surely done nothing; after any other error the outcome is unknown. Null when every SKU answered. */
function failureOf({ errors }: Visit): ProviderAnswer | null {
  if (errors.length === 0) return null;
  const said = errors[0];
  const detail = `${errors.length} of the SKUs asked did not answer: ${kindOf(said)}`;
  return errors.every(isOverload)
    ? failed("transient", detail, { retryAfterMs: OVERLOAD_PAUSE_MS, said })
    : failed("unknown", detail, { said });
}

/** The platform sets this property on the error of an overloaded actor. */
const isOverload = (error: unknown): boolean => error instanceof Error && "overloaded" in error && error.overloaded === true;

/** Reports missing goods first: other refusals, such as a released reservation, usually follow from them. */
function refusalOf(refusals: readonly StockRefusal[]): ProviderAnswer {
  const main = refusals.find(({ reason }) => reason === "insufficient_stock") ?? refusals[0];
  const same = refusals.filter(({ reason }) => reason === main?.reason);
  return refused(main?.reason ?? "refused", same.map(inWords).join("; "));
}

function inWords(refusal: StockRefusal): string {
  switch (refusal.reason) {
    case "insufficient_stock":
      return `${refusal.sku}: wanted ${refusal.wanted}, available ${refusal.available}`;
    case "released":
      return `${refusal.sku}: the reservation was released`;
    case "not_reserved":
      return `${refusal.sku}: nothing is reserved`;
  }
}
