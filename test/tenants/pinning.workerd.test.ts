import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { TenantProfile } from "../../src/contract/profile.ts";
import type { OrderReceipt, OrderView } from "../../src/contract/views.ts";
import { profiles } from "../../src/tenants/profiles.ts";
import { answerOf, call, expectProblem, grant, stateOf, stubOf } from "../support/http.ts";
import { orderBody } from "../support/orders.ts";

interface Asked {
  readonly url: string;
  readonly token: string | null;
  readonly tenant: string | null;
  readonly body: { readonly orderId: string; readonly tenant: string };
}

/** Calls that went out, and the hosts that answer 503 to all of them. */
let asked: Asked[] = [];
const down = new Set<string>();

beforeEach(() => {
  asked = [];
  down.clear();
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    const { headers } = request;
    asked.push({
      url: request.url,
      token: headers.get("authorization"),
      tenant: headers.get("orderline-tenant"),
      body: await request.json(),
    });
    return down.has(new URL(request.url).host) ? new Response(null, { status: 503 }) : Response.json({ reference: "ref" });
  });
});
afterEach(() => vi.restoreAllMocks());

const paysAt = (url: string, secret?: string): TenantProfile => ({
  providers: { payment: { adapter: "http", url, ...(secret !== undefined && { secret }) } },
});

async function put(tenant: string, profile: TenantProfile): Promise<void> {
  const key = await grant("root", ["platform"]);
  await answerOf(call(`/v1/tenants/${tenant}`, { method: "PUT", key, body: { profile, reason: "a test" } }));
}

async function submit(tenant: string, idempotencyKey: string, changes: Partial<ReturnType<typeof orderBody>> = {}): Promise<Response> {
  const headers = { "idempotency-key": idempotencyKey };
  return call("/v1/orders", { key: await grant(tenant), headers, body: orderBody({ customer: {}, ...changes }) });
}

const accepted = async (tenant: string, key: string) => (await answerOf<OrderReceipt>(submit(tenant, key), 202)).id;

async function becomes(tenant: string, orderId: string, status: OrderView["status"]): Promise<void> {
  await vi.waitFor(async () => expect((await stateOf(tenant, orderId)).status).toBe(status), { timeout: 20_000, interval: 100 });
}

const callsFor = (orderId: string) => asked.filter(({ body }) => body.orderId === orderId);

describe("Orders of two tenants with providers of their own", () => {
  it("call each its own address with its own secret, and name their tenant", async () => {
    await put("ada", paysAt("https://pay.ada.example/orderline", "PROVIDER_TOKEN_ADA"));
    await put("bob", paysAt("https://pay.bob.example", "PROVIDER_TOKEN_BOB"));
    const [ofAda, ofBob] = await Promise.all([accepted("ada", "own-1"), accepted("bob", "own-1")]);
    await Promise.all([becomes("ada", ofAda, "confirmed"), becomes("bob", ofBob, "confirmed")]);
    for (const step of ["authorize", "capture"]) {
      expect(callsFor(ofAda).find(({ url }) => url.endsWith(step))).toMatchObject({
        url: `https://pay.ada.example/orderline/${step}`,
        token: "Bearer token of ada",
        tenant: "ada",
        body: { tenant: "ada" },
      });
      expect(callsFor(ofBob).find(({ url }) => url.endsWith(step))).toMatchObject({
        url: `https://pay.bob.example/${step}`,
        token: "Bearer token of bob",
        tenant: "bob",
      });
    }
    expect(asked.every(({ url }) => url.startsWith("https://pay."))).toBe(true);
  });

  it("are parked, not called without its secret, when the deployment has lost it", async () => {
    const profile = { version: 1, ...paysAt("https://pay.cleo.example", "PROVIDER_TOKEN_GONE") };
    await env.PROFILES.put("cleo", JSON.stringify({ version: 1, profile: paysAt("https://pay.cleo.example", "PROVIDER_TOKEN_GONE") }));
    const orderId = await accepted("cleo", "lost-1");
    await becomes("cleo", orderId, "quarantined");
    expect(callsFor(orderId)).toEqual([]);
    const state = await stateOf("cleo", orderId);
    expect(state.cause?.detail).toContain("no secret PROVIDER_TOKEN_GONE");
    expect(state.profile).toEqual(profile);
  });
});

