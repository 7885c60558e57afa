/** Order summaries for tests of the projections. */
import type { OrderSummary } from "../../../src/contract/order.ts";
import type { HistoryBindings } from "../../../src/projections/history/databases.ts";
import { historyProjection } from "../../../src/projections/history/projector.ts";
import type { Projected } from "../../../src/projections/projection.ts";

/** The id of the n-th order; digits are base32 digits, too. */
export const orderIdOf = (n: number): string => `ord_${String(n).padStart(26, "0")}`;

export const summary = (over: Partial<OrderSummary> = {}): OrderSummary => ({
  orderId: orderIdOf(1),
  tenant: "acme",
  version: 1,
  status: "accepted",
  stage: null,
  priority: "standard",
  track: "retail",
  reference: null,
  customerId: null,
  currency: "GBP",
  total: 1_000,
  lineCount: 1,
  reason: null,
  attention: null,
  causeClass: null,
  causeFingerprint: null,
  placedAt: 1_700_000_000_000,
  startedAt: null,
  confirmedAt: null,
  updatedAt: 1_700_000_000_000,
  ...over,
});

/** Feeds the history, as the consumer of the order events does. */
export const projectHistory = (bindings: HistoryBindings, orders: readonly OrderSummary[]): Promise<Projected> =>
  historyProjection(bindings).project(orders.map((order) => ({ order, commits: [] })));
