/** What a CPU profile of the Worker says, as text for people: where the time of an order goes. Pure. */
import { z } from "zod";
import { table } from "../scripts/figures.ts";

/** As `Profiler.stop` of the DevTools protocol answers; times in microseconds. What Chrome opens has these fields and more. */
export const CpuProfile = z.looseObject({
  nodes: z.array(
    z.looseObject({
      id: z.int(),
      callFrame: z.looseObject({ functionName: z.string(), scriptId: z.string(), url: z.string(), lineNumber: z.int() }),
      children: z.array(z.int()).optional(),
    }),
  ),
  samples: z.array(z.int()),
  timeDeltas: z.array(z.number()),
});
export type CpuProfile = z.infer<typeof CpuProfile>;

/** What the profiler calls the time in which nothing was to be done. */
const IDLE = "(idle)";

const SHOWN = 40;

interface Hot {
  readonly name: string;
  /** Of the function alone, and with all that it called; in microseconds. */
  self: number;
  total: number;
}

/** The functions in which the most time was spent, the first the most, without idle time. */
export function hottest(profile: CpuProfile): Hot[] {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const nameOf = (id: number): string => {
    const { functionName = "", url = "", lineNumber = 0 } = nodes.get(id)?.callFrame ?? {};
    // Lines are counted from 0. What is the runtime's own has none.
    const place = lineNumber < 0 ? "" : ` ${url.slice(url.lastIndexOf("/") + 1)}:${lineNumber + 1}`;
    return `${functionName || "(anonymous)"}${place}`;
  };
  const spent = new Map<number, number>();
  for (const [index, id] of profile.samples.entries()) spent.set(id, (spent.get(id) ?? 0) + (profile.timeDeltas[index] ?? 0));

  const hot = new Map<string, Hot>();
  const entry = (name: string): Hot => {
    const known = hot.get(name) ?? { name, self: 0, total: 0 };
    hot.set(name, known);
    return known;
  };
  for (const [id, time] of spent) {
    entry(nameOf(id)).self += time;
    const above = new Set<string>();
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) above.add(nameOf(at));
    // A function that calls itself is counted once.
    for (const name of above) entry(name).total += time;
  }
  return [...hot.values()].filter(({ name }) => name !== IDLE && name !== "(root)").sort((a, b) => b.self - a.self);
}

/** What precedes each module in a bundle of esbuild. */
const MODULE = /^\/\/ ((?:src|node_modules|\.\.)\/\S+|\S+\.(?:ts|js|mjs))$/;

/** Packages are one module each; what stands before the first comment, and what is no part of the bundle, has the file's own name. */
const PACKAGE = /node_modules\/((?:@[^/]+\/)?[^/]+)/;

/**
 * The time alone of all functions of a module together, the most first, in microseconds.
 * @param bundle the source of the script that the Worker is, and its id in the profile
 */
export function hottestModules(profile: CpuProfile, bundle: { readonly scriptId: string; readonly source: string }): [string, number][] {
  let current = "the bundle's own helpers";
  const modules = bundle.source.split("\n").map((line) => {
    const [, path] = MODULE.exec(line) ?? [];
    if (path !== undefined) current = PACKAGE.exec(path)?.[1] ?? path;
    return current;
  });
  const nodes = new Map(profile.nodes.map((node) => [node.id, node.callFrame]));
  const sums = new Map<string, number>();
  for (const [index, id] of profile.samples.entries()) {
    const { functionName = "", scriptId, url = "", lineNumber = -1 } = nodes.get(id) ?? {};
    if (functionName === IDLE || functionName === "(root)") continue;
    const runtime = functionName.startsWith("(") ? functionName : "the runtime's own functions";
    const name = lineNumber < 0 ? runtime : ((scriptId === bundle.scriptId ? modules[lineNumber] : undefined) ?? url);
    sums.set(name, (sums.get(name) ?? 0) + (profile.timeDeltas[index] ?? 0));
  }
  return [...sums].sort(([, a], [, b]) => b - a);
}

export function modulesTable(modules: readonly [string, number][], orders: number): string {
  const all = modules.reduce((sum, [, time]) => sum + time, 0);
  return table(
    ["module", "ms per order", "share"],
    modules.slice(0, SHOWN).map(([name, time]) => [name, (time / 1_000 / orders).toFixed(3), `${((100 * time) / all).toFixed(1)} %`]),
  );
}

/** @param orders that were carried while the profile was taken */
export function profileTable(profile: CpuProfile, orders: number): string {
  const hot = hottest(profile);
  const all = hot.reduce((sum, { self }) => sum + self, 0);
  const each = (microseconds: number) => (microseconds / 1_000 / orders).toFixed(3);
  return table(
    ["function", "ms per order", "share", "with what it called"],
    hot.slice(0, SHOWN).map(({ name, self, total }) => [name, each(self), `${((100 * self) / all).toFixed(1)} %`, each(total)]),
  );
}
