/** `npm run deploy` against a fake of the Cloudflare API: from nothing, twice in a row, and after failures half way. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { KeyRecord } from "../../src/tenants/keys.ts";
import { ACCOUNT, FakeCloudflare, TOKEN } from "../support/cloudflare-api.ts";

const ROOT = join(import.meta.dirname, "../..");
const SENDER = ["--var", "CONFIRMATION_FROM:orders@shop.dev"];
const KEY = /olk_[0-9a-f]{48}/g;

const QUEUES = [
  "order-events",
  "orders-dead-letter",
  "orders-expedited",
  "orders-standard",
  "orders-standard-2",
  "orders-standard-3",
  "orders-standard-4",
];

/** wrangler remembers accounts and logins in its home; this one has none. */
const home = mkdtempSync(join(tmpdir(), "deploy-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

async function command(cloudflare: FakeCloudflare | null, script: string, ...args: string[]) {
  const account = cloudflare && {
    CLOUDFLARE_API_BASE_URL: await cloudflare.url(),
    CLOUDFLARE_API_TOKEN: TOKEN,
    CLOUDFLARE_ACCOUNT_ID: ACCOUNT,
  };
  const child = spawn(process.execPath, [script, ...args], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    env: { HOME: home, PATH: `${join(ROOT, "node_modules/.bin")}${delimiter}${process.env.PATH}`, ...account },
  });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (printed += chunk.toString()));
  const code = await new Promise((resolve) => child.once("close", resolve));
  expect(printed).not.toContain(TOKEN);
  return { code, printed };
}

const deploy = (cloudflare: FakeCloudflare | null, ...args: string[]) => command(cloudflare, "scripts/deploy.ts", ...args);

/** What was made or changed, in order, as `METHOD path`. */
const changes = ({ calls }: FakeCloudflare) =>
  calls.filter(({ method }) => method !== "GET").map(({ method, path }) => `${method} ${path}`);

const isUpload = (call: string) => /^(PUT|POST) \/workers\/scripts\/orderline(\/versions)?$/.test(call);
const isQuery = (call: string) => /^POST \/d1\/database\/[^/]+\/query$/.test(call);

const tablesOf = ({ databases }: FakeCloudflare) =>
  databases.flatMap(({ sql }) =>
    sql
      .prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
      .all()
      .map(({ name }) => name),
  );

describe("npm run deploy to an account that has nothing", () => {
  const cloudflare = new FakeCloudflare();
  afterAll(() => cloudflare.close());
  let first: Awaited<ReturnType<typeof deploy>>;
  beforeAll(async () => {
    first = await deploy(cloudflare, ...SENDER);
  });

  it("makes the database, the key store and the queues, and deploys", () => {
    expect(first.code, first.printed).toBe(0);
    expect(cloudflare.databases.map(({ name }) => name)).toEqual(["orderline-history"]);
    expect(cloudflare.namespaces.map(({ title }) => title)).toEqual(["orderline-api-keys", "orderline-profiles"]);
    expect(cloudflare.queues.map(({ queue_name }) => queue_name).sort()).toEqual(QUEUES);
    expect(cloudflare.queues.map(({ consumers }) => consumers.length)).toEqual(QUEUES.map(() => 1));
    expect(cloudflare.unknown).toEqual([]);
  });

  it("gives the code the bindings that it made, and the variables of the command line", () => {
    const bindings = cloudflare.scripts.get("orderline")?.bindings ?? [];
    expect(bindings).toContainEqual(expect.objectContaining({ type: "d1", name: "HISTORY", id: cloudflare.databases[0]?.uuid }));
    expect(bindings).toContainEqual({ type: "kv_namespace", name: "API_KEYS", namespace_id: cloudflare.namespaces[0]?.id });
    expect(bindings).toContainEqual({ type: "plain_text", name: "CONFIRMATION_FROM", text: "orders@shop.dev" });
  });

  it("applies the migrations before the code that needs them", () => {
    expect(tablesOf(cloudflare)).toEqual(expect.arrayContaining(["orders", "d1_migrations"]));
    const made = changes(cloudflare);
    expect(made.findLastIndex(isQuery)).toBeLessThan(made.findIndex(isUpload));
    expect(made.findIndex(isQuery)).toBeGreaterThan(-1);
  });

  it("makes a first key for the platform, shows it once, and stores its digest only", () => {
    const [key, ...more] = first.printed.match(KEY) ?? [];
    expect(more).toEqual([]);
    const digest = createHash("sha256").update(String(key)).digest("hex");
    const stored = [...(cloudflare.namespaces[0]?.values ?? [])];
    expect(stored.map(([name]) => name)).toEqual([digest]);
    expect(KeyRecord.parse(JSON.parse(stored[0]?.[1] ?? ""))).toMatchObject({ tenant: "platform", scopes: ["platform"] });
  });

  it("says what it did in a few readable lines", () => {
    const lines = first.printed.split("\n").filter((line) => line.trim() !== "");
    expect(lines.length).toBeLessThanOrEqual(16);
    for (const name of ["orderline-history", "orderline-api-keys", ...QUEUES])
      expect(first.printed).toMatch(new RegExp(`made +${name}$`, "m"));
    expect(first.printed).toContain("applied 0000_history.sql");
    expect(first.printed).toMatch(/deployed +https:\/\/orderline\.shop\.workers\.dev$/m);
  });

  it("leaves wrangler.toml as it is, and no file of its own", () => {
    expect(readFileSync(join(ROOT, "wrangler.toml"), "utf8")).not.toMatch(/^(database_)?id = /m);
    expect(existsSync(join(ROOT, "wrangler.deploy.json"))).toBe(false);
  });

  it("a second time makes nothing, applies nothing and shows no key, but deploys the code again", async () => {
    const before = cloudflare.calls.length;
    const { code, printed } = await deploy(cloudflare, ...SENDER);
    expect(code, printed).toBe(0);
    expect(printed.match(KEY)).toBeNull();
    expect(printed).toContain("none were missing");
    const made = changes({ calls: cloudflare.calls.slice(before) } as FakeCloudflare);
    expect(made.filter(isUpload)).toHaveLength(1);
    expect(made.filter((call) => /^POST \/(d1\/database|storage|queues)$/.test(call) || call.includes("/values/"))).toEqual([]);
    expect(cloudflare.scripts.get("orderline")?.versions).toHaveLength(2);
    expect(cloudflare.unknown).toEqual([]);
  });

  it("npm run keys adds a key for a tenant", async () => {
    const { code, printed } = await command(
      cloudflare,
      "scripts/keys.ts",
      ...["--tenant", "acme", "--name", "shop", "--scope", "orders:write"],
    );
    expect(code, printed).toBe(0);
    const digest = createHash("sha256")
      .update(String(printed.match(KEY)?.[0]))
      .digest("hex");
    const record = cloudflare.namespaces[0]?.values.get(digest);
    expect(JSON.parse(String(record))).toEqual({ tenant: "acme", name: "shop", scopes: ["orders:write"] });
  });
});

