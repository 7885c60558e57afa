/** wrangler as a child process, run by the Node.js that this process runs on, and without telemetry. */
import { type ChildProcess, spawn } from "node:child_process";
import { delimiter, dirname, join } from "node:path";

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
    env: environment(env),
  });
}

/** What wrangler is to find in its environment. */
export const environment = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
  WRANGLER_SEND_METRICS: "false",
  ...process.env,
  ...more,
  PATH: [dirname(process.execPath), process.env.PATH ?? "", BIN].join(delimiter),
});

/**
 * Runs wrangler to its end, without questions, since nobody may be there to answer.
 * @param options.onStart is handed the child, for whoever has to end it early
 */
export function runWrangler(
  args: readonly string[],
  { env = {}, onStart = () => {} }: { readonly env?: NodeJS.ProcessEnv; readonly onStart?: (child: ChildProcess) => void } = {},
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = startWrangler(args, { CI: "true", ...env });
    onStart(child);
    let stdout = "";
    let stderr = "";
    child.stdout?.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr?.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    child.once("error", reject);
    child.once("close", (code) => resolve({ code: code ?? 1, stdout, stderr }));
  });
}
