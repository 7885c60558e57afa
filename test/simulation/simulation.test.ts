import { fork } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { StatsSnapshot } from "../../src/contract/stats.ts";
import { type Counted, checkQuiet, type Evidence, type SeenFrame, stranded } from "./laws.ts";
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

const NO_COUNTS = { processed: 0, failed: 0, cancelled: 0, pending: 0, quarantined: 0 };
const NOTHING_COUNTED = {
  submitted: 0,
  ...NO_COUNTS,
  byStatus: {},
  byPriority: { expedited: NO_COUNTS, standard: NO_COUNTS },
  revenue: {},
} as unknown as StatsSnapshot;

const evidence = (changes: Partial<Evidence>): Evidence => ({
  told: [],
  obeyed: [],
  orders: [],
  effects: [],
  undoBegan: new Map(),
  unrouted: new Set(),
  shelves: [],
  history: [],
  heard: new Map(),
  counters: [],
  blocked: [],
  stopped: [],
  ...changes,
});
const counted = (changes: Partial<Counted>): Counted => ({ tenant: "shop", counters: NOTHING_COUNTED, receivers: [], ...changes });
const frame = (seq: number, gap = false): SeenFrame => ({ type: gap ? "snapshot" : "stats", seq, gap, stats: NOTHING_COUNTED });

describe("The laws", () => {
  it("have nothing against an empty world", () => {
    expect(checkQuiet(evidence({}))).toEqual([]);
  });

  it("miss an order that was acknowledged", () => {
    const told = [{ orderId: "a", reference: "1", total: 1, replayed: false, placedAt: 0 }];
    expect(checkQuiet(evidence({ told }))).toMatchObject([{ law: 1, subject: "a" }]);
  });

  it("find an effect under two keys", () => {
    const effects = (["a:send", "a:send:2"] as const).map((key) => ({ orderId: "a", step: "confirm" as const, key, at: 0, amount: 0 }));
    expect(checkQuiet(evidence({ effects }))).toMatchObject([{ law: 2, subject: "a" }]);
  });

  it("find goods that are nowhere, and goods reserved for nobody", () => {
    const shelf = { sku: "s", received: 10, available: 9, reserved: 0 };
    expect(checkQuiet(evidence({ shelves: [shelf] }))).toMatchObject([{ law: 3, subject: "s" }]);
    expect(checkQuiet(evidence({ shelves: [{ ...shelf, reserved: 1 }] }))).toMatchObject([{ law: 3, subject: "s" }]);
    expect(checkQuiet(evidence({ shelves: [{ ...shelf, available: 10 }] }))).toEqual([]);
  });

  it("find counters that count what is not there", () => {
    expect(checkQuiet(evidence({ counters: [counted({ counters: { ...NOTHING_COUNTED, submitted: 1 } })] }))).toMatchObject([{ law: 4 }]);
  });

  it("find a gap between frames, unless the frame says so", () => {
    expect(checkQuiet(evidence({ counters: [counted({ receivers: [[frame(1), frame(3)]] })] }))).toMatchObject([{ law: 6 }]);
    expect(checkQuiet(evidence({ counters: [counted({ receivers: [[frame(1), frame(3, true), frame(4), frame(4)]] })] }))).toEqual([]);
  });

  it("find a number that stands for two states, whoever saw them", () => {
    const other = { ...frame(1), stats: { ...NOTHING_COUNTED, byStatus: { ...NOTHING_COUNTED.byStatus, held: 1 } } };
    expect(checkQuiet(evidence({ counters: [counted({ receivers: [[frame(1)], [other, frame(2)]] })] }))).toMatchObject([{ law: 6 }]);
  });

  it("find an order that waits for what another tenant's orders have met, or another's people have stopped", () => {
    const blocked = [{ orderId: "a", tenant: "shop", provider: "payment", since: 100_000 } as const];
    const stop = { tenant: "shop", provider: "payment", at: 99_000, by: "failure" } as const;
    const laws = (...stopped: Evidence["stopped"]) => checkQuiet(evidence({ blocked, stopped }));
    expect(laws(stop)).toEqual([]);
    expect(laws({ ...stop, by: "person", at: 100_000 })).toEqual([]);
    for (const other of [{ tenant: "bakery" }, { provider: "inventory" }, { at: 10_000 }, { at: 101_000 }, { by: "person" }] as const)
      expect(laws({ ...stop, ...other })).toMatchObject([{ law: 8, subject: "a" }]);
  });

  it("find an order that nothing will wake, and leave alone one that a person knows of", () => {
    const order = {
      orderId: "a",
      status: "processing",
      isAtRest: false,
      alarmIsArmed: false,
      alarmWasLost: false,
      isRunning: false,
    } as const;
    expect(stranded({ ...order, attention: null })).toMatchObject({ law: 5 });
    expect(stranded({ ...order, status: "quarantined", attention: "quarantined" })).toBeNull();
    expect(stranded({ ...order, attention: null, alarmIsArmed: true })).toBeNull();
  });
});
