import { describe, expect, it } from "vitest";
import type { OrderEvent } from "../../src/contract/events.ts";
import { contributionOf } from "../../src/domain/counters.ts";
import { type OrderState, summarize } from "../../src/domain/order.ts";
import type { LedgerEntry } from "../../src/domain/ports.ts";
import { ARRIVES_WITHIN_MS, judgeCounters, judgeHistory, judgeProvider } from "../../src/ops/laws.ts";
import { accepted, captured, confirmed, firstGroupDone, started, stateAfter, succeeded, T0 } from "../support/orders.ts";

const LATER = T0 + 10 * ARRIVES_WITHIN_MS;
const kept = stateAfter(...confirmed());
const undone = stateAfter(
  ...captured(),
  [{ type: "CancellationRequested", by: "shop" }],
  [succeeded("refund"), succeeded("unroute"), succeeded("release"), { type: "OrderCancelled" }],
);

describe("Law 4", () => {
  it("holds for a row and a contribution that equal the fold of the journal", () => {
    expect(judgeHistory(kept, summarize(kept), LATER)).toEqual([]);
    expect(judgeCounters(kept, contributionOf(undefined, summarize(kept)), LATER)).toEqual([]);
  });

  it("names the fields that differ, and only those", () => {
    expect(judgeHistory(kept, { ...summarize(kept), status: "failed", total: 1 }, LATER)).toEqual([
      {
        law: 4,
        subject: "history",
        what: "the order in the history differs from its journal in status, total",
        expected: { status: "confirmed", total: 3564 },
        found: { status: "failed", total: 1 },
      },
    ]);
  });

  it("is broken by a projection that does not know the order, once the news has had time to arrive", () => {
    expect(judgeHistory(kept, null, LATER)).toMatchObject([{ subject: "history", found: null }]);
    expect(judgeCounters(kept, null, LATER)).toMatchObject([{ subject: "counters", found: null }]);
    expect(judgeHistory(kept, null, kept.updatedAt + 1)).toEqual([]);
    expect(judgeHistory(kept, { ...summarize(kept), version: 1, status: "accepted" }, kept.updatedAt + 1)).toEqual([]);
    expect(judgeHistory(kept, { ...summarize(kept), version: 1, status: "accepted" }, LATER)).toHaveLength(1);
  });

  it("is broken at any age by the right version with the wrong contents, and by a version that never was", () => {
    expect(judgeHistory(kept, { ...summarize(kept), status: "failed" }, kept.updatedAt)).toHaveLength(1);
    expect(judgeHistory(kept, { ...summarize(kept), version: 99 }, kept.updatedAt)).toMatchObject([{ found: { version: 99 } }]);
  });
});

const effect = (operation: string, amount?: number): LedgerEntry => ({ operation, reference: `${operation}-1`, amount });

describe("Law 2", () => {
  it("holds when a kept order was charged once and an undone one has its money back", () => {
    expect(judgeProvider(kept, "payment", [effect("authorize", 3564), effect("capture", 3564)])).toEqual([]);
    expect(judgeProvider(undone, "payment", [effect("authorize"), effect("capture"), effect("refund")])).toEqual([]);
    expect(judgeProvider(undone, "payment", [effect("authorize"), effect("void")])).toEqual([]);
  });

  it("is broken by money that is owed or kept", () => {
    expect(judgeProvider(kept, "payment", [effect("authorize", 3564)])).toMatchObject([
      { law: 2, expected: { owed: 3564 }, found: { captured: 0, refunded: 0 } },
    ]);
    expect(judgeProvider(undone, "payment", [effect("capture", 3564)])).toMatchObject([
      { law: 2, what: "captured less refunded is 3564 minor units; an order that is cancelled owes 0" },
    ]);
  });

  it("takes what a ledger tells of amounts at its word, and an amount that it does not tell for the order's total", () => {
    expect(judgeProvider(kept, "payment", [effect("authorize"), effect("capture")])).toEqual([]);
    for (const captured of [3563, 3565]) {
      expect(judgeProvider(kept, "payment", [effect("capture", captured)])).toMatchObject([
        { law: 2, expected: { owed: 3564 }, found: { captured, refunded: 0 } },
      ]);
    }
    expect(judgeProvider(undone, "payment", [effect("capture", 3564), effect("refund", 3565)])).toMatchObject([
      { law: 2, found: { captured: 3564, refunded: 3565 } },
    ]);
  });

  it("holds for an order on its track and at its end as for one that was confirmed", () => {
    const reached: OrderEvent = { type: "StageReached", stage: "picking", by: "shop" };
    const onItsWay = stateAfter(...confirmed(), [reached]);
    const delivered = stateAfter(...confirmed(), [reached, { type: "OrderCompleted" }]);
    expect([onItsWay.status, delivered.status]).toEqual(["in_fulfilment", "completed"]);
    for (const state of [onItsWay, delivered]) {
      expect(judgeProvider(state, "payment", [effect("capture", 3564)])).toEqual([]);
      expect(judgeProvider(state, "payment", [])).toMatchObject([{ law: 2, expected: { owed: 3564 } }]);
    }
  });

  it("is broken by any effect that was had twice", () => {
    expect(judgeProvider(kept, "fulfilment", [effect("route"), effect("route")])).toMatchObject([
      { law: 2, subject: "fulfilment", what: "the fulfilment provider did route 2 times" },
    ]);
    expect(judgeProvider(kept, "payment", [effect("capture", 3564), effect("capture", 3564)])).toHaveLength(2);
  });

  it("says nothing about the money of an order that still moves", () =>
    expect(judgeProvider(stateAfter(...captured()), "payment", [effect("capture", 3564)])).toEqual([]));
});

