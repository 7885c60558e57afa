/**
 * What one tenant notices of another's flood: the same steady standard orders, alone, and while the other submits as fast as its
 * clients can. The two share one of the queues that each of them uses, as four in six pairs of tenants do.
 */
import { createHash, randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { startServer } from "../scripts/server.ts";
import { runWrangler } from "../scripts/wrangler.ts";
import { LANES } from "../src/contract/lanes.ts";
import { queuesFor } from "../src/domain/routing.ts";
import { KeyRecord } from "../src/tenants/keys.ts";
import { accepted, flood, type Load, type Order, trickle } from "./load.ts";
import type { Fairness } from "./measured.ts";
import { CATALOGUE, standard } from "./orders.ts";
import { type Provider, startProvider } from "./provider.ts";
import { hasReloaded, untilQuiet } from "./server.ts";
import { FAST_PORTS, orderline, portsAt } from "./targets.ts";

/** So long that lanes, and not the machine, are what orders wait for. */
const LATENCY_MS = 500;

const STEADY_PER_SECOND = 5;
const ALONE_SECONDS = 12;

/** A flood drains for longer than the steady orders that are measured go on. */
const FLOODED_SECONDS = 12;

/** An order that is not confirmed by then never will be. */
const CONFIRM_TIMEOUT_MS = 120_000;
const WATCH_INTERVAL_MS = 250;

/** The tenant of the development key. */
const STEADY = "demo";

/** @param take makes so many orders that were never sent before */
export async function measureFairness(
  { orders, concurrency }: { readonly orders: number; readonly concurrency: number },
  take: (count: number) => Order[],
  directory: string,
  say: (progress: string) => void,
): Promise<Fairness> {
  const provider = await startProvider();
  await provider.behave({ latencyMs: LATENCY_MS });
  say("starting Orderline with two tenants");
  const flooding = await keyOf(floodingTenant(), directory);
  const server = await startServer({ persistTo: directory, vars: portsAt(provider.url, FAST_PORTS) });
  const { target } = orderline(server);
  const other = { ...target, headers: { ...target.headers, authorization: `Bearer ${flooding}` } };
  const steadily = (seconds: number) =>
    trickle(target, standard(take(STEADY_PER_SECOND * seconds)), concurrency, STEADY_PER_SECOND).then(accepted);

  say("warming up");
  for (const each of [target, other]) await waitsOf(provider, [accepted(await flood(each, standard(take(CATALOGUE)), concurrency))]);
  await untilQuiet(server);
  say("one tenant alone");
  const [alone = []] = await waitsOf(provider, [await steadily(ALONE_SECONDS)]);
  say("beside the flood of another");
  const [steady, flooded] = await Promise.all([
    steadily(FLOODED_SECONDS),
    flood(other, standard(take(orders)), concurrency).then(accepted),
  ]);
  const [beside = [], others = []] = await waitsOf(provider, [steady, flooded]);
  if (hasReloaded(server)) throw new Error("Orderline's sources changed while it was measured");
  await server.stop();
  return { alone, beside, others, floodPerSecond: (orders / flooded.elapsedMs) * 1_000, steadyPerSecond: STEADY_PER_SECOND };
}

/** One that shares a single queue with the steady tenant. */
function floodingTenant(): string {
  const queues = queuesFor(LANES.standard, STEADY);
  for (let number = 1; ; number++) {
    const tenant = `flooding-${number}`;
    if (queuesFor(LANES.standard, tenant).filter((queue) => queues.includes(queue)).length === 1) return tenant;
  }
}

/** Makes a key for a tenant in a store that no server has opened yet. */
async function keyOf(tenant: string, directory: string): Promise<string> {
  const key = `olk_${randomBytes(24).toString("hex")}`;
  const record = KeyRecord.parse({ tenant, name: "bench", scopes: ["orders:read", "orders:write"] });
  const digest = createHash("sha256").update(key).digest("hex");
  const { code, stderr } = await runWrangler([
    ...["kv", "key", "put", digest, JSON.stringify(record)],
    ...["--binding", "API_KEYS", "--local", "--persist-to", directory],
  ]);
  if (code !== 0) throw new Error(`no key could be made: ${stderr}`);
  return key;
}

/** From an order's being sent to its confirmation's being sent, in milliseconds, of each load. */
async function waitsOf(provider: Provider, loads: readonly Load[]): Promise<number[][]> {
  const confirmed = new Map<string, number>();
  const deadline = performance.now() + CONFIRM_TIMEOUT_MS;
  const isOpen = () => loads.some(({ sentAt }) => [...sentAt.keys()].some((key) => !confirmed.has(key)));
  while (isOpen()) {
    if (performance.now() > deadline) throw new Error("not every order was confirmed");
    await sleep(WATCH_INTERVAL_MS);
    for (const [key, at] of await provider.confirmed()) confirmed.set(key, at);
  }
  return loads.map(({ sentAt }) => [...sentAt].map(([key, at]) => (confirmed.get(key) ?? Number.NaN) - at));
}
