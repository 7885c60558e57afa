/**
 * `npm run simulate`: runs seeds of the simulated world and says what was done and what was found, or plants known bugs
 * and shows which law catches each. Exits with 1 when a law is broken, or when a planted bug survives.
 */
import { fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { wholeNumber, withFlags } from "../../scripts/flags.ts";
import { MUTATIONS } from "./mutations.ts";
import { brokenSeed, type Caught, mutationTable, Summary, seedLine } from "./report.ts";
import type { Message, Work } from "./worker.ts";
import type { SeedReport } from "./world.ts";

const USAGE = `Runs seeds of a simulated, hostile world and checks the laws of order processing in each.

Usage: npm run simulate -- [flags]

  --seeds N    how many worlds to run (default 100)
  --start N    the first seed (default 1)
  --seed N     run one seed and show what happened in it, should a law be broken
  --verbose    with --seed: show all that happened
  --each       print a line for each world: which statuses, faults and commands its orders met
  --coverage   print which faults and commands met orders of which status, in how many worlds, and which pairs no world had
  --mutate     plant known bugs, one at a time, and show which law catches each; --seeds is how long each is looked for
  --bug NAME   with --mutate: plant only the bugs whose name contains this
  --help       print this

Exit code: 0 when every law holds (with --mutate: when every planted bug is caught), 1 when not, 2 for flags that make no sense.`;

/** A world is one thread's work from its beginning to its end, so a run takes as many processes as there are cores. */
const PROCESSES = availableParallelism();
/** Broken seeds that are told of in full; the rest are only named. */
const MAX_TOLD = 3;
const DEFAULT_SEEDS = 100;
/** How often a long run says how far it is. */
const PROGRESS_INTERVAL_MS = 10_000;
/** A bug that so many worlds do not show is one that the laws do not catch. */
const MUTATION_SEEDS = 1_000;

/** What seeds and their number may be: more worlds than anybody has time for. */
const MOST = 1_000_000_000;

const Flags = z.object({
  seeds: wholeNumber(0, MOST).optional(),
  start: wholeNumber(0, MOST).default(1),
  seed: wholeNumber(0, MOST).optional(),
  verbose: z.boolean().default(false),
  mutate: z.boolean().default(false),
  bug: z.string().default(""),
  each: z.boolean().default(false),
  coverage: z.boolean().default(false),
});

process.exitCode = await withFlags(process.argv.slice(2), Flags, USAGE, main);

/** @returns the exit code */
async function main({ seeds, start, seed, verbose, mutate: mutating, bug, ...told }: z.output<typeof Flags>): Promise<number> {
  if (mutating) return mutate(seeds ?? MUTATION_SEEDS, bug);
  if (seed !== undefined) return replay(seed, verbose);
  return simulate(start, seeds ?? DEFAULT_SEEDS, told);
}

interface Told {
  readonly each: boolean;
  readonly coverage: boolean;
}

async function simulate(start: number, count: number, { each, coverage }: Told): Promise<number> {
  const summary = new Summary();
  const broken: SeedReport[] = [];
  const progress = setInterval(() => console.error(summary.progress(count, broken.length)), PROGRESS_INTERVAL_MS);
  const shares = Array.from({ length: PROCESSES }, (_, share) => ({
    start: start + share,
    stride: PROCESSES,
    count: Math.ceil((count - share) / PROCESSES),
    stopsAtViolation: false,
    recording: false,
  }));
  await Promise.all(
    shares.map((work) =>
      inProcess(work, (report) => {
        summary.add(report);
        if (each) console.log(seedLine(report));
        if (report.violations.length > 0) broken.push(report);
      }),
    ),
  ).finally(() => clearInterval(progress));
  console.log(summary.text());
  if (coverage) console.log(`\n${summary.coverage()}`);
  broken.sort((a, b) => a.seed - b.seed);
  for (const { seed } of broken.slice(0, MAX_TOLD)) await replay(seed, false);
  if (broken.length > 0) console.log(`\n${broken.length} of ${count} seeds break a law: ${broken.map(({ seed }) => seed).join(" ")}`);
  return broken.length > 0 ? 1 : 0;
}

async function replay(seed: number, verbose: boolean): Promise<number> {
  const reports: SeedReport[] = [];
  await inProcess({ start: seed, stride: 1, count: 1, stopsAtViolation: true, recording: true }, (report) => reports.push(report));
  const [report] = reports;
  if (!report) throw new Error(`seed ${seed} did not end`);
  if (verbose) for (const line of report.trace) console.log(line);
  console.log(brokenSeed(report));
  return report.violations.length > 0 ? 1 : 0;
}

/** Each bug in a process of its own, one for each core at a time. */
async function mutate(seeds: number, named: string): Promise<number> {
  const caught: Caught[] = [];
  const queue = MUTATIONS.filter(({ name }) => name.includes(named));
  const next = async (): Promise<void> => {
    const mutation = queue.shift();
    if (!mutation) return;
    let ran = 0;
    let found: SeedReport | null = null;
    await inProcess({ start: 1, stride: 1, count: seeds, stopsAtViolation: true, recording: false, mutation: mutation.name }, (report) => {
      ran++;
      if (report.violations.length > 0) found = report;
    });
    caught.push({ mutation, seeds: ran, report: found });
    console.error(`${mutation.name}: ${found ? "caught" : "SURVIVES"} after ${ran} seeds`);
    return next();
  };
  await Promise.all(Array.from({ length: PROCESSES }, next));
  caught.sort((a, b) => MUTATIONS.indexOf(a.mutation) - MUTATIONS.indexOf(b.mutation));
  console.log(mutationTable(caught));
  return caught.length > 0 && caught.every(({ report }) => report !== null) ? 0 : 1;
}

/** Resolves when the process has run all its seeds; rejects when it dies before. */
function inProcess(work: Work, onSeed: (report: SeedReport) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = fork(join(import.meta.dirname, "worker.ts"), { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    let done = false;
    child.on("message", (message: Message) => {
      if ("seed" in message) onSeed(message.seed);
      else done = true;
    });
    child.on("exit", (code) => (done ? resolve() : reject(new Error(`a worker ended with ${code} before its seeds did`))));
    child.send(work);
  });
}
