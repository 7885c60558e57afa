/** The flags of a replay: what they are and what they default to. */
import { join } from "node:path";
import { z } from "zod";
import { DEVELOPMENT_KEY } from "../dev-key.ts";
import { wholeNumber } from "../flags.ts";

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

/** Orders per second that one process can send; beyond that the numbers mean nothing. */
const MAX_RATE = 100_000;

/** Nobody waits longer than a day. */
const MAX_TIMEOUT_S = 86_400;

const positive = (most: number) => z.coerce.number("must be a number").positive("must be above 0").max(most, `must be at most ${most}`);

export const Options = z.object({
  file: z.string().min(1, "must name a file").default(SAMPLE),
  url: z.url({ protocol: /^https?$/, error: "must be an http or https URL" }).default("http://localhost:8787"),
  key: z
    .string()
    .regex(/^[\x21-\x7e]+$/, "must be printable ASCII without spaces")
    .default(DEVELOPMENT_KEY),
  rate: positive(MAX_RATE).default(50),
  concurrency: wholeNumber(1, MAX_CONCURRENCY).default(16),
  limit: wholeNumber(1, 1_000_000).optional(),
  run: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/, "must be 1 to 64 letters, digits, dots, dashes or underscores")
    .optional(),
  timeout: positive(MAX_TIMEOUT_S).default(120),
  json: z.boolean().default(false),
});
export type Options = z.infer<typeof Options>;
