/**
 * Orderline against the bare Worker, in turns. Both servers stay up; the one whose turn it is not is stopped by signal, so
 * that it takes no CPU, and which goes first changes from round to round.
 *
 * Accepting is measured twice. In bursts, which end before the lane's first batch is due: what an answer itself takes. And
 * in floods, where the local runtime, which is one thread, carries out earlier orders at the same time, as a fleet of
 * machines would not; a flood also gives the orders confirmed per second.
 */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Server, startServer } from "../scripts/server.ts";
import { StatsSnapshot } from "../src/contract/stats.ts";
import { accepted, flood, type Load, type Order, type Target } from "./load.ts";
import { CATALOGUE, standard } from "./orders.ts";
import type { Measured, Round, Throughput } from "./report.ts";
import { cpuMsOf, hasReloaded, startBare } from "./server.ts";
import { bareTarget, orderlineTarget } from "./targets.ts";

/** Below the standard lane's batch, so that the lane has nothing to do before its batch is due, a second later. */
const BURST = 48;

/** Enough that the runtime has compiled what it runs often, besides creating the actors of all articles. */
const WARM_UP = 4 * CATALOGUE;

/** Floods against each; a third would tell no more and take another half minute. */
const FLOODS = 2;

/** At most four looks at the counters a second, so that looking is no load. */
const WATCH_INTERVAL_MS = 250;

/** An order that is not confirmed by then never will be. */
const CONFIRM_TIMEOUT_MS = 120_000;

/** A server counts as quiet when it uses less than a tenth of a CPU for this long. */
const QUIET_MS = 200;
const QUIET_SHARE = 0.1;
const QUIET_TIMEOUT_MS = 5_000;

export interface Plan {
  /** Of one flood. */
  readonly orders: number;
  readonly concurrency: number;
  /** Bursts against each of the two. */
  readonly rounds: number;
}

/** @param take makes so many orders that were never sent before */
export async function compare(
  { orders, concurrency, rounds }: Plan,
  take: (count: number) => Order[],
  directory: string,
  say: (progress: string) => void,
): Promise<Pick<Measured, "bursts" | "floods" | "throughput">> {
  say("starting Orderline and the bare Worker");
  const orderline = await startServer({ persistTo: join(directory, "orderline") });
  const bare = await startBare(join(directory, "bare"));
  for (const server of [orderline, bare]) server.pause();
  const throughput: Throughput[] = [];

  const againstOrderline = (batch: readonly Order[]) =>
    alone(orderline, async () => {
      const [load, confirmedAfterMs] = await untilConfirmed(orderlineTarget(orderline), batch, concurrency);
      throughput.push({ orders: load.latencies.length, acceptedAfterMs: load.elapsedMs, confirmedAfterMs });
      return load.latencies;
    });
  const againstBare = (batch: readonly Order[]) =>
    alone(bare, async () => accepted(await flood(bareTarget(bare), batch, concurrency)).latencies);

  async function round(index: number, batch: () => Order[]): Promise<Round> {
    const bareFirst = index % 2 === 1 ? await againstBare(batch()) : null;
    const measured = await againstOrderline(batch());
    return { orderline: measured, bare: bareFirst ?? (await againstBare(batch())) };
  }

  async function repeated(what: string, times: number, batch: () => Order[]): Promise<Round[]> {
    const done: Round[] = [];
    for (let index = 0; index < times; index++) {
      say(`${what} ${index + 1} of ${times}`);
      done.push(await round(index, batch));
    }
    return done;
  }

  await repeated("warm-up", 1, () => take(WARM_UP));
  const bursts = await repeated("burst", rounds, () => standard(take(BURST)));
  throughput.length = 0;
  const floods = await repeated("flood", FLOODS, () => take(orders));
  if ([orderline, bare].some(hasReloaded)) throw new Error("the sources changed while they were measured");
  await Promise.all([orderline.stop(), bare.stop()]);
  return { bursts, floods, throughput };
}

/** Lets a stopped server run for the time of `work`, and begins when it has caught up with the alarms it slept through. */
async function alone<Result>(server: Server, work: () => Promise<Result>): Promise<Result> {
  server.resume();
  await untilQuiet(server);
  const result = await work();
  server.pause();
  return result;
}

async function untilQuiet(server: Server): Promise<void> {
  const deadline = performance.now() + QUIET_TIMEOUT_MS;
  let used = cpuMsOf(server);
  while (performance.now() < deadline) {
    await sleep(QUIET_MS);
    const now = cpuMsOf(server);
    if (now === null || used === null || now - used < QUIET_MS * QUIET_SHARE) return;
    used = now;
  }
}

/** Submits, then watches the counters until every order is confirmed. @returns the time that took in milliseconds */
async function untilConfirmed(target: Target, orders: readonly Order[], concurrency: number): Promise<[Load, number]> {
  const wanted = (await processed(target)) + orders.length;
  const startedAt = performance.now();
  const load = accepted(await flood(target, orders, concurrency));
  while ((await processed(target)) < wanted) {
    if (performance.now() - startedAt > CONFIRM_TIMEOUT_MS)
      throw new Error(`not every order was confirmed within ${CONFIRM_TIMEOUT_MS} ms`);
    await sleep(WATCH_INTERVAL_MS);
  }
  return [load, performance.now() - startedAt];
}

async function processed({ url, headers }: Target): Promise<number> {
  const answer = await fetch(new URL("/v1/stats", url), { headers, signal: AbortSignal.timeout(CONFIRM_TIMEOUT_MS) });
  return StatsSnapshot.parse(await answer.json()).processed;
}
