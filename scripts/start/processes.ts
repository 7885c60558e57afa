/**
 * Processes that must not outlive this one. A signal reaches one process only, and wrangler's runtime is two below wrangler, so the
 * tree is read from the system and ended as a whole; and whoever started this process is watched, because a kill -9 tells nobody.
 */
import type { ChildProcess } from "node:child_process";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** How often the starter is looked for; a port that stays taken for so long is hardly noticed. */
const WATCH_INTERVAL_MS = 500;

/** What a child gets between being asked to end and being made to. */
const GRACE_MS = 3_000;

/** Ends a child and all processes below it: it is asked first, so that it can clean up, and whatever is left is killed. */
export async function endTree(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  // Taken before anybody ends: a process whose parent is gone is no longer found below it.
  const tree = new Set([child.pid, ...descendantsOf(child.pid)]);
  child.kill("SIGTERM");
  await Promise.race([exited, sleep(GRACE_MS)]);
  for (const pid of [...tree]) for (const below of descendantsOf(pid)) tree.add(below);
  for (const pid of tree) kill(pid);
}

/**
 * Calls `gone` once when the process that started this one has ended. npm puts a shell between itself and its scripts, which
 * may outlive it, so under npm the parent's parent is watched, too.
 */
export function whenOrphaned(gone: () => void): void {
  const parent = process.ppid;
  const starter = process.env.npm_lifecycle_event === undefined ? undefined : parents().get(parent);
  const timer = setInterval(() => {
    if (process.ppid === parent && (starter === undefined || isAlive(starter))) return;
    clearInterval(timer);
    gone();
  }, WATCH_INTERVAL_MS);
  timer.unref();
}

export function descendantsOf(pid: number): number[] {
  const parentOf = parents();
  const found: number[] = [];
  for (let level = [pid]; level.length > 0; ) {
    level = [...parentOf].filter(([, parent]) => level.includes(parent)).map(([child]) => child);
    found.push(...level);
  }
  return found;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there and somebody else's.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** The parent of each process: from /proc where there is one, otherwise as `ps` tells it; empty where there is neither. */
function parents(): Map<number, number> {
  const pids = entries("/proc").filter((entry) => /^\d+$/.test(entry));
  if (pids.length > 0) return new Map(pids.flatMap((pid) => parentFromProc(pid)));
  const { stdout } = spawnSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" });
  const rows = (stdout ?? "").split("\n").map((row) => row.trim().split(/\s+/).map(Number));
  return new Map(rows.filter((row): row is [number, number] => row.length === 2));
}

function parentFromProc(pid: string): [number, number][] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // After the name in parentheses, which may contain anything, come the state and the parent.
    return [[Number(pid), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1])]];
  } catch {
    // It ended between being listed and being read.
    return [];
  }
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // ESRCH: it has ended.
  }
}
