/** Orderline against what a company would use instead: the same orders from the same driver, the same provider, the same machine, in turns. */
import { join } from "node:path";
import { startServer } from "../scripts/server.ts";
import { flood, type Order, trickle } from "./load.ts";
import type { Versus } from "./measured.ts";
import { CATALOGUE } from "./orders.ts";
import { startProvider } from "./provider.ts";
import { startPeer } from "./server.ts";
import { FAST_MS, FAST_PORTS, orderline, peer, portsAt } from "./targets.ts";
import { ended, inTurns, paused, turn } from "./turns.ts";

const SLOW_MS = 100;

/** Of light load, for which one turn is some hundred orders, and of floods, of which each server's first is its warm-up. */
const LIGHT_PER_SECOND = 20;
const LIGHT_SECONDS = 8;
const LIGHT_ROUNDS = 3;

/** With providers of 100 ms a synchronous backend has three requests under way at this rate. */
const SLOW_PER_SECOND = 5;
const SLOW_SECONDS = 8;

const HANG_EVERY = 50;
const HANG_SECONDS = 12;

/** An order that waits for a call that hangs takes at least as long as an attempt may take; no other comes near it. */
const HUNG_MS = 9_000;

export interface Plan {
  /** Of one flood. */
  readonly orders: number;
  readonly concurrency: number;
  /** Floods of each server. */
  readonly floods: number;
}

/** @param take makes so many orders that were never sent before */
export async function measureVersus(
  plan: Plan,
  take: (count: number) => Order[],
  directory: string,
  say: (progress: string) => void,
): Promise<Versus> {
  const provider = await startProvider();
  const place = (name: string) => join(directory, name);
  const vars = portsAt(provider.url, FAST_PORTS);
  say("starting Orderline, the naive actor and the Workflow");
  const fast = await paused({
    orderline: async () => orderline(await startServer({ persistTo: place("fast"), vars })),
    naive: async () => peer(await startPeer("naive", place("naive"), provider.url)),
    workflow: async () => peer(await startPeer("workflow", place("workflow"), provider.url)),
  });
  const flooded = (who: keyof typeof fast, orders: number) =>
    turn(fast[who], provider, { latencyMs: FAST_MS }, take(orders), (target, batch) => flood(target, batch, plan.concurrency), true);
  const atPace = (who: keyof typeof fast, seconds: number, hangEvery = 0) =>
    turn(fast[who], provider, { latencyMs: FAST_MS, hangEvery }, take(LIGHT_PER_SECOND * seconds), (target, batch) =>
      trickle(target, batch, plan.concurrency, LIGHT_PER_SECOND),
    );

  for (const who of Object.keys(fast) as (keyof typeof fast)[]) await flooded(who, 2 * CATALOGUE);
  const floods = await inTurns(["orderline", "naive", "workflow"], plan.floods, (who, round) => {
    say(`flood ${round} of ${plan.floods}: ${who}`);
    return flooded(who, plan.orders);
  });
  const light = await inTurns(["orderline", "naive"], LIGHT_ROUNDS, (who, round) => {
    say(`light load ${round} of ${LIGHT_ROUNDS}: ${who}`);
    return atPace(who, LIGHT_SECONDS);
  });
  say("a provider that hangs for some");
  const calm = await atPace("orderline", HANG_SECONDS);
  const hung = await atPace("orderline", HANG_SECONDS, HANG_EVERY);
  await ended(fast);

  say("starting Orderline and the synchronous backend");
  const slow = await paused({
    orderline: async () =>
      orderline(await startServer({ persistTo: place("slow"), vars: { ...vars, ...portsAt(provider.url, ["INVENTORY"]) } })),
    synchronous: async () => peer(await startPeer("synchronous", place("synchronous"), provider.url)),
  });
  const slowly = (who: keyof typeof slow, orders: number) =>
    turn(slow[who], provider, { latencyMs: SLOW_MS }, take(orders), (target, batch) =>
      trickle(target, batch, plan.concurrency, SLOW_PER_SECOND),
    );
  for (const who of Object.keys(slow) as (keyof typeof slow)[]) await slowly(who, SLOW_PER_SECOND);
  say("providers of 100 ms");
  const slowRuns = await inTurns(["orderline", "synchronous"], 1, (who) => slowly(who, SLOW_PER_SECOND * SLOW_SECONDS));
  await ended(slow);

  const others = { ...hung, confirmMs: hung.confirmMs.filter((ms) => ms < HUNG_MS) };
  return { floods, light, hung: { calm, others, hung: hung.confirmMs.length - others.confirmMs.length }, slow: slowRuns };
}
