/**
 * The outside world: what payment, stock, fulfilment and mail did, in their own ledger, and a wire to them that fails in
 * every way a wire can. The ledger know nothing of Orderline: one answer per key, one effect per key, and the stock of
 * `domain/inventory.ts`. What forces a refusal stands in the order, so that every key of an order meets the same mind.
 */
import type { PlacedOrder } from "../../src/contract/events.ts";
import type { Step } from "../../src/contract/order.ts";
import {
  commit,
  type Decision,
  itemsOf,
  type Reservation,
  receive,
  release,
  reserve,
  type Stock,
  withdraw,
} from "../../src/domain/inventory.ts";
import { OPERATIONS, type ProviderAnswer, type ProviderCall } from "../../src/domain/ports.ts";
import { CALL_TIMEOUT_MS } from "../../src/domain/progress.ts";
import { isUndo } from "../../src/domain/saga.ts";
import type { Effect, Shelf, Stopped } from "../oracle/evidence.ts";
import type { Caller } from "./actors.ts";
import type { Context } from "./context.ts";

/** What a client can write into an order to have it refused, or to have it not understood. */
export const MAGIC = {
  declined: "tok_declined",
  captureDeclined: "tok_capture_declined",
  unreadableToken: "tok_unreadable",
  unroutable: "UNROUTABLE",
  unreadableAddress: "UNREADABLE",
  /** The routing vendor never answers for it, whatever else works. */
  hangs: "BLACK-HOLE",
  bounces: "bounce@example.com",
} as const;

/** Totals from here on are flagged by the screening. */
export const REVIEW_FROM = 1_000_000;

/** Effects that stand are known by the key that they were asked with, and taken back only by an undo that names it. */
interface Account {
  authorizedBy: string | null;
  /** What was taken from the card and not given back; the amount may be nothing, for a gift. */
  taken: { readonly by: string; readonly amount: number } | null;
  routedBy: string | null;
}

const DONE: ProviderAnswer = { outcome: "succeeded", facts: {} };
const refusal = (reason: string): ProviderAnswer => ({ outcome: "refused", refusal: { reason } });
const unreadable: ProviderAnswer = { outcome: "failed", failure: "poison", detail: "400 cannot be read" };

export class Ledger {
  readonly effects: Effect[] = [];
  /** When the first undo of an order reached a provider. */
  readonly undoBegan = new Map<string, number>();
  readonly #context: Context;
  readonly #answers = new Map<string, ProviderAnswer>();
  readonly #accounts = new Map<string, Account>();
  /** Keys that an undo has named: a call that arrives with one of them is refused. */
  readonly #fenced = new Set<string>();
  readonly #shelves = new Map<string, { stock: Stock; received: number; reservations: Map<string, Reservation> }>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** Goods that arrive. */
  receive(sku: string, quantity: number): void {
    const shelf = this.#shelves.get(sku) ?? { stock: { available: 0, reserved: 0 }, received: 0, reservations: new Map() };
    shelf.stock = receive(shelf.stock, quantity);
    shelf.received += quantity;
    this.#shelves.set(sku, shelf);
  }

