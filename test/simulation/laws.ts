/**
 * The laws of the design as checkers that know nothing of the implementation: they are shown what clients were told, what
 * the providers' ledger and the stock say, what the projections hold, what sockets saw, and every order's public face. They
 * import types only; what an order owes is worked out here, from what its client sent, and nowhere else.
 */
import type { Attention, OrderStatus, OrderSummary, ProviderName, Step } from "../../src/contract/order.ts";
import type { StatsSnapshot } from "../../src/contract/stats.ts";

/**
 * `subject` is the order or the thing that the evidence is about. Law 7: a call threw, which only bugs do. Law 8: what stops a
 * tenant's calls is its own. Law 2 includes that an order calls the providers of the profile that it was accepted under, since
 * another provider knows none of its keys.
 */
export interface Violation {
  readonly law: 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;
  readonly subject: string;
  readonly evidence: string;
}

/** A 202, and the order that its client had sent. */
export interface Told {
  readonly orderId: string;
  readonly reference: string;
  readonly total: number;
  readonly replayed: boolean;
  readonly placedAt: number;
}

/** A command that was answered as carried out. */
export interface Obeyed {
  readonly orderId: string;
  readonly command: string;
}

/** One effect of a provider. `key` is the one it was asked with; of a stock keeping unit, with the unit behind it. */
export interface Effect {
  readonly orderId: string;
  readonly step: Step;
  readonly key: string;
  readonly at: number;
  readonly amount: number;
}

/** The stock of a SKU, and how much of it ever came in. */
export interface Shelf {
  readonly sku: string;
  readonly received: number;
  readonly available: number;
  readonly reserved: number;
}

/** An order as anybody may see it. */
export interface PublicOrder extends OrderSummary {
  readonly lines: readonly { readonly sku: string; readonly quantity: number }[];
}

/** An order that was made to wait for a provider, which is not called since a time. */
export interface Blocked {
  readonly orderId: string;
  readonly tenant: string;
  readonly provider: ProviderName;
  readonly since: number;
}

/** What can have stopped a tenant's calls to a provider: one of its calls that failed, or a person of its own. */
export interface Stopped {
  readonly tenant: string;
  readonly provider: ProviderName;
  readonly at: number;
  readonly by: "failure" | "person";
}

export interface SeenFrame {
  readonly type: "snapshot" | "stats" | "resumed";
  readonly seq: number;
  readonly gap: boolean;
  readonly stats: StatsSnapshot;
}

/** The counters of a tenant, and what those saw who watched them. */
export interface Counted {
  readonly tenant: string;
  readonly counters: StatsSnapshot;
  readonly receivers: readonly (readonly SeenFrame[])[];
}

export interface Evidence {
  readonly told: readonly Told[];
  readonly obeyed: readonly Obeyed[];
  readonly orders: readonly PublicOrder[];
  /** Orders that were accepted under a graph in which nothing is routed. */
  readonly unrouted: ReadonlySet<string>;
  readonly effects: readonly Effect[];
  /** By order, when the first undo reached a provider. */
  readonly undoBegan: ReadonlyMap<string, number>;
  readonly shelves: readonly Shelf[];
  readonly history: readonly OrderSummary[];
  /** By order, the versions that a subscriber of single commits was told of. */
  readonly heard: ReadonlyMap<string, ReadonlySet<number>>;
  /** One for each tenant. */
  readonly counters: readonly Counted[];
  readonly blocked: readonly Blocked[];
  readonly stopped: readonly Stopped[];
}

const KEPT: ReadonlySet<OrderStatus> = new Set<OrderStatus>(["confirmed", "in_fulfilment", "completed"]);
const UNDONE: ReadonlySet<OrderStatus> = new Set<OrderStatus>(["cancelled", "failed"]);
const WITH_A_PERSON: ReadonlySet<OrderStatus> = new Set<OrderStatus>(["held", "quarantined"]);

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

