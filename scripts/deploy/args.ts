/** The flags of `npm run deploy`. */
import { z } from "zod";

export const USAGE = `Deploys Orderline to your Cloudflare account: makes what is missing (database, key store, queues), applies
migrations, uploads the code, and makes the first API key. The same again changes nothing but the code.

Usage: npm run deploy -- [flags]

  --var NAME:VALUE    set a variable of wrangler.toml for this and no further deploy; repeatable
  --dry-run           only build what would be uploaded; needs no account
  --verbose           print all that wrangler says
  --help              print this

Log in once with \`npx wrangler login\`, or set CLOUDFLARE_API_TOKEN (and CLOUDFLARE_ACCOUNT_ID).
Exit code: 0 when it is deployed, 1 when not, 2 for flags that make no sense.
`;

export const Options = z.object({
  var: z.array(z.string().regex(/^[A-Za-z_]\w*:/, "must look like NAME:VALUE")).default([]),
  "dry-run": z.boolean().default(false),
  verbose: z.boolean().default(false),
});
export type Options = z.infer<typeof Options>;
