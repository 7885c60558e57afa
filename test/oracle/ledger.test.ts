/** What the reference provider does by itself; what it does over the protocol is told in `test/providers/`. */
import { describe, expect, it } from "vitest";
import type { Step } from "../../src/contract/order.ts";
import { callOf, orderOf } from "../providers/calls.ts";
import { MAGIC, ProviderLedger } from "./ledger.ts";

const order = orderOf();
const { orderId, total } = order;

function asked(ledger: ProviderLedger, ...steps: readonly Step[]) {
  return steps.map((step) => ledger.answer(callOf(step, { order })).outcome);
}
const stepsOf = ({ effects }: ProviderLedger) => effects.map(({ step }) => step);

describe("The ledger", () => {
  it("enters each effect once, with its key, its time and its money", () => {
    const ledger = new ProviderLedger({ now: () => 7 });
    asked(ledger, "authorize", "authorize", "capture", "capture", "route", "route");
    expect(ledger.effects).toEqual([
      { orderId, step: "authorize", key: `${orderId}:authorize`, at: 7, amount: total },
      { orderId, step: "capture", key: `${orderId}:capture`, at: 7, amount: total },
      { orderId, step: "route", key: `${orderId}:route`, at: 7, amount: 0 },
    ]);
    expect(ledger.record(orderId, "fulfilment")).toEqual([{ operation: "route", reference: `route-${orderId}:route` }]);
  });

  it("does an undo of nothing without an effect, notes when it came, and refuses what comes after it", () => {
    const ledger = new ProviderLedger({ now: () => 7 });
    expect(asked(ledger, "void", "unroute", "release", "refund")).toEqual(["succeeded", "succeeded", "succeeded", "succeeded"]);
    expect(asked(ledger, "authorize", "route", "reserve", "capture")).toEqual(["refused", "refused", "refused", "refused"]);
    expect(ledger.effects).toEqual([]);
    expect(ledger.snapshot().undoBegan).toEqual({ [orderId]: 7 });
  });

  it("carries out what comes after its undo when it has no fences", () => {
    const ledger = new ProviderLedger({ fences: false });
    expect(asked(ledger, "void", "authorize")).toEqual(["succeeded", "succeeded"]);
    expect(stepsOf(ledger)).toEqual(["authorize"]);
  });

  it("takes back what an undo names and nothing else, and does not void what was captured", () => {
    const ledger = new ProviderLedger();
    asked(ledger, "authorize", "capture", "void");
    ledger.answer(callOf("refund", { order, key: "other", undoes: [`${orderId}:capture:2`] }));
    expect(stepsOf(ledger)).toEqual(["authorize", "capture"]);
    asked(ledger, "refund");
    expect(ledger.effects.at(-1)).toMatchObject({ step: "refund", amount: total });
  });

  it.each<[Step, object, object]>([
    ["authorize", { payment: { token: MAGIC.declined } }, { refusal: { reason: "card_declined" } }],
    ["authorize", { payment: { token: MAGIC.unreadableToken } }, { failure: "poison" }],
    ["reserve", { lines: [{ sku: MAGIC.soldOut, quantity: 1, unitPrice: 1 }] }, { refusal: { reason: "insufficient_stock" } }],
    ["route", { shipTo: { country: "GB", postalCode: MAGIC.unroutable } }, { refusal: { reason: "no_route" } }],
    ["route", { shipTo: { country: "GB", postalCode: MAGIC.unreadableAddress } }, { failure: "poison" }],
    ["confirm", { customer: { email: MAGIC.bounces } }, { refusal: { reason: "no_such_mailbox" } }],
  ])("turns %s down for %j", (step, changes, answer) => {
    const ledger = new ProviderLedger();
    expect(ledger.answer(callOf(step, { order: orderOf(changes) }))).toMatchObject(answer);
    expect(ledger.effects).toEqual([]);
  });
});
