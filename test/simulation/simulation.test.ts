import { fork } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { MUTATIONS, plantedSource } from "./mutations.ts";
import type { Message, Work } from "./worker.ts";
import { runSeed, type SeedReport } from "./world.ts";

/** Some seconds' worth; `npm run simulate` runs as many as one likes. */
const SEEDS = 40;

const LIMIT_MS = 60_000;

describe("A simulated world", () => {
  it(
    "keeps every law, whatever fails, dies, is doubled or comes late",
    async () => {
      for (let seed = 1; seed <= SEEDS; seed++) expect((await runSeed(seed)).violations, `seed ${seed}`).toEqual([]);
    },
    LIMIT_MS,
  );

  it("is the same world, event by event, each time its seed is run", async () => {
    for (const seed of [7, 8, 9]) {
      const first = await runSeed(seed);
      const again = await runSeed(seed, { recording: true });
      expect(again.digest, `seed ${seed}`).toBe(first.digest);
      expect(again.events).toBe(first.events);
      expect(again.injected).toEqual(first.injected);
    }
  });

  it("is another world for another seed", async () => {
    const digests = await Promise.all([21, 22].map(async (seed) => (await runSeed(seed)).digest));
    expect(digests[0]).not.toBe(digests[1]);
  });
});

describe("A planted bug", () => {
  it.each(MUTATIONS)("$name finds its snippet in the source exactly once", (mutation) => {
    expect(plantedSource(mutation)).toContain(mutation.planted);
  });

  it(
    "is caught: with no alarm armed, an order is found stranded",
    async () => {
      const reports = await withBug("alarm-not-armed");
      expect(reports.at(-1)?.violations[0]).toMatchObject({ law: 5 });
    },
    LIMIT_MS,
  );

  it(
    "is caught: with the attempt in the key, an effect is doubled",
    async () => {
      const reports = await withBug("attempt-in-key");
      expect(reports.at(-1)?.violations[0]).toMatchObject({ law: 2 });
    },
    LIMIT_MS,
  );
});

/** The seeds up to the one that breaks a law, in a process of their own that has the bug. */
function withBug(mutation: string): Promise<SeedReport[]> {
  const work: Work = { start: 1, stride: 1, count: SEEDS, stopsAtViolation: true, recording: false, mutation };
  const reports: SeedReport[] = [];
  return new Promise((resolve, reject) => {
    const child = fork(join(import.meta.dirname, "worker.ts"), { stdio: ["ignore", "inherit", "inherit", "ipc"], execArgv: [] });
    child.on("message", (message: Message) => {
      if ("seed" in message) reports.push(message.seed);
    });
    child.on("exit", (code) => (code === 0 ? resolve(reports) : reject(new Error(`the worker ended with ${code}`))));
    child.send(work);
  });
}
