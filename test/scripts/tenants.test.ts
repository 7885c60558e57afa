import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { DEVELOPMENT_KEY } from "../../scripts/dev-key.ts";
import { tenants } from "../../scripts/tenants/command.ts";

const FOLDER = mkdtempSync(join(tmpdir(), "orderline-tenants-"));
afterAll(() => rmSync(FOLDER, { recursive: true }));

function file(name: string, content: unknown): string {
  const path = join(FOLDER, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

const GOOD = file("good.json", { displayName: "Ada", currencies: ["GBP"] });
const VIEW = { tenant: "ada", version: 3, profile: { displayName: "Ada" }, at: "2026-11-21T08:00:00.000Z", by: "root", reason: "moved" };

interface Sent {
  readonly url: string;
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body: unknown;
}

/** One command against a deployment that answers one thing. */
async function run(argv: string[], { answer = VIEW as unknown, status = 200, environment = {} as Record<string, string> } = {}) {
  const sent: Sent[] = [];
  const printed = { out: "", error: "" };
  const exitCode = await tenants(argv, {
    environment,
    out: (text) => {
      printed.out += `${text}\n`;
    },
    error: (text) => {
      printed.error += `${text}\n`;
    },
    fetch: async (url, init = {}) => {
      const { method = "GET", headers, body } = init;
      sent.push({
        url: String(url),
        method,
        headers: headers as Record<string, string>,
        body: body === undefined ? undefined : JSON.parse(String(body)),
      });
      return Response.json(answer, { status });
    },
  });
  return { exitCode, ...printed, sent };
}

describe("npm run tenants", () => {
  it("says how it is used", async () => {
    expect(await run(["--help"])).toMatchObject({ exitCode: 0, out: expect.stringContaining("npm run tenants -- COMMAND") });
    expect(await run([])).toMatchObject({ exitCode: 2, error: expect.stringContaining("name a command") });
    expect(await run(["drop", "ada"])).toMatchObject({ exitCode: 2, error: expect.stringContaining("there is no command drop") });
    expect(await run(["get"])).toMatchObject({ exitCode: 2, error: expect.stringContaining("get takes TENANT") });
    expect(await run(["get", "ada", "--colour", "red"])).toMatchObject({ exitCode: 2, error: expect.stringContaining("--colour") });
    expect(await run(["get", "Not a tenant"])).toMatchObject({ exitCode: 2, error: "Not a tenant is no name of a tenant\n" });
  });

  it("validates a file without asking anybody, with what is wrong and where", async () => {
    expect(await run(["validate", GOOD])).toMatchObject({ exitCode: 0, out: `${GOOD} is a profile.\n`, sent: [] });
    const bad = file("bad.json", { lanes: { overnight: {} }, providers: { payment: { adapter: "http", url: "http://pay.example" } } });
    const { exitCode, error, sent } = await run(["validate", bad]);
    expect({ exitCode, sent }).toEqual({ exitCode: 2, sent: [] });
    expect(error).toContain("  /providers/payment/url  must begin with https://\n");
    expect(error).toContain("  /lanes/overnight  ");
    expect(await run(["validate", file("broken.json", "{")])).toMatchObject({ exitCode: 2, error: expect.stringContaining("is no JSON") });
    expect(await run(["validate", join(FOLDER, "absent.json")])).toMatchObject({ exitCode: 2, error: expect.stringContaining("ENOENT") });
  });

  it("prints a profile so that it can be put back", async () => {
    const { exitCode, out, error, sent } = await run(["get", "ada"]);
    expect({ exitCode, out }).toEqual({ exitCode: 0, out: `${JSON.stringify(VIEW.profile, null, 2)}\n` });
    expect(error).toBe("ada is at version 3, put by root at 2026-11-21T08:00:00.000Z: moved\n");
    expect(sent).toMatchObject([{ url: "http://localhost:8787/v1/tenants/ada", method: "GET" }]);
    expect(sent[0]?.headers.authorization).toBe(`Bearer ${DEVELOPMENT_KEY}`);
    expect((await run(["get", "ada", "--at-version", "2"])).sent).toMatchObject([
      { url: "http://localhost:8787/v1/tenants/ada/versions/2" },
    ]);
  });

  it("puts a file with the reason, and only on the version that was meant", async () => {
    const { exitCode, out, sent } = await run(["put", "ada", GOOD, "--reason", "new currency", "--if-version", "2"]);
    expect({ exitCode, out }).toMatchObject({ exitCode: 0, out: expect.stringContaining("ada is at version 3") });
    expect(sent).toMatchObject([
      {
        method: "PUT",
        body: { profile: { displayName: "Ada", currencies: ["GBP"] }, reason: "new currency" },
        headers: { "if-match": '"2"' },
      },
    ]);
  });

  it("sends nothing that the contract refuses, nor a change without a reason", async () => {
    const bad = file("bad-currency.json", { currencies: ["pounds"] });
    expect(await run(["put", "ada", bad, "--reason", "x"])).toMatchObject({ exitCode: 2, sent: [] });
    expect(await run(["put", "ada", GOOD])).toMatchObject({ exitCode: 2, sent: [], error: expect.stringContaining("--reason") });
  });

  it("takes the key from the environment, and never sends the development key to a deployment", async () => {
    const { sent } = await run(["get", "ada", "--url", "https://shop.example"], { environment: { ORDERLINE_KEY: "olk_live" } });
    expect(sent[0]?.headers.authorization).toBe("Bearer olk_live");
    expect(await run(["get", "ada", "--url", "https://shop.example"])).toMatchObject({
      exitCode: 2,
      sent: [],
      error: expect.stringContaining("ORDERLINE_KEY"),
    });
  });

  it("prints who changed what, newest first", async () => {
    const entry = (version: number) => ({ version, at: "2026-11-21T08:00:00.000Z", by: "root", reason: `reason ${version}` });
    const { out } = await run(["history", "ada"], { answer: { versions: [entry(3), entry(2)], nextBefore: 2 } });
    expect(out).toBe(
      "    3  2026-11-21T08:00:00.000Z  root: reason 3\n    2  2026-11-21T08:00:00.000Z  root: reason 2\nolder ones: --before 2\n",
    );
    expect((await run(["history", "ada"], { answer: { versions: [], nextBefore: null } })).out).toContain("default profile");
  });

  it("tells a refusal in the server's words, with where", async () => {
    const problem = {
      type: "urn:orderline:problem:invalid-request",
      title: "The request does not fit the contract",
      status: 422,
      detail: "it does not fit",
      errors: [{ pointer: "/profile/providers/payment/secret", detail: "this deployment has no secret PROVIDER_TOKEN_X" }],
    };
    const { exitCode, error } = await run(["put", "ada", GOOD, "--reason", "x"], { answer: problem, status: 422 });
    expect(exitCode).toBe(1);
    expect(error).toContain("422: The request does not fit the contract: it does not fit");
    expect(error).toContain("  /profile/providers/payment/secret  this deployment has no secret PROVIDER_TOKEN_X");
    expect(await run(["get", "ada"], { answer: "<html>", status: 502 })).toMatchObject({ exitCode: 1, error: "the answer was 502\n" });
  });
});
