/**
 * Starts and ends the servers that are measured: each a `wrangler dev` in a process group of its own, on a free port and
 * with a state of its own. It ends only groups that it started, and all of them however the benchmark ends.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

const ROOT = join(import.meta.dirname, "..");

/** A cold start with its migrations takes about ten seconds; on a busy machine it takes a few times that. */
const START_TIMEOUT_MS = 90_000;
const READY_INTERVAL_MS = 100;

/** What a server gets between being asked to end and being made to. */
const STOP_GRACE_MS = 3_000;

/** Lines kept of what a server said, to be shown when it does not start. */
const KEPT_LINES = 30;

/** What the kernel counts CPU time in, on every Linux that Node runs on. */
const MS_PER_TICK = 10;

export interface Server {
  readonly name: string;
  readonly url: string;
  /** Calls `listener` with each line that the server prints from now on, until the returned function is called. */
  onLine(listener: (line: string) => void): () => void;
  /** Takes the CPU away from it, so that another server can be measured alone; `resume` gives it back. */
  pause(): void;
  resume(): void;
  /** Whether wrangler saw a source change and started the Worker anew: what was measured before and after is not one thing. */
  reloaded(): boolean;
  /** CPU time that the runtime of its Worker has used, in milliseconds; null where there is no `/proc`. */
  cpuMs(): number | null;
  stop(): Promise<void>;
}

/** Orderline itself, through the steps of `npm start`. @param vars variables laid over wrangler.toml */
export const startOrderline = (stateDirectory: string, vars: Readonly<Record<string, string>> = {}): Promise<Server> =>
  start("orderline", "/healthz", (port) => [
    process.execPath,
    join(ROOT, "scripts/start.ts"),
    "--verbose",
    ...common(port, stateDirectory),
    ...Object.entries(vars).flatMap(([name, value]) => ["--var", `${name}:${value}`]),
  ]);

export const startBare = (stateDirectory: string): Promise<Server> =>
  start("bare", "/", (port) => [
    "wrangler",
    "dev",
    "--show-interactive-dev-session=false",
    ...["--config", join(ROOT, "bench/bare/wrangler.toml")],
    ...common(port, stateDirectory),
  ]);

const common = (port: number, stateDirectory: string): string[] => [
  ...["--port", String(port), "--inspector-port", "0"],
  ...["--persist-to", stateDirectory],
];

const running = new Set<number>();
process.on("exit", () => {
  for (const group of running) signal(group, "SIGKILL");
});

async function start(name: string, readyPath: string, command: (port: number) => string[]): Promise<Server> {
  const port = await freePort();
  const [program = "", ...args] = command(port);
  const child = spawn(program, args, {
    cwd: ROOT,
    // A group of its own, so that wrangler's runtimes end with it.
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      PATH: `${join(ROOT, "node_modules/.bin")}${delimiter}${process.env.PATH ?? ""}`,
      // Local traces and logs are written for every request and cost more than what is to be measured.
      X_LOCAL_OBSERVABILITY: "false",
      WRANGLER_SEND_METRICS: "false",
      CI: "true",
    },
  });
  const group = child.pid;
  if (group === undefined) throw new Error(`${name}: ${program} cannot be started`);
  running.add(group);
  const said = listen(child);
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));

  const stop = async () => {
    signal(group, "SIGCONT");
    signal(group, "SIGTERM");
    await Promise.race([ended, sleep(STOP_GRACE_MS)]);
    signal(group, "SIGKILL");
    running.delete(group);
  };
  const url = `http://127.0.0.1:${port}`;
  try {
    await ready(`${url}${readyPath}`, () => (child.exitCode === null ? said.trouble() : `it ended with code ${child.exitCode}`));
  } catch (error) {
    await stop();
    throw new Error(`${name} did not start: ${error instanceof Error ? error.message : error}\n${said.last().join("\n")}`);
  }
  return {
    name,
    url,
    onLine: said.onLine,
    pause: () => signal(group, "SIGSTOP"),
    resume: () => signal(group, "SIGCONT"),
    reloaded: said.reloaded,
    cpuMs: () => cpuMsOf(group),
    stop,
  };
}

function listen(child: ChildProcess) {
  const listeners = new Set<(line: string) => void>();
  const last: string[] = [];
  let reloaded = false;
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue;
    createInterface({ input: stream }).on("line", (line) => {
      last.push(line);
      reloaded ||= line.includes("Reloading local server");
      if (last.length > KEPT_LINES) last.shift();
      for (const listener of listeners) listener(line);
    });
  }
  return {
    last: () => last,
    reloaded: () => reloaded,
    /** A build that failed does not end wrangler: it waits for somebody to repair the source. */
    trouble: () => (last.some((line) => line.includes("Build failed")) ? "it does not build" : null),
    onLine(listener: (line: string) => void) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

/** Resolves when the server answers. Rejects when it took too long. @param trouble why it never will, or null */
async function ready(url: string, trouble: () => string | null): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const reason = trouble();
    if (reason !== null) throw new Error(reason);
    const answered = await fetch(url, { signal: AbortSignal.timeout(START_TIMEOUT_MS) }).then(
      ({ ok }) => ok,
      () => false,
    );
    if (answered) return;
    if (Date.now() > deadline) throw new Error(`no answer within ${START_TIMEOUT_MS} ms`);
    await sleep(READY_INTERVAL_MS);
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => (typeof address === "object" && address ? resolve(address.port) : reject(new Error("no free port"))));
    });
  });
}

/** To the whole group; one that has ended already is not there to be told. */
function signal(group: number, name: NodeJS.Signals): void {
  try {
    process.kill(-group, name);
  } catch {
    // ESRCH: nobody is left in it.
  }
}

/** Of the group's runtime that runs the Worker; the other one, named by `entry=localhost`, is wrangler's proxy in front of it. */
function cpuMsOf(group: number): number | null {
  try {
    const pids = readdirSync("/proc").filter((entry) => /^\d+$/.test(entry));
    return pids.reduce((sum, pid) => sum + cpuMsOfWorker(pid, group), 0);
  } catch {
    return null;
  }
}

function cpuMsOfWorker(pid: string, group: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // Fields from the third on, after the name in parentheses: state, ppid, pgrp, …; utime and stime are the 14th and 15th.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (Number(fields[2]) !== group) return 0;
    const [program = "", ...args] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    const isWorker = program.endsWith("workerd") && args.some((arg) => arg.includes("entry=127.0.0.1:0"));
    return isWorker ? (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK : 0;
  } catch {
    // It ended between being listed and being read.
    return 0;
  }
}