/** What must hold whenever everything has come to a stand. */
export function checkQuiet(evidence: Evidence): Violation[] {
  return [
    ...lostOrders(evidence),
    ...stuckOrders(evidence),
    ...forgottenCommands(evidence),
    ...doubledEffects(evidence),
    ...wrongOrderOfUndo(evidence),
    ...misplacedMoney(evidence),
    ...misplacedGoods(evidence),
    ...differingHistory(evidence),
    ...unheardCommits(evidence),
    ...evidence.counters.flatMap((counted) => differingCounters(evidence, counted)),
    ...evidence.counters.flatMap(unannouncedGaps),
    ...strangersTroubles(evidence),
  ];
}

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

function lostOrders({ told, orders }: Evidence): Violation[] {
  const byId = new Map(orders.map((order) => [order.orderId, order]));
  const firstOf = new Map<string, Told>();
  return told.flatMap((receipt): Violation[] => {
    const { orderId, reference, total, placedAt } = receipt;
    const order = byId.get(orderId);
    const first = firstOf.get(orderId) ?? receipt;
    firstOf.set(orderId, first);
    if (!order) return [{ law: 1, subject: orderId, evidence: "it was answered with 202 and does not exist" }];
    const same = order.reference === reference && order.total === total && first.reference === reference && first.placedAt === placedAt;
    return same ? [] : [{ law: 1, subject: orderId, evidence: `${reference} was answered with 202, the order is ${order.reference}` }];
  });
}

function stuckOrders({ orders }: Evidence): Violation[] {
  return orders
    .filter(({ status }) => !KEPT.has(status) && !UNDONE.has(status) && !WITH_A_PERSON.has(status))
    .map(({ orderId, status, version }) => ({
      law: 1,
      subject: orderId,
      evidence: `it is ${status} at version ${version} long after everything works again`,
    }));
}

function forgottenCommands({ obeyed, orders }: Evidence): Violation[] {
  const byId = new Map(orders.map((order) => [order.orderId, order]));
  return obeyed.flatMap(({ orderId, command }): Violation[] => {
    const order = byId.get(orderId);
    const forgotten = (evidence: string): Violation[] => [{ law: 1, subject: orderId, evidence }];
    if (!order) return forgotten(`it obeyed ${command} and does not exist`);
    const { status, priority } = order;
    if (command === "CancelOrder" && status !== "cancelled" && status !== "quarantined")
      return forgotten(`it was cancelled and is ${status}`);
    if (command === "ExpediteOrder" && priority !== "expedited") return forgotten(`it was expedited and is ${priority}`);
    if ((command === "ApproveOrder" || command === "RejectOrder") && status === "held") return forgotten("it was decided on and is held");
    return [];
  });
}

