/**
 * The embedded inventory in simulated time, as `providers/inventory.ts` and the inventory's actors have it: one stock per SKU
 * with the rules of `domain/inventory.ts`, and no transaction over them. It fences and remembers by order and not by key. What it
 * does stands in the providers' ledger.
 */
import type { PlacedOrder } from "../../src/contract/events.ts";
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
import type { ProviderAnswer, ProviderCall } from "../../src/domain/ports.ts";
import type { Shelf } from "../oracle/evidence.ts";
import type { ProviderLedger } from "../oracle/ledger.ts";
import type { Context } from "./context.ts";

interface Kept {
  stock: Stock;
  received: number;
  readonly reservations: Map<string, Reservation>;
}

export class EmbeddedStock {
  readonly #context: Context;
  readonly #ledger: ProviderLedger;
  readonly #skus = new Map<string, Kept>();

  constructor(context: Context, ledger: ProviderLedger) {
    this.#context = context;
    this.#ledger = ledger;
  }

  /** Goods that arrive. */
  receive(sku: string, quantity: number): void {
    const kept = this.#skus.get(sku) ?? { stock: { available: 0, reserved: 0 }, received: 0, reservations: new Map() };
    kept.stock = receive(kept.stock, quantity);
    kept.received += quantity;
    this.#skus.set(sku, kept);
  }

  get shelves(): Shelf[] {
    return [...this.#skus].map(([sku, { stock, received }]) => ({ sku, received, ...stock }));
  }

  /** All or nothing over the SKUs; it may break off between two of them. */
  answer({ step, key, order, facts }: ProviderCall): ProviderAnswer {
    if (step === "release") this.#ledger.undoArrived(order.orderId);
    const tracked = facts.reserve?.tracked;
    const items = itemsOf(order.lines).filter(({ sku }) => step === "reserve" || tracked === undefined || tracked.includes(sku));
    const breaksOffAt = this.#context.happens("stock breaks off half-way", this.#context.faults.callFailsAfter / 4, order.orderId)
      ? Math.floor(this.#context.draw() * items.length)
      : items.length;
    const done: string[] = [];
    for (const [index, { sku, quantity }] of items.entries()) {
      if (index === breaksOffAt) return { outcome: "failed", failure: "unknown", detail: "a SKU did not answer" };
      const { answer, change } = this.#change(sku, order, (shelf) =>
        step === "reserve" ? reserve(shelf, quantity) : step === "commit" ? commit(shelf) : release(shelf),
      );
      if (answer.outcome === "refused") {
        if (step === "reserve") for (const item of items) this.#change(item.sku, order, withdraw);
        return { outcome: "refused", refusal: { reason: answer.refusal.reason } };
      }
      if (answer.outcome === "done") done.push(sku);
      if (change) this.#ledger.enter({ orderId: order.orderId, step, key, amount: 0, sku });
    }
    return { outcome: "succeeded", facts: step === "reserve" ? { tracked: done } : {} };
  }

  #change(
    sku: string,
    { orderId }: PlacedOrder,
    decide: (shelf: { sku: string; stock: Stock | null; reservation: Reservation | null }) => Decision,
  ): Decision {
    const kept = this.#skus.get(sku);
    const decision = decide({ sku, stock: kept?.stock ?? null, reservation: kept?.reservations.get(orderId) ?? null });
    if (kept && decision.change) {
      kept.stock = decision.change.stock;
      kept.reservations.set(orderId, decision.change.reservation);
    }
    return decision;
  }
}
