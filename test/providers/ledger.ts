/**
 * What a provider that keeps its word does: one effect per key, undo of what never happened is done, and a do that arrives
 * after its undo is refused. It is the reference for `src/providers/protocol.ts`, used by the in-process stub and by the
 * real server. It runs anywhere, keeps all in memory, and depends only on the requests it was given, in their order.
 */
import type { ProviderRequest } from "../../src/providers/protocol.ts";

export type Operation = ProviderRequest["operation"];

/** One effect as the ledger tells it. */
export interface LedgerEntry {
  readonly operation: Operation;
  readonly reference: string;
  readonly amount?: number;
}

export interface LedgerAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What one order came to. An operation with more than one effect is a law broken. */
export interface OrderAccount {
  readonly effects: Partial<Record<Operation, number>>;
  /** Per idempotency key: how often it was asked, and how many effects that had. */
  readonly keys: Record<string, { attempts: number; effects: number }>;
  authorized: number;
  captureDeclined: boolean;
  captured: number;
  refunded: number;
  reserved: boolean;
  committed: boolean;
  routed: boolean;
}

export interface LedgerSnapshot {
  readonly orders: Readonly<Record<string, OrderAccount>>;
  /** `<orderId>:<operation>` with more than one effect. */
  readonly doubled: readonly string[];
  /** Keys that were asked more than once; each must have at most one effect. */
  readonly duplicates: readonly { readonly key: string; readonly attempts: number; readonly effects: number }[];
}

/** Values in a request that force a refusal, the same ones as the sandboxes' where they have one. */
export const DECLINED_TOKEN = "tok_declined";
export const CAPTURE_DECLINED_TOKEN = "tok_capture_declined";
export const SOLD_OUT_SKU = "SOLD-OUT";
export const UNROUTABLE_POSTAL_CODE = "UNROUTABLE";

export class ProviderLedger {
  readonly #answers = new Map<string, LedgerAnswer>();
  readonly #orders = new Map<string, OrderAccount>();
  /** Keys that an undo has named: a call that arrives with one of them is refused. */
  readonly #fenced = new Set<string>();
  /** The effects of an order that stand, each by the key that it was asked with: an undo takes back what it names and nothing else. */
  readonly #standing = new Map<string, Partial<Record<Operation, string>>>();
  readonly #ledger = new Map<string, LedgerEntry[]>();

  /** @returns whether the key is new, and with that whether something was decided now */
  isNew(key: string): boolean {
    return !this.#answers.has(key);
  }

  /** How often this key has been asked, this time included. Counted even when the call is lost before it has an effect. */
  countAttempt(orderId: string, key: string): number {
    const counts = this.#counts(orderId, key);
    counts.attempts++;
    return counts.attempts;
  }

  /** The one answer of a key; its effect takes place the first time. */
  settle(key: string, request: ProviderRequest): LedgerAnswer {
    const known = this.#answers.get(key);
    if (known) return known;
    const answer = this.#decide(key, request);
    this.#answers.set(key, answer);
    return answer;
  }

  /** Every effect of an order in the order in which they took place: what a provider that serves its ledger answers. */
  record(orderId: string): readonly LedgerEntry[] {
    return this.#ledger.get(orderId) ?? [];
  }

  snapshot(): LedgerSnapshot {
    const orders = [...this.#orders];
    return {
      orders: Object.fromEntries(orders),
      doubled: orders.flatMap(([orderId, { effects }]) =>
        Object.entries(effects).flatMap(([operation, count]) => (count > 1 ? [`${orderId}:${operation}`] : [])),
      ),
      duplicates: orders.flatMap(([, { keys }]) =>
        Object.entries(keys).flatMap(([key, counts]) => (counts.attempts > 1 ? [{ key, ...counts }] : [])),
      ),
    };
  }

  #decide(key: string, request: ProviderRequest): LedgerAnswer {
    const { orderId, operation } = request;
    const account = this.#account(orderId);
    const standing = this.#standing.get(orderId) ?? {};
    this.#standing.set(orderId, standing);
    if (this.#fenced.has(key)) return refusal(409, "undone", `${operation} arrived after its undo`);
    const undoes = "undoes" in request ? request.undoes : [];
    for (const undone of undoes) this.#fenced.add(undone);
    const names = (effect: Operation) => standing[effect] !== undefined && undoes.includes(standing[effect]);

    const reference = `${operation}-${key}`;
    const done = (facts: Record<string, unknown> = {}): LedgerAnswer => {
      account.effects[operation] = (account.effects[operation] ?? 0) + 1;
      this.#counts(orderId, key).effects++;
      const effect = { operation, reference, ...("amount" in request && { amount: request.amount }) };
      this.#ledger.set(orderId, [...(this.#ledger.get(orderId) ?? []), effect]);
      return { status: 200, body: { reference, ...facts } };
    };

    switch (request.operation) {
      case "authorize":
        if (request.payment.token === DECLINED_TOKEN) return refusal(402, "card_declined");
        account.authorized += request.amount;
        account.captureDeclined = request.payment.token === CAPTURE_DECLINED_TOKEN;
        standing.authorize = key;
        return done();
      case "capture":
        if (!standing.authorize) return refusal(409, "not_authorized");
        if (account.captureDeclined) return refusal(402, "capture_declined");
        account.captured += request.amount;
        standing.capture = key;
        return done();
      case "void":
        if (!names("authorize") || standing.capture) return skipped();
        account.authorized = 0;
        delete standing.authorize;
        return done();
      case "refund":
        if (!names("capture")) return skipped();
        account.refunded += account.captured;
        delete standing.capture;
        delete standing.authorize;
        return done();
      case "reserve":
        if (request.items.some(({ sku }) => sku === SOLD_OUT_SKU)) return refusal(409, "insufficient_stock", SOLD_OUT_SKU);
        account.reserved = true;
        standing.reserve = key;
        return done({ tracked: request.items.map(({ sku }) => sku) });
      case "commit":
        if (!account.reserved) return refusal(409, "not_reserved");
        account.reserved = false;
        account.committed = true;
        return done();
      case "release":
        if (!names("reserve")) return skipped();
        account.reserved = false;
        account.committed = false;
        delete standing.reserve;
        return done();
      case "route":
        if (request.shipTo.postalCode === UNROUTABLE_POSTAL_CODE) return refusal(422, "no_route");
        account.routed = true;
        standing.route = key;
        return done();
      case "cancel":
        if (!names("route")) return skipped();
        account.routed = false;
        delete standing.route;
        return done();
      case "send":
        return done();
    }
  }

  #account(orderId: string): OrderAccount {
    const known = this.#orders.get(orderId);
    if (known) return known;
    const account: OrderAccount = {
      effects: {},
      keys: {},
      authorized: 0,
      captureDeclined: false,
      captured: 0,
      refunded: 0,
      reserved: false,
      committed: false,
      routed: false,
    };
    this.#orders.set(orderId, account);
    return account;
  }

  #counts(orderId: string, key: string): { attempts: number; effects: number } {
    const { keys } = this.#account(orderId);
    keys[key] ??= { attempts: 0, effects: 0 };
    return keys[key];
  }
}

const refusal = (status: 402 | 409 | 422, reason: string, detail?: string): LedgerAnswer => ({
  status,
  body: detail === undefined ? { reason } : { reason, detail },
});

const skipped = (): LedgerAnswer => ({ status: 200, body: { skipped: true } });
