/** `npm run tenants`: see `scripts/tenants/command.ts`. */
import { tenants } from "./tenants/command.ts";

process.exitCode = await tenants(process.argv.slice(2), {
  environment: process.env,
  out: (text) => process.stdout.write(`${text}\n`),
  error: (text) => process.stderr.write(`${text}\n`),
});
