/**
 * The orders that are sent: two consecutive lines of a real invoice each, with the invoice's priority and a customer
 * number of its own. Every order is its customer's first, which is the dearest case; articles are sold again and again.
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

/**
 * An endless supply: the same bodies come round again, under keys and for customers that never do.
 * @param email gives every customer an address, so that each confirmation is a mail
 */
export function orderSource({ email }: { readonly email: boolean }): (count: number) => Order[] {
  const bodies = pairs().slice(0, CATALOGUE);
  const run = Date.now().toString(36);
  let made = 0;
  return (count) =>
    Array.from({ length: count }, () => {
      const number = made++;
      const customer = { id: `bench-${number}`, ...(email && { email: `bench-${number}@example.com` }) };
      return { key: `bench-${run}-${number}`, body: JSON.stringify({ ...bodies[number % bodies.length], customer }) };
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
