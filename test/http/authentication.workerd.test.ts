import { env, exports } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { CommandReceipt } from "../../src/contract/views.ts";
import { app } from "../../src/http/app.ts";
import { hex, sha256 } from "../../src/platform/digest.ts";
import { Scope } from "../../src/tenants/keys.ts";
import { answerOf, type Call, call, expectProblem, grant, parkOrder, placeOrder } from "../support/http.ts";

const TENANT = "authentication";
const NOT_KNOWN = "this API key is not known, has expired or was revoked";

async function store(key: string, record: unknown): Promise<string> {
  await env.API_KEYS.put(hex(await sha256(key)), JSON.stringify(record));
  return key;
}

const unauthorized = async (path: string, options?: Call) => {
  const response = await call(path, options);
  const problem = await expectProblem(Promise.resolve(response.clone()), 401, "unauthorized");
  return { detail: problem.detail, challenge: response.headers.get("www-authenticate") };
};

const reader = await grant(TENANT, ["orders:read"]);

describe("A request without a key", () => {
  it.each<[string, Record<string, string>]>([
    ["at all", {}],
    ["but with a password", { authorization: "Basic YWRhOmxvdmVsYWNl" }],
    ["but with two", { authorization: `Bearer ${reader}, Bearer ${reader}` }],
    ["but with an empty one", { authorization: "Bearer " }],
  ])("%s is told to send one, without an error code (RFC 6750, section 3.1)", async (_, headers) =>
    expect(await unauthorized("/v1/stats", { headers })).toEqual({
      detail: "send `authorization: Bearer <API key>`",
      challenge: 'Bearer realm="orderline"',
    }),
  );

  it("does not learn which routes there are", async () => {
    await unauthorized("/v1/no/such/route");
    await expectProblem(call("/v1/no/such/route", { key: reader }), 404, "not-found");
  });
});

describe("A key that opens nothing", () => {
  it.each<[string, unknown]>([
    ["is unknown", undefined],
    ["has expired", { tenant: TENANT, name: "ada", scopes: ["orders:read"], expiresAt: "2020-01-01T00:00:00Z" }],
    ["was stored with a field that nobody knows", { tenant: TENANT, name: "ada", scopes: ["orders:read"], expires: "2099-01-01" }],
    ["was stored with a scope that does not exist", { tenant: TENANT, name: "ada", scopes: ["orders:read", "admin"] }],
  ])("because it %s is told just that", async (why, record) => {
    const key = `key-that-${why.replaceAll(" ", "-")}`;
    if (record) await store(key, record);
    expect(await unauthorized("/v1/stats", { key })).toEqual({
      detail: NOT_KNOWN,
      challenge: 'Bearer realm="orderline", error="invalid_token"',
    });
  });

  it("is not even looked up when it is longer than any", async () =>
    expect((await unauthorized("/v1/stats", { key: "x".repeat(10_000) })).detail).toBe(NOT_KNOWN));

  it("is refused before anything of the body is read", async () => {
    let read = 0;
    const body = new ReadableStream({
      pull(controller) {
        read += 1;
        controller.enqueue(new Uint8Array(1_000));
      },
    });
    for (const key of [undefined, "guessed"]) {
      const headers: Record<string, string> = key ? { authorization: `Bearer ${key}` } : {};
      const request = new Request("https://orderline.test/v1/orders", { method: "POST", headers, body });
      const response = await app.fetch(new Proxy(request, { get: unread }), env);
      expect(response.status).toBe(401);
    }
    expect(read).toBeLessThanOrEqual(1);

    function unread(target: Request, name: string | symbol): unknown {
      if (["body", "arrayBuffer", "text", "json", "blob", "formData", "bytes", "clone"].includes(String(name)))
        throw new Error("it was read");
      const value = Reflect.get(target, name) as unknown;
      return typeof value === "function" ? value.bind(target) : value;
    }
  });
});

describe("A key that a browser names as a subprotocol", () => {
  const protocols = { "sec-websocket-protocol": `orderline.v1, orderline.key.${reader}` };

  it("opens a socket", async () => {
    const response = await call("/v1/stats/live", { headers: { ...protocols, upgrade: "websocket" } });
    expect(response.status).toBe(101);
    response.webSocket?.accept();
    response.webSocket?.close(1000);
  });

  it("opens nothing else, whatever the request calls itself", async () => {
    for (const path of ["/v1/stats", "/v1/orders"]) {
      await unauthorized(path, { headers: protocols });
      await unauthorized(path, { headers: { ...protocols, upgrade: "websocket" } });
    }
    await unauthorized("/v1/stats/live", { headers: protocols });
  });
});