  get shelves(): Shelf[] {
    return [...this.#shelves].map(([sku, { stock, received }]) => ({ sku, received, ...stock }));
  }

  /** The one answer of a key; its effect takes place the first time. */
  settle({ step, key, undoes, order, facts }: ProviderCall): ProviderAnswer {
    if (isUndo(step) && !this.undoBegan.has(order.orderId)) this.undoBegan.set(order.orderId, this.#context.loop.now);
    // The stock fences and remembers by itself, by order and not by key.
    if (OPERATIONS[step].port === "inventory") return this.#stock(step, key, order, facts.reserve?.tracked);
    const known = this.#answers.get(key);
    if (known) return known;
    const answer = this.#decide(step, key, undoes, order);
    this.#answers.set(key, answer);
    return answer;
  }

  #decide(step: Step, key: string, undoes: readonly string[], order: PlacedOrder): ProviderAnswer {
    const account = this.#account(order.orderId);
    if (this.#fenced.has(key)) return refusal("undone");
    if (this.#context.faults.fencing) for (const undone of undoes) this.#fenced.add(undone);
    const done = (amount = 0): ProviderAnswer => {
      this.#record(step, key, order.orderId, amount);
      return { outcome: "succeeded", facts: { reference: `${step}-${key.slice(-12)}` } };
    };
    const { token } = order.payment;
    switch (step) {
      case "screen":
        return { outcome: "succeeded", facts: order.total >= REVIEW_FROM ? { flags: ["amount"] } : {} };
      case "authorize":
        if (token === MAGIC.unreadableToken) return unreadable;
        if (token === MAGIC.declined) return refusal("card_declined");
        account.authorizedBy = key;
        return done();
      case "capture":
        if (account.authorizedBy === null) return refusal("not_authorized");
        if (token === MAGIC.captureDeclined) return refusal("capture_declined");
        account.taken = { by: key, amount: order.total };
        return done(order.total);
      case "void":
        if (account.authorizedBy === null || !undoes.includes(account.authorizedBy) || account.taken !== null) return DONE;
        account.authorizedBy = null;
        return done();
      case "refund": {
        const { taken } = account;
        if (taken === null || !undoes.includes(taken.by)) return DONE;
        account.taken = null;
        account.authorizedBy = null;
        return done(taken.amount);
      }
      case "route":
        if (order.shipTo.postalCode === MAGIC.unreadableAddress) return unreadable;
        if (order.shipTo.postalCode === MAGIC.unroutable) return refusal("no_route");
        account.routedBy = key;
        return done();
      case "unroute":
        if (account.routedBy === null || !undoes.includes(account.routedBy)) return DONE;
        account.routedBy = null;
        return done();
      case "confirm":
        return order.customer.email === MAGIC.bounces ? refusal("no_such_mailbox") : done();
      default:
        throw new Error(`${step} is no step of these ledger`);
    }
  }

  /** All or nothing over the SKUs, as the embedded inventory does it; it may break off between two of them. */
  #stock(step: Step, key: string, order: PlacedOrder, tracked: readonly string[] | undefined): ProviderAnswer {
    const items = itemsOf(order.lines).filter(({ sku }) => step === "reserve" || tracked === undefined || tracked.includes(sku));
    const breaksOffAt = this.#context.happens("stock breaks off half-way", this.#context.faults.callFailsAfter / 4)
      ? Math.floor(this.#context.draw() * items.length)
      : items.length;
    const done: string[] = [];
    for (const [index, { sku, quantity }] of items.entries()) {
      if (index === breaksOffAt) return { outcome: "failed", failure: "unknown", detail: "a SKU did not answer" };
      const decision = this.#change(sku, order.orderId, (shelf) =>
        step === "reserve" ? reserve(shelf, quantity) : step === "commit" ? commit(shelf) : release(shelf),
      );
      if (decision.answer.outcome === "refused") {
        if (step === "reserve") for (const item of items) this.#change(item.sku, order.orderId, withdraw);
        return refusal(decision.answer.refusal.reason);
      }
      if (decision.answer.outcome === "done") done.push(sku);
      if (decision.change) this.#record(step, key, order.orderId, 0, sku);
    }
    return { outcome: "succeeded", facts: step === "reserve" ? { tracked: done } : {} };
  }

  #change(
    sku: string,
    orderId: string,
    decide: (shelf: { sku: string; stock: Stock | null; reservation: Reservation | null }) => Decision,
  ): Decision {
    const shelf = this.#shelves.get(sku);
    const decision = decide({ sku, stock: shelf?.stock ?? null, reservation: shelf?.reservations.get(orderId) ?? null });
    if (shelf && decision.change) {
      shelf.stock = decision.change.stock;
      shelf.reservations.set(orderId, decision.change.reservation);
    }
    return decision;
  }

  #record(step: Step, key: string, orderId: string, amount: number, sku?: string): void {
    const at = this.#context.loop.now;
    this.effects.push({ orderId, step, key, at, amount, sku });
    this.#context.loop.trace(orderId, `EFFECT ${step} ${key.slice(orderId.length)}${sku === undefined ? "" : `/${sku}`}`);
  }

  #account(orderId: string): Account {
    const known = this.#accounts.get(orderId);
    if (known) return known;
    const account: Account = { authorizedBy: null, taken: null, routedBy: null };
    this.#accounts.set(orderId, account);
    return account;
  }
}

const LATENCY_MS = [2, 400] as const;
/** A refused connection. */
const REFUSED_MS = 20;
/** The most that a provider asks for with `Retry-After`. */
const RETRY_AFTER_MS = 60_000;
/** What a provider without fences still does so late that the order, which is all that can know of it, listens to the answer. */
const HEARD_MS = 60_000;

/** How one call goes, drawn when it is made. Null: it never does. */
interface Fate {
  readonly arrivesAfterMs: number | null;
  readonly answersAfterMs: number | null;
  /** Said instead of the answer; before or after the effect. */
  readonly failure: ProviderAnswer | null;
}

export class Wire {
  /** Calls that have not come to their end, whether or not anybody waits for it. */
  inFlight = 0;
  /** Calls that failed as far as their callers know. */
  readonly failures: Stopped[] = [];
  readonly #context: Context;
  readonly #ledger: Ledger;

