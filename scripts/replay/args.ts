/** The flags of a replay: what they are, what they default to, and what is wrong with them when something is. */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { z } from "zod";
import { DEVELOPMENT_KEY } from "../dev-key.ts";

const SAMPLE = join(import.meta.dirname, "../../samples/online-retail-sample.csv");

/** Sockets that one process opens at most; beyond that it measures itself. */
const MAX_CONCURRENCY = 256;

export const USAGE = `Turns real invoices into orders, submits them to a running Orderline and reconciles file, history and counters.

Usage: npm run replay -- [flags]

  --file PATH          invoices as CSV of the Online Retail form   (samples/online-retail-sample.csv)
  --url URL            where Orderline answers                     (http://localhost:8787)
  --key KEY            API key                                     (the development key)
  --rate N             orders per second                           (50)
  --concurrency N      requests under way at once, at most ${MAX_CONCURRENCY}     (16)
  --limit N            send only the first N orders                (all)
  --run NAME           prefix of the idempotency keys; the same    (digest of the file)
                       name again repeats a run and doubles nothing
  --timeout SECONDS    how long to wait for orders to come to rest (120)
  --json               print the result as one line of JSON
  --help               print this

Exit code: 0 when everything is equal to the penny, 1 when not, 2 for flags that make no sense.
`;

const positive = (text: string) => z.coerce.number(`${text} must be a number`).positive(`${text} must be above 0`);
const count = (text: string) =>
  z.coerce.number(`${text} must be a number`).int(`${text} must be a whole number`).min(1, `${text} must be at least 1`);

const Options = z.object({
  file: z.string().min(1, "--file must name a file").default(SAMPLE),
  url: z.url({ protocol: /^https?$/, error: "--url must be an http or https URL" }).default("http://localhost:8787"),
  key: z
    .string()
    .regex(/^[\x21-\x7e]+$/, "--key must be printable ASCII without spaces")
    .default(DEVELOPMENT_KEY),
  rate: positive("--rate").default(50),
  concurrency: count("--concurrency").max(MAX_CONCURRENCY, `--concurrency must be at most ${MAX_CONCURRENCY}`).default(16),
  limit: count("--limit").optional(),
  run: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/, "--run must be 1 to 64 letters, digits, dots, dashes or underscores")
    .optional(),
  timeout: positive("--timeout").default(120),
  json: z.boolean().default(false),
});
export type Options = z.infer<typeof Options>;

/** @returns `"help"` when that was asked for, or what is wrong in one sentence per flag */
export function optionsFrom(argv: readonly string[]): { readonly options: Options } | { readonly problems: string[] } | "help" {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  const options = { file: text, url: text, key: text, rate: text, concurrency: text, limit: text, run: text, timeout: text } as const;
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: { ...options, json: flag, help: flag },
      strict: true,
      allowPositionals: false,
    });
    if (values.help) return "help";
    const parsed = Options.safeParse(values);
    return parsed.success ? { options: parsed.data } : { problems: parsed.error.issues.map((issue) => issue.message) };
  } catch (error) {
    // The only way in which parseArgs says that a flag is unknown or lacks its value.
    return { problems: [error instanceof Error ? error.message : String(error)] };
  }
}
