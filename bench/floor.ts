/**
 * What Orderline's safety costs, part by part: `npm run bench -- --floor`. Copies of the project are measured in which one part
 * is taken out, and one in which all of them are. What is left there is the saga itself: the same four calls as the naive actor's,
 * each between two commits, without which an effect could be doubled or forgotten.
 *
 * The copies break laws. They are an experiment and nothing that could be deployed.
 */
import { join } from "node:path";
import { copyOfProject } from "../scripts/copy.ts";
import { percentile, table } from "../scripts/figures.ts";
import { startServer } from "../scripts/server.ts";
import { flood, type Order, trickle } from "./load.ts";
import type { Run } from "./measured.ts";
import { CATALOGUE } from "./orders.ts";
import { startProvider } from "./provider.ts";
import { startPeer } from "./server.ts";
import { type Contestant, FAST_MS, FAST_PORTS, orderline, peer, portsAt } from "./targets.ts";
import { ended, inTurns, paused, turn } from "./turns.ts";

const LIGHT_PER_SECOND = 20;
const LIGHT_SECONDS = 10;

interface Cut {
  readonly file: string;
  readonly text: string;
  readonly by: string;
}

const LOOK: Cut = {
  file: "src/domain/progress.ts",
  text: 'recheck.settleAt === "never" ? null : (recheck.settleAt ?? state.updatedAt + SETTLE_AFTER_MS);',
  by: "null as number | null;",
};
const PUBLISHING: Cut = {
  file: "src/runtime/settlement.ts",
  text: "if (this.#published >= state.version) return;",
  by: "if (true) return;",
};
const STOCK: Cut = {
  file: "src/providers/inventory.ts",
  text: "    switch (call.step) {",
  by: "    if (true) return succeeded();\n    switch (call.step) {",
};
const VELOCITY: Cut = { file: "src/providers/risk.ts", text: "if (id === undefined) return 0;", by: "if (true) return 0;" };

/** What is taken out, by what is left; exported for the test that each still finds its place. */
export const VARIANTS = {
  "as it is": [],
  "no order looks whether the history has it": [LOOK],
  "no history, no counters, nobody looks": [LOOK, PUBLISHING],
  "no stock is asked": [STOCK],
  "no customer's orders are counted": [VELOCITY],
  "none of these": [LOOK, PUBLISHING, STOCK, VELOCITY],
} as const satisfies Record<string, readonly Cut[]>;

type Variant = keyof typeof VARIANTS;
type Name = Variant | "naive";

/** The changes of a copy in which something is taken out. */
export const changesOf = (cuts: readonly Cut[]): Record<string, (text: string) => string> =>
  Object.fromEntries(cuts.map(({ file, text: cut, by }) => [file, (text: string) => text.replace(cut, () => by)]));

export interface Floor {
  readonly machine: string;
  readonly floods: readonly Readonly<Record<Name, Run>>[];
  readonly light: readonly Readonly<Record<Name, Run>>[];
}

export interface Plan {
  readonly orders: number;
  readonly concurrency: number;
  readonly floods: number;
}

/** @param take makes so many orders that were never sent before */
export async function measureFloor(
  { orders, concurrency, floods }: Plan,
  take: (count: number) => Order[],
  directory: string,
  say: (progress: string) => void,
): Promise<Omit<Floor, "machine">> {
  const provider = await startProvider();
  const vars = portsAt(provider.url, FAST_PORTS);
  const start = async (variant: Variant): Promise<Contestant> => {
    say(`starting Orderline: ${variant}`);
    const copy = copyOfProject(changesOf(VARIANTS[variant]), directory);
    return orderline(await startServer({ root: copy, persistTo: `${copy}-store`, vars }));
  };
  const variants = Object.keys(VARIANTS) as Variant[];
  const servers = await paused<Name>({
    ...(Object.fromEntries(variants.map((variant) => [variant, () => start(variant)])) as Record<Variant, () => Promise<Contestant>>),
    naive: async () => peer(await startPeer("naive", join(directory, "naive"), provider.url)),
  });
  // Some have no counters that could tell: that the provider was told to confirm an order has to do for all.
  const toldOnly = (name: Name): Contestant => ({ ...servers[name], processed: async () => Number.POSITIVE_INFINITY });
  const names: Name[] = [...variants, "naive"];
  const fast = { latencyMs: FAST_MS };
  const flooded = (name: Name, count: number) =>
    turn(toldOnly(name), provider, fast, take(count), (target, batch) => flood(target, batch, concurrency), true);
  for (const name of names) await flooded(name, 2 * CATALOGUE);
  const measured = {
    floods: await inTurns(names, floods, (name, round) => {
      say(`flood ${round} of ${floods}: ${name}`);
      return flooded(name, orders);
    }),
    light: await inTurns(names, floods, (name, round) => {
      say(`light load ${round} of ${floods}: ${name}`);
      return turn(toldOnly(name), provider, fast, take(LIGHT_PER_SECOND * LIGHT_SECONDS), (target, batch) =>
        trickle(target, batch, concurrency, LIGHT_PER_SECOND),
      );
    }),
  };
  await ended(servers);
  return measured;
}

export function describeFloor({ machine, floods, light }: Floor): string {
  const median = (values: readonly number[]) => percentile(values, 0.5) ?? Number.NaN;
  const of = (rounds: Floor["floods"], name: Name, figure: (run: Run) => number) => median(rounds.map((round) => figure(round[name])));
  const figures: readonly [Floor["floods"], (run: Run) => number][] = [
    [floods, ({ orders, elapsedMs }) => (orders / elapsedMs) * 1_000],
    [floods, ({ cpuMs, orders }) => (cpuMs ?? Number.NaN) / orders],
    [floods, ({ acceptMs }) => percentile(acceptMs, 0.99) ?? Number.NaN],
    [light, ({ confirmMs }) => percentile(confirmMs, 0.5) ?? Number.NaN],
    [light, ({ confirmMs }) => percentile(confirmMs, 0.99) ?? Number.NaN],
  ];
  const rows = [...Object.keys(VARIANTS), "naive"].map((name) => [
    name === "naive" ? "naive" : `Orderline, ${name}`,
    ...figures.map(([rounds, figure]) => {
      const own = of(rounds, name as Name, figure);
      return `${own < 100 ? own.toFixed(1) : own.toFixed(0)} (${(own / of(rounds, "naive", figure)).toFixed(2)})`;
    }),
  ]);
  const header = [
    "in brackets: times the naive actor's",
    "confirmed a second",
    "CPU per order, ms",
    "accept p99, ms",
    "20 a second: confirmed p50, ms",
    "p99, ms",
  ];
  return [
    `Measured on ${machine}. Floods of ${floods[0]?.naive.orders ?? 0} orders, medians of ${floods.length}.`,
    "",
    table(header, rows),
  ].join("\n");
}
