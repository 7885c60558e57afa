/**
 * The rules of one SKU's stock: what an order may take, and how that is taken back. Only the SKU's stock and the one
 * order's own reservation are looked at, so a decision costs the same however many orders there were. On hand is always
 * available + reserved. A SKU that was never stocked is made to order: always available, and nothing about it is
 * recorded; the price is that an order's late reservation is not fenced if the SKU's first stock arrives in between.
 */

/** Goods that came in. 0 says that a SKU is stocked but sold out. */
export interface Receipt {
  /** The warehouse's own name for it: the same receipt again changes nothing. */
  readonly receiptId: string;
  /** 0 or more. */
  readonly quantity: number;
}

/** What a person corrected: what is in the building is not what is written here. */
export interface Adjustment {
  /** The caller's own name for it: the same adjustment again changes nothing. */
  readonly adjustmentId: string;
  /** What is there in excess of what was written; negative when goods are missing. */
  readonly quantity: number;
  readonly reason: string;
  readonly by: string;
}

export interface Stock {
  readonly available: number;
  readonly reserved: number;
}

export interface Reservation {
  readonly quantity: number;
  /** `committed`: the goods have left the stock for good, unless they are released. `released` is final. */
  readonly status: "reserved" | "committed" | "released";
}

export type StockRefusal =
  | { readonly reason: "insufficient_stock"; readonly sku: string; readonly wanted: number; readonly available: number }
  /** It was given back before: a late or repeated request must not take it again. */
  | { readonly reason: "released"; readonly sku: string }
  | { readonly reason: "not_reserved"; readonly sku: string };

/** Why a correction cannot be. Goods that are promised to orders cannot be found missing. */
export type AdjustmentRefusal =
  | { readonly reason: "below_reserved"; readonly sku: string; readonly wanted: number; readonly onHand: number; readonly reserved: number }
  /** A SKU that was never stocked is made to order, so there is nothing to correct. */
  | { readonly reason: "not_stocked"; readonly sku: string };

/** `untracked`: the SKU was never stocked, so there is nothing to hold and nothing to give back. */
export type StockAnswer =
  | { readonly outcome: "done" }
  | { readonly outcome: "untracked" }
  | { readonly outcome: "refused"; readonly refusal: StockRefusal };

/** What is known before a decision: null stock was never received, a null reservation was never made. */
export interface Shelf {
  readonly sku: string;
  readonly stock: Stock | null;
  readonly reservation: Reservation | null;
}

/** The answer, and what is to be written; nothing when the request had already taken effect. */
export interface Decision {
  readonly answer: StockAnswer;
  readonly change?: { readonly stock: Stock; readonly reservation: Reservation };
}

const DONE: Decision = { answer: { outcome: "done" } };
const UNTRACKED: Decision = { answer: { outcome: "untracked" } };
const refused = (refusal: StockRefusal): Decision => ({ answer: { outcome: "refused", refusal } });
const changed = (stock: Stock, reservation: Reservation): Decision => ({ ...DONE, change: { stock, reservation } });

/** Holds goods for an order that has not held any yet. */
export function reserve({ sku, stock, reservation }: Shelf, quantity: number): Decision {
  if (stock === null) return UNTRACKED;
  const { available, reserved } = stock;
  if (reservation?.status === "reserved" || reservation?.status === "committed") return DONE;
  // Before the tombstone, so that a repeat of a refused reservation, which left one, hears the same reason again.
  if (available < quantity) return refused({ reason: "insufficient_stock", sku, wanted: quantity, available });
  if (reservation?.status === "released") return refused({ reason: "released", sku });
  return changed({ available: available - quantity, reserved: reserved + quantity }, { quantity, status: "reserved" });
}

/** Takes reserved goods off the stock: they are sold. */
export function commit({ sku, stock, reservation }: Shelf): Decision {
  if (stock === null) return UNTRACKED;
  switch (reservation?.status) {
    case "reserved": {
      const { quantity } = reservation;
      return changed({ ...stock, reserved: stock.reserved - quantity }, { quantity, status: "committed" });
    }
    case "committed":
      return DONE;
    case "released":
      return refused({ reason: "released", sku });
    case undefined:
      return refused({ reason: "not_reserved", sku });
  }
}

/** Gives back whatever the order holds, sold goods too; with nothing held, a tombstone refuses the reservation that is still on its way. */
export function release({ stock, reservation }: Shelf): Decision {
  if (stock === null) return UNTRACKED;
  switch (reservation?.status) {
    case "reserved": {
      const { quantity } = reservation;
      return changed({ available: stock.available + quantity, reserved: stock.reserved - quantity }, { quantity, status: "released" });
    }
    case "committed": {
      const { quantity } = reservation;
      return changed({ ...stock, available: stock.available + quantity }, { quantity, status: "released" });
    }
    case "released":
      return DONE;
    case undefined:
      return changed(stock, { quantity: 0, status: "released" });
  }
}

/** The stock after a receipt. */
export function receive(stock: Stock | null, quantity: number): Stock {
  const { available, reserved } = stock ?? { available: 0, reserved: 0 };
  return { available: available + quantity, reserved };
}

/** The stock after a correction, or why it cannot be: goods that are promised to orders cannot be taken out. */
export function adjust(sku: string, stock: Stock | null, quantity: number): { stock: Stock } | { refusal: AdjustmentRefusal } {
  if (stock === null) return { refusal: { reason: "not_stocked", sku } };
  const { available, reserved } = stock;
  if (available + quantity < 0) return { refusal: { reason: "below_reserved", sku, wanted: quantity, onHand: onHand(stock), reserved } };
  return { stock: { available: available + quantity, reserved } };
}

/**
 * Gives back a reservation, but not sold goods. For an attempt that failed half-way: should a later attempt have succeeded
 * meanwhile, down to the sale, then the sale stands.
 */
export const withdraw = (shelf: Shelf): Decision => (shelf.reservation?.status === "committed" ? DONE : release(shelf));

/** What is in the building: goods that may be sold and goods that are promised. */
export const onHand = ({ available, reserved }: Stock): number => available + reserved;

export interface Item {
  readonly sku: string;
  readonly quantity: number;
}

/** An order's goods with one entry per SKU: two lines of the same SKU are one reservation. */
export function itemsOf(lines: readonly Item[]): Item[] {
  const quantities = new Map<string, number>();
  for (const { sku, quantity } of lines) quantities.set(sku, (quantities.get(sku) ?? 0) + quantity);
  return [...quantities].map(([sku, quantity]) => ({ sku, quantity }));
}
