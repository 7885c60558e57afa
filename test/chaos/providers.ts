/**
 * The providers as a process of their own, so that the server's death is not theirs: what they did stays done. The process
 * ends by its id with whoever started it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { LedgerSnapshot } from "../oracle/ledger.ts";
import type { ServerFaults } from "../support/provider-server.ts";

const PROGRAM = join(import.meta.dirname, "../support/provider-server.ts");

/** A Node process with a handful of modules is up in a second; on a busy machine in a few. */
const START_TIMEOUT_MS = 30_000;

export interface Providers {
  /** The variables that make every port of Orderline use them. */
  readonly vars: Readonly<Record<string, string>>;
  ledger(): Promise<LedgerSnapshot>;
  /** From now on they fail like this. */
  setFaults(faults: ServerFaults): Promise<void>;
  stop(): Promise<void>;
}

export interface ProvidersOptions {
  readonly seed: number;
  readonly faults: ServerFaults;
  /** File that every effect is appended to before it is answered; without it the effects are kept in memory only. */
  readonly ledgerFile?: string;
}

export async function startProviders({ seed, faults, ledgerFile }: ProvidersOptions): Promise<Providers> {
  const ledger = ledgerFile === undefined ? [] : ["--ledger", ledgerFile];
  const args = [PROGRAM, "--port", "0", "--seed", String(seed), "--faults", JSON.stringify(faults), ...ledger];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const url = await addressOf(child).catch(async (error: unknown) => {
    await end(child);
    throw error;
  });
  const vars = {
    PAYMENT_URL: `${url}/payment`,
    INVENTORY_URL: `${url}/inventory`,
    FULFILMENT_URL: `${url}/fulfilment`,
    NOTIFICATION_URL: `${url}/notification`,
  };
  return {
    vars,
    ledger: async () => LedgerSnapshot.parse(await (await fetch(`${url}/ledger`)).json()),
    setFaults: async (wanted) => {
      const { ok, status } = await fetch(`${url}/faults`, { method: "POST", body: JSON.stringify(wanted) });
      if (!ok) throw new Error(`the provider server answered new faults with ${status}`);
    },
    stop: () => end(child),
  };
}

/** The process says where it listens in its first line. */
async function addressOf(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new Error("the provider server has no output");
  const lines = createInterface({ input: child.stdout });
  const [line] = (await once(lines, "line", { signal: AbortSignal.timeout(START_TIMEOUT_MS) })) as [string];
  const url = /http:\/\/\S+?(?=,|$)/.exec(line)?.[0];
  if (url === undefined) throw new Error(`the provider server said something else than its address: ${line}`);
  return url;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}
