/** Law 2: at most one effect per order and step, undone from the last to the first, and money where the order's end says. */
import type { Step } from "../../../src/contract/order.ts";
import { type Effect, type Evidence, KEPT, type PublicOrder, UNDONE, type Violation } from "../evidence.ts";

export function doubledEffects({ effects = [] }: Evidence): Violation[] {
  const counts = Map.groupBy(effects, ({ orderId, step, sku = "" }) => `${orderId} ${step} ${sku}`);
  return [...counts.values()]
    .filter((same) => same.length > 1)
    .map((same) => ({
      law: 2,
      subject: same[0]?.orderId ?? "",
      evidence: `${same[0]?.step} took effect ${same.length} times, under ${same.map(({ key }) => key).join(" and ")}`,
    }));
}

export function strangersEffects({ effects = [], orders }: Evidence): Violation[] {
  const known = new Set(orders.map(({ orderId }) => orderId));
  return [...Map.groupBy(effects, ({ orderId }) => orderId)]
    .filter(([orderId]) => !known.has(orderId))
    .map(([orderId, own]) => ({
      law: 2,
      subject: orderId,
      evidence: `${own.map(({ step }) => step).join(", ")} took effect, and nobody else knows the order`,
    }));
}

/** Which effect each undo takes back, from the first to be done to the last. */
const TAKEN_BACK = [
  ["authorize", "void"],
  ["reserve", "release"],
  ["route", "unroute"],
  ["capture", "refund"],
] as const satisfies readonly (readonly [Step, Step])[];

/** How late the steps come; those that are equal run side by side. */
const RANK = { authorize: 0, reserve: 0, route: 1, capture: 2 } as const;

/** Undo takes back the last effect first, as far as the effects were there when the undoing began. */
export function wrongOrderOfUndo({ effects = [], undoBegan }: Evidence): Violation[] {
  return [...Map.groupBy(effects, ({ orderId }) => orderId)].flatMap(([orderId, own]) => {
    const began = undoBegan?.get(orderId);
    if (began === undefined) return [];
    const when = (step: Step) => own.find((effect) => effect.step === step)?.at;
    return TAKEN_BACK.flatMap(([earlier, undoEarlier]) => {
      const undone = when(undoEarlier);
      if (undone === undefined) return [];
      return TAKEN_BACK.filter(([later]) => RANK[later] > RANK[earlier]).flatMap(([later, undoLater]): Violation[] => {
        const done = when(later);
        if (done === undefined || done >= began || (when(undoLater) ?? Number.POSITIVE_INFINITY) <= undone) return [];
        return [{ law: 2, subject: orderId, evidence: `${undoEarlier} took effect before ${undoLater}` }];
      });
    });
  });
}

/** Captured less refunded is what a kept order owes, and nothing stays blocked on the card of one that is undone. */
export function misplacedMoney(evidence: Evidence): Violation[] {
  if (!evidence.ledgers?.has("payment")) return [];
  return judged(evidence, ({ status, total }, { sum, count }) => {
    const paid = sum("capture") - sum("refund");
    if (KEPT.has(status)) return paid === total ? [] : [`owes ${total}, captured less refunded is ${paid}`];
    // What is parked may have stopped on either side of its capture; a person decides what becomes of it.
    if (status === "quarantined") return paid === 0 || paid === total ? [] : [`captured less refunded is ${paid} of ${total}`];
    if (status === "held") return paid === 0 ? [] : [`captured less refunded is ${paid}`];
    if (!UNDONE.has(status)) return [];
    const blocked = count("authorize") > 0 && count("void") === 0 && count("refund") === 0;
    return [...(paid === 0 ? [] : [`captured less refunded is ${paid}`]), ...(blocked ? ["its payment is still authorized"] : [])];
  });
}

/** The goods of kept orders are on their way, and of undone ones they are not. */
export function misroutedGoods(evidence: Evidence): Violation[] {
  if (!evidence.ledgers?.has("fulfilment")) return [];
  return judged(evidence, ({ orderId, status }, { count }) => {
    const routed = count("route") - count("unroute");
    const unrouted = evidence.unrouted?.has(orderId) ?? false;
    if (KEPT.has(status)) return routed === (unrouted ? 0 : 1) ? [] : [inTransit(unrouted)];
    return UNDONE.has(status) && routed !== 0 ? ["its goods are on their way"] : [];
  });
}

const inTransit = (unrouted: boolean): string =>
  unrouted ? "its goods are on their way, by a step that was added after it was accepted" : "its goods are not on their way";

/** The customer of a kept order was told once. A cancellation may cross the confirmation; a refusal comes before it or never. */
export function misinformedCustomers(evidence: Evidence): Violation[] {
  if (!evidence.ledgers?.has("notification")) return [];
  return judged(evidence, ({ status }, { count }) => {
    const times = count("confirm");
    if (KEPT.has(status) && times !== 1) return [`its customer was told ${times} times`];
    return status === "failed" && times > 0 ? ["its customer was told that it is confirmed"] : [];
  });
}

interface Account {
  readonly sum: (step: Step) => number;
  readonly count: (step: Step) => number;
}

/** Every order with its own effects. @param judge what is wrong with one, in words that follow on its status */
function judged({ orders, effects = [] }: Evidence, judge: (order: PublicOrder, account: Account) => readonly string[]): Violation[] {
  const byOrder = Map.groupBy(effects, ({ orderId }) => orderId);
  return orders.flatMap((order) => {
    const own: readonly Effect[] = byOrder.get(order.orderId) ?? [];
    const of = (step: Step) => own.filter((effect) => effect.step === step);
    const account: Account = {
      sum: (step) => of(step).reduce((sum, { amount }) => sum + amount, 0),
      count: (step) => of(step).length,
    };
    return judge(order, account).map(
      (wrong): Violation => ({
        law: 2,
        subject: order.orderId,
        evidence: `it is ${order.status}, ${wrong}`,
      }),
    );
  });
}
