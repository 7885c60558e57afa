/**
 * What the oracle is shown of a system that stands still: what its clients were told, what the providers did, and what the
 * projections and sockets show. Each user builds it from what it can see. A part that it cannot see is left out, and whatever
 * would be judged by that part is not judged. Instants are milliseconds since 1970, amounts are integer minor units.
 */
import type { OrderStatus, OrderSummary, ProviderName, Step } from "../../src/contract/order.ts";
import type { StatsSnapshot } from "../../src/contract/stats.ts";

/**
 * `subject` is the order or the thing that the evidence is about. Law 7: a call threw or an answer was 500, which only bugs do.
 * Law 8: what stops a tenant's calls is its own. Law 2 includes that an order calls the providers of the profile that it was
 * accepted under, since another provider knows none of its keys.
 */
export interface Violation {
  readonly law: 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;
  readonly subject: string;
  readonly evidence: string;
}

/** A 202, and the order that its client had sent. */
export interface Told {
  readonly orderId: string;
  /** What its client calls the order; no client calls two orders the same. */
  readonly reference: string;
  readonly total: number;
  readonly replayed: boolean;
  readonly placedAt: number;
}

/** A command that was answered as carried out. */
export interface Obeyed {
  readonly orderId: string;
  readonly command: string;
  /** The version of the order that the answer showed, and its status where it was seen. */
  readonly version: number;
  readonly status?: OrderStatus;
}

/** One effect of a provider. */
export interface Effect {
  readonly orderId: string;
  readonly step: Step;
  /** The key that it was asked with. */
  readonly key: string;
  readonly at: number;
  /** Money of a payment; 0 where none is moved or held. */
  readonly amount: number;
  /** Where stock is kept per SKU: the one that the effect was on. */
  readonly sku?: string | undefined;
}

/** The stock of a SKU, and how much of it ever came in. */
export interface Shelf {
  readonly sku: string;
  readonly received: number;
  readonly available: number;
  readonly reserved: number;
}

/** What a list shows of an order; more of it is compared the more of it is seen. */
export type ListedOrder = Pick<
  OrderSummary,
  "orderId" | "tenant" | "version" | "status" | "priority" | "reference" | "currency" | "total" | "placedAt"
> &
  Partial<OrderSummary>;

/** An order as anybody may see it. */
export type PublicOrder = ListedOrder & { readonly lines: readonly { readonly sku: string; readonly quantity: number }[] };

/** An order that was made to wait for a provider, which is not called since a time. */
export interface Blocked {
  readonly orderId: string;
  readonly tenant: string;
  readonly provider: ProviderName;
  readonly since: number;
}

/** What can have stopped a tenant's calls to a provider: one of its calls that failed, or a person of its own. */
export interface Stopped {
  readonly tenant: string;
  readonly provider: ProviderName;
  readonly at: number;
  readonly by: "failure" | "person";
}

export interface SeenFrame {
  readonly type: "snapshot" | "stats" | "resumed";
  readonly seq: number;
  readonly gap?: boolean | undefined;
  readonly stats: StatsSnapshot;
}

/** The counters of a tenant, and what those saw who watched them. */
export interface Counted {
  readonly tenant: string;
  readonly counters: StatsSnapshot;
  readonly receivers: readonly (readonly SeenFrame[])[];
}

export interface Evidence {
  /** Every order that there is. */
  readonly orders: readonly PublicOrder[];
  /** In the order in which the answers arrived. */
  readonly told?: readonly Told[];
  readonly obeyed?: readonly Obeyed[];
  /** Orders in whose journal the stage that they are in is said to have taken too long. */
  readonly overran?: ReadonlySet<string>;
  /** Orders that were accepted under a graph in which nothing is routed. */
  readonly unrouted?: ReadonlySet<string>;
  /** All effects of the providers in `ledgers`: what is not among them did not happen there. */
  readonly effects?: readonly Effect[];
  readonly ledgers?: ReadonlySet<ProviderName>;
  /** By order, when the first undo reached a provider. */
  readonly undoBegan?: ReadonlyMap<string, number>;
  /** Of a stock that is kept per SKU. */
  readonly shelves?: readonly Shelf[];
  readonly history?: readonly ListedOrder[];
  /** By order, the versions that a subscriber of single commits was told of. */
  readonly heard?: ReadonlyMap<string, ReadonlySet<number>>;
  /** One for each tenant whose counters are seen. */
  readonly counters?: readonly Counted[];
  readonly blocked?: readonly Blocked[];
  readonly stopped?: readonly Stopped[];
  /** What was answered with 500, and what was said. */
  readonly bugs?: readonly string[];
}

/** Somebody who sees the ledger of each provider. */
export const EVERY_LEDGER: ReadonlySet<ProviderName> = new Set(["payment", "inventory", "fulfilment", "notification"]);

/** An order of these is the merchant's to fulfil, and its customer's to pay. */
export const KEPT: ReadonlySet<OrderStatus> = new Set<OrderStatus>(["confirmed", "in_fulfilment", "completed"]);
export const UNDONE: ReadonlySet<OrderStatus> = new Set<OrderStatus>(["cancelled", "failed"]);
export const WITH_A_PERSON: ReadonlySet<OrderStatus> = new Set<OrderStatus>(["held", "quarantined"]);

/** No call is out, and none will be made unless a person or a stage of the track comes along. */
export const standsStill = (status: OrderStatus): boolean => KEPT.has(status) || UNDONE.has(status) || WITH_A_PERSON.has(status);
