/** Takes a CPU profile of the Worker while it is flooded: `npm run bench -- --profile`. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, startServer } from "../scripts/server.ts";
import { ROOT } from "../scripts/wrangler.ts";
import { profiled } from "./inspector.ts";
import { accepted, flood, type Order } from "./load.ts";
import { CATALOGUE, standard } from "./orders.ts";
import { hottestModules, modulesTable, profileTable } from "./profile.ts";
import { startProvider } from "./provider.ts";
import { FAST_MS, FAST_PORTS, orderline, portsAt, SETTLE_MS } from "./targets.ts";

const FILE = join(ROOT, "dist/bench.cpuprofile");

const WATCH_INTERVAL_MS = 250;

/**
 * Floods a server of its own and profiles it until the last order has looked after itself.
 * @returns what is printed: where the profile lies, and the functions that took the most time
 */
export async function profileFlood(
  { orders, concurrency }: { readonly orders: number; readonly concurrency: number },
  take: (count: number) => Order[],
  directory: string,
  say: (progress: string) => void,
): Promise<string> {
  const provider = await startProvider();
  await provider.behave({ latencyMs: FAST_MS });
  const inspectorPort = await freePort();
  say("starting Orderline");
  const server = await startServer({ persistTo: directory, inspectorPort, vars: portsAt(provider.url, FAST_PORTS) });
  const { target, processed } = orderline(server);
  const carry = async (count: number) => {
    const wanted = (await processed()) + count;
    accepted(await flood(target, standard(take(count)), concurrency));
    while ((await processed()) < wanted) await sleep(WATCH_INTERVAL_MS);
    await sleep(SETTLE_MS);
  };
  say("warming up");
  await carry(2 * CATALOGUE);
  say("profiling a flood");
  const { profile, bundle } = await profiled(inspectorPort, () => carry(orders));
  await server.stop();
  mkdirSync(dirname(FILE), { recursive: true });
  writeFileSync(FILE, JSON.stringify(profile));
  return [
    `The profile is in ${relative(process.cwd(), FILE)}: open it in Chrome's DevTools, Performance.`,
    "",
    profileTable(profile, orders),
    "",
    modulesTable(hottestModules(profile, bundle), orders),
  ].join("\n");
}
