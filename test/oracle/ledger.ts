/**
 * What providers that keep their word do: one answer and one effect per key, an undo takes back what it names and nothing else,
 * undoing what never happened is done, and a do that arrives after its undo is refused. It is the reference for
 * `src/providers/protocol.ts`, used by the stub in process, the real server and the simulator. It runs anywhere, keeps all in
 * memory, and depends only on the requests it was given, in their order.
 */
import { z } from "zod";
import { type ProviderName, Step } from "../../src/contract/order.ts";
import { type LedgerEntry, OPERATIONS, type ProviderAnswer, type ProviderCall } from "../../src/domain/ports.ts";
import { type ProviderRequest, requestOf } from "../../src/providers/protocol.ts";
import type { Effect } from "./evidence.ts";

type Operation = ProviderRequest["operation"];

/** Values in a request that force an answer, the same ones as the sandboxes' where they have one. */
export const MAGIC = {
  declined: "tok_declined",
  captureDeclined: "tok_capture_declined",
  unreadableToken: "tok_poison",
  soldOut: "SOLD-OUT",
  unroutable: "UNROUTABLE",
  unreadableAddress: "ROUTE-POISON",
  bounces: "bounce@example.com",
} as const;

export interface LedgerAnswer {
  readonly status: 200 | 400 | 402 | 409 | 422;
  readonly body: Readonly<Record<string, unknown>>;
}

/** All that the ledger knows, as it crosses a socket. */
export const LedgerSnapshot = z.object({
  effects: z.array(
    z.object({ orderId: z.string(), step: Step, key: z.string(), at: z.int(), amount: z.int(), sku: z.string().optional() }),
  ),
  /** By order, when the first undo reached a provider. */
  undoBegan: z.record(z.string(), z.int()),
  /** By key, how often it was asked. */
  attempts: z.record(z.string(), z.int().positive()),
});
export type LedgerSnapshot = z.infer<typeof LedgerSnapshot>;

/** What stands at an order: each effect by the key that it was asked with. */
interface Account {
  readonly standing: Partial<Record<Operation, string>>;
  captureDeclined: boolean;
  captured: number;
}

const STEPS = {
  authorize: "authorize",
  capture: "capture",
  void: "void",
  refund: "refund",
  reserve: "reserve",
  commit: "commit",
  release: "release",
  route: "route",
  cancel: "unroute",
  send: "confirm",
} as const satisfies Record<Operation, Step>;

export interface LedgerOptions {
  readonly now?: () => number;
  /** Whether a do that arrives after its undo is refused. */
  readonly fences?: boolean;
}

export class ProviderLedger {
  /** In the order in which they took place. */
  readonly effects: Effect[] = [];
  /** By order, when the first undo arrived, whether or not there was anything to undo. */
  readonly undoBegan = new Map<string, number>();
  readonly #now: () => number;
  readonly #fences: boolean;
  readonly #attempts = new Map<string, number>();
  readonly #answers = new Map<string, LedgerAnswer>();
  readonly #accounts = new Map<string, Account>();
  /** Keys that an undo has named: a call that arrives with one of them is refused. */
  readonly #fenced = new Set<string>();

  constructor({ now = Date.now, fences = true }: LedgerOptions = {}) {
    this.#now = now;
    this.#fences = fences;
  }

  /** @returns whether the key is new, and with that whether something was decided now */
  isNew(key: string): boolean {
    return !this.#answers.has(key);
  }

