/**
 * Counts the recent orders of a share of a tenant's customers, for the risk screening. It counts in memory and takes down what it
 * counted in a ring of rows: at once when it has little to do, and once in a few seconds when it has much. What it had not taken
 * down when it was evicted is forgotten, as is what the ring has overwritten; a caller must do without an answer, too.
 */
import { z } from "zod";
import { RISK_LIMITS, type Velocity } from "../domain/risk.ts";
import { RecentOrders, type SeenOrder } from "../domain/velocity.ts";
import type { Env } from "../env.ts";
import { now } from "../platform/ambient.ts";
import { Actor } from "./actor.ts";
import type { Serves, VelocityAddress } from "./addresses.ts";

/** Rows of the ring; they hold `ROW_ORDERS` orders each, and more under load. */
const ROWS = 64;
const ROW_ORDERS = 64;

/** Below the ten seconds after which an idle actor is evicted. */
const WRITE_EVERY_MS = 5_000;

const PREFIX = "seen:";

/** A row of the ring. `turn` counts the rows that were ever begun. */
const SeenRow = z.object({ turn: z.int().nonnegative(), orders: z.array(z.tuple([z.string(), z.string(), z.number()]).readonly()) });

/** The RPC face of the count; see `VelocityAddress`. */
export class VelocityActor extends Actor implements Serves<VelocityAddress> {
  readonly #recent: RecentOrders;
  #turn: number;
  /** The orders of the row that is being filled. */
  #orders: readonly SeenOrder[];
  #unwritten: SeenOrder[] = [];
  #writtenAt = 0;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const rows = z.array(SeenRow).parse(this.store.list(PREFIX));
    this.#recent = new RecentOrders(rows.flatMap(({ orders }) => orders));
    const newest = rows.toSorted((a, b) => b.turn - a.turn)[0] ?? { turn: 0, orders: [] };
    this.#turn = newest.turn;
    this.#orders = newest.orders;
  }

  /**
   * Counts an order once, and answers how many of the customer there were in the window that ends with it, itself included.
   * @param at milliseconds; a repeat keeps the time of the first call
   * @param normal from the profile that the order was accepted under
   */
  record(customer: string, orderId: string, at: number, normal: Velocity = RISK_LIMITS): number {
    const { recent, isNew } = this.#recent.count(customer, orderId, at, normal);
    if (isNew) {
      this.#unwritten.push([customer, orderId, at]);
      if (now() - this.#writtenAt >= WRITE_EVERY_MS) this.#write();
    }
    return recent;
  }

  #write(): void {
    const isFull = this.#orders.length >= ROW_ORDERS;
    const turn = isFull ? this.#turn + 1 : this.#turn;
    const orders = [...(isFull ? [] : this.#orders), ...this.#unwritten];
    this.store.put(`${PREFIX}${turn % ROWS}`, { turn, orders });
    this.#turn = turn;
    this.#orders = orders;
    this.#unwritten = [];
    this.#writtenAt = now();
  }
}
