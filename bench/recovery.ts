/**
 * How long Orderline and the naive actor take to carry on after a crash: every process is killed at once when half of the orders
 * are confirmed, and the server is started again on the same store. Hints on their way are lost with the local queue, so each
 * order's own alarm carries it on. Clients send again, under the same key, what was not accepted before the crash.
 */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startServer } from "../scripts/server.ts";
import { accepted, flood, type Order } from "./load.ts";
import type { Recovery } from "./measured.ts";
import { CATALOGUE, standard } from "./orders.ts";
import { type Provider, startProvider } from "./provider.ts";
import { startPeer } from "./server.ts";
import { type Contestant, FAST_MS, FAST_PORTS, orderline, peer, portsAt } from "./targets.ts";

const WATCH_INTERVAL_MS = 100;

/** An order that is not at rest by then, on however slow a machine, is stuck. */
const TIMEOUT_MS = 180_000;

export interface Plan {
  readonly orders: number;
  readonly concurrency: number;
  readonly rounds: number;
}

/** @param take makes so many orders that were never sent before */
export async function measureRecovery(
  { orders, concurrency, rounds }: Plan,
  take: (count: number) => Order[],
  directory: string,
  say: (progress: string) => void,
): Promise<Record<"orderline" | "naive", Recovery>[]> {
  const provider = await startProvider();
  await provider.behave({ latencyMs: FAST_MS });
  const vars = portsAt(provider.url, FAST_PORTS);
  const start = {
    orderline: async (persistTo: string) => orderline(await startServer({ persistTo, vars })),
    naive: async (persistTo: string) => peer(await startPeer("naive", persistTo, provider.url)),
  };
  const measured: Record<"orderline" | "naive", Recovery>[] = [];
  for (let round = 1; round <= rounds; round++) {
    const once = (who: keyof typeof start) => {
      say(`crash ${round} of ${rounds}: ${who}`);
      const warmUp = standard(take(CATALOGUE));
      return recovered(() => start[who](join(directory, `crash-${round}-${who}`)), provider, warmUp, standard(take(orders)), concurrency);
    };
    // Who begins changes from round to round.
    if (round % 2 === 1) measured.push({ orderline: await once("orderline"), naive: await once("naive") });
    else measured.push({ naive: await once("naive"), orderline: await once("orderline") });
  }
  return measured;
}

async function recovered(
  start: () => Promise<Contestant>,
  provider: Provider,
  warmUp: readonly Order[],
  orders: readonly Order[],
  concurrency: number,
): Promise<Recovery> {
  const first = await start();
  const before = await first.processed();
  accepted(await flood(first.target, warmUp, concurrency));
  await until(async () => (await first.processed()) >= before + warmUp.length);
  await provider.confirmed();

  const confirmed = new Set<string>();
  const look = async () => {
    for (const key of (await provider.confirmed()).keys()) confirmed.add(key);
    return confirmed.size;
  };
  const sending = flood(first.target, orders, concurrency);
  await until(async () => (await look()) >= orders.length / 2);
  await first.server.kill();
  const { acceptedKeys } = await sending;
  const confirmedBefore = await look();

  const killedAt = performance.now();
  const second = await start();
  const restartMs = performance.now() - killedAt;
  const startedAt = performance.now();
  const unanswered = orders.filter(({ key }) => !acceptedKeys.has(key));
  accepted(await flood(second.target, unanswered, concurrency));
  const wanted = before + warmUp.length + orders.length;
  await until(async () => (await look()) >= orders.length);
  const confirmedMs = performance.now() - startedAt;
  await until(async () => (await second.processed()) >= wanted);
  const restMs = performance.now() - startedAt;
  await second.server.stop();
  return { orders: orders.length, confirmedBefore, resent: unanswered.length, restartMs, confirmedMs, restMs };
}

/** @throws when it is not so in time, since a recovery that does not end is none */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + TIMEOUT_MS;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error("not every order came to rest after the crash");
    await sleep(WATCH_INTERVAL_MS);
  }
}
