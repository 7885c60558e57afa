/** The flags of `npm start`: its own, and those of `wrangler dev` that are handed on to it. */
import { z } from "zod";
import { wholeNumber } from "../flags.ts";

export const USAGE = `Runs everything locally: migrates the local history, seeds the development key and serves console and API.

Usage: npm start -- [flags]

  --port N              where to listen                          (8787)
  --ip ADDRESS          the address to listen on                 (localhost)
  --local-protocol P    http or https                            (http)
  --persist-to DIR      where the local state is kept            (.wrangler/state)
  --var NAME:VALUE      set a variable of wrangler.toml, such as PAYMENT_URL:http://127.0.0.1:7100/payment; repeatable
  --inspector-port N    where the debugger listens               (9229)
  --verbose             print every line of the Worker as JSON, and all that wrangler says
  --help                print this

Exit code: 0 when it was ended, 1 when it cannot start, 2 for flags that make no sense.
`;

const port = wholeNumber(0, 65_535);
const someText = z.string().min(1, "must not be empty");

export const Options = z.object({
  port: port.default(8787),
  ip: someText.optional(),
  "local-protocol": z.enum(["http", "https"], "must be http or https").optional(),
  "persist-to": someText.optional(),
  var: z.array(z.string().regex(/^[A-Za-z_]\w*:/, "must look like NAME:VALUE")).default([]),
  "inspector-port": port.optional(),
  verbose: z.boolean().default(false),
});
export type Options = z.infer<typeof Options>;

/** What `wrangler dev` is to be told of them. */
export function forWrangler({ verbose: _, var: vars, ...values }: Options): string[] {
  return [
    ...Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, String(value)])),
    ...vars.flatMap((each) => ["--var", each]),
  ];
}
