/** Evidence from what a client is shown over HTTP. A tenant is not shown there, because it is the caller's own. */
import type { OrderListItem, OrderView } from "../../src/contract/views.ts";
import type { Evidence, ListedOrder, PublicOrder } from "./evidence.ts";
import type { LedgerSnapshot } from "./ledger.ts";

/** Whose the development key is, as `scripts/start.ts` makes it known. */
export const DEVELOPMENT_TENANT = "demo";

export const listedOrder = (
  tenant: string,
  { id, version, status, priority, reference, currency, total, placedAt }: OrderListItem | OrderView,
): ListedOrder => ({ orderId: id, tenant, version, status, priority, reference, currency, total, placedAt: Date.parse(placedAt) });

export const publicOrder = (tenant: string, view: OrderView): PublicOrder => ({ ...listedOrder(tenant, view), lines: view.lines });

export const providersEvidence = ({ effects, undoBegan }: LedgerSnapshot): Pick<Evidence, "effects" | "undoBegan"> => ({
  effects,
  undoBegan: new Map(Object.entries(undoBegan)),
});
