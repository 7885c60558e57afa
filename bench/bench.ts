/**
 * `npm run bench`: measures Orderline against the bare Worker of `bench/bare`, and counts what an order costs. It starts
 * servers of its own with states of their own, ends them however it ends itself, and leaves nothing behind.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { decimalNumber, wholeNumber, withFlags } from "../scripts/flags.ts";
import { compare } from "./compare.ts";
import { countUnits } from "./count.ts";
import { orderSource } from "./orders.ts";
import { type Measured, summarize, toJson, toMarkdown } from "./report.ts";

const USAGE = `Measures Orderline against a bare Worker and counts what an order costs. Takes about three minutes.

Usage: npm run bench -- [flags]

  --orders N        orders of a flood                             (1000)
  --concurrency N   clients, each with one request under way      (32)
  --rounds N        bursts against each of the two                (9)
  --pace N          orders per second while units are counted     (10)
                    the slower, the fewer orders share a delivery, and the dearer each is
  --email           every customer has an address, and gets a mail
  --json            print the result as one line of JSON
  --check           exit with 1 when a bar is missed
  --help            print this
`;

const Options = z.object({
  orders: wholeNumber(1, 100_000).default(1_000),
  concurrency: wholeNumber(1, 256).default(32),
  rounds: wholeNumber(1, 100).default(9),
  pace: decimalNumber(0.1, 100).default(10),
  email: z.boolean().default(false),
  json: z.boolean().default(false),
  check: z.boolean().default(false),
});
type Options = z.infer<typeof Options>;

/** What ends the process also ends its servers: see `scripts/server.ts`. */
for (const [signal, code] of [["SIGINT", 130] as const, ["SIGTERM", 143] as const]) process.on(signal, () => process.exit(code));

process.exit(await withFlags(process.argv.slice(2), Options, USAGE, main));

/** @returns the exit code */
async function main(options: Options): Promise<number> {
  try {
    const measured = await measure(options);
    console.log(options.json ? toJson(measured) : toMarkdown(measured));
    return options.check && summarize(measured).missed.length > 0 ? 1 : 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  }
}

async function measure({ orders, concurrency, rounds, pace, email }: Options): Promise<Measured> {
  const directory = mkdtempSync(join(tmpdir(), "orderline-bench-"));
  process.on("exit", () => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }));
  const take = orderSource({ email });
  const compared = await compare({ orders, concurrency, rounds }, take, directory, say);
  const counted = await countUnits({ orders, concurrency, pace }, take, join(directory, "metered"), say);
  const machine = `${cpus().length} cores of ${cpus()[0]?.model.trim() ?? "an unknown CPU"}, Node ${process.versions.node}, ${process.platform}`;
  return { machine, settings: { orders, concurrency, rounds, pace, email }, ...compared, ...counted };
}

/** Progress goes where it does not spoil the result. */
function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
