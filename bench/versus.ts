/**
 * Orderline against what a company would use instead: the same orders from the same driver, the same provider, the same
 * machine, in turns. The servers stay up; those whose turn it is not are stopped by signal.
 *
 * An order counts as confirmed when the provider was told to send its confirmation. A turn is over when the server's own history,
 * or its counters, show all of its orders.
 */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Server, startServer } from "../scripts/server.ts";
import { accepted, flood, type Load, type Order, trickle } from "./load.ts";
import type { Run, Versus } from "./measured.ts";
import { CATALOGUE, standard } from "./orders.ts";
import { type Provider, startProvider } from "./provider.ts";
import { alone, cpuMsOf, hasReloaded, startPeer, untilQuiet } from "./server.ts";
import { type Contestant, FAST_MS, FAST_PORTS, orderline, peer, portsAt, SETTLE_MS } from "./targets.ts";

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

/** At most four looks at the counters a second, so that looking is no load. */
const WATCH_INTERVAL_MS = 250;

/** An order that is not confirmed by then never will be. */
const CONFIRM_TIMEOUT_MS = 120_000;

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

/** Starts the servers one after the other, and stops each when it is up. */
async function paused<Name extends string>(starting: Readonly<Record<Name, () => Promise<Contestant>>>): Promise<Record<Name, Contestant>> {
  const started: [string, Contestant][] = [];
  for (const [name, start] of Object.entries<() => Promise<Contestant>>(starting)) {
    const contestant = await start();
    await contestant.processed();
    contestant.server.pause();
    started.push([name, contestant]);
  }
  return Object.fromEntries(started) as Record<Name, Contestant>;
}

async function ended(contestants: Readonly<Record<string, Contestant>>): Promise<void> {
  const servers: Server[] = Object.values(contestants).map(({ server }) => server);
  if (servers.some(hasReloaded)) throw new Error("the sources changed while they were measured");
  await Promise.all(servers.map((server) => server.stop()));
}

/** Each of them once a round; who begins changes from round to round. */
async function inTurns<Name extends string>(
  names: readonly Name[],
  rounds: number,
  once: (name: Name, round: number) => Promise<Run>,
): Promise<Record<Name, Run>[]> {
  const all: Record<Name, Run>[] = [];
  for (let round = 0; round < rounds; round++) {
    const runs: [Name, Run][] = [];
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(round + turn) % names.length] as Name;
      runs.push([name, await once(name, round + 1)]);
    }
    all.push(Object.fromEntries(runs) as Record<Name, Run>);
  }
  return all;
}

/** @param settles whether the CPU counts until the last order has looked after itself */
function turn(
  { server, target, processed }: Contestant,
  provider: Provider,
  behaviour: Parameters<Provider["behave"]>[0],
  orders: readonly Order[],
  submit: (target: Contestant["target"], orders: readonly Order[]) => Promise<Load>,
  settles = false,
): Promise<Run> {
  return alone(server, async () => {
    await provider.behave(behaviour);
    await provider.confirmed();
    const wanted = (await processed()) + orders.length;
    const cpuBefore = cpuMsOf(server);
    const startedAt = performance.now();
    const load = accepted(await submit(target, standard(orders)));
    while ((await processed()) < wanted) {
      if (performance.now() - startedAt > CONFIRM_TIMEOUT_MS) throw new Error(`not every order was confirmed: ${server.url}`);
      await sleep(WATCH_INTERVAL_MS);
    }
    if (settles) await sleep(SETTLE_MS);
    await untilQuiet(server);
    const cpuAfter = cpuMsOf(server);
    const confirmed = await provider.confirmed();
    const confirmMs = [...load.sentAt].map(([key, sentAt]) => (confirmed.get(key) ?? Number.NaN) - sentAt);
    if (confirmMs.some(Number.isNaN)) throw new Error(`${server.url} confirmed an order that the provider was never told of`);
    const elapsedMs = Math.max(...confirmed.values()) - Math.min(...load.sentAt.values());
    const cpuMs = cpuBefore === null || cpuAfter === null ? null : cpuAfter - cpuBefore;
    return { orders: orders.length, elapsedMs, acceptMs: load.latencies, confirmMs, cpuMs };
  });
}
