/**
 * What a chaos run will do, decided from its seed before it begins: every order and what its clients do to it, the faults of
 * the providers, and the moments of the kills. A kill's moment is counted in acknowledged orders, not in seconds, so that it
 * falls under load on any machine.
 */

import { limitsFor, RISK_LIMITS } from "../../src/domain/risk.ts";
import { MAGIC } from "../oracle/ledger.ts";
import type { OrderBody } from "./client.ts";
import { between, chance, type Draw, drawsFor, whole } from "./random.ts";

export interface PlannedOrder {
  readonly key: string;
  readonly body: OrderBody;
  /** Its client waits this long before it submits it. */
  readonly thinkMs: number;
  /** Every request is sent twice, at the same time. */
  readonly twice: boolean;
  /** It is submitted once more after the last restart, as by a device that never heard the answer. */
  readonly again: boolean;
  /** Another order is submitted under its key, so long after its acknowledgement; null for never. */
  readonly contradictedAfterMs: number | null;
  /** What other clients ask of it, counted from its acknowledgement. */
  readonly commands: readonly PlannedCommand[];
}

export interface PlannedCommand {
  readonly name: "cancel" | "expedite" | "approve" | "reject";
  readonly afterMs: number;
}

export interface PlannedKill {
  /** So many orders have been acknowledged… */
  readonly afterOrders: number;
  /** …and this long ago. */
  readonly delayMs: number;
}

/** Shares of a port's calls, and how long each takes at least and at most; `test/support/provider-server.ts` tells what they mean. */
export interface PlannedFault {
  readonly before: number;
  readonly after: number;
  readonly hang: number;
  readonly latencyMs: [number, number];
}

export interface ChaosPlan {
  readonly seed: number;
  readonly faults: Readonly<Record<"payment" | "inventory" | "fulfilment" | "notification", PlannedFault>>;
  readonly orders: readonly PlannedOrder[];
  /** Orders a second; null for as many as the clients can place. */
  readonly perSecond: number | null;
  /** From the first order, before any trouble comes and anything is measured. */
  readonly calmMs: number;
  /** In the order in which they fall; the last one when everything has been acknowledged. */
  readonly kills: readonly PlannedKill[];
  /** In the order in which they come, one after the other. */
  readonly troubles: readonly PlannedTrouble[];
}

/**
 * All providers answer 503, or nothing at all; nobody can use the history's database; every process of the server stands
 * still; nothing more can be written to the disk of the store.
 */
export type TroubleName = "unavailable" | "silent" | "history" | "frozen" | "full";

export interface PlannedTrouble {
  readonly name: TroubleName | "kill";
  /** From the first order. */
  readonly atMs: number;
  readonly forMs: number;
}

/** Each client's pace: with sixteen of them some forty orders a second, which is more than one laptop carries to their ends meanwhile. */
const MOST_THINK_MS = 700;

/** Long enough to fall into any moment of a saga whose every call takes up to `MOST_LATENCY_MS` and fails now and then. */
const MOST_COMMAND_DELAY_MS = 4_000;

/** Within it the newest orders are between their acknowledgement and their first effects. */
const MOST_KILL_DELAY_MS = 400;

/** Kills fall from the first to the last of these shares of the orders; before that there is nothing to lose. */
const FIRST_KILL = 0.05;
const LAST_KILL = 0.95;

const MOST_LATENCY_MS = 15;

/** So that no customer has more orders than the risk screening takes for normal. */
const ORDERS_PER_CUSTOMER = RISK_LIMITS.velocityMax / 2;

/** Shares of the orders. The rest are plain: they can be confirmed, and nobody interferes. */
const SHARE = {
  expedited: 0.25,
  bakery: 0.3,
  twice: 0.15,
  again: 0.1,
  cancelled: 0.1,
  hurried: 0.1,
  contradicted: 0.05,
  declined: 0.03,
  captureDeclined: 0.02,
  soldOut: 0.03,
  unroutable: 0.02,
  /** So dear that a person has to look at them; two thirds of those find one. */
  dear: 0.03,
} as const;

export function planChaos({ seed, orders, kills }: { readonly seed: number; readonly orders: number; readonly kills: number }): ChaosPlan {
  const customers = Math.ceil(orders / ORDERS_PER_CUSTOMER);
  return {
    seed,
    faults: planFaults(drawsFor(seed, "faults")),
    orders: Array.from({ length: orders }, (_, index) => planOrder(`chaos-${seed}-${index}`, drawsFor(seed, "order", index), customers)),
    perSecond: null,
    calmMs: 0,
    kills: planKills(drawsFor(seed, "kills"), orders, kills),
    troubles: [],
  };
}

/** A long run of steady load, with troubles that come back in cycles. @param ms how long orders are placed */
export function planSoak({ seed, ms }: { readonly seed: number; readonly ms: number }): ChaosPlan {
  const orders = Math.ceil((ms / 1_000) * SOAK_ORDERS_PER_SECOND);
  const calmMs = Math.min(MOST_WARM_UP_MS, ms * WARM_UP);
  const cycles = THIRDS * Math.max(1, Math.round(ms / USUAL_CYCLE_MS / THIRDS));
  const cycleMs = (ms - calmMs) / cycles;
  const troubles = Array.from({ length: cycles }, (_, cycle) =>
    CYCLE.map(({ name, at, lasts }) => ({
      name,
      atMs: Math.round(calmMs + (cycle + at) * cycleMs),
      forMs: Math.round(lasts * cycleMs),
    })),
  );
  return { ...planChaos({ seed, orders, kills: 0 }), perSecond: SOAK_ORDERS_PER_SECOND, calmMs, troubles: troubles.flat() };
}