describe("The scope of a route", () => {
  interface Operation {
    /** Alternatives, one scope each. */
    readonly security: readonly Record<string, readonly Scope[]>[];
  }

  it("is told by the contract, needed and enough", async () => {
    const { paths } = await answerOf<{ paths: Record<string, Record<string, Operation>> }>(call("/openapi.json"));
    const routes = Object.entries(paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, operation]) => ({
        path,
        method,
        scopes: operation.security.flatMap(({ apiKey = [] }) => apiKey),
      })),
    );
    expect(routes.length).toBeGreaterThan(20);
    for (const { path, method, scopes } of routes) {
      expect(scopes.length, `${method} ${path}`).toBeGreaterThan(0);
      const options = { method: method.toUpperCase(), ...(method === "get" ? {} : { body: {} }) };
      const others = await grant(
        TENANT,
        Scope.options.filter((other) => !scopes.includes(other)),
      );
      const refused = await call(path, { ...options, key: others });
      expect(refused.headers.get("www-authenticate")).toBe(
        `Bearer realm="orderline", error="insufficient_scope", scope="${scopes.join(" ")}"`,
      );
      await expectProblem(Promise.resolve(refused), 403, "forbidden");
      for (const scope of scopes) {
        const enough = await call(path, { ...options, key: await grant(TENANT, [scope]) });
        expect([200, 202, 400, 404, 422, 426], `${method} ${path}`).toContain(enough.status);
      }
    }
  });
});

describe("A key without the scope", () => {
  it.each<[string, RequestInit]>([
    ["too large", { headers: { "content-type": "application/json" }, body: "x".repeat(1024 * 1024 + 1) }],
    ["of another type", { headers: { "content-type": "text/plain" }, body: "{}" }],
    ["not UTF-8", { headers: { "content-type": "application/json" }, body: new Uint8Array([0xff]) }],
    ["not JSON", { headers: { "content-type": "application/json" }, body: "{" }],
  ])("learns nothing of a body that is %s", async (_, { headers, body }) => {
    const submit = (key: string) =>
      exports.default.fetch("https://orderline.test/v1/orders/batch", {
        method: "POST",
        headers: { ...(headers as Record<string, string>), authorization: `Bearer ${key}` },
        ...(body && { body }),
      });
    await expectProblem(submit(reader), 403, "forbidden");
    expect([400, 413, 415]).toContain((await submit(await grant(TENANT, ["orders:write"]))).status);
  });
});

describe("A key that may not read orders", () => {
  const SECRETS = ["Lovelace", "ada@example.com", "Hidden Lane", "85123A"];

  it("commands an order and learns nothing of what was ordered, the first time and the second", async () => {
    const customer = { name: "Ada Lovelace", email: "ada@example.com" };
    const orderId = await placeOrder(TENANT, { customer, shipTo: { line1: "1 Hidden Lane", country: "GB" } });
    const path = `/v1/orders/${orderId}`;
    for (const scopes of [["orders:write"], ["orders:write", "ops"]] satisfies Scope[][]) {
      const text = JSON.stringify(
        CommandReceipt.strict().parse(await answerOf(call(`${path}/cancel`, { key: await grant(TENANT, scopes), body: {} }))),
      );
      for (const secret of SECRETS) expect(text).not.toContain(secret);
    }
    const both = await grant(TENANT, ["orders:read", "orders:write"]);
    expect(await answerOf(call(`${path}/cancel`, { key: both, body: {} }))).toMatchObject({ customer });
  });

  it("does not learn from a correction whether its guess was right", async () => {
    const key = await grant(TENANT, ["ops"]);
    const correct = async (token: string) => {
      const orderId = await parkOrder(TENANT, undefined, { payment: { token: "tok_right" } });
      const response = await call(`/v1/orders/${orderId}/correct`, { key, body: { reason: "x", changes: { payment: { token } } } });
      const { id, links, updatedAt, ...told } = CommandReceipt.parse(await response.json());
      return { ...told, etag: response.headers.get("etag") };
    };
    expect(await correct("tok_right")).toEqual(await correct("tok_wrong"));
  });
});