  /** How often this key has been asked, this time included. Counted even when the call is lost before it has an effect. */
  countAttempt(key: string): number {
    const attempts = (this.#attempts.get(key) ?? 0) + 1;
    this.#attempts.set(key, attempts);
    return attempts;
  }

  /** The one answer of a key; its effect takes place the first time. */
  settle(key: string, request: ProviderRequest): LedgerAnswer {
    if ("undoes" in request) this.undoArrived(request.orderId);
    const known = this.#answers.get(key);
    if (known) return known;
    const answer = this.#decide(key, request);
    this.#answers.set(key, answer);
    return answer;
  }

  /** The same for a call that no wire carries. */
  answer(call: ProviderCall): ProviderAnswer {
    const { status, body } = this.settle(call.key, requestOf(call));
    const { reference, tracked, reason } = body as { reference?: string; tracked?: string[]; reason?: string };
    if (status === 200) return { outcome: "succeeded", facts: { ...(reference && { reference }), ...(tracked && { tracked }) } };
    if (status === 400) return { outcome: "failed", failure: "poison", detail: "400 cannot be read" };
    return { outcome: "refused", refusal: { reason: reason ?? String(status) } };
  }

  undoArrived(orderId: string): void {
    if (!this.undoBegan.has(orderId)) this.undoBegan.set(orderId, this.#now());
  }

  /** Enters an effect that took place now. */
  enter(effect: Omit<Effect, "at">): void {
    this.effects.push({ ...effect, at: this.#now() });
  }

  /** Every effect of an order at one provider, in the order in which they took place: what one that serves its ledger answers. */
  record(orderId: string, provider: ProviderName): LedgerEntry[] {
    return this.effects
      .filter((effect) => effect.orderId === orderId && OPERATIONS[effect.step].port === provider)
      .map(({ step, key, amount }) => {
        const { operation } = OPERATIONS[step];
        return { operation, reference: referenceOf(operation, key), ...(provider === "payment" && { amount }) };
      });
  }

  snapshot(): LedgerSnapshot {
    return {
      effects: [...this.effects],
      undoBegan: Object.fromEntries(this.undoBegan),
      attempts: Object.fromEntries(this.#attempts),
    };
  }

  #decide(key: string, request: ProviderRequest): LedgerAnswer {
    const { orderId, operation } = request;
    const account = this.#account(orderId);
    const { standing } = account;
    if (this.#fenced.has(key)) return refusal(409, "undone", `${operation} arrived after its undo`);
    const undoes = "undoes" in request ? request.undoes : [];
    if (this.#fences) for (const undone of undoes) this.#fenced.add(undone);
    const names = (effect: Operation) => standing[effect] !== undefined && undoes.includes(standing[effect]);
    const done = (amount = 0, facts: Record<string, unknown> = {}): LedgerAnswer => {
      this.enter({ orderId, step: STEPS[operation], key, amount });
      return { status: 200, body: { reference: referenceOf(operation, key), ...facts } };
    };

    switch (request.operation) {
      case "authorize":
        if (request.payment.token === MAGIC.unreadableToken) return unreadable();
        if (request.payment.token === MAGIC.declined) return refusal(402, "card_declined");
        account.captureDeclined = request.payment.token === MAGIC.captureDeclined;
        standing.authorize = key;
        return done(request.amount);
      case "capture":
        if (!standing.authorize) return refusal(409, "not_authorized");
        if (account.captureDeclined) return refusal(402, "capture_declined");
        account.captured = request.amount;
        standing.capture = key;
        return done(request.amount);
      case "void":
        if (!names("authorize") || standing.capture) return skipped();
        delete standing.authorize;
        return done(request.amount);
      case "refund":
        if (!names("capture")) return skipped();
        delete standing.capture;
        delete standing.authorize;
        return done(account.captured);
      case "reserve":
        if (request.items.some(({ sku }) => sku === MAGIC.soldOut)) return refusal(409, "insufficient_stock", MAGIC.soldOut);
        standing.reserve = key;
        return done(0, { tracked: request.items.map(({ sku }) => sku) });
      case "commit":
        if (!standing.reserve || standing.commit) return refusal(409, "not_reserved");
        standing.commit = key;
        return done();
      case "release":
        if (!names("reserve")) return skipped();
        delete standing.reserve;
        delete standing.commit;
        return done();
      case "route":
        if (request.shipTo.postalCode === MAGIC.unreadableAddress) return unreadable();
        if (request.shipTo.postalCode === MAGIC.unroutable) return refusal(422, "no_route");
        standing.route = key;
        return done();
      case "cancel":
        if (!names("route")) return skipped();
        delete standing.route;
        return done();
      case "send":
        return request.customer.email === MAGIC.bounces ? refusal(422, "no_such_mailbox") : done();
    }
  }

  #account(orderId: string): Account {
    const known = this.#accounts.get(orderId);
    if (known) return known;
    const account: Account = { standing: {}, captureDeclined: false, captured: 0 };
    this.#accounts.set(orderId, account);
    return account;
  }
}

const referenceOf = (operation: string, key: string): string => `${operation}-${key}`;

const refusal = (status: 402 | 409 | 422, reason: string, detail?: string): LedgerAnswer => ({
  status,
  body: detail === undefined ? { reason } : { reason, detail },
});

const skipped = (): LedgerAnswer => ({ status: 200, body: { skipped: true } });
const unreadable = (): LedgerAnswer => ({ status: 400, body: { detail: "cannot be read" } });
