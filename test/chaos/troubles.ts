/**
 * What a soak does to the server and to what it stands on, besides kills: troubles that last for a while and go away again. Each
 * comes from outside and needs no help of the source. It never waits for a trouble's end without bounds, and ends what it began.
 *
 * Left to the simulator, because a local server gives no hold on them from outside: queues that stop while the runtime goes on,
 * since they are part of it, and clocks that step, since a process has no wall clock of its own that somebody else could set.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { ServerFaults } from "../support/provider-server.ts";
import type { Disk } from "./disk.ts";
import type { TroubleName } from "./plan.ts";
import type { Providers } from "./providers.ts";
import type { Victim } from "./victim.ts";

/** What is to be undone when the trouble is over. */
type End = () => Promise<void>;

/** Begins a trouble; null when this system does not let us. */
export type Trouble = () => Promise<End | null>;

/** Where the local runtime keeps the history, below the store. */
const HISTORY = "v3/d1/miniflare-D1DatabaseObject";

/** The database is busy with writes, so its lock takes a moment; another process starts in a second or two. */
const LOCK_TIMEOUT_MS = 20_000;

export interface Troubled {
  readonly providers: Providers;
  readonly victim: Victim;
  /** Faults of the providers when nothing else is the matter. */
  readonly faults: ServerFaults;
  /** Null where none can be mounted. */
  readonly disk: Disk | null;
}

export const troublesOf = ({ providers, victim, faults, disk }: Troubled): Readonly<Record<TroubleName, Trouble>> => {
  const allProviders = (fault: ServerFaults["all"]) => async () => {
    await providers.setFaults({ all: fault });
    return () => providers.setFaults(faults);
  };
  return {
    unavailable: allProviders({ before: 1 }),
    silent: allProviders({ hang: 1 }),
    frozen: async () => {
      victim.freeze();
      return async () => victim.thaw();
    },
    full: async () => {
      if (disk === null) return null;
      await disk.fill();
      return disk.relieve;
    },
    history: async () => lockedHistory(victim.store, disk),
  };
};

/** Nobody but us can read or write the history until the returned function is called. */
async function lockedHistory(store: string, disk: Disk | null): Promise<End> {
  const seen = disk === null ? store : store.replace(disk.folder, disk.seenFrom);
  const name = readdirSync(join(seen, HISTORY)).find((file) => file.endsWith(".sqlite") && file !== "metadata.sqlite");
  if (name === undefined) throw new Error(`there is no history in ${seen}`);
  const command = [process.execPath, join(import.meta.dirname, "lock-database.ts"), join(store, HISTORY, name)];
  const [program = "", ...args] = [...(disk?.enter ?? []), ...command];
  const locker = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  const end = () => ended(locker);
  if (locker.stdout === null) throw new Error("the locker has no output");
  await once(locker.stdout, "data", { signal: AbortSignal.timeout(LOCK_TIMEOUT_MS) }).catch(async (error: unknown) => {
    await end();
    throw error;
  });
  return end;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.stdin?.end();
  await exit;
}
