import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import type { TenantVersions, TenantView } from "../../src/contract/profile.ts";
import { log } from "../../src/platform/log.ts";
import { answerOf, call, expectProblem, grant } from "../support/http.ts";

const PROFILE = { displayName: "Ada's Bakery", currencies: ["GBP", "EUR"] };

/** A key of the whole deployment; it belongs to a tenant, as every key does. */
const platform = () => grant("root", ["platform"]);

async function put(tenant: string, profile: unknown, { reason = "a test", headers = {} } = {}): Promise<Response> {
  return call(`/v1/tenants/${tenant}`, { method: "PUT", key: await platform(), headers, body: { profile, reason } });
}

const read = async (tenant: string, key?: string) => call(`/v1/tenants/${tenant}`, { key: key ?? (await platform()) });
const inKv = async (tenant: string) => JSON.parse((await env.PROFILES.get(tenant)) ?? "null") as unknown;

describe("A tenant's profile over HTTP", () => {
  it("is the embedded default until one is put", async () => {
    const answer = await read("unheard-of");
    expect(answer.headers.get("etag")).toBe('"0"');
    expect(await answer.json()).toEqual({ tenant: "unheard-of", version: 0, profile: {}, at: null, by: null, reason: null });
    expect(await env.PROFILES.get("unheard-of")).toBeNull();
  });

  it("has a further version with each change, which names who and why, and is copied to KV", async () => {
    const first = await answerOf<TenantView>(put("changing", PROFILE, { reason: "opened" }));
    expect(first).toMatchObject({ tenant: "changing", version: 1, profile: PROFILE, by: "ada", reason: "opened" });
    const second = await put("changing", { ...PROFILE, currencies: ["GBP"] }, { reason: "left the euro" });
    expect(second.headers.get("etag")).toBe('"2"');
    expect(await inKv("changing")).toEqual({ version: 2, profile: { ...PROFILE, currencies: ["GBP"] } });
    const { versions, nextBefore } = await answerOf<TenantVersions>(call("/v1/tenants/changing/versions", { key: await platform() }));
    expect(versions).toMatchObject([
      { version: 2, by: "ada", reason: "left the euro" },
      { version: 1, by: "ada", reason: "opened" },
    ]);
    expect(nextBefore).toBeNull();
    const old = await answerOf<TenantView>(call("/v1/tenants/changing/versions/1", { key: await platform() }));
    expect(old).toMatchObject({ version: 1, profile: PROFILE });
    await expectProblem(call("/v1/tenants/changing/versions/3", { key: await platform() }), 404, "not-found");
  });

  it("makes no version of what is there already, but mends its copy in KV", async () => {
    await put("repeated", PROFILE);
    await env.PROFILES.put("repeated", "damaged");
    expect(await answerOf<TenantView>(put("repeated", PROFILE))).toMatchObject({ version: 1 });
    expect(await inKv("repeated")).toEqual({ version: 1, profile: PROFILE });
  });

  it("pages through its history", async () => {
    for (const currency of ["GBP", "EUR", "USD"]) await put("paged", { currencies: [currency] });
    const page = async (query: string) => answerOf<TenantVersions>(call(`/v1/tenants/paged/versions?${query}`, { key: await platform() }));
    const newest = await page("limit=2");
    expect(newest.versions.map(({ version }) => version)).toEqual([3, 2]);
    expect(newest.nextBefore).toBe(2);
    const oldest = await page(`limit=2&before=${newest.nextBefore}`);
    expect(oldest).toMatchObject({ versions: [{ version: 1 }], nextBefore: null });
  });

  it("is changed only on the version that If-Match names", async () => {
    await put("guarded", PROFILE, { headers: { "if-match": '"0"' } });
    const stale = await expectProblem(put("guarded", {}, { headers: { "if-match": '"0"' } }), 412, "precondition-failed");
    expect(stale).toMatchObject({ version: 1 });
    await expectProblem(put("guarded", {}, { headers: { "if-match": 'W/"1"' } }), 412, "precondition-failed");
    await expectProblem(put("guarded", {}, { headers: { "if-match": "one" } }), 412, "precondition-failed");
    expect(await answerOf<TenantView>(put("guarded", {}, { headers: { "if-match": '"7", "1"' } }))).toMatchObject({ version: 2 });
  });

  it("lets one of many changes at once be each version, and only one build on the same", async () => {
    const profiles = Array.from({ length: 8 }, (_, index) => ({ displayName: `name ${index}` }));
    const answers = await Promise.all(profiles.map((profile) => put("raced", profile)));
    const versions = await Promise.all(answers.map(async (answer) => ((await answer.json()) as TenantView).version));
    expect(versions.sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    const guarded = await Promise.all(
      profiles.map(({ displayName }) => put("raced", { displayName: `${displayName}!` }, { headers: { "if-match": '"8"' } })),
    );
    expect(guarded.map(({ status }) => status).sort()).toEqual([200, 412, 412, 412, 412, 412, 412, 412]);
    const newest = (await (await read("raced")).json()) as TenantView;
    expect(newest.version).toBe(9);
    expect(await inKv("raced")).toEqual({ version: 9, profile: newest.profile });
  });

  it("is refused with what is wrong and where", async () => {
    const { errors } = await expectProblem(
      put("refused", { lanes: { overnight: {} }, tracks: { bakery: { firstStageWithinMs: 1, stages: [] } } }),
      422,
      "invalid-request",
    );
    expect(errors?.map(({ pointer }) => pointer).sort()).toEqual(["/profile/lanes/overnight", "/profile/tracks/bakery/stages"]);
    const secret = { providers: { payment: { adapter: "http", url: "https://pay.example", secret: "PROVIDER_TOKEN_NOWHERE" } } };
    expect((await expectProblem(put("refused", secret), 422, "invalid-request")).errors).toEqual([
      { pointer: "/profile/providers/payment/secret", detail: expect.stringContaining("no secret PROVIDER_TOKEN_NOWHERE") },
    ]);
    await expectProblem(
      call("/v1/tenants/refused", { method: "PUT", key: await platform(), body: { profile: {} } }),
      422,
      "invalid-request",
    );
    expect(await answerOf<TenantView>(read("refused"))).toMatchObject({ version: 0 });
  });

  it("is read by its own operators and by nobody else's, and changed by neither", async () => {
    await put("ada", PROFILE);
    const operator = await grant("ada", ["ops"]);
    expect(await answerOf<TenantView>(read("ada", operator))).toMatchObject({ version: 1 });
    await expectProblem(read("bob", operator), 404, "not-found");
    await expectProblem(read("ada", await grant("bob", ["ops"])), 404, "not-found");
    await expectProblem(read("ada", await grant("ada", ["orders:read", "orders:write"])), 403, "forbidden");
    const change = { method: "PUT", body: { profile: {}, reason: "mine" } };
    await expectProblem(call("/v1/tenants/ada", { ...change, key: operator }), 403, "forbidden");
    await expectProblem(call("/v1/tenants/ada/versions", { key: operator }), 403, "forbidden");
    await expectProblem(call("/v1/tenants/Not-a-tenant", { key: await platform() }), 404, "not-found");
  });

  it("is logged when it changes, without what is in it", async () => {
    const told = vi.spyOn(log, "info");
    await put("logged", PROFILE);
    const changes = told.mock.calls.filter(([event]) => event === "tenant.changed");
    told.mockRestore();
    expect(changes).toEqual([["tenant.changed", { tenant: "logged", version: 1, by: "ada" }]]);
  });
});

describe("The actor of a tenant", () => {
  it("writes its newest version to KV until it is there", async () => {
    const stub = env.TENANTS.getByName("outbox");
    const change = { profile: PROFILE, by: "ada", reason: "a test", ifVersion: null };
    let refusals = 2;
    await runInDurableObject(stub, async (actor) => {
      const written = vi.spyOn(env.PROFILES, "put").mockImplementation(async () => {
        refusals--;
        throw new Error("429 Too Many Requests");
      });
      expect(await actor.put(change)).toMatchObject({ outcome: "changed", current: { version: 1 } });
      await actor.alarm();
      written.mockRestore();
    });
    expect(refusals).toBe(0);
    expect(await env.PROFILES.get("outbox")).toBeNull();
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    expect(await inKv("outbox")).toEqual({ version: 1, profile: PROFILE });
  });

  it("writes nothing for a tenant that was only asked about", async () => {
    const stub = env.TENANTS.getByName("asked-about");
    expect(await stub.current()).toBeNull();
    expect(await stub.versions(10, 10)).toEqual([]);
    const tables = await runInDurableObject(stub, (_, { storage }) => storage.sql.exec("SELECT name FROM sqlite_master").toArray());
    expect(tables).toEqual([]);
  });
});
