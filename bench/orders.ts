/**
 * The orders that are sent: two consecutive lines of a real invoice each, with the invoice's priority. Every other order is its
 * customer's first, the rest are of customers that come back, and articles are sold again and again.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ordersFrom, rowsFrom } from "../scripts/replay/invoices.ts";
import { totalOf } from "../src/contract/order.ts";
import { limitsFor, RISK_LIMITS } from "../src/domain/risk.ts";
import type { Order } from "./load.ts";

const SAMPLE = join(import.meta.dirname, "../samples/online-retail-sample.csv");

export const LINES_PER_ORDER = 2;

/** Different orders, so that after as many every article has been sold once and its actor exists. */
export const CATALOGUE = 100;

/** Customers that come back. In a whole run none of them orders so often that the screening holds the order. */
const REGULARS = 1_000;

/**
 * An endless supply: the same bodies come round again, under keys that never do. The reference is the key, by which the provider
 * tells which order was confirmed.
 * @param email gives every customer an address, so that each confirmation is a mail
 */
export function orderSource({ email }: { readonly email: boolean }): (count: number) => Order[] {
  const bodies = pairs().slice(0, CATALOGUE);
  const run = Date.now().toString(36);
  let made = 0;
  return (count) =>
    Array.from({ length: count }, () => {
      const number = made++;
      const id = number % 2 === 0 ? `new-${number}` : `regular-${number % REGULARS}`;
      const customer = { id, ...(email && { email: `${id}@example.com` }) };
      const key = `bench-${run}-${number}`;
      return { key, body: JSON.stringify({ ...bodies[number % bodies.length], customer, reference: key }) };
    });
}

/** The same orders, none of them in a hurry: the expedited lane begins at once, the standard one when a batch is due. */
export const standard = (orders: readonly Order[]): Order[] =>
  orders.map(({ key, body }) => ({ key, body: JSON.stringify({ ...JSON.parse(body), priority: "standard" }) }));

/** Free ones and ones so dear that a person must look at them are left out: neither runs through to its confirmation. */
function pairs() {
  const read = rowsFrom(readFileSync(SAMPLE, "utf8"));
  if ("problems" in read) throw new Error(`${SAMPLE}: ${read.problems.join("; ")}`);
  return ordersFrom(read.rows).orders.flatMap(({ body: { customer: _, charges: __, ...body } }) => {
    const cut = Array.from({ length: Math.floor(body.lines.length / LINES_PER_ORDER) }, (_, pair) => ({
      ...body,
      lines: body.lines.slice(pair * LINES_PER_ORDER, (pair + 1) * LINES_PER_ORDER),
    }));
    return cut.filter((order) => {
      const total = totalOf({ ...order, charges: [] });
      const distinct = new Set(order.lines.map(({ sku }) => sku)).size === LINES_PER_ORDER;
      return distinct && total > 0 && total < limitsFor(RISK_LIMITS, "GBP").reviewFrom;
    });
  });
}