  constructor(context: Context, ledger: Ledger) {
    this.#context = context;
    this.#ledger = ledger;
  }

  call(call: ProviderCall, caller: Caller): Promise<ProviderAnswer> {
    const { loop, faults } = this.#context;
    const { order, step, attempt } = call;
    const { arrivesAfterMs, answersAfterMs, failure } = this.#fate(call);
    const startedAt = loop.now;
    if (this.#context.happens("adapter throws", faults.callThrows)) return Promise.reject(new Error("a bug in an adapter"));
    caller.dieAt(startedAt + this.#context.latency(0, Math.max(answersAfterMs ?? 0, LATENCY_MS[1])));
    return new Promise((resolve) => {
      const noAnswer = loop.after(CALL_TIMEOUT_MS, () => this.#failed(call));
      const answer = (answer: ProviderAnswer) => {
        if (!caller.isAlive()) return;
        noAnswer();
        if (answer.outcome === "failed" && (answer.failure === "transient" || answer.failure === "unknown")) this.#failed(call);
        loop.trace(order.orderId, `${step}#${attempt}: ${answer.outcome === "failed" ? answer.detail : answer.outcome}`);
        if (loop.now - startedAt >= CALL_TIMEOUT_MS) caller.safely(() => resolve(answer));
        else resolve(answer);
      };
      if (arrivesAfterMs === null) {
        if (failure) loop.after(answersAfterMs ?? REFUSED_MS, () => answer(failure));
        return;
      }
      this.inFlight++;
      loop.after(arrivesAfterMs, () => {
        this.inFlight--;
        // Without fences a request dies with its caller, or nobody could tell what it did after all was undone.
        if (!faults.fencing && (!caller.isAlive() || call.signal.aborted)) return;
        const settled = this.#ledger.settle(call);
        if (answersAfterMs === null) return;
        if (answersAfterMs <= arrivesAfterMs) answer(failure ?? settled);
        else loop.after(answersAfterMs - arrivesAfterMs, () => answer(failure ?? settled));
      });
    });
  }

  #failed({ step, order: { tenant } }: ProviderCall): void {
    const { port } = OPERATIONS[step];
    if (port !== "risk") this.failures.push({ tenant, provider: port, at: this.#context.loop.now, by: "failure" });
  }

  #fate({ step, order }: ProviderCall): Fate {
    const { draw, faults } = this.#context;
    const happens = (kind: string, probability: number) => this.#context.happens(`provider: ${kind}`, probability);
    const { port } = OPERATIONS[step];
    const arrives = this.#context.latency(...LATENCY_MS);
    const answers = arrives + this.#context.latency(...LATENCY_MS);
    // Our own screening is no outside service; it only breaks as any code does.
    if (port === "risk") return { arrivesAfterMs: arrives, answersAfterMs: answers, failure: null };
    if (step === "route" && order.shipTo.postalCode === MAGIC.hangs) return { arrivesAfterMs: null, answersAfterMs: null, failure: null };
    const outage = this.#context.outage(port);
    if (outage) {
      this.#context.count("provider: down");
      return { arrivesAfterMs: null, answersAfterMs: REFUSED_MS, failure: outage.silent ? null : this.#error("connection refused") };
    }
    if (happens("fails before effect", faults.callFailsBefore))
      return { arrivesAfterMs: null, answersAfterMs: answers, failure: this.#error("503") };
    if (happens("fails after effect", faults.callFailsAfter))
      return {
        arrivesAfterMs: arrives,
        answersAfterMs: answers,
        failure: { outcome: "failed", failure: "unknown", detail: "connection reset" },
      };
    if (happens("effect comes late", faults.effectLate)) {
      const most = faults.fencing ? faults.effectLateMaxMs : Math.min(faults.effectLateMaxMs, HEARD_MS);
      const late = CALL_TIMEOUT_MS + draw() * (most - CALL_TIMEOUT_MS);
      return { arrivesAfterMs: late, answersAfterMs: late, failure: null };
    }
    if (happens("answer comes late", faults.answerLate))
      return { arrivesAfterMs: arrives, answersAfterMs: CALL_TIMEOUT_MS + draw() * faults.effectLateMaxMs, failure: null };
    if (happens("never answers", faults.neverAnswers)) return { arrivesAfterMs: arrives, answersAfterMs: null, failure: null };
    return { arrivesAfterMs: arrives, answersAfterMs: answers, failure: null };
  }

  #error(detail: string): ProviderAnswer {
    const { draw } = this.#context;
    const asksToWait = draw() < 0.1;
    return { outcome: "failed", failure: "transient", detail, ...(asksToWait && { retryAfterMs: Math.round(draw() * RETRY_AFTER_MS) }) };
  }
}
