/**
 * Accepting in bursts, against the bare Worker: what an answer itself takes, with a moment of rest after each burst. Both
 * servers stay up; the one whose turn it is not is stopped by signal, so that it takes no CPU, and which goes first changes
 * from round to round.
 */
import { join } from "node:path";
import { startServer } from "../scripts/server.ts";
import { accepted, flood, type Order } from "./load.ts";
import type { Burst } from "./measured.ts";
import { CATALOGUE, standard } from "./orders.ts";
import { alone, hasReloaded, startPeer } from "./server.ts";
import { orderline, peer } from "./targets.ts";

/** As many as one batch of the standard lane holds, give or take. */
const BURST = 48;

/** Enough that the runtime has compiled what it runs often, besides creating the actors of all articles. */
const WARM_UP = 4 * CATALOGUE;

export interface Plan {
  readonly concurrency: number;
  /** Bursts against each of the two. */
  readonly rounds: number;
}

/** @param take makes so many orders that were never sent before */
export async function measureBursts(
  { concurrency, rounds }: Plan,
  take: (count: number) => Order[],
  directory: string,
  say: (progress: string) => void,
): Promise<Burst[]> {
  say("starting Orderline and the bare Worker");
  const contestants = {
    orderline: orderline(await startServer({ persistTo: join(directory, "orderline") })),
    bare: peer(await startPeer("bare", join(directory, "bare"), "")),
  };
  const servers = Object.values(contestants).map(({ server }) => server);
  for (const server of servers) server.pause();
  const latencies = (name: keyof typeof contestants, orders: readonly Order[]) =>
    alone(contestants[name].server, async () => accepted(await flood(contestants[name].target, orders, concurrency)).latencies);

  const bursts: Burst[] = [];
  for (const name of ["orderline", "bare"] as const) await latencies(name, take(WARM_UP));
  for (let round = 0; round < rounds; round++) {
    say(`burst ${round + 1} of ${rounds}`);
    const bareFirst = round % 2 === 1 ? await latencies("bare", standard(take(BURST))) : null;
    const measured = await latencies("orderline", standard(take(BURST)));
    bursts.push({ orderline: measured, bare: bareFirst ?? (await latencies("bare", standard(take(BURST)))) });
  }
  if (servers.some(hasReloaded)) throw new Error("the sources changed while they were measured");
  await Promise.all(servers.map((server) => server.stop()));
  return bursts;
}
