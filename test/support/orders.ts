/** Orders and journals to test with, and the sentence form: `given(…).when(…).then(…)`. */
import { expect } from "vitest";
import type { Commit, OrderEvent, PlacedOrder } from "../../src/contract/events.ts";
import type { PlaceOrder, Step } from "../../src/contract/order.ts";
import { type CommandRefusal, type Decision, decidePlace } from "../../src/domain/decide.ts";
import { apply, type OrderState } from "../../src/domain/order.ts";

export const T0 = Date.parse("2026-11-21T08:26:00Z");
export const ORDER_ID = "ord_00000000000000000000000001";

export const orderBody = (changes: Partial<PlaceOrder> = {}): PlaceOrder & { readonly track: string } => ({
  reference: "536365",
  priority: "standard",
  currency: "GBP",
  lines: [
    { sku: "85123A", quantity: 6, unitPrice: 255 },
    { sku: "71053", quantity: 6, unitPrice: 339 },
  ],
  charges: [],
  customer: { id: "17850", email: "ada@example.com" },
  shipTo: { country: "GB" },
  payment: { token: "tok_visa" },
  ...changes,
  track: changes.track ?? "retail",
});

export const placedOrder = (changes: Partial<PlacedOrder> = {}): PlacedOrder => ({
  ...orderBody(),
  orderId: ORDER_ID,
  tenant: "shop",
  requestDigest: "f1",
  total: 3564,
  ...changes,
});

/** What a journal comes to. Null is an order that was never placed. */
export const fold = (journal: readonly Commit[]): OrderState | null => journal.reduce<OrderState | null>(apply, null);

/** Each commit is one list of events; they lie a second apart. */
export function stateAfter(...commits: readonly (readonly OrderEvent[])[]): OrderState {
  const state = fold(commits.map((events, index) => ({ version: index + 1, at: T0 + index * 1_000, events: [...events] })));
  if (!state) throw new Error("nothing was placed");
  return state;
}

export const accepted = (changes: Partial<PlacedOrder> = {}): OrderEvent[] => decidePlace(placedOrder(changes), T0);

export const started = (step: Step, attempt = 1): OrderEvent => ({ type: "StepStarted", step, attempt });
export const succeeded = (step: Step, attempt = 1): OrderEvent => ({
  type: "StepSucceeded",
  step,
  attempt,
  facts: { reference: `${step}-ref` },
});
export const failed = (step: Step, attempt: number, retryAt: number | null): OrderEvent => ({
  type: "StepFailed",
  step,
  attempt,
  failure: "transient",
  detail: "503",
  retryAt,
});

/** The journal of an order up to and including the success of each group; `confirmed()` is all of it. */
export const firstGroupDone = (): OrderEvent[][] => [
  accepted(),
  [{ type: "OrderStarted", startedAt: T0 }, succeeded("screen"), succeeded("authorize"), succeeded("reserve"), started("route")],
];
export const captured = (): OrderEvent[][] => [
  ...firstGroupDone(),
  [succeeded("route"), started("capture"), started("commit")],
  [succeeded("capture"), succeeded("commit"), started("confirm")],
];
export const confirmed = (): OrderEvent[][] => [...captured(), [succeeded("confirm"), { type: "OrderConfirmed" }]];

export function given(...commits: readonly (readonly OrderEvent[])[]) {
  const state = stateAfter(...commits);
  return {
    when: (act: (state: OrderState) => Decision | readonly OrderEvent[]) => {
      const result = act(state);
      const decision: Decision = "refusal" in result || "events" in result ? result : { events: result as readonly OrderEvent[] };
      return {
        thenHappens: (expected: readonly Partial<OrderEvent>[]) => expect(decision).toMatchObject({ events: expected }),
        thenNothingHappened: () => expect(decision).toEqual({ events: [] }),
        thenRefused: (refusal: Partial<CommandRefusal>) => expect(decision).toMatchObject({ refusal }),
      };
    },
  };
}
