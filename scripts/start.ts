/**
 * `npm start`: migrates the local history, seeds the development key into the local store, and runs `wrangler dev`.
 * Whatever follows `--` goes through to wrangler; `--persist-to` is honoured by every step.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { parseArgs } from "node:util";
import { KeyRecord, Scope } from "../src/tenants/keys.ts";
import { DEVELOPMENT_KEY } from "./dev-key.ts";

const passed = process.argv.slice(2);
const { values } = parseArgs({
  args: passed,
  options: { "persist-to": { type: "string" }, port: { type: "string", default: "8787" }, help: { type: "boolean", short: "h" } },
  strict: false,
  allowPositionals: true,
});

if (values.help) {
  console.log(`npm start [-- options of wrangler dev]

  --port 8787                    where to listen
  --persist-to DIR               where the local state is kept (default .wrangler/state)
  --var PAYMENT_URL:http://127.0.0.1:7100/payment
                                 set a variable of wrangler.toml; see docs/deploy.md
`);
  process.exit(0);
}

const persist = values["persist-to"] === undefined ? [] : ["--persist-to", String(values["persist-to"])];
const record = JSON.stringify(KeyRecord.parse({ tenant: "demo", name: "development", scopes: Scope.options }));
const digest = createHash("sha256").update(DEVELOPMENT_KEY).digest("hex");

prepare("the history", ["d1", "migrations", "apply", "HISTORY", "--local", ...persist]);
prepare("the development key", ["kv", "key", "put", digest, record, "--binding", "API_KEYS", "--local", ...persist]);

const server = wrangler(["dev", "--show-interactive-dev-session=false", "--var", "DEVELOPMENT_KEYS:allow", ...passed]);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => server.kill(signal));
server.on("exit", (code) => process.exit(code ?? 0));
await greet(`http://localhost:${values.port}`);

/** Runs a command of wrangler to its end; its output is shown only when it fails. */
function prepare(what: string, args: string[]): void {
  const { status, stdout, stderr } = spawnSync("wrangler", args, { encoding: "utf8", env: { ...process.env, CI: "true" } });
  if (status === 0) return;
  console.error(`Could not prepare ${what}:\n${stdout}${stderr}`);
  process.exit(1);
}

function wrangler(args: string[]): ChildProcess {
  return spawn("wrangler", args, { stdio: ["ignore", "inherit", "inherit"], env: { WRANGLER_SEND_METRICS: "false", ...process.env } });
}

/** Says what to try, as soon as the server answers. */
async function greet(url: string): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (
    !(await fetch(`${url}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    ))
  ) {
    if (Date.now() > deadline) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  console.log(`
  Orderline is up.

  Console  ${url}/#key=${DEVELOPMENT_KEY}
  API      ${url}/docs/  (contract: ${url}/openapi.json)
  Key      ${DEVELOPMENT_KEY}  (development only)

  Submit an order, then follow it:

  curl -s ${url}/v1/orders -H 'authorization: Bearer ${DEVELOPMENT_KEY}' \\
    -H 'content-type: application/json' -H "idempotency-key: try-$(date +%s)" \\
    -d '{"currency":"GBP","lines":[{"sku":"85123A","quantity":6,"unitPrice":255}],"customer":{"email":"ada@example.com"},"shipTo":{"country":"GB"},"payment":{"token":"tok_visa"}}'

  curl -s ${url}/v1/orders/<id from the answer> -H 'authorization: Bearer ${DEVELOPMENT_KEY}'

  Real invoices:  npm run replay${values.port === "8787" ? "" : ` -- --url ${url}`}
`);
}