describe("A profile that changes", () => {
  it("is used by orders that come after, and by none that was in flight", async () => {
    await put("dora", paysAt("https://old.dora.example"));
    down.add("old.dora.example");
    const early = await accepted("dora", "change-1");
    await vi.waitFor(() => expect(callsFor(early).length).toBeGreaterThan(0), { timeout: 15_000 });
    await put("dora", {
      ...paysAt("https://new.dora.example"),
      tracks: { cake: { firstStageWithinMs: 60_000, stages: [{ name: "baked", budgetMs: 0 }] } },
    });
    const late = (await answerOf<OrderReceipt>(submit("dora", "change-2", { track: "cake" }), 202)).id;
    await becomes("dora", late, "confirmed");
    down.clear();
    await stubOf(early).advance({ priority: "standard", attempt: 2 });
    await becomes("dora", early, "confirmed");
    const read = async (orderId: string) => answerOf<OrderView>(call(`/v1/orders/${orderId}`, { key: await grant("dora") }));
    expect(await read(early)).toMatchObject({ profileVersion: 1 });
    expect(await read(late)).toMatchObject({ profileVersion: 2 });
    const hosts = (orderId: string) => [...new Set(callsFor(orderId).map(({ url }) => new URL(url).host))];
    expect(hosts(early)).toEqual(["old.dora.example"]);
    expect(hosts(late)).toEqual(["new.dora.example"]);
    const stage = (orderId: string, name: string) =>
      grant("dora").then((key) => call(`/v1/orders/${orderId}/stage`, { key, body: { stage: name } }));
    expect(await answerOf<OrderView>(stage(late, "baked"))).toMatchObject({ status: "completed", track: "cake" });
    await expectProblem(stage(early, "baked"), 409, "wrong-stage");
    expect(await answerOf<OrderView>(stage(early, "picking"))).toMatchObject({ status: "in_fulfilment", track: "retail" });
  });

  it("refuses what it does not allow, with what it does, but still knows a repeat of an earlier order", async () => {
    const orderId = await accepted("emil", "repeat-1");
    await put("emil", { currencies: ["EUR"], tracks: { bread: { firstStageWithinMs: 1, stages: [{ name: "baked", budgetMs: 0 }] } } });
    const problem = await expectProblem(submit("emil", "repeat-2"), 422, "invalid-request");
    expect(problem.errors).toEqual([
      { pointer: "/track", detail: "is not a track of this tenant: there is only bread" },
      { pointer: "/currency", detail: "is not accepted by this tenant: it takes EUR" },
    ]);
    const again = await submit("emil", "repeat-1");
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    expect(await again.json()).toMatchObject({ id: orderId });
    await expectProblem(submit("emil", "repeat-1", { reference: "another" }), 422, "idempotency-key-reused");
  });
});

describe("A profile that nobody can tell", () => {
  it("lets no order in but those that are in already", async () => {
    const orderId = await accepted("fred", "unknown-1");
    await env.PROFILES.put("fred", "no profile");
    profiles.forget("fred");
    const answer = await submit("fred", "unknown-2");
    expect(answer.headers.get("retry-after")).toBe("5");
    await expectProblem(Promise.resolve(answer), 503, "unavailable");
    expect(await answerOf<OrderReceipt>(submit("fred", "unknown-1"), 202)).toMatchObject({ id: orderId });
  });
});

describe("An order of a tenant without a profile", () => {
  it("keeps nothing of any in its journal", async () => {
    const orderId = await accepted("gwen", "default-1");
    const journal = await stubOf(orderId).events("gwen");
    expect(JSON.stringify(journal)).not.toContain('"profile"');
    expect(await answerOf(call(`/v1/orders/${orderId}`, { key: await grant("gwen") }))).toMatchObject({ profileVersion: 0 });
  });
});
