/** `npm start` with a stand-in for wrangler, which comes up, fails or lingers as a test wants it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { freePort } from "../../scripts/server.ts";
import { whyUnusable } from "../../scripts/start/port.ts";
import { isAlive } from "../../scripts/start/processes.ts";

const ROOT = join(import.meta.dirname, "../..");

/** Processes start slowly on a busy machine. */
const PATIENCE_MS = 30_000;
vi.setConfig({ testTimeout: 2 * PATIENCE_MS });

/** Prepares in no time. As a server it starts a process of its own that outlives every polite request to end, as a hung runtime would. */
const STAND_IN = `#!${process.execPath}
const { spawn } = require("node:child_process");
const { writeFileSync } = require("node:fs");
const [command, ...args] = process.argv.slice(2);
if (command !== "dev") process.exit(0);
if (process.env.STAND_IN === "fails") {
  console.error("✘ [ERROR] Address already in use");
  process.exit(1);
}
const runtime = spawn(process.execPath, ["-e", "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)"], { stdio: "ignore" });
writeFileSync(process.env.PIDS, process.pid + " " + runtime.pid);
console.log("⎔ Starting local server...");
if (process.env.STAND_IN === "ready") console.log("[wrangler:info] Ready on http://localhost:" + args[args.indexOf("--port") + 1]);
setInterval(() => {}, 1000);
`;

const folder = mkdtempSync(join(tmpdir(), "start-"));
const pids = join(folder, "pids");
const children: ChildProcess[] = [];
const servers: Server[] = [];

beforeAll(() => {
  writeFileSync(join(folder, "wrangler"), STAND_IN);
  chmodSync(join(folder, "wrangler"), 0o755);
});
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  for (const server of servers.splice(0)) server.close();
  for (const pid of started()) if (isAlive(pid)) process.kill(pid, "SIGKILL");
  rmSync(pids, { force: true });
});

const started = (): number[] => (existsSync(pids) ? readFileSync(pids, "utf8").split(" ").map(Number) : []);

/** Another program's server, which answers everything with 200, as an Orderline would its health check. */
async function otherServer(): Promise<number> {
  const server = createServer((_, response) => response.end("{}")).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

interface Run {
  readonly child: ChildProcess;
  printed(): string;
  readonly ended: Promise<number | null>;
}

function run(program: string, args: readonly string[], standIn: "ready" | "fails" | "never ready", env: NodeJS.ProcessEnv = {}): Run {
  const child = spawn(program, args, {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, PATH: `${folder}${delimiter}${process.env.PATH}`, STAND_IN: standIn, PIDS: pids, ...env },
  });
  children.push(child);
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => (printed += chunk.toString()));
  return { child, printed: () => printed, ended: once(child, "close").then(([code]) => code as number | null) };
}

const start = (port: number, standIn: Parameters<typeof run>[2]) =>
  run(process.execPath, ["scripts/start.ts", "--port", String(port)], standIn);

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const deadline = Date.now() + PATIENCE_MS; !holds(); await new Promise((resolve) => setTimeout(resolve, 20))) {
    if (Date.now() > deadline) throw new Error(`not within ${PATIENCE_MS} ms: ${what}`);
  }
}

describe("When its port is taken", () => {
  it("npm start says so and ends with 1, without greeting", async () => {
    const port = await otherServer();
    const { ended, printed } = start(port, "ready");
    expect(await ended).toBe(1);
    expect(printed()).toContain(`Port ${port} is taken`);
    expect(printed()).toContain(`npm start -- --port ${port + 1}`);
    expect(printed()).not.toContain("is up");
    expect(started()).toEqual([]);
  });

  it("a server on every address is noticed, too, and a free port is not called taken", async () => {
    const everywhere = createServer().listen(0);
    servers.push(everywhere);
    await once(everywhere, "listening");
    expect(await whyUnusable((everywhere.address() as AddressInfo).port)).toContain("is taken");
    expect(await whyUnusable(await freePort())).toBeNull();
  });

  it("by somebody who was quicker than wrangler, npm start shows wrangler's error and does not greet", async () => {
    const { ended, printed } = start(await freePort(), "fails");
    expect(await ended).toBe(1);
    expect(printed()).toContain("Address already in use");
    expect(printed()).not.toContain("is up");
  });
});

describe("npm start", () => {
  it("greets when its own server is ready, after one line and not more", async () => {
    const port = await freePort();
    const { printed } = start(port, "ready");
    await until("it greets", () => printed().includes("Orderline is up."));
    expect(printed()).toContain(`curl -s http://localhost:${port}/v1/orders`);
    const before = printed().split("Orderline is up.")[0] ?? "";
    expect(before.split("\n").filter((line) => line.trim() !== "")).toEqual(["Orderline is starting ..."]);
  });

  it("does not greet for a server that somebody else runs on its port", async () => {
    const port = await freePort();
    const { printed } = start(port, "never ready");
    await until("wrangler runs", () => started().length > 0);
    createServer((_, response) => response.end("{}")).listen(port, "127.0.0.1", function (this: Server) {
      servers.push(this);
    });
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(printed()).not.toContain("is up");
  });

  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "told to end by %s takes every process with it, even one that will not end",
    async (signal) => {
      const { child, ended, printed } = start(await freePort(), "ready");
      await until("it greets", () => printed().includes("is up"));
      child.kill(signal);
      expect(await ended).toBe(0);
      await until("all processes have ended", () => !started().some(isAlive));
    },
  );

  it.each(["SIGTERM", "SIGKILL"] as const)("leaves nothing running when npm is ended by %s", async (signal) => {
    const port = await freePort();
    // npm runs its scripts in a shell, which does not hand a signal on.
    const script = `${process.execPath} scripts/start.ts --port ${port}; true`;
    const npm = `require("node:child_process").spawn("sh", ["-c", ${JSON.stringify(script)}], { stdio: "inherit" })`;
    const { child, printed } = run(process.execPath, ["-e", npm], "ready", { npm_lifecycle_event: "start" });
    await until("it greets", () => printed().includes("is up"));
    child.kill(signal);
    await until("all processes have ended", () => !started().some(isAlive));
  });
});
