/** The servers that are measured, and what the benchmark alone wants to know of them. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { launch, type Server } from "../scripts/server.ts";
import { ROOT } from "../scripts/wrangler.ts";

/** What the kernel counts CPU time in, on every Linux that Node runs on. */
const MS_PER_TICK = 10;

/** The Worker of `bench/bare`, which does what cannot be left out. */
export const startBare = (persistTo: string): Promise<Server> =>
  launch(["wrangler", "dev", "--show-interactive-dev-session=false", "--config", join(ROOT, "bench/bare/wrangler.toml")], "/", {
    persistTo,
  });

/** Whether wrangler saw a source change and started the Worker anew: what was measured before and after is not one thing. */
export const hasReloaded = (server: Server): boolean => server.log().includes("Reloading local server");

/**
 * CPU time that the runtime of its Worker has used, in milliseconds; null where there is no `/proc`. The other runtime of the
 * group, named by `entry=localhost`, is wrangler's proxy in front of it.
 */
export function cpuMsOf({ group }: Server): number | null {
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
