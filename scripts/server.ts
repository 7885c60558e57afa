/**
 * Real servers for tests and measurements: each on a free port, with a store of its own, and in a process group of its own.
 * It ends only groups that it started, and all of them when this process exits.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { environment, ROOT } from "./wrangler.ts";

/** The first start on a cold machine builds the bundle and migrates the history. */
const START_TIMEOUT_MS = 120_000;
const READY_INTERVAL_MS = 100;

export interface Server {
  readonly url: string;
  readonly persistTo: string;
  /** The id of its process group: wrangler, the runtimes below it, and nothing else. */
  readonly group: number;
  /** All that it printed so far. */
  log(): string;
  /** Calls `listener` with each line that it prints from now on, until the returned function is called. */
  onLine(listener: (line: string) => void): () => void;
  /** Takes the CPU away from it; `resume` gives it back. */
  pause(): void;
  resume(): void;
  /** Ends every process of the server at once, as a crash would. The store stays. */
  kill(): Promise<void>;
  /** Ends the server and deletes its store. */
  stop(): Promise<void>;
}

interface Place {
  /** A store to go on with; otherwise a fresh one. */
  readonly persistTo?: string;
  readonly port?: number;
  /** Of the DevTools protocol; otherwise a free one that nobody is told. */
  readonly inspectorPort?: number;
  /** The project that is served; a copy of it may have been changed. */
  readonly root?: string;
}

export interface ServerOptions extends Place {
  /** Variables laid over wrangler.toml. */
  readonly vars?: Readonly<Record<string, string>>;
}

/** Orderline itself, as `npm start` starts it. Resolves when it answers. */
export const startServer = ({ vars = {}, ...place }: ServerOptions = {}): Promise<Server> =>
  launch(
    [
      ...[join(ROOT, "node_modules/.bin/node"), "scripts/start.ts", "--verbose"],
      ...Object.entries(vars).flatMap(([name, value]) => ["--var", `${name}:${value}`]),
    ],
    "/healthz",
    place,
  );

/**
 * Starts a program that takes the flags of `wrangler dev`, and resolves when it answers. Rejects with all that it printed
 * when it ends before or takes too long.
 * @param readyPath what answers with 200 once it serves
 */
export async function launch([program = "", ...args]: readonly string[], readyPath: string, place: Place = {}): Promise<Server> {
  const { port = await freePort(), inspectorPort = 0, persistTo = mkdtempSync(join(tmpdir(), "orderline-")), root = ROOT } = place;
  const ports = ["--port", String(port), "--inspector-port", String(inspectorPort)];
  const child = spawn(program, [...args, ...ports, "--persist-to", persistTo], {
    cwd: root,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    // Local traces and logs are written for every request and cost more than what is measured.
    env: environment({ X_LOCAL_OBSERVABILITY: "false", CI: "true" }),
  });
  const group = child.pid;
  if (group === undefined) throw new Error(`${program} cannot be started`);
  running.add(group);
  let printed = "";
  const listeners = new Set<(line: string) => void>();
  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input }).on("line", (line) => {
      printed += `${line}\n`;
      for (const listener of listeners) listener(line);
    });
  }

  const kill = async () => {
    const ended = hasEnded(child) ? null : once(child, "exit");
    signal(group, "SIGKILL");
    running.delete(group);
    await ended;
  };
  const url = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await answers(`${url}${readyPath}`))) {
    // A build that failed does not end wrangler: it waits for somebody to repair the source.
    if (hasEnded(child) || printed.includes("Build failed") || Date.now() > deadline) {
      await kill();
      throw new Error(`the server did not start:\n${printed}`);
    }
    await sleep(READY_INTERVAL_MS);
  }
  return {
    url,
    persistTo,
    group,
    log: () => printed,
    onLine: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    pause: () => signal(group, "SIGSTOP"),
    resume: () => signal(group, "SIGCONT"),
    kill,
    stop: async () => {
      await kill();
      rmSync(persistTo, { recursive: true, force: true });
    },
  };
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}

const running = new Set<number>();
process.on("exit", () => {
  for (const group of running) signal(group, "SIGKILL");
});

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null;

const answers = (url: string): Promise<boolean> =>
  fetch(url, { signal: AbortSignal.timeout(START_TIMEOUT_MS) }).then(
    ({ ok }) => ok,
    () => false,
  );

/** To the whole group; one that has ended already is not there to be told. */
function signal(group: number, name: NodeJS.Signals): void {
  try {
    process.kill(-group, name);
  } catch {
    // ESRCH: nobody is left in it.
  }
}
