/**
 * Counts what orders cost, against one server that logs its units: at a pace at which few orders share a delivery, in a flood, and
 * one by one. An order is counted to its end: confirmed, and settled by its own alarm.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type Server, startServer } from "../scripts/server.ts";
import { accepted, flood, type Load, type Order, trickle } from "./load.ts";
import type { Count, Measured } from "./measured.ts";
import { cpuMsOf, hasReloaded } from "./server.ts";
import { orderline, SETTLE_MS } from "./targets.ts";
import { eventOf, sumUnits } from "./units.ts";

/** How long orders are sent at a pace: at ten a second, enough of them that a cold start hardly shows. */
const PACED_SECONDS = 20;

/** However slow the pace. */
const MIN_PACED_ORDERS = 10;

/** Lone orders share nothing with each other: four seconds apart, their projections are written one by one. */
const LONE_PER_SECOND = 0.25;
const LONE_ORDERS = 8;

/** However full a lane is. */
const CONFIRM_TIMEOUT_MS = 90_000;
const WATCH_INTERVAL_MS = 250;

/** Lines of the last orders are still on their way when the last alarm has been seen. */
const TAIL_MS = 2_500;

export interface Plan {
  /** Of the flood. */
  readonly orders: number;
  readonly concurrency: number;
  /** Orders per second while they are counted at a pace. */
  readonly pace: number;
}

/** @param take makes so many orders that were never sent before */
export async function countUnits(
  { orders, concurrency, pace }: Plan,
  take: (count: number) => Order[],
  directory: string,
  say: (progress: string) => void,
): Promise<Pick<Measured, "paced" | "loaded" | "lone">> {
  say("counting units, at a pace");
  const server = await startServer({ persistTo: directory, vars: { METER: "true" } });
  const { target } = orderline(server);
  const few = Math.max(MIN_PACED_ORDERS, Math.round(pace * PACED_SECONDS));
  const paced = await countUntilSettled(server, few, () => trickle(target, take(few), concurrency, pace));
  say("counting units, in a flood");
  const loaded = await countUntilSettled(server, orders, () => flood(target, take(orders), concurrency));
  say("counting units, one by one");
  const lone = await countUntilSettled(server, LONE_ORDERS, () => trickle(target, take(LONE_ORDERS), concurrency, LONE_PER_SECOND));
  if (hasReloaded(server)) throw new Error("Orderline's sources changed while its units were counted");
  await server.stop();
  return { paced, loaded, lone };
}

/** Reads nothing but what the server prints, because a question to it would be counted, too. */
export async function countUntilSettled(server: Server, orders: number, submit: () => Promise<Load>): Promise<Count> {
  const lines: string[] = [];
  const confirmed = new Set<unknown>();
  const unsubscribe = server.onLine((line) => {
    lines.push(line);
    const { event, status, orderId } = eventOf(line) ?? {};
    if (event === "order.advanced" && status === "confirmed") confirmed.add(orderId);
  });
  const cpuBefore = cpuMsOf(server);
  accepted(await submit());
  const deadline = performance.now() + CONFIRM_TIMEOUT_MS;
  while (confirmed.size < orders) {
    if (performance.now() > deadline) throw new Error(`${orders - confirmed.size} of ${orders} orders were not confirmed in time`);
    await sleep(WATCH_INTERVAL_MS);
  }
  await sleep(SETTLE_MS + TAIL_MS);
  unsubscribe();
  const cpuAfter = cpuMsOf(server);
  return {
    orders,
    units: sumUnits(lines),
    logLines: lines.map(eventOf).filter((event) => event !== null && event.event !== "units").length,
    cpuMs: cpuBefore === null || cpuAfter === null ? null : cpuAfter - cpuBefore,
  };
}
