/**
 * The stock of one SKU of one tenant, and the only place that knows it. An actor of a SKU that was never stocked creates no
 * table and writes no row. Reservations of settled orders are kept, because a late request is refused by them. A row has
 * about 60 bytes, so the platform's limit of 10 GB holds over 100 million orders of one SKU.
 */
import {
  type Adjustment,
  adjust,
  commit,
  type Decision,
  onHand,
  type Receipt,
  type Reservation,
  receive,
  release,
  reserve,
  type Shelf,
  type Stock,
  type StockAnswer,
  withdraw,
} from "../domain/inventory.ts";
import type { Env } from "../env.ts";
import { now } from "../platform/ambient.ts";
import { Actor } from "./actor.ts";
import type { AdjustAnswer, AdjustmentEntry, ReceiveAnswer, Serves, StockAddress, StockLevel } from "./addresses.ts";

/** `WITHOUT ROWID` because an index would be billed as a second row. */
const SCHEMA: readonly string[] = [
  `CREATE TABLE stock (
     id INTEGER PRIMARY KEY CHECK (id = 1),
     available INTEGER NOT NULL CHECK (available >= 0),
     reserved INTEGER NOT NULL CHECK (reserved >= 0)
   ) STRICT;
   CREATE TABLE reservations (
     order_id TEXT PRIMARY KEY,
     quantity INTEGER NOT NULL CHECK (quantity >= 0),
     status TEXT NOT NULL CHECK (status IN ('reserved', 'committed', 'released'))
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE receipts (receipt_id TEXT PRIMARY KEY, quantity INTEGER NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE adjustments (
     number INTEGER PRIMARY KEY AUTOINCREMENT,
     adjustment_id TEXT NOT NULL UNIQUE,
     quantity INTEGER NOT NULL,
     reason TEXT NOT NULL,
     by TEXT NOT NULL,
     at INTEGER NOT NULL
   ) STRICT;`,
];

const SQL = {
  stock: "SELECT available, reserved FROM stock WHERE id = 1",
  setStock:
    "INSERT INTO stock (id, available, reserved) VALUES (1, ?, ?) ON CONFLICT (id) DO UPDATE SET available = excluded.available, reserved = excluded.reserved",
  reservation: "SELECT quantity, status FROM reservations WHERE order_id = ?",
  setReservation:
    "INSERT INTO reservations (order_id, quantity, status) VALUES (?, ?, ?) ON CONFLICT (order_id) DO UPDATE SET quantity = excluded.quantity, status = excluded.status",
  receipt: "SELECT quantity FROM receipts WHERE receipt_id = ?",
  addReceipt: "INSERT INTO receipts (receipt_id, quantity) VALUES (?, ?)",
  adjustment: "SELECT quantity, reason FROM adjustments WHERE adjustment_id = ?",
  addAdjustment: "INSERT INTO adjustments (adjustment_id, quantity, reason, by, at) VALUES (?, ?, ?, ?, ?)",
  adjustments: "SELECT adjustment_id AS adjustmentId, quantity, reason, by, at FROM adjustments ORDER BY number DESC LIMIT ?",
} as const;

/** The RPC face of the stock; see `StockAddress`. */
export class InventoryActor extends Actor implements Serves<StockAddress> {
  /** The tables are created with the first receipt of goods. */
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, SCHEMA);
  }

  /** Null for a SKU that was never stocked. */
  stock(): StockLevel | null {
    const stock = this.#stock();
    return stock && levelOf(stock);
  }

  /** The reservation of an order, a settled one included; null when there never was one. */
  reservationOf(orderId: string): Reservation | null {
    return this.#reservation(orderId);
  }

  /** Once per `receiptId`: a repeat changes nothing and answers with the level as it is now. */
  receive({ receiptId, quantity }: Receipt): ReceiveAnswer {
    const stock = this.#stock();
    const known = stock && this.store.read<{ quantity: number }>(SQL.receipt, receiptId)[0];
    if (known) {
      if (known.quantity === quantity) return { outcome: "received", level: levelOf(stock) };
      return { outcome: "refused", refusal: { reason: "receipt_conflict", quantity: known.quantity } };
    }
    const received = receive(stock, quantity);
    this.store.transaction(() => {
      this.#setStock(received);
      this.store.write(SQL.addReceipt, receiptId, quantity);
    });
    return { outcome: "received", level: levelOf(received) };
  }

  /** Once per `adjustmentId`: a repeat changes nothing and answers with the level as it is now. */
  adjust({ adjustmentId, quantity, reason, by }: Adjustment): AdjustAnswer {
    const stock = this.#stock();
    const known = stock && this.store.read<{ quantity: number; reason: string }>(SQL.adjustment, adjustmentId)[0];
    if (known) {
      if (known.quantity === quantity && known.reason === reason) return { outcome: "adjusted", level: levelOf(stock) };
      return { outcome: "refused", refusal: { reason: "adjustment_conflict", quantity: known.quantity } };
    }
    const decision = adjust(this.#sku, stock, quantity);
    if ("refusal" in decision) return { outcome: "refused", refusal: decision.refusal };
    this.store.transaction(() => {
      this.#setStock(decision.stock);
      this.store.write(SQL.addAdjustment, adjustmentId, quantity, reason, by, now());
    });
    return { outcome: "adjusted", level: levelOf(decision.stock) };
  }

  /** The newest adjustments, newest first. */
  adjustments(limit: number): AdjustmentEntry[] {
    return this.#stock() ? this.store.read<Columns<AdjustmentEntry>>(SQL.adjustments, limit) : [];
  }

  reserve(orderId: string, quantity: number): StockAnswer {
    return this.#change(orderId, (shelf) => reserve(shelf, quantity));
  }

  commit(orderId: string): StockAnswer {
    return this.#change(orderId, commit);
  }

  release(orderId: string): StockAnswer {
    return this.#change(orderId, release);
  }

  withdraw(orderId: string): StockAnswer {
    return this.#change(orderId, withdraw);
  }

  #change(orderId: string, decide: (shelf: Shelf) => Decision): StockAnswer {
    const stock = this.#stock();
    const reservation = this.#reservation(orderId);
    const { answer, change } = decide({ sku: this.#sku, stock, reservation });
    if (change) {
      this.store.transaction(() => {
        if (change.stock !== stock) this.#setStock(change.stock);
        this.store.write(SQL.setReservation, orderId, change.reservation.quantity, change.reservation.status);
      });
    }
    return answer;
  }

  #stock(): Stock | null {
    return this.store.read<Columns<Stock>>(SQL.stock)[0] ?? null;
  }

  #reservation(orderId: string): Reservation | null {
    return this.store.read<Columns<Reservation>>(SQL.reservation, orderId)[0] ?? null;
  }

  #setStock({ available, reserved }: Stock): void {
    this.store.write(SQL.setStock, available, reserved);
  }

  /** The part of the object's name after the tenant, which has no slash in it. */
  get #sku(): string {
    const { name } = this.ctx.id;
    if (name === undefined) throw new Error("an InventoryActor is reached by name only");
    return name.slice(name.indexOf("/") + 1);
  }
}

/** An interface of the domain as a row: the same columns, in the type that the SQL interface asks for. */
type Columns<T> = { -readonly [Column in keyof T]: T[Column] & SqlStorageValue };

const levelOf = (stock: Stock): StockLevel => ({ ...stock, onHand: onHand(stock) });
