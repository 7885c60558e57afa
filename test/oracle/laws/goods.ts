/** Law 3: no goods are sold twice, lost, or kept back for an order that is at rest. */
import type { OrderStatus } from "../../../src/contract/order.ts";
import { type Evidence, KEPT, UNDONE, type Violation, WITH_A_PERSON } from "../evidence.ts";

/** A stock that is kept per SKU: what came in is available, reserved or sold. Parked orders may hold some of it. */
export function misplacedStock({ orders, shelves = [] }: Evidence): Violation[] {
  const quantityOf = (sku: string, wanted: (status: OrderStatus) => boolean) =>
    orders
      .filter(({ status }) => wanted(status))
      .flatMap(({ lines }) => lines)
      .reduce((sum, line) => sum + (line.sku === sku ? line.quantity : 0), 0);
  return shelves.flatMap(({ sku, received, available, reserved }): Violation[] => {
    const sold = quantityOf(sku, (status) => KEPT.has(status));
    const parked = quantityOf(sku, (status) => WITH_A_PERSON.has(status));
    const missing = received - sold - available - reserved;
    const wrong = available < 0 || reserved < 0 || reserved > parked || missing < 0 || missing + reserved > parked;
    if (!wrong) return [];
    const evidence = `received ${received}, sold ${sold}, available ${available}, reserved ${reserved}, wanted by parked orders ${parked}`;
    return [{ law: 3, subject: sku, evidence }];
  });
}

/** A stock whose provider tells of whole orders only: the goods of kept orders are sold, and nothing is held for undone ones. */
export function misplacedGoods({ orders, effects = [], ledgers, shelves }: Evidence): Violation[] {
  if (shelves !== undefined || !ledgers?.has("inventory")) return [];
  const done = new Set(effects.map(({ orderId, step }) => `${orderId} ${step}`));
  return orders.flatMap(({ orderId, status }): Violation[] => {
    const did = (step: "reserve" | "commit" | "release") => done.has(`${orderId} ${step}`);
    const goods = did("release") || !did("reserve") ? "free" : did("commit") ? "sold" : "reserved";
    const right = KEPT.has(status) ? goods === "sold" : UNDONE.has(status) ? goods === "free" : true;
    return right ? [] : [{ law: 3, subject: orderId, evidence: `it is ${status}, its goods are ${goods}` }];
  });
}
