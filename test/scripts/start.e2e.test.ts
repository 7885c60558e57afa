/** `npm start` as a newcomer meets it: what it prints, and that nothing is left when the terminal is closed. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DEVELOPMENT_KEY } from "../../scripts/dev-key.ts";
import { freePort } from "../../scripts/server.ts";
import { descendantsOf, isAlive } from "../../scripts/start/processes.ts";

const ROOT = join(import.meta.dirname, "../..");

/** Lines before the greeting that a newcomer reads patiently; npm prints some of its own. */
const HANDFUL = 12;

const store = mkdtempSync(join(tmpdir(), "first-use-"));
let port: number;
let npm: ReturnType<typeof spawn>;
let printed = "";

beforeAll(async () => {
  port = await freePort();
  const flags = ["--port", String(port), "--inspector-port", "0", "--persist-to", store];
  npm = spawn("npm", ["start", "--", ...flags], { cwd: ROOT, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  for (const stream of [npm.stdout, npm.stderr]) stream?.on("data", (chunk: Buffer) => (printed += chunk.toString()));
  await until("it greets", () => printed.includes("Orderline is up."), 120_000);
});
afterAll(() => {
  try {
    process.kill(-(npm.pid ?? 0), "SIGKILL");
  } catch {
    // ESRCH: all of them have ended, as they should have.
  }
  rmSync(store, { recursive: true, force: true });
});

async function until(what: string, holds: () => boolean, withinMs = 20_000): Promise<void> {
  for (const deadline = Date.now() + withinMs; !holds(); await new Promise((resolve) => setTimeout(resolve, 50))) {
    if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}\n${printed}`);
  }
}

async function submit(key: string, token: string): Promise<string> {
  const response = await fetch(`http://localhost:${port}/v1/orders`, {
    method: "POST",
    headers: { authorization: `Bearer ${DEVELOPMENT_KEY}`, "content-type": "application/json", "idempotency-key": key },
    body: JSON.stringify({
      currency: "GBP",
      lines: [{ sku: "85123A", quantity: 6, unitPrice: 255 }],
      customer: { email: "ada@example.com" },
      shipTo: { country: "GB" },
      payment: { token },
    }),
  });
  expect(response.status).toBe(202);
  return ((await response.json()) as { id: string }).id;
}

/** Without the time that stands before each line. */
const linesAbout = (id: string) => printed.split("\n").flatMap((line) => (line.includes(id) ? [line.slice(10)] : []));

describe("npm start", () => {
  it("prints a handful of lines before it greets", () => {
    const before = printed.split("Orderline is up.")[0] ?? "";
    expect(before.split("\n").filter((line) => line.trim() !== "").length).toBeLessThanOrEqual(HANDFUL);
  });

  it("prints a line per order as it is accepted and as it ends, one per warning, and none per request", async () => {
    const good = await submit("good", "tok_visa");
    const poisoned = await submit("poisoned", "tok_poison");
    await until("both are at rest", () => linesAbout(good).length >= 2 && linesAbout(poisoned).length >= 3);
    expect(linesAbout(good)).toEqual([
      `${good}  accepted     £15.30, 1 line, standard`,
      expect.stringMatching(/^ord_\w+ {2}confirmed {4}[\d.]+ s after it was placed$/),
    ]);
    expect(linesAbout(poisoned)).toEqual([
      `${poisoned}  accepted     £15.30, 1 line, standard`,
      expect.stringMatching(/^warning {2}step\.attempt {2}ord_\w+: step authorize, .*outcome failed, failure poison/),
      expect.stringMatching(/^ord_\w+ {2}quarantined {2}needs a person: authorize poison, /),
    ]);
    const after = printed.split("npm start -- --verbose\n")[1] ?? "";
    const others = after.split("\n").filter((line) => line.trim() !== "" && !line.includes(good) && !line.includes(poisoned));
    expect(others).toEqual([]);
  });

  it("leaves no process behind when npm is killed", async () => {
    const pid = npm.pid as number;
    const tree = descendantsOf(pid);
    // The shell, this command, wrangler twice, and its runtimes.
    expect(tree.length).toBeGreaterThanOrEqual(5);
    npm.kill("SIGKILL");
    await until("all of them have ended", () => !tree.some(isAlive));
    await expect(fetch(`http://localhost:${port}/healthz`)).rejects.toThrow();
  });
});
