/** `npm run flood`: what expedited orders notice of a flood of standard ones; see `flood-run.ts`. Prints Markdown. */

import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { z } from "zod";
import { wholeNumber } from "../../scripts/flags.ts";
import { runCommand, type Surroundings } from "./command.ts";
import { type Cell, describe, describeMatrix, figuresOf, missedBars } from "./flood-report.ts";
import { type FloodPlan, runFlood } from "./flood-run.ts";

/** What a card processor or a warehouse may take. */
const MATRIX_LATENCIES_MS = [20, 50, 250, 500];

/** A flood that flows in for so long takes ten times as long to drain, in each of the runs. */
const MATRIX_FLOOD_SECONDS = 4;
const MATRIX_BASELINE_SECONDS = 30;

/** A folder in memory, on every Linux. */
const MEMORY = "/dev/shm";

/** In seconds. */
const TIMEOUT_SECONDS = 420;
const MATRIX_TIMEOUT_SECONDS = 1_800;

const USAGE = `Floods the standard lane of the real server while expedited orders arrive steadily, and compares their waiting times.

Usage: npm run flood -- [flags]

  --latency MS       what each provider call takes              (500)
  --expedited N      expedited orders a second, in both phases  (2)
  --baseline SECONDS expedited orders alone                     (60)
  --multiple N       flood by how many times the drain rate     (10)
  --flood SECONDS    how long the flood flows in                (8)
  --probe N          orders to measure the drain rate with      (300)
  --timeout SECONDS  give up after this                         (${TIMEOUT_SECONDS}, of a matrix ${MATRIX_TIMEOUT_SECONDS})
  --store DIR        where the server's store is made           (/dev/shm if there is one)
  --matrix           shorter runs with providers of ${MATRIX_LATENCIES_MS.join(", ")} ms, in memory and on disk, in one table
  --log PATH         keep the server's log there                (nowhere)
  --json             print the result as one line of JSON
  --help             print this

Exit code: 0 when every bar is reached, 1 when not, 2 for flags that make no sense.`;

const Flags = z.object({
  latency: wholeNumber(0, 5_000).default(500),
  expedited: wholeNumber(1, 100).default(2),
  baseline: wholeNumber(5, 600).optional(),
  multiple: wholeNumber(1, 100).default(10),
  flood: wholeNumber(1, 120).optional(),
  probe: wholeNumber(50, 2_000).default(300),
  timeout: wholeNumber(30, 3_600).optional(),
  store: z.string().default(() => (existsSync(MEMORY) ? MEMORY : tmpdir())),
  matrix: z.boolean().default(false),
  log: z.string().optional(),
  json: z.boolean().default(false),
});

/** The settings of one run by the flags; the matrix takes them, too, but for what it varies. */
const planOf = ({ latency, expedited, baseline = 60, multiple, flood = 8, probe }: z.output<typeof Flags>): FloodPlan => ({
  latencyMs: latency,
  expeditedPerSecond: expedited,
  baselineSeconds: baseline,
  multiple,
  floodSeconds: flood,
  probeOrders: probe,
});

process.exitCode = await runCommand(
  USAGE,
  Flags,
  (flags, surroundings) => (flags.matrix ? runMatrix(flags, surroundings) : runOnce(flags, surroundings)),
  ({ timeout, matrix }) => timeout ?? (matrix ? MATRIX_TIMEOUT_SECONDS : TIMEOUT_SECONDS),
);

async function runOnce(flags: z.output<typeof Flags>, surroundings: Surroundings) {
  const result = await runFlood(planOf(flags), { ...surroundings, logFile: flags.log, storeIn: flags.store });
  return { text: flags.json ? JSON.stringify(figuresOf(result)) : describe(result), passed: missedBars(result).length === 0 };
}

async function runMatrix(flags: z.output<typeof Flags>, surroundings: Surroundings) {
  const plan = planOf({ ...flags, baseline: flags.baseline ?? MATRIX_BASELINE_SECONDS, flood: flags.flood ?? MATRIX_FLOOD_SECONDS });
  const stores = [...(existsSync(MEMORY) ? [["in memory", MEMORY]] : []), ["on disk", tmpdir()]] as [name: string, folder: string][];
  const settings = MATRIX_LATENCIES_MS.flatMap((latencyMs) => stores.map(([store, folder]) => ({ latencyMs, store, folder })));
  const cells: Cell[] = [];
  let progress = () => "";
  surroundings.onProgress(() => `${Math.min(cells.length + 1, settings.length)} of ${settings.length} · ${progress()}`);
  for (const { latencyMs, store, folder } of settings) {
    surroundings.say(`providers of ${latencyMs} ms, store ${store}`);
    const onProgress = (line: () => string) => {
      progress = line;
    };
    cells.push({ store, result: await runFlood({ ...plan, latencyMs }, { ...surroundings, onProgress, storeIn: folder }) });
  }
  const text = flags.json ? JSON.stringify(cells.map(({ store, result }) => ({ store, ...figuresOf(result) }))) : describeMatrix(cells);
  return { text, passed: cells.every(({ result }) => missedBars(result).length === 0) };
}
