/**
 * Servers that are measured in turns: they stay up, and those whose turn it is not are stopped by signal.
 *
 * An order counts as confirmed when the provider was told to send its confirmation. A turn is over when it was told of all orders,
 * and the server's own history, or its counters, show them.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Server } from "../scripts/server.ts";
import { accepted, type Load, type Order } from "./load.ts";
import type { Run } from "./measured.ts";
import { standard } from "./orders.ts";
import type { Provider } from "./provider.ts";
import { alone, cpuMsOf, hasReloaded, untilQuiet } from "./server.ts";
import { type Contestant, SETTLE_MS } from "./targets.ts";

/** At most four looks at the counters a second, so that looking is no load. */
const WATCH_INTERVAL_MS = 250;

/** An order that is not confirmed by then never will be. */
const CONFIRM_TIMEOUT_MS = 120_000;

/** Starts the servers one after the other, and stops each when it is up. */
export async function paused<Name extends string>(
  starting: Readonly<Record<Name, () => Promise<Contestant>>>,
): Promise<Record<Name, Contestant>> {
  const started: [string, Contestant][] = [];
  for (const [name, start] of Object.entries<() => Promise<Contestant>>(starting)) {
    const contestant = await start();
    await contestant.processed();
    contestant.server.pause();
    started.push([name, contestant]);
  }
  return Object.fromEntries(started) as Record<Name, Contestant>;
}

export async function ended(contestants: Readonly<Record<string, Contestant>>): Promise<void> {
  const servers: Server[] = Object.values(contestants).map(({ server }) => server);
  if (servers.some(hasReloaded)) throw new Error("the sources changed while they were measured");
  await Promise.all(servers.map((server) => server.stop()));
}

/** Each of them once a round; who begins changes from round to round. */
export async function inTurns<Name extends string>(
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
export function turn(
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
    const confirmed = new Map<string, number>();
    const isOver = async () => {
      for (const [key, at] of await provider.confirmed()) confirmed.set(key, at);
      return confirmed.size >= orders.length && (await processed()) >= wanted;
    };
    while (!(await isOver())) {
      if (performance.now() - startedAt > CONFIRM_TIMEOUT_MS) throw new Error(`not every order was confirmed: ${server.url}`);
      await sleep(WATCH_INTERVAL_MS);
    }
    if (settles) await sleep(SETTLE_MS);
    await untilQuiet(server);
    const cpuAfter = cpuMsOf(server);
    const confirmMs = [...load.sentAt].map(([key, sentAt]) => (confirmed.get(key) ?? Number.NaN) - sentAt);
    const elapsedMs = Math.max(...confirmed.values()) - Math.min(...load.sentAt.values());
    const cpuMs = cpuBefore === null || cpuAfter === null ? null : cpuAfter - cpuBefore;
    return { orders: orders.length, elapsedMs, acceptMs: load.latencies, confirmMs, cpuMs };
  });
}
