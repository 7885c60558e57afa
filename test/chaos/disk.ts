/**
 * A disk of its own for the server's store, which can be made full: a tmpfs in a mount namespace that only the server and its
 * helpers enter. It needs no rights beyond a user namespace, it is gone when this process is, and it takes memory only for what
 * is stored. Filling it costs nothing: it is made as small as what lies on it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ROOT } from "../../scripts/wrangler.ts";

/** An hour of orders takes some hundred megabytes, and the memory is only taken when they come. */
const SIZE_BYTES = 4 * 1024 ** 3;

/** A mount takes milliseconds, on a busy machine a second. */
const MOUNT_TIMEOUT_MS = 10_000;

/** The store grows between being measured and being bounded, so the measurement is repeated. */
const FILL_ATTEMPTS = 50;
const FILL_INTERVAL_MS = 20;

export interface Disk {
  /** Where it is mounted, for whoever is in its namespace. */
  readonly folder: string;
  /** The same folder for everybody else. */
  readonly seenFrom: string;
  /** The beginning of a command line whose rest is run in its namespace, in the root of the project. */
  readonly enter: readonly string[];
  /** Leaves no byte free. */
  fill(): Promise<void>;
  relieve(): Promise<void>;
  end(): Promise<void>;
}

/** Null where the system does not let us mount one: without Linux, or without user namespaces. */
export async function mountDisk(): Promise<Disk | null> {
  const folder = mkdtempSync(join(tmpdir(), "orderline-disk-"));
  const script = 'mount -t tmpfs -o "size=$1" tmpfs "$0" && echo mounted && exec cat';
  // The holder ends when its input does, which is when this process does, however that ends.
  const holder = spawn("unshare", ["-Urm", "sh", "-c", script, folder, String(SIZE_BYTES)], { stdio: ["pipe", "pipe", "ignore"] });
  if (!(await isMounted(holder))) {
    rmSync(folder, { recursive: true, force: true });
    return null;
  }
  const namespace = ["nsenter", "-t", String(holder.pid), "-U", "-m", "--preserve-credentials"];
  const seenFrom = `/proc/${holder.pid}/root${folder}`;
  const resize = (bytes: number) => run([...namespace, "mount", "-o", `remount,size=${bytes}`, folder]);
  return {
    folder,
    seenFrom,
    // Whoever enters a mount namespace begins in its root.
    enter: [...namespace, "sh", "-c", 'cd "$0" && exec "$@"', ROOT],
    async fill() {
      for (let attempt = 1; attempt <= FILL_ATTEMPTS; attempt++) {
        const { blocks, bfree, bsize } = statfsSync(seenFrom);
        if (await resize((blocks - bfree) * bsize)) return;
        await sleep(FILL_INTERVAL_MS);
      }
      throw new Error("the disk could not be filled");
    },
    async relieve() {
      if (!(await resize(SIZE_BYTES))) throw new Error("the disk could not be relieved");
    },
    async end() {
      const ended = holder.exitCode === null ? once(holder, "exit") : null;
      holder.stdin?.end();
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function isMounted(holder: ChildProcess): Promise<boolean> {
  const failed = new AbortController();
  holder.once("error", () => failed.abort());
  holder.once("exit", () => failed.abort());
  const signal = AbortSignal.any([failed.signal, AbortSignal.timeout(MOUNT_TIMEOUT_MS)]);
  return (
    holder.stdout !== null &&
    once(holder.stdout, "data", { signal }).then(
      () => true,
      () => false,
    )
  );
}

/** Whether the command did what it was asked to. */
async function run([program = "", ...args]: readonly string[]): Promise<boolean> {
  const [code] = await once(spawn(program, args, { stdio: "ignore" }), "exit");
  return code === 0;
}