const TRACKED: OrderEvent = { type: "StepSucceeded", step: "reserve", attempt: 1, facts: { tracked: ["85123A"] } };
const tracking = (...commits: OrderEvent[][]): OrderState =>
  stateAfter(accepted(), [succeeded("screen"), succeeded("authorize"), TRACKED, started("route")], ...commits);
const stock = (operation: string, sku = "85123A", quantity = 6): LedgerEntry => ({ operation, sku, quantity });

const toCapture: OrderEvent[] = [succeeded("route"), started("capture"), started("commit")];
const toConfirm: OrderEvent[] = [succeeded("capture"), succeeded("commit"), started("confirm")];
const keptTracked = tracking(toCapture, toConfirm, [succeeded("confirm"), { type: "OrderConfirmed" }]);
const declined: OrderEvent = { type: "StepRefused", step: "authorize", attempt: 1, refusal: { reason: "declined" } };

describe("Law 3", () => {
  it("holds when tracked stock is held for a moving order, sold to a kept one and given back by an undone one", () => {
    expect(judgeProvider(tracking(), "inventory", [stock("reserve")])).toEqual([]);
    expect(judgeProvider(tracking(toCapture), "inventory", [stock("commit")])).toEqual([]);
    expect(judgeProvider(keptTracked, "inventory", [stock("commit")])).toEqual([]);
    const failed = stateAfter(accepted(), [declined], [succeeded("void"), succeeded("release"), { type: "OrderFailed" }]);
    expect(judgeProvider(failed, "inventory", [stock("release")])).toEqual([]);
    expect(judgeProvider(failed, "inventory", [])).toEqual([]);
    expect(judgeProvider(failed, "inventory", [stock("reserve")])).toMatchObject([
      { law: 3, what: "the stock of 85123A has reserved for an order that is failed, where it must have released or nothing" },
    ]);
  });

  it("is broken by stock that is still reserved for a kept order, or was never taken", () => {
    expect(judgeProvider(keptTracked, "inventory", [stock("reserve")])).toMatchObject([{ law: 3, found: { operation: "reserve" } }]);
    expect(judgeProvider(keptTracked, "inventory", [])).toMatchObject([{ law: 3, found: { operation: null } }]);
    expect(judgeProvider(keptTracked, "inventory", [stock("commit", "85123A", 5)])).toMatchObject([{ law: 3, found: { quantity: 5 } }]);
  });

  it("asks nothing of goods that are made to order", () => {
    expect(judgeProvider(kept, "inventory", [])).toEqual([]);
    expect(judgeProvider(stateAfter(...firstGroupDone()), "inventory", [])).toEqual([]);
  });

  it("asks nothing while it is being given back, or nobody knows what was reserved", () => {
    const giving = tracking([{ type: "CancellationRequested", by: "shop" }], [started("release")]);
    for (const operation of ["reserve", "release"]) expect(judgeProvider(giving, "inventory", [stock(operation)])).toEqual([]);
    expect(judgeProvider(stateAfter(accepted()), "inventory", [stock("reserve")])).toEqual([]);
  });
});
