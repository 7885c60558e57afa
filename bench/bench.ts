/**
 * `npm run bench`: measures Orderline against the peers of `bench/peers`, and counts what an order costs. It starts
 * servers of its own with states of their own, ends them however it ends itself, and leaves nothing behind.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { decimalNumber, wholeNumber, withFlags } from "../scripts/flags.ts";
import { measureBursts } from "./bursts.ts";
import { countUnits } from "./count.ts";
import { measureFairness } from "./fair.ts";
import { profileFlood } from "./hot.ts";
import { orderSource } from "./orders.ts";
import { type Measured, summarize, toJson, toMarkdown } from "./report.ts";
import { measureVersus } from "./versus.ts";

const USAGE = `Measures Orderline against what a company would use instead, and counts what an order costs. Takes about nine minutes.

Usage: npm run bench -- [flags]

  --only NAMES      only these, of versus, fairness, bursts and units; with commas between
  --orders N        orders of a flood                             (400)
  --concurrency N   clients, each with one request under way      (32)
  --rounds N        bursts against the bare Worker                (9)
  --floods N        floods of each server                         (2)
  --pace N          orders per second while units are counted     (10)
                    the slower, the fewer orders share a delivery, and the dearer each is
  --profile         take a CPU profile of the Worker in a flood instead, for Chrome, and print where the time goes
  --email           every customer has an address, and gets a mail
  --json            print the result as one line of JSON
  --check           exit with 1 when a bar is missed
  --help            print this
`;

/** What can be measured by itself. */
const Part = z.enum(["versus", "fairness", "bursts", "units"]);
type Part = z.infer<typeof Part>;

const Options = z.object({
  only: z
    .string()
    .default(Part.options.join(","))
    .transform((names) => names.split(","))
    .pipe(z.array(Part)),
  orders: wholeNumber(1, 100_000).default(400),
  concurrency: wholeNumber(1, 256).default(32),
  rounds: wholeNumber(1, 100).default(9),
  floods: wholeNumber(1, 20).default(2),
  pace: decimalNumber(0.1, 100).default(10),
  profile: z.boolean().default(false),
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
    const measured = await measure(options);
    console.log(options.json ? toJson(measured) : toMarkdown(measured));
    return options.check && summarize(measured).missed.length > 0 ? 1 : 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  }
}

async function measure({ only, orders, concurrency, rounds, floods, pace, email }: Options): Promise<Measured> {
  const directory = ownDirectory();
  const take = orderSource({ email });
  const asked = (part: Part) => only.includes(part);
  const versus = asked("versus") ? await measureVersus({ orders, concurrency, floods }, take, directory, say) : null;
  const fairness = asked("fairness") ? await measureFairness({ orders, concurrency }, take, join(directory, "tenants"), say) : null;
  const bursts = asked("bursts") ? await measureBursts({ concurrency, rounds }, take, directory, say) : null;
  const counted = asked("units")
    ? await countUnits({ orders, concurrency, pace }, take, join(directory, "metered"), say)
    : { paced: null, loaded: null, lone: null };
  const machine = `${cpus().length} cores of ${cpus()[0]?.model.trim() ?? "an unknown CPU"}, Node ${process.versions.node}, ${process.platform}`;
  return { machine, settings: { orders, concurrency, rounds, pace, email }, versus, fairness, bursts, ...counted };
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
