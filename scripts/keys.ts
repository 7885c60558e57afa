/** `npm run keys`: makes an API key for a tenant of the deployed Orderline, stores its digest, and shows the key once. */
import { z } from "zod";
import { KeyRecord, Scope } from "../src/tenants/keys.ts";
import { CloudflareError, connect } from "./deploy/cloudflare.ts";
import { readConfig, titleOf } from "./deploy/config.ts";
import { KEY_STORE, makeKey } from "./deploy/keys.ts";
import { withFlags } from "./flags.ts";

const USAGE = `Makes an API key of the deployed Orderline and shows it once; only its digest is stored.

Usage: npm run keys -- [flags]

  --tenant NAME     whose orders it is for, in lower case letters, digits and dashes
  --name TEXT       what it is for, so that somebody knows which one to revoke
  --scope SCOPE     ${Scope.options.join(", ")}; repeatable
  --expires TIME    when it stops working, such as 2027-01-01T00:00:00Z   (never)
  --help            print this

It works for the account that \`npm run deploy\` deployed to. How to revoke a key: docs/deploy.md
`;

const Flags = z.object({
  tenant: KeyRecord.shape.tenant,
  name: as(KeyRecord.shape.name, "must be 1 to 100 characters"),
  scope: z.array(z.enum(Scope.options, `must be one of ${Scope.options.join(", ")}`)),
  expires: as(KeyRecord.shape.expiresAt, "must be a time such as 2027-01-01T00:00:00Z").optional(),
});

/** A text that fits a schema of the record; what is wrong with another one is told in the words of this command. */
function as(schema: z.ZodType, problem: string) {
  return z.string().refine((value) => schema.safeParse(value).success, problem);
}

process.exitCode = await withFlags(process.argv.slice(2), Flags, USAGE, main);

/** @returns the exit code */
async function main({ tenant, name, scope, expires }: z.output<typeof Flags>): Promise<number> {
  const about = { tenant, name, scopes: [...new Set(scope)], ...(expires !== undefined && { expiresAt: expires }) };
  try {
    const cloudflare = await connect(process.env);
    const config = readConfig();
    const named = config.kv_namespaces.find(({ binding }) => binding === KEY_STORE)?.id;
    const store = named ?? (await cloudflare.findNamespace(titleOf(config, KEY_STORE)));
    if (store === undefined) throw new CloudflareError("Nothing is deployed to this account yet: npm run deploy");
    const { key, digest } = await makeKey(cloudflare, store, about);
    console.log(
      `${key}\n\nIt is shown this once. To revoke it, later:\nnpx wrangler kv key delete --remote --namespace-id ${store} ${digest}`,
    );
    return 0;
  } catch (error) {
    if (!(error instanceof CloudflareError)) throw error;
    console.error(`${error.message}\n\nNo key was made.`);
    return 1;
  }
}
