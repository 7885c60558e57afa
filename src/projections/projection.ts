/**
 * What is fed by committed changes. Delivery is at least once and in any order, so each projection is idempotent by order
 * and version. Each fails by itself, and each can be made anew from the journals.
 */
import type { OrderChanged } from "../contract/messages.ts";
import type { JournaledOrder } from "../contract/order.ts";

/** What became of some changes in one projection. */
export interface Projected {
  /** The ids of the orders that it holds durably now, at the version given or at a higher one. */
  readonly durable: ReadonlySet<string>;
  /** Rows billed as written, as far as the projection knows. */
  readonly rowsWritten: number;
}

export interface Projection {
  readonly name: string;
  /** Takes changes of any tenants, each order once. Never rejects: an order that it could not take is missing from the answer. */
  project(changes: readonly OrderChanged[]): Promise<Projected>;
  /** Makes orders of one tenant what their journals say, whatever it holds of them. Rejects when it could not. */
  rebuild(tenant: string, orders: readonly JournaledOrder[]): Promise<void>;
}

/**
 * Feeds all projections. They work side by side, but the last one only gets the orders that all the others hold: its version
 * of an order is a watermark, by which the order settles.
 * @param projections in the order of the registry
 */
export async function feed(projections: readonly Projection[], changes: readonly OrderChanged[]): Promise<Projected> {
  const watermark = projections.at(-1);
  if (!watermark) throw new Error("there is no projection to settle by");
  const held = await Promise.all(projections.slice(0, -1).map((projection) => projection.project(changes)));
  return watermark.project(changes.filter(({ order }) => held.every(({ durable }) => durable.has(order.orderId))));
}

/** Each order once, at its highest version among those given. */
export function newestChanges(changes: readonly OrderChanged[]): OrderChanged[] {
  const newest = new Map<string, OrderChanged>();
  for (const change of changes) {
    const known = newest.get(change.order.orderId);
    if (known === undefined || change.order.version > known.order.version) newest.set(change.order.orderId, change);
  }
  return [...newest.values()];
}
