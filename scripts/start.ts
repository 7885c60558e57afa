/**
 * `npm start`: migrates the local history, seeds the development key into the local store, and runs `wrangler dev`. It greets only
 * when its own server is ready, and takes every process that it started with it, however it is ended.
 */
import type { ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { KeyRecord, Scope } from "../src/tenants/keys.ts";
import { readConfig } from "./deploy/config.ts";
import { DEVELOPMENT_KEY } from "./dev-key.ts";
import { withFlags } from "./flags.ts";
import { forWrangler, Options, USAGE } from "./start/args.ts";
import { greeting } from "./start/greeting.ts";
import { Narrator, readyUrl } from "./start/narrator.ts";
import { whyUnusable } from "./start/port.ts";
import { endTree, whenOrphaned } from "./start/processes.ts";
import { runWrangler, startWrangler } from "./wrangler.ts";

const RECORD = KeyRecord.parse({ tenant: "demo", name: "development", scopes: Scope.options });

const children = new Set<ChildProcess>();
let ending = false;

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => void end());
whenOrphaned(() => void end());
// A terminal that was closed takes no more lines, which is no reason to leave the server behind.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

process.exitCode = await withFlags(process.argv.slice(2), Options, USAGE, main);

/** @returns the exit code */
async function main(flags: Options): Promise<number> {
  const unusable = await whyUnusable(flags.port, flags.ip);
  if (unusable !== null) {
    console.error(`${unusable} Choose another one: npm start -- --port ${flags.port === 65_535 ? 8787 : flags.port + 1}`);
    return 1;
  }
  console.log("Orderline is starting ...");
  const persist = flags["persist-to"] === undefined ? [] : ["--persist-to", flags["persist-to"]];
  const digest = createHash("sha256").update(DEVELOPMENT_KEY).digest("hex");
  // One after the other: both open the same local store, and the second to come finds it locked.
  const prepared =
    (await migrate(persist)) &&
    (await prepare("the development key", [
      ...["kv", "key", "put", digest, JSON.stringify(RECORD)],
      ...["--binding", "API_KEYS", "--local", ...persist],
    ]));
  if (ending) return 0;
  return prepared ? serve(flags) : 1;
}

/** All databases of wrangler.toml, one after the other for the same reason. */
async function migrate(persist: readonly string[]): Promise<boolean> {
  for (const { binding } of readConfig().d1_databases) {
    if (!(await prepare(`the database ${binding}`, ["d1", "migrations", "apply", binding, "--local", ...persist]))) return false;
  }
  return true;
}

/** Runs a command of wrangler to its end; its output is shown only when it fails. */
async function prepare(what: string, args: readonly string[]): Promise<boolean> {
  const { code, stdout, stderr } = await runWrangler(args, { onStart: own });
  if (code !== 0 && !ending) console.error(`Could not prepare ${what}:\n${stdout}${stderr}`);
  return code === 0;
}

/** Runs the server until it ends. @returns the exit code */
function serve(flags: Options): Promise<number> {
  const server = startWrangler([
    ...["dev", "--show-interactive-dev-session=false", "--var", "DEVELOPMENT_KEYS:allow"],
    ...forWrangler(flags),
  ]);
  own(server);
  const { stdout, stderr } = server as ChildProcess & { stdout: Readable; stderr: Readable };
  if (flags.verbose) {
    stdout.pipe(process.stdout, { end: false });
    stderr.pipe(process.stderr, { end: false });
  } else {
    const narrator = new Narrator();
    narrate(stdout, (line) => narrator.tell("out", line, new Date()), process.stdout);
    narrate(stderr, (line) => narrator.tell("err", line, new Date()), process.stderr);
  }
  whenReady(stdout, (url) => console.log(greeting(url)));
  return new Promise((resolve) => {
    server.once("error", (error) => {
      console.error(`wrangler cannot be started: ${error.message}`);
      resolve(1);
    });
    server.once("close", (code) => resolve(ending ? 0 : (code ?? 1)));
  });
}

function narrate(from: Readable, tell: (line: string) => string | undefined, to: NodeJS.WritableStream): void {
  createInterface({ input: from }).on("line", (line) => {
    const text = tell(line);
    if (text !== undefined) to.write(`${text}\n`);
  });
}

/** Only what our own wrangler says counts: another server could answer on the same port. */
function whenReady(stdout: Readable, greet: (url: string) => void): void {
  let seen = "";
  const look = (chunk: Buffer) => {
    seen += chunk.toString();
    // The last line may not be whole yet.
    const url = seen.split("\n").slice(0, -1).map(readyUrl).find(Boolean);
    if (url === undefined) return;
    stdout.off("data", look);
    greet(url);
  };
  stdout.on("data", look);
}

function own(child: ChildProcess): void {
  children.add(child);
  child.once("exit", () => children.delete(child));
}

async function end(): Promise<void> {
  if (ending) return;
  ending = true;
  await Promise.all([...children].map(endTree));
  process.exit(0);
}
