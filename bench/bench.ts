/**
 * `npm run bench`: measures Orderline against the bare Worker of `bench/bare`, and counts what an order costs. It starts
 * servers of its own with states of their own, ends them however it ends itself, and leaves nothing behind.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { z } from "zod";
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

const count = z.coerce.number("must be a number").int("must be a whole number").min(1).max(100_000);
const Options = z.object({
  orders: count.default(1_000),
  concurrency: count.max(256).default(32),
  rounds: count.max(100).default(9),
  pace: z.coerce.number("must be a number").min(0.1).max(100).default(10),
  email: z.boolean().default(false),
  json: z.boolean().default(false),
  check: z.boolean().default(false),
});
type Options = z.infer<typeof Options>;

/** What ends the process also ends its servers: see `server.ts`. */
for (const [signal, code] of [["SIGINT", 130] as const, ["SIGTERM", 143] as const]) process.on(signal, () => process.exit(code));

process.exit(await main(process.argv.slice(2)));

/** @returns the exit code */
async function main(argv: string[]): Promise<number> {
  const parsed = optionsFrom(argv);
  if ("say" in parsed) {
    console.error(parsed.say);
    return parsed.code;
  }
  try {
    const measured = await measure(parsed.options);
    console.log(parsed.options.json ? toJson(measured) : toMarkdown(measured));
    return parsed.options.check && summarize(measured).missed.length > 0 ? 1 : 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  }
}

function optionsFrom(argv: string[]): { readonly options: Options } | { readonly say: string; readonly code: number } {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  try {
    const { values } = parseArgs({
      args: argv,
      options: { orders: text, concurrency: text, rounds: text, pace: text, email: flag, json: flag, check: flag, help: flag },
    });
    if (values.help) return { say: USAGE, code: 0 };
    const parsed = Options.safeParse(values);
    if (parsed.success) return { options: parsed.data };
    return { say: parsed.error.issues.map(({ path, message }) => `--${path.join()}: ${message}`).join("\n"), code: 2 };
  } catch (error) {
    // How parseArgs says that a flag is unknown or lacks its value.
    return { say: error instanceof Error ? error.message : String(error), code: 2 };
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