/** An actor stays in memory until its order has settled, so the number of them grows for a minute or two before it stands. */
const WARM_UP = 0.2;
const MOST_WARM_UP_MS = 120_000;

/** A tenth of what one laptop carries, so that what an outage held up is made good before the next. */
const SOAK_ORDERS_PER_SECOND = 4;

/** Thirds of a run are compared, so each is to hold the same troubles: cycles come in threes. Ten minutes hold outages of minutes. */
const THIRDS = 3;
const USUAL_CYCLE_MS = 10 * 60_000;

/** Shares of a cycle. In ten minutes the providers are away for two, silent for more than one, and the server frozen for 18 s. */
const CYCLE = [
  { name: "unavailable", at: 0.15, lasts: 0.2 },
  // While what the outage held up is made good.
  { name: "kill", at: 0.38, lasts: 0 },
  { name: "silent", at: 0.5, lasts: 0.12 },
  { name: "history", at: 0.66, lasts: 0.08 },
  { name: "frozen", at: 0.77, lasts: 0.03 },
  { name: "full", at: 0.84, lasts: 0.05 },
  { name: "kill", at: 0.93, lasts: 0 },
] as const satisfies readonly { name: PlannedTrouble["name"]; at: number; lasts: number }[];

/**
 * The probabilities themselves are drawn, so that seeds differ in kind. A hang holds up its whole delivery of up to fifty
 * orders for ten seconds, because local queues hand out one delivery at a time: hence so few of them.
 */
function planFaults(draw: Draw): ChaosPlan["faults"] {
  const fault = (): PlannedFault => ({
    before: rounded(between(draw, 0.01, 0.08)),
    after: rounded(between(draw, 0.01, 0.06)),
    hang: rounded(between(draw, 0.0002, 0.001)),
    latencyMs: [1, whole(draw, 2, MOST_LATENCY_MS)],
  });
  return { payment: fault(), inventory: fault(), fulfilment: fault(), notification: fault() };
}

function planKills(draw: Draw, orders: number, kills: number): PlannedKill[] {
  return Array.from({ length: kills }, (_, index) => ({
    afterOrders: index === kills - 1 ? orders : whole(draw, Math.ceil(FIRST_KILL * orders), Math.floor(LAST_KILL * orders)),
    delayMs: whole(draw, 0, MOST_KILL_DELAY_MS),
  })).sort((one, other) => one.afterOrders - other.afterOrders);
}

function planOrder(key: string, draw: Draw, customers: number): PlannedOrder {
  const dear = chance(draw, SHARE.dear);
  const planned = {
    key,
    thinkMs: whole(draw, 0, MOST_THINK_MS),
    twice: chance(draw, SHARE.twice),
    again: chance(draw, SHARE.again),
    commands: planCommands(draw, dear),
    body: {
      reference: key,
      priority: chance(draw, SHARE.expedited) ? "expedited" : "standard",
      track: chance(draw, SHARE.bakery) ? "bakery" : "retail",
      currency: chance(draw, 0.8) ? "GBP" : "EUR",
      lines: Array.from({ length: whole(draw, 1, 3) }, (_, line) => ({
        sku: line === 0 && chance(draw, SHARE.soldOut) ? MAGIC.soldOut : `SKU-${whole(draw, 1, 40)}-${line}`,
        quantity: whole(draw, 1, 9),
        unitPrice: dear && line === 0 ? limitsFor(RISK_LIMITS, "GBP").reviewFrom : whole(draw, 1, 5_000),
      })),
      customer: { id: `c-${whole(draw, 1, customers)}`, email: "chaos@example.com" },
      shipTo: { country: "GB", ...(chance(draw, SHARE.unroutable) && { postalCode: MAGIC.unroutable }) },
      payment: { token: tokenFrom(draw()) },
    },
  } as const;
  return { ...planned, contradictedAfterMs: chance(draw, SHARE.contradicted) ? whole(draw, 0, MOST_COMMAND_DELAY_MS) : null };
}

function planCommands(draw: Draw, dear: boolean): PlannedCommand[] {
  const afterMs = () => whole(draw, 0, MOST_COMMAND_DELAY_MS);
  const commands: PlannedCommand[] = [];
  if (chance(draw, SHARE.cancelled)) commands.push({ name: "cancel", afterMs: afterMs() });
  if (chance(draw, SHARE.hurried)) commands.push({ name: "expedite", afterMs: afterMs() });
  const verdict = draw();
  if (dear && verdict < 2 / 3) commands.push({ name: verdict < 1 / 3 ? "approve" : "reject", afterMs: afterMs() });
  return commands;
}

function tokenFrom(share: number): string {
  if (share < SHARE.declined) return MAGIC.declined;
  return share < SHARE.declined + SHARE.captureDeclined ? MAGIC.captureDeclined : "tok_visa";
}

const rounded = (probability: number): number => Math.round(probability * 10_000) / 10_000;
