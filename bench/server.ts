/** The servers that are measured, and what the benchmark alone wants to know of them. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { launch, type Server } from "../scripts/server.ts";
import { ROOT } from "../scripts/wrangler.ts";

/** What the kernel counts CPU time in, on every Linux that Node runs on. */
const MS_PER_TICK = 10;

/** The Workers that Orderline is held against; each has a folder in `bench/peers`, where its first comment says what it is. */
export type Peer = "bare" | "naive" | "workflow" | "synchronous";

/** @param provider the address that the peer makes its calls to; the bare Worker makes none */
export const startPeer = (peer: Peer, persistTo: string, provider: string): Promise<Server> =>
  launch(
    [
      ...["wrangler", "dev", "--show-interactive-dev-session=false", "--config", join(ROOT, "bench/peers", peer, "wrangler.toml")],
      ...["--var", `PROVIDER:${provider}`],
    ],
    "/",
    { persistTo },
  );

/** A server counts as quiet when it uses less than a tenth of a CPU for this long. */
const QUIET_MS = 200;
const QUIET_SHARE = 0.1;
const QUIET_TIMEOUT_MS = 5_000;

/** Lets a stopped server run for the time of `work`, and begins when it has caught up with the alarms it slept through. */
export async function alone<Result>(server: Server, work: () => Promise<Result>): Promise<Result> {
  server.resume();
  await untilQuiet(server);
  const result = await work();
  server.pause();
  return result;
}

/** Waits until a server is quiet, at most five seconds. */
export async function untilQuiet(server: Server): Promise<void> {
  const deadline = performance.now() + QUIET_TIMEOUT_MS;
  let used = cpuMsOf(server);
  while (performance.now() < deadline) {
    await sleep(QUIET_MS);
    const now = cpuMsOf(server);
    if (now === null || used === null || now - used < QUIET_MS * QUIET_SHARE) return;
    used = now;
  }
}

/** Whether wrangler saw a source change and started the Worker anew: what was measured before and after is not one thing. */
export const hasReloaded = (server: Server): boolean => server.log().includes("Reloading local server");

/** CPU time that the runtime of its Worker has used, in milliseconds; null where there is no `/proc`. */
export const cpuMsOf = ({ group }: Server): number | null => sumOfWorkers(group, cpuMsOfProcess);

/**
 * Memory that the runtime of its Worker holds, in bytes, its part of what it shares with others included; null where there is
 * no `/proc`.
 */
export const memoryOf = ({ group }: Server): number | null => sumOfWorkers(group, memoryOfProcess);

/** Over the runtimes of a group that run the Worker: the other one, named by `entry=localhost`, is wrangler's proxy in front of it. */
function sumOfWorkers(group: number, of: (pid: string) => number): number | null {
  try {
    const pids = readdirSync("/proc").filter((entry) => /^\d+$/.test(entry));
    return pids.reduce((sum, pid) => sum + ifOfWorker(pid, group, of), 0);
  } catch {
    return null;
  }
}

function ifOfWorker(pid: string, group: number, of: (pid: string) => number): number {
  try {
    if (Number(statOf(pid)[2]) !== group) return 0;
    const [program = "", ...args] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    const isWorker = program.endsWith("workerd") && args.some((arg) => arg.includes("entry=127.0.0.1:0"));
    return isWorker ? of(pid) : 0;
  } catch {
    // It ended between being listed and being read.
    return 0;
  }
}

/** The fields from the third on, after the name in parentheses: state, ppid, pgrp, …; utime and stime are the 14th and 15th. */
function statOf(pid: string): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

function cpuMsOfProcess(pid: string): number {
  const fields = statOf(pid);
  return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
}

function memoryOfProcess(pid: string): number {
  const [, kilobytes] = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8")) ?? [];
  return Number(kilobytes ?? Number.NaN) * 1_024;
}
