/**
 * An order as its clients see it, if they came one after the other: the sequential model that recorded histories are held
 * against. Of the source it imports types only. The order also moves by itself, step by step, and each step is a version;
 * what a client sees is therefore a state that the last seen one leads to in exactly as many steps as versions lie between.
 * Nobody reports a stage or redrives here, so an order that is in fulfilment, or that leaves quarantine, is a contradiction.
 */
import type { OrderStatus, Priority } from "../../src/contract/order.ts";
import type { Interval, SequentialModel } from "./linearizable.ts";

export type CommandName = "cancel" | "expedite" | "approve" | "reject";

/** What a client asked. `body` is anything that differs when what was ordered differs. */
export type Asked =
  | { readonly kind: "place"; readonly body: string; readonly priority: Priority }
  | { readonly kind: "view" }
  | { readonly kind: CommandName };

/** What a client was told. */
export type Answer =
  /** A 202. `id`, `placedAt` and `total` are what no repeat may answer differently. */
  | { readonly kind: "receipt"; readonly id: string; readonly placedAt: string; readonly total: number; readonly replayed: boolean }
  /** The key belongs to an order with another body. */
  | { readonly kind: "conflict" }
  /** The order, after what was asked. `content` is equal for equal answers. */
  | {
      readonly kind: "order";
      readonly version: number;
      readonly etag: string | null;
      readonly status: OrderStatus;
      readonly priority: Priority;
      readonly content: string;
    }
  /** The order's status did not allow the command. */
  | { readonly kind: "refused"; readonly status: OrderStatus }
  /** There is no such order. */
  | { readonly kind: "missing" }
  /** What nothing that was asked may be answered with. */
  | { readonly kind: "other"; readonly status: number };

export interface Operation extends Interval {
  readonly asked: Asked;
  /** Null when nobody answered, or not to the point: a 503 tells nothing of what was done. */
  readonly answer: Answer | null;
}

/** What an order is, apart from its version. */
interface Condition {
  readonly status: OrderStatus;
  readonly priority: Priority;
  /** Set once it is decided that the order is undone; nobody sees it, but it decides what may follow. */
  readonly ending: "cancelled" | "rejected" | "failed" | null;
  readonly approved: boolean;
}

/** Where the order may be: every condition that it may have reached by itself, with the least version at which it may have. */
type Whereabouts = ReadonlyMap<string, { readonly condition: Condition; readonly least: number }>;

interface PlacedOrder {
  readonly body: string;
  readonly whereabouts: Whereabouts;
}

export type OrderAsSeen = "unplaced" | PlacedOrder;

/** A condition, and the version at which the order is in it or may first be. */
type Place = readonly [condition: Condition, version: number];

const FIRST: Priority = "expedited";

/** What an order may become by itself within one version, other than stay what it is. */
function stepsFrom(condition: Condition): Condition[] {
  const { status, priority, ending, approved } = condition;
  const to = (...others: readonly OrderStatus[]) => others.map((other) => ({ ...condition, status: other }));
  const failing = (...others: readonly OrderStatus[]) =>
    others.map((other) => ({ ...condition, status: other, ending: "failed" as const }));
  switch (status) {
    case "accepted":
      // One that has waited for long is promoted by itself.
      return [
        ...to("processing", "held", "quarantined"),
        ...failing("processing", "failed"),
        ...(priority === FIRST ? [] : [{ ...condition, priority: FIRST }]),
      ];
    case "processing":
      if (ending !== null) return to("failed", "quarantined");
      return [...to("confirmed", "quarantined", ...(approved ? [] : (["held"] as const))), ...failing("processing", "failed")];
    case "cancelling":
      return to("cancelled", "quarantined");
    // An effect that comes to light late is undone as well.
    case "cancelled":
      return to("cancelling");
    case "failed":
      return to("processing");
    // Held until a verdict, whose deadline is a day; confirmed until a stage is reported; quarantined until a person helps.
    case "held":
    case "confirmed":
    case "quarantined":
    case "in_fulfilment":
    case "completed":
      return [];
  }
}

/** What a command comes to: a further version, nothing because it has taken effect before, or a refusal. */
function obey(command: CommandName, condition: Condition): Condition | "nothing" | "refusal" {
  const { status, priority, ending, approved } = condition;
  switch (command) {
    case "cancel":
      if (status === "quarantined") return { ...condition, status: "cancelling", ending: "cancelled" };
      if (ending === "cancelled") return "nothing";
      return ending === null && (UNDOABLE as ReadonlySet<OrderStatus>).has(status)
        ? { ...condition, status: "cancelling", ending: "cancelled" }
        : "refusal";
    case "expedite":
      if (priority === FIRST) return "nothing";
      return status === "accepted" || status === "processing" ? { ...condition, priority: FIRST } : "refusal";
    case "approve":
      if (approved) return "nothing";
      return status === "held" ? { ...condition, status: "processing", approved: true } : "refusal";
    case "reject":
      if (ending === "rejected") return "nothing";
      return status === "held" ? { ...condition, status: "processing", ending: "rejected" } : "refusal";
  }
}

