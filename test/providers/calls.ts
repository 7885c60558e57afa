/** Calls as the saga makes them, for tests of the adapters. */
import type { PlacedOrder } from "../../src/contract/events.ts";
import type { Step } from "../../src/contract/order.ts";
import { type ProviderCall, stepKey } from "../../src/domain/ports.ts";
import { CURRENT_SAGA, isUndo, SAGAS } from "../../src/domain/saga.ts";

let orders = 0;

/** An order that nothing stands in the way of; no two have the same id, nor the same as another test file's. */
export function orderOf(changes: Partial<PlacedOrder> = {}): PlacedOrder {
  return {
    orderId: freshOrderId(),
    tenant: "acme",
    requestDigest: "f",
    reference: "536365",
    priority: "standard",
    track: "retail",
    currency: "GBP",
    total: 2_550,
    lines: [
      { sku: "85123A", description: "T-light holder", quantity: 6, unitPrice: 255 },
      { sku: "71053", quantity: 2, unitPrice: 255 },
      { sku: "85123A", quantity: 2, unitPrice: 255 },
    ],
    charges: [],
    customer: { id: "17850", name: "Ada", email: "ada@example.com" },
    shipTo: { city: "London", postalCode: "E1 6AN", country: "GB" },
    payment: { token: "tok_visa" },
    ...changes,
  };
}

export function callOf(step: Step, changes: Partial<ProviderCall> = {}): ProviderCall {
  const order = changes.order ?? orderOf();
  const { orderId } = order;
  const takenBack = isUndo(step) ? SAGAS[CURRENT_SAGA]?.undoes[step] : undefined;
  const undoes = takenBack ? [stepKey(orderId, takenBack, 1)] : [];
  const call = { step, key: stepKey(orderId, step, 1), undoes, attempt: 1, order, facts: {}, signal: new AbortController().signal };
  return { ...call, ...changes };
}

const DIGITS = "0123456789abcdefghjkmnpqrstvwxyz";

function freshOrderId(): string {
  orders++;
  const random = Array.from(crypto.getRandomValues(new Uint8Array(20)), (byte) => DIGITS[byte % DIGITS.length]).join("");
  return `ord_${random}${String(orders).padStart(6, "0")}`;
}
