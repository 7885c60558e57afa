/** Laws 1 and 5: what was acknowledged is kept, and no order is stuck where nobody knows of it. */
import type { Attention, OrderStatus } from "../../../src/contract/order.ts";
import { type Evidence, KEPT, standsStill, type Told, type Violation } from "../evidence.ts";

/** Law 1: whatever was answered with 202 exists, once, and is what was acknowledged. */
export function lostOrders({ told = [], orders }: Evidence): Violation[] {
  const byId = new Map(orders.map((order) => [order.orderId, order]));
  const firstById = new Map<string, Told>();
  const firstByReference = new Map<string, Told>();
  const accepted = new Set<string>();
  return told.flatMap((receipt): Violation[] => {
    const { orderId, reference, total, placedAt, replayed } = receipt;
    const lost = (evidence: string): Violation[] => [{ law: 1, subject: orderId, evidence }];
    const order = byId.get(orderId);
    const first = firstById.get(orderId) ?? receipt;
    const called = firstByReference.get(reference) ?? receipt;
    const again = !replayed && accepted.has(orderId);
    firstById.set(orderId, first);
    firstByReference.set(reference, called);
    if (!replayed) accepted.add(orderId);
    if (!order) return lost("it was answered with 202 and does not exist");
    const isSame = order.reference === reference && order.total === total && order.placedAt === placedAt;
    if (!isSame || first.reference !== reference || first.placedAt !== placedAt)
      return lost(`${reference} was answered with 202, the order is ${order.reference}`);
    if (called.orderId !== orderId) return lost(`${reference} is two orders, the other one is ${called.orderId}`);
    return again ? lost(`${reference} was accepted twice`) : [];
  });
}

/** Law 1: once everything works, every order comes to rest or to a person. */
export function stuckOrders({ orders }: Evidence): Violation[] {
  return orders
    .filter(({ status }) => !standsStill(status))
    .map(({ orderId, status, version }) => ({
      law: 1,
      subject: orderId,
      evidence: `it is ${status} at version ${version} long after everything works again`,
    }));
}

/** Law 1, for commands. */
export function forgottenCommands({ obeyed = [], orders }: Evidence): Violation[] {
  const byId = new Map(orders.map((order) => [order.orderId, order]));
  return obeyed.flatMap(({ orderId, command, version: shown, status: answered }): Violation[] => {
    const order = byId.get(orderId);
    const forgotten = (evidence: string): Violation[] => [{ law: 1, subject: orderId, evidence }];
    if (!order) return forgotten(`it obeyed ${command} and does not exist`);
    const { status, priority, version } = order;
    if (command === "CancelOrder" && answered !== undefined && answered !== "cancelling" && answered !== "cancelled")
      return forgotten(`it was cancelled and stayed ${answered}`);
    if (command === "CancelOrder" && status !== "cancelled" && status !== "quarantined")
      return forgotten(`it was cancelled and is ${status}`);
    if (command === "ExpediteOrder" && priority !== "expedited") return forgotten(`it was expedited and is ${priority}`);
    if ((command === "ApproveOrder" || command === "RejectOrder") && status === "held") return forgotten("it was decided on and is held");
    return version < shown ? forgotten(`it obeyed ${command} at version ${shown} and is at version ${version}`) : [];
  });
}

/** Law 5: nobody is sent to look at what is over. An order on its way shows no reason, and a stage that was left is not late. */
export function wrongReasons({ orders, overran }: Evidence): Violation[] {
  return orders.flatMap(({ orderId, status, reason, attention }): Violation[] => {
    const wrong = (evidence: string): Violation[] => [{ law: 5, subject: orderId, evidence: `it is ${status}, ${evidence}` }];
    if (KEPT.has(status) && (reason ?? null) !== null) return wrong(`and shows "${reason}", which is over`);
    const isLate = attention === "stage_overran";
    if (overran === undefined || attention === undefined || isLate === (overran.has(orderId) && !ENDED.has(status))) return [];
    return wrong(isLate ? "and is called late for a stage that it has left" : "its stage took too long, and nobody is told");
  });
}

/** In these no stage is waited for, whatever its journal says of an earlier one. */
const ENDED: ReadonlySet<OrderStatus> = new Set<OrderStatus>(["completed", "cancelled", "failed", "cancelling", "held", "quarantined"]);

/** Law 1 once persons have done what they can: nothing is parked any more. */
export function stillParked({ orders }: Evidence, lookedAfter: readonly OrderStatus[]): Violation[] {
  return orders
    .filter(({ status }) => lookedAfter.includes(status))
    .map(({ orderId, status, reason }) => ({ law: 1, subject: orderId, evidence: `a person cannot get it out of ${status} (${reason})` }));
}

/** Law 5 once every budget of every track has run out: a person knows of each order that waits for a stage. */
export function unnoticed({ orders }: Evidence): Violation[] {
  return orders
    .filter(
      ({ status, attention }) =>
        (status === "confirmed" || status === "in_fulfilment" || status === "held") && attention !== "stage_overran",
    )
    .map(({ orderId, status }) => ({ law: 5, subject: orderId, evidence: `it is ${status}, its time is long over, and nobody knows` }));
}

/** Law 5 at any moment: an order that is neither at rest nor with a person is being worked on, or will be woken. */
export function stranded(order: {
  readonly orderId: string;
  readonly status: OrderStatus;
  readonly attention: Attention | null;
  readonly isAtRest: boolean;
  readonly alarmIsArmed: boolean;
  readonly alarmWasLost: boolean;
  readonly isRunning: boolean;
}): Violation | null {
  const { orderId, status, attention } = order;
  if (order.isAtRest || attention !== null || order.alarmIsArmed || order.alarmWasLost || order.isRunning) return null;
  return { law: 5, subject: orderId, evidence: `it is ${status}, nothing works on it, no alarm is armed, and nobody knows` };
}