function doubledEffects({ effects }: Evidence): Violation[] {
  const counts = Map.groupBy(effects, ({ orderId, step, key }) => `${orderId} ${step} ${key.split("/")[1] ?? ""}`);
  return [...counts.values()]
    .filter((same) => same.length > 1)
    .map((same) => ({
      law: 2,
      subject: same[0]?.orderId ?? "",
      evidence: `${same[0]?.step} took effect ${same.length} times, under ${same.map(({ key }) => key).join(" and ")}`,
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

/** Law 2, undo: last effect first, as far as the effects were there when the undoing began. */
function wrongOrderOfUndo({ effects, undoBegan }: Evidence): Violation[] {
  return [...Map.groupBy(effects, ({ orderId }) => orderId)].flatMap(([orderId, own]) => {
    const began = undoBegan.get(orderId);
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

/** Law 2, money: captured less refunded is what a kept order owes, and nothing stays blocked on the card of one that is not kept. */
function misplacedMoney({ orders, effects, unrouted }: Evidence): Violation[] {
  const own = Map.groupBy(effects, ({ orderId }) => orderId);
  return orders.flatMap(({ orderId, status, total }): Violation[] => {
    const sum = (step: Step) => (own.get(orderId) ?? []).reduce((amount, effect) => amount + (effect.step === step ? effect.amount : 0), 0);
    const count = (step: Step) => (own.get(orderId) ?? []).filter((effect) => effect.step === step).length;
    const held = sum("capture") - sum("refund");
    const wrong = (evidence: string): Violation => ({ law: 2, subject: orderId, evidence: `it is ${status}, ${evidence}` });
    if (KEPT.has(status)) {
      return [
        ...(held === total ? [] : [wrong(`owes ${total}, captured less refunded is ${held}`)]),
        ...(count("route") - count("unroute") === (unrouted.has(orderId) ? 0 : 1) ? [] : [wrong(inTransit(unrouted.has(orderId)))]),
        ...(count("confirm") === 1 ? [] : [wrong(`its customer was told ${count("confirm")} times`)]),
      ];
    }
    if (!UNDONE.has(status)) return [];
    const blocked = count("authorize") > 0 && count("void") === 0 && count("refund") === 0;
    return [
      ...(held === 0 ? [] : [wrong(`captured less refunded is ${held}`)]),
      ...(blocked ? [wrong("its payment is still authorized")] : []),
      ...(count("route") === count("unroute") ? [] : [wrong("its goods are on their way")]),
      // A cancellation may cross the confirmation; a refusal comes before it or never.
      ...(status === "failed" && count("confirm") > 0 ? [wrong("its customer was told that it is confirmed")] : []),
    ];
  });
}

const inTransit = (unrouted: boolean): string =>
  unrouted ? "its goods are on their way, by a step that was added after it was accepted" : "its goods are not on their way";

/** Law 3: what came in is available, reserved or sold; nothing is reserved for orders at rest. Parked orders may hold some. */
function misplacedGoods({ orders, shelves }: Evidence): Violation[] {
  const quantityOf = (sku: string, wanted: (status: OrderStatus) => boolean) =>
    orders
      .filter(({ status }) => wanted(status))
      .flatMap(({ lines }) => lines)
      .reduce((sum, line) => sum + (line.sku === sku ? line.quantity : 0), 0);
  return shelves.flatMap(({ sku, received, available, reserved }): Violation[] => {
    const sold = quantityOf(sku, (status) => KEPT.has(status));
    const parked = quantityOf(sku, (status) => WITH_A_PERSON.has(status));
    const missing = received - sold - available - reserved;
    const wrong = available < 0 || reserved < 0 || reserved > parked || missing < 0 || missing + reserved > parked;
    if (!wrong) return [];
    const evidence = `received ${received}, sold ${sold}, available ${available}, reserved ${reserved}, wanted by parked orders ${parked}`;
    return [{ law: 3, subject: sku, evidence }];
  });
}

function differingHistory({ orders, history }: Evidence): Violation[] {
  const rows = new Map(history.map((row) => [row.orderId, row]));
  const known = new Set(orders.map(({ orderId }) => orderId));
  return [
    ...history
      .filter(({ orderId }) => !known.has(orderId))
      .map(({ orderId }): Violation => ({ law: 4, subject: orderId, evidence: "the history has it, nobody else" })),
    ...orders.flatMap(({ lines: _, ...order }): Violation[] => {
      const row = rows.get(order.orderId);
      if (!row) return [{ law: 4, subject: order.orderId, evidence: `it is ${order.status}, the history lacks it` }];
      const fields = Object.entries(order).filter(([field, value]) => row[field as keyof OrderSummary] !== value);
      const differences = fields.map(([field, value]) => `${field} is ${value}, the history has ${row[field as keyof OrderSummary]}`);
      return differences.length === 0 ? [] : [{ law: 4, subject: order.orderId, evidence: differences.join("; ") }];
    }),
  ];
}

/** A subscriber that acts on each commit must not miss one, whichever messages were lost. */
function unheardCommits({ orders, heard }: Evidence): Violation[] {
  return orders.flatMap(({ orderId, version }): Violation[] => {
    const missing = Array.from({ length: version }, (_, index) => index + 1).filter((one) => !heard.get(orderId)?.has(one));
    return missing.length === 0 ? [] : [{ law: 4, subject: orderId, evidence: `no subscriber was told of version ${missing.join(", ")}` }];
  });
}

function differingCounters({ orders: all }: Evidence, { tenant, counters, receivers }: Counted): Violation[] {
  const orders = all.filter((order) => order.tenant === tenant);
  const differences: string[] = [];
  const compare = (what: string, counted: number, expected: number) => {
    if (counted !== expected) differences.push(`${what}: counted ${counted}, there are ${expected}`);
  };
  compare("submitted", counters.submitted, orders.length);
  for (const [status, count] of Object.entries(counters.byStatus))
    compare(status, count, orders.filter((order) => order.status === status).length);
  for (const [priority, outcomes] of Object.entries(counters.byPriority))
    compare(
      priority,
      Object.values(outcomes).reduce((sum, count) => sum + count, 0),
      orders.filter((order) => order.priority === priority).length,
    );
  const kept = orders.filter(({ status }) => KEPT.has(status));
  for (const currency of new Set([...Object.keys(counters.revenue), ...kept.map((order) => order.currency)])) {
    const revenue = kept.reduce((sum, order) => sum + (order.currency === currency ? order.total : 0), 0);
    compare(`revenue in ${currency}`, counters.revenue[currency] ?? 0, revenue);
  }
  const negative = receivers.flat().find(({ stats }) => Object.values(stats.byStatus).some((count) => count < 0));
  if (negative) differences.push(`frame ${negative.seq} shows a negative count`);
  return differences.map((evidence) => ({ law: 4, subject: `counters of ${tenant}`, evidence }));
}

/** Law 6: each frame follows the one before it, or says that it does not; a number stands for one state; and the newest frame shows the truth. */
function unannouncedGaps({ tenant, receivers, counters }: Counted): Violation[] {
  const shown = new Map<number, string>();
  for (const { seq, stats } of receivers.flat()) {
    const counts = JSON.stringify(stats.byStatus);
    const known = shown.get(seq) ?? counts;
    if (known !== counts) return [{ law: 6, subject: `frames of ${tenant}`, evidence: `frame ${seq} is the number of two states` }];
    shown.set(seq, counts);
  }
  return receivers.flatMap((frames, index): Violation[] => {
    const subject = `receiver ${index} of ${tenant}`;
    const gaps = frames.flatMap(({ seq, gap }, at): Violation[] => {
      const before = frames[at - 1];
      const follows = before === undefined || seq === before.seq || seq === before.seq + 1 || gap;
      return follows ? [] : [{ law: 6, subject, evidence: `frame ${seq} follows ${before.seq} and does not say so` }];
    });
    const newest = frames.at(-1)?.stats.byStatus;
    const stale = newest !== undefined && JSON.stringify(newest) !== JSON.stringify(counters.byStatus);
    return stale ? [...gaps, { law: 6, subject, evidence: "the newest frame does not show the counters" }] : gaps;
  });
}

/** Failures that lie further back than this open no breaker; a second more for those that tell of them. */
const TROUBLE_MS = 61_000;

/** Law 8: what stops a tenant's calls are its own calls that failed and its own people, never those of another tenant. */
function strangersTroubles({ blocked, stopped }: Evidence): Violation[] {
  return blocked.flatMap(({ orderId, tenant, provider, since }): Violation[] => {
    const own = stopped.some(
      (one) =>
        one.tenant === tenant && one.provider === provider && one.at <= since && since - one.at <= (one.by === "person" ? 0 : TROUBLE_MS),
    );
    return own
      ? []
      : [
          {
            law: 8,
            subject: orderId,
            evidence: `it waits for ${provider}, where no call of ${tenant} had failed and nobody of it had stopped them`,
          },
        ];
  });
}
