/**
 * Whether an order costs more when many came before it: `npm run bench -- --growth`. One server carries real orders over the
 * API, and what its runtime holds is looked at when few and when many of them have come to rest. Then rows of orders that never
 * were are laid into its history, which holds a row for each order, and the same load is sent to it and to a server with few.
 *
 * What is filled how: actors at rest are files, one of each real order. The rows that are added have no actor, no stock and no
 * place in the counters, none of which a further order looks at.
 */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startServer } from "../scripts/server.ts";
import { runWrangler } from "../scripts/wrangler.ts";
import { countUntilSettled } from "./count.ts";
import type { Growth, Held, Sized } from "./growth-report.ts";
import { accepted, flood, type Load, type Order, trickle } from "./load.ts";
import { standard } from "./orders.ts";
import { type Provider, startProvider } from "./provider.ts";
import { alone, hasReloaded, memoryOf } from "./server.ts";
import { type Contestant, FAST_MS, FAST_PORTS, orderline, portsAt } from "./targets.ts";

/** Actors look after themselves ten seconds after their order was placed, and leave the memory ten seconds after that. */
const EVICTED_MS = 60_000;

/** Of orders that are sent before it is looked whether they are done: what lies in the queue is memory, too. */
const CHUNK = 500;

const WATCH_INTERVAL_MS = 250;
const CHUNK_TIMEOUT_MS = 180_000;

const PER_SECOND = 10;
const SECONDS = 20;
const WARM_UP_ORDERS = 50;

export interface Plan {
  /** Orders at rest, few and many: those of the history, and those that really were carried. */
  readonly rows: readonly [few: number, many: number];
  readonly carried: readonly [few: number, many: number];
  readonly concurrency: number;
  readonly rounds: number;
}

/** @param take makes so many orders that were never sent before */
export async function measureGrowth(
  { rows, carried, concurrency, rounds }: Plan,
  take: (count: number) => Order[],
  directory: string,
  say: (progress: string) => void,
): Promise<Omit<Growth, "machine">> {
  const provider = await startProvider();
  await provider.behave({ latencyMs: FAST_MS });
  const vars = portsAt(provider.url, FAST_PORTS);
  const place = { few: join(directory, "few"), many: join(directory, "many") };
  const [fewRows, manyRows] = rows;
  const [fewCarried, manyCarried] = carried;

  say("starting Orderline");
  const filling = orderline(await startServer({ persistTo: place.many, vars }));
  const heldAfter = async (orders: number): Promise<Held> => {
    await carry(filling, orders, concurrency, take, say);
    say("waiting until idle actors have left the memory");
    await sleep(EVICTED_MS);
    return { orders, bytes: memoryOf(filling.server) };
  };
  const held = { few: await heldAfter(fewCarried), many: await heldAfter(manyCarried) };
  await filling.server.kill();
  await addRows(place.many, manyRows - manyCarried);

  const metered = { ...vars, METER: "true" };
  const small = orderline(await startServer({ persistTo: place.few, vars: metered }));
  await carry(small, fewRows, concurrency, take, say);
  small.server.pause();
  const large = orderline(await startServer({ persistTo: place.many, vars: metered }));
  large.server.pause();
  const measured: { few: Sized; many: Sized }[] = [];
  for (const contestant of [small, large]) await sized(contestant, provider, take(WARM_UP_ORDERS), concurrency);
  for (let round = 1; round <= rounds; round++) {
    say(`round ${round} of ${rounds}`);
    const once = (contestant: Contestant) => sized(contestant, provider, take(PER_SECOND * SECONDS), concurrency);
    // Who begins changes from round to round.
    if (round % 2 === 1) measured.push({ few: await once(small), many: await once(large) });
    else measured.push({ many: await once(large), few: await once(small) });
  }
  if ([small, large].some(({ server }) => hasReloaded(server))) throw new Error("the sources changed while they were measured");
  await Promise.all([small, large].map(({ server }) => server.stop()));
  return { rows: { few: fewRows, many: manyRows }, carried: { few: fewRows, many: manyCarried }, rounds: measured, held };
}

/** Sends orders over the API until so many have come to rest in all. */
async function carry(
  { target, processed }: Contestant,
  orders: number,
  concurrency: number,
  take: (count: number) => Order[],
  say: (progress: string) => void,
): Promise<void> {
  for (let done = await processed(); done < orders; ) {
    const wanted = Math.min(orders, done + CHUNK);
    accepted(await flood(target, standard(take(wanted - done)), concurrency));
    const deadline = performance.now() + CHUNK_TIMEOUT_MS;
    while ((await processed()) < wanted) {
      if (performance.now() > deadline) throw new Error(`${wanted - (await processed())} orders did not come to rest`);
      await sleep(WATCH_INTERVAL_MS);
    }
    done = wanted;
    say(`${done} of ${orders} orders carried`);
  }
}

/** Lays confirmed orders of the days before into the history of a server that does not run: one every ten seconds. */
async function addRows(persistTo: string, count: number): Promise<void> {
  if (count <= 0) return;
  const sql = `INSERT INTO orders
    (order_id, tenant, version, status, priority, track, reference, customer_id, currency, total, line_count, placed_at, started_at, confirmed_at, updated_at)
    WITH RECURSIVE earlier (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM earlier WHERE number < ${count})
    SELECT printf('earlier-%08d', number), 'demo', 8, 'confirmed', 'standard', 'retail', printf('earlier-%d', number), printf('regular-%d', number % 1000),
      'GBP', 1999, 2, ${Date.now()} - number * 10000, ${Date.now()} - number * 10000, ${Date.now()} - number * 10000 + 100, ${Date.now()} - number * 10000 + 100
    FROM earlier`;
  const args = ["d1", "execute", "HISTORY", "--local", "--persist-to", persistTo, "--command", sql.replace(/\s+/g, " ")];
  const { code, stdout, stderr } = await runWrangler(args);
  if (code !== 0) throw new Error(`the history could not be filled:\n${stdout}${stderr}`);
}

function sized({ server, target }: Contestant, provider: Provider, orders: readonly Order[], concurrency: number): Promise<Sized> {
  return alone(server, async () => {
    await provider.confirmed();
    let load: Load | null = null;
    const count = await countUntilSettled(server, orders.length, async () => {
      load = await trickle(target, standard(orders), concurrency, PER_SECOND);
      return load;
    });
    const confirmed = await provider.confirmed();
    const sentAt: ReadonlyMap<string, number> = (load as Load | null)?.sentAt ?? new Map();
    return { ...count, confirmMs: [...sentAt].map(([key, at]) => (confirmed.get(key) ?? Number.NaN) - at) };
  });
}
