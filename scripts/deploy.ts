/**
 * `npm run deploy`: everything from an empty account to a running Orderline, in an order that a failure cannot spoil: what is missing
 * is made, migrations come before the code that needs them, and the first key comes last. Each step looks before it acts,
 * so the same command goes on where a failed one ended.
 */
import { spawnSync } from "node:child_process";
import { Options, USAGE } from "./deploy/args.ts";
import { type Cloudflare, CloudflareError, connect } from "./deploy/cloudflare.ts";
import { type Config, misplaced, placeholders, readConfig, resolve, variables, writeConfig } from "./deploy/config.ts";
import { KEY_STORE, makeKey } from "./deploy/keys.ts";
import { withFlags } from "./flags.ts";
import { environment, ROOT, runWrangler } from "./wrangler.ts";

/** Wide enough for the name of every step. */
const STEP_WIDTH = 12;

class WranglerFailed extends Error {}

process.exitCode = await withFlags(process.argv.slice(2), Options, USAGE, main);

/** @returns the exit code */
async function main(flags: Options): Promise<number> {
  if (flags["dry-run"]) return dryRun(flags);
  const config = readConfig();
  const given = variables(flags.var);
  const wrong = [...placeholders(config, given), ...misplaced(config, given)];
  if (wrong.length > 0) {
    console.error(wrong.join("\n"));
    return 1;
  }
  try {
    await deploy(config, flags);
    return 0;
  } catch (error) {
    if (!(error instanceof CloudflareError || error instanceof WranglerFailed)) throw error;
    console.error(`\n${error.message}\n\nThe deploy is not complete. Once the cause is mended, the same command goes on from here.`);
    return 1;
  }
}

async function deploy(config: Config, { var: vars, verbose }: Options): Promise<void> {
  console.log(`Deploying ${config.name} ...`);
  const cloudflare = await connect(process.env);
  const whole = await resolve(config, cloudflare, (name) => tell("made", name));
  const onAccount = ["--config", writeConfig(whole)];
  const wrangler = async (...args: string[]) => {
    const { code, stdout, stderr } = await runWrangler([...args, ...onAccount], { env: { CLOUDFLARE_ACCOUNT_ID: cloudflare.account } });
    if (verbose) console.log(stdout);
    if (code !== 0) throw new WranglerFailed(stderr.trim() || stdout.trim());
    return stdout;
  };

  for (const { binding, migrations_dir } of whole.d1_databases) {
    if (migrations_dir === undefined) continue;
    const output = await wrangler("d1", "migrations", "apply", binding, "--remote");
    const applied = [...output.matchAll(/^│ (\S+\.sql) +│ ✅/gm)].map(([, name]) => name);
    tell("migrations", applied.length === 0 ? "none were missing" : `applied ${applied.join(", ")}`);
  }

  const output = await wrangler("deploy", ...vars.flatMap((each) => ["--var", each]));
  for (const [, queue = ""] of output.matchAll(/Creating new Queue "([^"]+)"/g)) tell("made", queue);
  const urls = [...output.matchAll(/^ {2}(https?:\/\/\S+)/gm)].map(([, url]) => url);
  tell("deployed", urls.join(", "));

  await makeFirstKey(whole, cloudflare);
}

/** A deployment without any key could be used by nobody, nor be given keys over its own API. */
async function makeFirstKey({ kv_namespaces }: Config, cloudflare: Cloudflare): Promise<void> {
  const store = kv_namespaces.find(({ binding }) => binding === KEY_STORE)?.id;
  if (store === undefined) throw new Error(`wrangler.toml has no KV namespace ${KEY_STORE}`);
  if (await cloudflare.hasEntries(store)) return;
  const about = { tenant: "platform", name: "first key, made by npm run deploy", scopes: ["platform" as const] };
  const { key } = await makeKey(cloudflare, store, about);
  tell("first key", key);
  tell("", "It has the scope platform, and is shown this once: only its digest is stored.");
  tell("", "A key that places orders: npm run keys -- --tenant acme --name shop --scope orders:read --scope orders:write");
}

/** Builds what would be uploaded. wrangler prints what it finds. */
function dryRun({ var: vars }: Options): number {
  const args = ["deploy", "--dry-run", ...vars.flatMap((each) => ["--var", each])];
  return spawnSync("wrangler", args, { cwd: ROOT, stdio: "inherit", env: environment() }).status ?? 1;
}

function tell(step: string, text: string): void {
  console.log(`  ${step.padEnd(STEP_WIDTH)}${text}`);
}
