/** A real server, started as `npm start` starts it, with a store of its own. Tests reach it over HTTP and may kill it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../..");

/** The first start on a cold machine builds the bundle and migrates the history. */
const START_TIMEOUT_MS = 120_000;

export interface Server {
  readonly url: string;
  readonly persistTo: string;
  /** All that the server printed so far. */
  log(): string;
  /** Ends every process of the server at once, as a crash would. The store stays. */
  kill(): Promise<void>;
  /** Ends the server and deletes its store. */
  stop(): Promise<void>;
}

export interface ServerOptions {
  /** Variables of wrangler.toml to set. */
  readonly vars?: Readonly<Record<string, string>>;
  /** A store to go on with; otherwise a fresh one. */
  readonly persistTo?: string;
  readonly port?: number;
  /** The project that is served; a copy of it may have been changed. */
  readonly root?: string;
}

export async function startServer({ vars = {}, persistTo, port, root = ROOT }: ServerOptions = {}): Promise<Server> {
  const store = persistTo ?? mkdtempSync(join(tmpdir(), "orderline-"));
  const listen = port ?? (await freePort());
  const settings = Object.entries(vars).flatMap(([name, value]) => ["--var", `${name}:${value}`]);
  const args = ["scripts/start.ts", "--port", String(listen), "--inspector-port", "0", "--persist-to", store, "--verbose", ...settings];
  const child = spawn(join(ROOT, "node_modules/.bin/node"), args, {
    cwd: root,
    // A group of its own, so that `kill` reaches wrangler and workerd, and nothing else.
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, PATH: `${join(ROOT, "node_modules/.bin")}:${process.env.PATH}`, X_LOCAL_OBSERVABILITY: "false", CI: "true" },
  });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (printed += chunk.toString()));

  const url = `http://127.0.0.1:${listen}`;
  const kill = () => endGroup(child);
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (
    !(await fetch(`${url}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    ))
  ) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await kill();
      throw new Error(`the server did not start:\n${printed}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return {
    url,
    persistTo: store,
    log: () => printed,
    kill,
    stop: async () => {
      await kill();
      rmSync(store, { recursive: true, force: true });
    },
  };
}

async function endGroup(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  process.kill(-child.pid, "SIGKILL");
  await ended;
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}