const UNDOABLE: ReadonlySet<OrderStatus> = new Set<OrderStatus>(["accepted", "processing", "held", "confirmed"]);

export const ORDER: SequentialModel<OrderAsSeen, Operation> = {
  initial: "unplaced",
  keyOf: (order) =>
    order === "unplaced" ? order : [order.body, ...[...order.whereabouts].map(([key, { least }]) => `${key}@${least}`).sort()].join(" "),
  asked: ({ asked }) => (asked.kind === "place" ? `place ${asked.body}` : asked.kind),

  answered(order, { asked, answer }) {
    if (answer === null || answer.kind === "other") return null;
    if (asked.kind === "place") return submitted(order, asked, answer);
    if (order === "unplaced") return answer.kind === "missing" ? order : null;
    if (answer.kind === "refused") return asked.kind === "view" ? null : refused(order, asked.kind, answer);
    return answer.kind === "order" ? shown(order, asked.kind, answer) : null;
  },

  unanswered(order, { asked }) {
    const { kind } = asked;
    if (kind === "place") return order === "unplaced" ? accepted(asked) : null;
    // What changes nothing, and was answered by nobody, need not be explained.
    if (kind === "view" || order === "unplaced") return null;
    const obeyed = [...order.whereabouts.values()].flatMap(({ condition, least }): Place[] => {
      const after = obey(kind, condition);
      return typeof after === "string" ? [] : [[after, least + 1]];
    });
    return moved(order, obeyed);
  },
};

function submitted(order: OrderAsSeen, asked: Asked & { kind: "place" }, answer: Answer): OrderAsSeen | null {
  if (answer.kind === "receipt" && !answer.replayed) return order === "unplaced" ? accepted(asked) : null;
  if (order === "unplaced") return null;
  const isKnown = order.body === asked.body;
  return (answer.kind === "receipt" && isKnown) || (answer.kind === "conflict" && !isKnown) ? order : null;
}

const accepted = ({ body, priority }: Asked & { kind: "place" }): PlacedOrder => ({
  body,
  whereabouts: whereaboutsFrom([[{ status: "accepted", priority, ending: null, approved: false }, 1]]),
});

function refused(order: PlacedOrder, command: CommandName, answer: Answer & { kind: "refused" }): PlacedOrder | null {
  const refusing = [...order.whereabouts.values()].filter(
    ({ condition }) => condition.status === answer.status && obey(command, condition) === "refusal",
  );
  return moved(
    order,
    refusing.map(({ condition, least }) => [condition, least]),
  );
}

/** The order that a read or a command showed: what the read met, or what the command led to. */
function shown(order: PlacedOrder, kind: "view" | CommandName, answer: Answer & { kind: "order" }): PlacedOrder | null {
  const outcomes = [...order.whereabouts.values()].flatMap(({ condition, least }): Place[] => {
    const after = kind === "view" ? "nothing" : obey(kind, condition);
    if (after === "refusal") return [];
    return after === "nothing" ? [[condition, least]] : [[after, least + 1]];
  });
  const fitting = outcomes.filter(
    ([{ status, priority }, least]) => status === answer.status && priority === answer.priority && least <= answer.version,
  );
  return moved(
    order,
    fitting.map(([condition]) => [condition, answer.version]),
  );
}

/** Null when there is nowhere that the order can be. */
const moved = ({ body }: PlacedOrder, places: readonly Place[]): PlacedOrder | null =>
  places.length === 0 ? null : { body, whereabouts: whereaboutsFrom(places) };

/** All that these places lead to, one version a step. A version may also leave everything as it was, so any later one is possible too. */
function whereaboutsFrom(places: readonly Place[]): Whereabouts {
  const found = new Map<string, { readonly condition: Condition; readonly least: number }>();
  const open = [...places];
  for (let place = open.shift(); place !== undefined; place = open.shift()) {
    const [condition, least] = place;
    const key = keyOf(condition);
    const known = found.get(key);
    if (known && known.least <= least) continue;
    found.set(key, { condition, least });
    for (const next of stepsFrom(condition)) open.push([next, least + 1]);
  }
  return found;
}

const keyOf = ({ status, priority, ending, approved }: Condition): string => [status, priority, ending, approved].join("/");
