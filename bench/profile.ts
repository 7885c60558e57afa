/** What a CPU profile of the Worker says, as text for people: where the time of an order goes. Pure. */
import { z } from "zod";
import { table } from "../scripts/figures.ts";

/** As `Profiler.stop` of the DevTools protocol answers; times in microseconds. What Chrome opens has these fields and more. */
export const CpuProfile = z.looseObject({
  nodes: z.array(
    z.looseObject({
      id: z.int(),
      callFrame: z.looseObject({ functionName: z.string(), url: z.string(), lineNumber: z.int() }),
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
