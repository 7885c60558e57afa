/**
 * What Orderline asks of the outside world, and how the outside answers. One operation is one effect: it is keyed, so that
 * asking twice does it once, and undoing what never happened is done, not an error.
 */
import type { FailureKind, PlacedOrder, StepFacts } from "../contract/events.ts";
import type { ProviderName, Refusal, Step } from "../contract/order.ts";
import type { CalledAccount, CallResult, WaitingOrder } from "./breaker.ts";

/** The steps of the saga as the operations of their ports. */
export const OPERATIONS = {
  screen: { port: "risk", operation: "screen" },
  authorize: { port: "payment", operation: "authorize" },
  capture: { port: "payment", operation: "capture" },
  void: { port: "payment", operation: "void" },
  refund: { port: "payment", operation: "refund" },
  reserve: { port: "inventory", operation: "reserve" },
  commit: { port: "inventory", operation: "commit" },
  release: { port: "inventory", operation: "release" },
  route: { port: "fulfilment", operation: "route" },
  unroute: { port: "fulfilment", operation: "cancel" },
  confirm: { port: "notification", operation: "send" },
} as const satisfies Record<Step, { port: Port; operation: string }>;

/** What steps are carried out by: an outside service, or the risk screening, which is our own and cannot be down by itself. */
export type Port = ProviderName | "risk";

/**
 * The idempotency key of a call: `<orderId>:<step>`, the same on each retry, and `<orderId>:<step>:<n>` from the second
 * generation on. The only place that knows how a key is made.
 */
export const stepKey = (orderId: string, step: Step, keyGeneration: number): string =>
  keyGeneration === 1 ? `${orderId}:${step}` : `${orderId}:${step}:${keyGeneration}`;

/** One call of one operation. */
export interface ProviderCall {
  readonly step: Step;
  /** Of `stepKey`. */
  readonly key: string;
  /**
   * Of an undo: the keys of all calls whose effect it takes back, as they were sent, from the first generation to the
   * last. Any of them may have had its effect without anybody hearing of it. Empty for a step of the way forward.
   */
  readonly undoes: readonly string[];
  /** Which attempt at this step this is, counted from 1 over the life of the order; never part of the key. */
  readonly attempt: number;
  readonly order: PlacedOrder;
  /** What the steps brought back so far, late answers included, for those that build on them; an undo finds there what it undoes. */
  readonly facts: Readonly<Partial<Record<Step, StepFacts>>>;
  /** Aborts when nobody listens any more. An adapter passes it on; its answer then counts as unknown. */
  readonly signal: AbortSignal;
}

/**
 * What a call came to. A refusal is a business answer; a failure is no answer. `reason` is a code, and the `detail` of a failure
 * is in our own words, because both are logged and listed. What the outside said in its own words, a refusal's `detail` or a
 * failure's `said`, may quote anything: it stays in the journal, for the eyes of `ops`.
 */
export type ProviderAnswer =
  | { readonly outcome: "succeeded"; readonly facts: StepFacts }
  | { readonly outcome: "refused"; readonly refusal: Refusal }
  | {
      readonly outcome: "failed";
      readonly failure: FailureKind;
      readonly detail: string;
      readonly said?: string | undefined;
      readonly retryAfterMs?: number | undefined;
    };

/** An adapter of one port. It never throws for what the outside did; a throw is a bug and is treated as one. */
export type Provider = (call: ProviderCall) => Promise<ProviderAnswer>;

export type Providers = Readonly<Record<Port, Provider>>;

/** One effect in a provider's own ledger. Stock is told per SKU: the operation is the last one that took effect there. */
export interface LedgerEntry {
  readonly operation: string;
  readonly reference?: string | undefined;
  /** Minor units of the order's currency. */
  readonly amount?: number | undefined;
  readonly sku?: string | undefined;
  readonly quantity?: number | undefined;
}

/** `unsupported`: it keeps no ledger that could be asked. `unanswered`: it does, but does not answer now. */
export type LedgerAnswer =
  | { readonly outcome: "read"; readonly effects: readonly LedgerEntry[] }
  | { readonly outcome: "unsupported" }
  | { readonly outcome: "unanswered"; readonly detail: string };

/** What a provider's own ledger says of an order. It only reads, answers within its time and never throws. */
export type LedgerReader = (asked: Pick<ProviderCall, "order" | "facts">) => Promise<LedgerAnswer>;

export type LedgerReaders = Readonly<Record<ProviderName, LedgerReader>>;

/** Whether a provider may be called for an order now. A blocked order is remembered and gets a hint when the way is free. */
export type Admission = { readonly admitted: true } | { readonly admitted: false; readonly since: number; readonly recheckAt: number };

/** The circuit breakers of all accounts, as one order's run sees them. Neither call ever rejects. */
export interface Breakers {
  /** @param probe the order was chosen to try out this provider while it is blocked for others */
  admit(called: CalledAccount, order: WaitingOrder, probe: boolean): Promise<Admission>;
  /** What became of a call that says something about the provider. A refusal is an answer, so it counts as one that worked. */
  report(called: CalledAccount, result: CallResult): void;
}
