/**
 * `npm run bench`: measures Orderline against the peers of `bench/peers`, and counts what an order costs. It starts
 * servers of its own with states of their own, ends them however it ends itself, and leaves nothing behind.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { decimalNumber, wholeNumber, withFlags } from "../scripts/flags.ts";
import { summarize, toJson } from "./bars.ts";
import { measureBursts } from "./bursts.ts";
import { countUnits } from "./count.ts";
import { measureFairness } from "./fair.ts";
import { describeFloor, measureFloor } from "./floor.ts";
import { measureGrowth } from "./growth.ts";
import { describeGrowth, growthJson, missedGrowth } from "./growth-report.ts";
import { profileFlood } from "./hot.ts";
import { describeLists, listsJson, listsMissed, measureLists } from "./lists.ts";
import type { Measured } from "./measured.ts";
import { orderSource } from "./orders.ts";
import { measureRecovery } from "./recovery.ts";
import { toMarkdown } from "./report.ts";
import { measureVersus } from "./versus.ts";

const USAGE = `Measures Orderline against what a company would use instead, and counts what an order costs. Takes about nine minutes.

Usage: npm run bench -- [flags]

  --only NAMES      only these, of versus, fairness, bursts, units and recovery; with commas between
                    recovery, a crash half way through many orders, is left out unless it is named
  --orders N        orders of a flood                             (400)
  --concurrency N   clients, each with one request under way      (32)
  --rounds N        bursts against the bare Worker                (9)
  --floods N        floods of each server                         (2)
  --recover N       orders of a crash                             (1000)
  --crashes N       crashes of each server                        (2)
  --pace N          orders per second while units are counted     (10)
                    the slower, the fewer orders share a delivery, and the dearer each is
  --profile         take a CPU profile of the Worker in a flood instead, for Chrome, and print where the time goes
  --growth          measure instead what an order costs with 100,000 orders in the history against 1,000, and what the runtime
                    holds after 20,000 orders came to rest against 2,000; takes about twenty minutes
  --carried N       orders that are really carried for that       (20000)
  --lists           measure instead how long lists take with 1,000,000 rows in four databases against 1,000; takes two minutes
  --floor           measure instead what each part of Orderline costs, by copies without it; takes about ten minutes
  --email           every customer has an address, and gets a mail
  --json            print the result as one line of JSON
  --check           exit with 1 when a bar is missed
  --help            print this
`;

/** What can be measured by itself. */
const Part = z.enum(["versus", "fairness", "bursts", "units", "recovery"]);
type Part = z.infer<typeof Part>;

/** What is measured unless something is named: as much as ten minutes allow. */
const USUAL: readonly Part[] = ["versus", "fairness", "bursts", "units"];

const Options = z.object({
  only: z
    .string()
    .default(USUAL.join(","))
    .transform((names) => names.split(","))
    .pipe(z.array(Part)),
  orders: wholeNumber(1, 100_000).default(400),
  concurrency: wholeNumber(1, 256).default(32),
  rounds: wholeNumber(1, 100).default(9),
  floods: wholeNumber(1, 20).default(2),
  recover: wholeNumber(10, 100_000).default(1_000),
  crashes: wholeNumber(1, 20).default(2),
  pace: decimalNumber(0.1, 100).default(10),
  profile: z.boolean().default(false),
  growth: z.boolean().default(false),
  carried: wholeNumber(2_000, 100_000).default(20_000),
  lists: z.boolean().default(false),
  floor: z.boolean().default(false),
  email: z.boolean().default(false),
  json: z.boolean().default(false),
  check: z.boolean().default(false),
});
type Options = z.output<typeof Options>;

/** What ends the process also ends its servers: see `scripts/server.ts`. */
for (const [signal, code] of [["SIGINT", 130] as const, ["SIGTERM", 143] as const]) process.on(signal, () => process.exit(code));

process.exit(await withFlags(process.argv.slice(2), Options, USAGE, main));

/** @returns the exit code */
async function main(options: Options): Promise<number> {
  try {
    if (options.profile) {
      console.log(await profileFlood(options, orderSource(options), ownDirectory(), say));
      return 0;
    }
    if (options.growth) return await printGrowth(options);
    if (options.lists) return await printLists(options);
    if (options.floor) {
      console.log(describeFloor({ machine: machine(), ...(await measureFloor(options, orderSource(options), ownDirectory(), say)) }));
      return 0;
    }
    const measured = await measure(options);
    console.log(options.json ? toJson(measured) : toMarkdown(measured));
    return options.check && summarize(measured).missed.length > 0 ? 1 : 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  }
}

/** @returns the exit code */
async function printGrowth({ carried, concurrency, email, json, check }: Options): Promise<number> {
  const plan = { rows: [1_000, 100_000], carried: [2_000, carried], concurrency, rounds: 3 } as const;
  const growth = { machine: machine(), ...(await measureGrowth(plan, orderSource({ email }), ownDirectory(), say)) };
  console.log(json ? growthJson(growth) : describeGrowth(growth));
  return check && missedGrowth(growth).length > 0 ? 1 : 0;
}

/** @returns the exit code */
async function printLists({ json, check }: Options): Promise<number> {
  const lists = { machine: machine(), ...(await measureLists(ownDirectory(), say)) };
  console.log(json ? listsJson(lists) : describeLists(lists));
  return check && listsMissed(lists) ? 1 : 0;
}

async function measure({ only, orders, concurrency, rounds, floods, recover, crashes, pace, email }: Options): Promise<Measured> {
  const directory = ownDirectory();
  const take = orderSource({ email });
  const asked = (part: Part) => only.includes(part);
  const versus = asked("versus") ? await measureVersus({ orders, concurrency, floods }, take, directory, say) : null;
  const fairness = asked("fairness") ? await measureFairness({ orders, concurrency }, take, join(directory, "tenants"), say) : null;
  const bursts = asked("bursts") ? await measureBursts({ concurrency, rounds }, take, directory, say) : null;
  const recovery = asked("recovery")
    ? await measureRecovery({ orders: recover, concurrency, rounds: crashes }, take, directory, say)
    : null;
  const counted = asked("units")
    ? await countUnits({ orders, concurrency, pace }, take, join(directory, "metered"), say)
    : { paced: null, loaded: null, lone: null };
  return { machine: machine(), settings: { orders, concurrency, rounds, pace, email }, versus, fairness, bursts, recovery, ...counted };
}

function machine(): string {
  return `${cpus().length} cores of ${cpus()[0]?.model.trim() ?? "an unknown CPU"}, Node ${process.versions.node}, ${process.platform}`;
}

/** Deleted when this process ends. */
function ownDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "orderline-bench-"));
  process.on("exit", () => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }));
  return directory;
}

/** Progress goes where it does not spoil the result. */
function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
