/** wrangler as a child process: always without questions, since nobody may be there to answer, and without telemetry. */
import { type ChildProcess, spawn } from "node:child_process";
import { delimiter, join } from "node:path";

export const ROOT = join(import.meta.dirname, "..");

/** npm puts this folder on the path of its scripts; whoever runs a script without npm gets it from here. */
const BIN = join(ROOT, "node_modules/.bin");

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts wrangler; what it prints is to be read from the child's pipes. */
export function startWrangler(args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  return spawn("wrangler", args, {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    env: { WRANGLER_SEND_METRICS: "false", ...process.env, ...env, PATH: `${process.env.PATH ?? ""}${delimiter}${BIN}` },
  });
}

/** Runs wrangler to its end. @param onStart is handed the child, for whoever has to end it early */
export function runWrangler(args: readonly string[], onStart: (child: ChildProcess) => void = () => {}): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = startWrangler(args, { CI: "true" });
    onStart(child);
    let stdout = "";
    let stderr = "";
    child.stdout?.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr?.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    child.once("error", reject);
    child.once("close", (code) => resolve({ code: code ?? 1, stdout, stderr }));
  });
}