describe("npm run deploy that fails half way", () => {
  const cloudflare = new FakeCloudflare();
  afterAll(() => cloudflare.close());
  afterEach(() => {
    cloudflare.failing = () => false;
  });

  it("at a queue says so, shows no key and deploys nothing", async () => {
    cloudflare.failing = ({ method, path, body }) => method === "POST" && path === "/queues" && body.includes("orders-standard");
    const { code, printed } = await deploy(cloudflare, ...SENDER);
    expect(code).toBe(1);
    expect(printed).toContain("An internal error of the fake");
    expect(printed).toContain("the same command goes on from here");
    expect(printed.match(KEY)).toBeNull();
    expect(cloudflare.scripts.size).toBe(0);
    expect(cloudflare.namespaces).toHaveLength(2);
    expect(existsSync(join(ROOT, "wrangler.deploy.json"))).toBe(false);
  });

  it("and then at the upload shows no key either", async () => {
    cloudflare.failing = ({ method, path }) => isUpload(`${method} ${path}`);
    const { code, printed } = await deploy(cloudflare, ...SENDER);
    expect(code).toBe(1);
    expect(printed.match(KEY)).toBeNull();
    expect(cloudflare.namespaces[0]?.values.size).toBe(0);
  });

  it("goes on the next time with what is there already, and shows the first key", async () => {
    const { code, printed } = await deploy(cloudflare, ...SENDER);
    expect(code, printed).toBe(0);
    expect(printed.match(KEY)).toHaveLength(1);
    expect(cloudflare.databases).toHaveLength(1);
    expect(cloudflare.namespaces).toHaveLength(2);
    expect(cloudflare.queues.map(({ queue_name }) => queue_name).sort()).toEqual(QUEUES);
    expect(tablesOf(cloudflare)).toContain("orders");
    expect(cloudflare.unknown).toEqual([]);
  });
});

describe("npm run deploy", () => {
  it("refuses the sender that nobody may send from, before it touches the account", async () => {
    const cloudflare = new FakeCloudflare();
    const { code, printed } = await deploy(cloudflare);
    cloudflare.close();
    expect(code).toBe(1);
    expect(printed).toContain("CONFIRMATION_FROM is still orders@example.com");
    expect(printed).toContain("--var CONFIRMATION_FROM:orders@your-domain");
    expect(cloudflare.calls).toEqual([]);
  });

  it("with --dry-run only builds, without any account", async () => {
    const { code, printed } = await deploy(null, "--dry-run");
    expect(code, printed).toBe(0);
    expect(printed).toContain("--dry-run: exiting now.");
  });

  it("without any account says how to log in", async () => {
    const { code, printed } = await deploy(null, ...SENDER);
    expect(code).toBe(1);
    expect(printed).toContain("CLOUDFLARE_API_TOKEN");
  });
});
