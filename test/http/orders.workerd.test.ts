import { env, exports } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { Problem } from "../../src/contract/problems.ts";
import { OrderReceipt, OrderView, PlaceOrdersResult } from "../../src/contract/views.ts";
import { hex, sha256 } from "../../src/platform/digest.ts";
import type { KeyRecord } from "../../src/tenants/keys.ts";
import { orderBody } from "../support/orders.ts";

const SHOP = "key-of-the-shop";
const OTHER = "key-of-another-shop";
const READER = "key-that-only-reads";

async function grant(key: string, record: KeyRecord) {
  await env.API_KEYS.put(hex(await sha256(key)), JSON.stringify(record));
}

beforeAll(async () => {
  await grant(SHOP, { tenant: "shop", name: "shop", scopes: ["orders:read", "orders:write", "ops"] });
  await grant(OTHER, { tenant: "other", name: "other", scopes: ["orders:read", "orders:write", "ops"] });
  await grant(READER, { tenant: "shop", name: "reader", scopes: ["orders:read"] });
});

interface Call {
  readonly method?: string;
  readonly key?: string | null;
  readonly headers?: Record<string, string>;
  /** Sent as JSON, unless it is a string, which is sent as it is. */
  readonly body?: unknown;
}

function call(path: string, { method, key = SHOP, headers = {}, body }: Call = {}): Promise<Response> {
  return exports.default.fetch(`https://orderline.test${path}`, {
    method: method ?? (body === undefined ? "GET" : "POST"),
    headers: {
      ...(key !== null && { authorization: `Bearer ${key}` }),
      ...(body !== undefined && { "content-type": "application/json" }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
}

let count = 0;
const nextKey = () => `orders-http-${++count}`;
const submit = (body: unknown, idempotencyKey = nextKey(), more: Call = {}) =>
  call("/v1/orders", { ...more, body, headers: { "idempotency-key": idempotencyKey, ...more.headers } });

async function expectProblem(response: Response, status: number, name: string) {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const problem = Problem.parse(await response.json());
  expect(problem).toMatchObject({ status, type: `urn:orderline:problem:${name}` });
  expect(response.status).toBe(status);
  return problem;
}

describe("POST /v1/orders", () => {
  it("answers 202 with the order's id, status, total and links", async () => {
    const response = await submit(orderBody());
    expect(response.status).toBe(202);
    const receipt = OrderReceipt.parse(await response.json());
    expect(receipt).toMatchObject({ status: "accepted", total: 3564, currency: "GBP", links: { self: `/v1/orders/${receipt.id}` } });
    expect(response.headers.get("idempotency-replayed")).toBeNull();
  });

  it("gives a repeat the same answer and says that it is one, whatever the order of the fields", async () => {
    const key = nextKey();
    const first = await submit(orderBody(), key);
    const reordered = Object.fromEntries(Object.entries(orderBody()).reverse());
    const second = await submit(reordered, key);
    expect(second.status).toBe(202);
    expect(second.headers.get("idempotency-replayed")).toBe("true");
    expect(await second.text()).toBe(await first.text());
  });

  it("refuses another body under the same key", async () => {
    const key = nextKey();
    await submit(orderBody(), key);
    await expectProblem(await submit(orderBody({ currency: "EUR" }), key), 422, "idempotency-key-reused");
  });

  it("makes one order of fifty concurrent posts of one key", async () => {
    const key = nextKey();
    const responses = await Promise.all(Array.from({ length: 50 }, () => submit(orderBody(), key)));
    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([202]));
    expect(responses.filter(({ headers }) => headers.get("idempotency-replayed") === null)).toHaveLength(1);
    expect(new Set(await Promise.all(responses.map(async (response) => OrderReceipt.parse(await response.json()).id))).size).toBe(1);
  });

  it("keeps the same key of two tenants apart", async () => {
    const key = nextKey();
    const [mine, theirs] = await Promise.all([submit(orderBody(), key), submit(orderBody({ currency: "EUR" }), key, { key: OTHER })]);
    expect([mine.status, theirs.status]).toEqual([202, 202]);
    expect(OrderReceipt.parse(await mine.json()).id).not.toBe(OrderReceipt.parse(await theirs.json()).id);
  });

  it.each<[string, unknown, string]>([
    ["an unknown field", { ...orderBody(), coupon: "X" }, "/coupon"],
    ["no lines", orderBody({ lines: [] }), "/lines"],
    ["a fractional price", orderBody({ lines: [{ sku: "A", quantity: 1, unitPrice: 2.55 }] }), "/lines/0/unitPrice"],
    ["a negative quantity", orderBody({ lines: [{ sku: "A", quantity: -1, unitPrice: 1 }] }), "/lines/0/quantity"],
    ["a number beyond all bounds", orderBody({ lines: [{ sku: "A", quantity: 1, unitPrice: 1e300 }] }), "/lines/0/unitPrice"],
    ["a lower-case currency", orderBody({ currency: "gbp" }), "/currency"],
    ["a lone surrogate", orderBody({ reference: "\ud800" }), "/reference"],
    ["a total below zero", orderBody({ charges: [{ code: "discount", amount: -1_000_000 }] }), "/lines"],
    ["a list instead of an order", [], ""],
  ])("refuses %s and points at it", async (_, body, pointer) => {
    const problem = await expectProblem(await submit(body), 422, "invalid-request");
    expect(problem.errors?.map((error) => error.pointer)).toContain(pointer);
  });

  it("leaves no trace of a refused order", async () => {
    const key = nextKey();
    await submit({ ...orderBody(), coupon: "X" }, key);
    const accepted = await submit(orderBody(), key);
    expect(accepted.headers.get("idempotency-replayed")).toBeNull();
  });

  it("refuses what is not JSON, not said to be JSON, too large, or without a key", async () => {
    await expectProblem(await submit("{"), 400, "malformed-json");
    await expectProblem(await submit(`${"[".repeat(100_000)}`), 400, "malformed-json");
    await expectProblem(await submit("a=b", nextKey(), { headers: { "content-type": "text/plain" } }), 415, "unsupported-media-type");
    await expectProblem(await submit(`"${"x".repeat(2_000_000)}"`), 413, "body-too-large");
    await expectProblem(await call("/v1/orders", { body: orderBody() }), 400, "missing-idempotency-key");
    await expectProblem(await submit(orderBody(), "x".repeat(256)), 422, "invalid-request");
  });

  it("takes an order of a thousand lines, and none of a thousand and one", async () => {
    const lines = Array.from({ length: 1_000 }, (_, index) => ({ sku: `SKU-${index}`, quantity: 1, unitPrice: 1 }));
    expect((await submit(orderBody({ lines }))).status).toBe(202);
    await expectProblem(await submit(orderBody({ lines: [...lines, ...lines.slice(0, 1)] })), 422, "invalid-request");
  });
});

describe("API keys", () => {
  it("are required, must exist, and must have the scope", async () => {
    await expectProblem(await submit(orderBody(), nextKey(), { key: null }), 401, "unauthorized");
    await expectProblem(await submit(orderBody(), nextKey(), { key: "guessed" }), 401, "unauthorized");
    await expectProblem(await submit(orderBody(), nextKey(), { key: READER }), 403, "forbidden");
    expect((await call("/v1/orders", { key: READER })).status).toBe(200);
  });

  it("are checked before the body is read", async () =>
    expectProblem(await submit({ nonsense: true }, nextKey(), { key: "guessed" }), 401, "unauthorized"));

  it("for development are worthless where they are not allowed, even when somebody stored them", async () => {
    const key = "olk_dev_stored-by-mistake";
    await grant(key, { tenant: "shop", name: "dev", scopes: ["orders:read"] });
    const { app } = await import("../../src/http/app.ts");
    const request = () => new Request("https://orderline.test/v1/stats", { headers: { authorization: `Bearer ${key}` } });
    const deployed = Object.create(env, { DEVELOPMENT_KEYS: { value: undefined } });
    expect((await app.fetch(request(), deployed)).status).toBe(401);
    expect((await app.fetch(request(), env)).status).toBe(200);
  });
});

async function placed(body = orderBody()) {
  return OrderReceipt.parse(await (await submit(body)).json()).id;
}

async function read(id: string) {
  return OrderView.parse(await (await call(`/v1/orders/${id}`)).json());
}

async function reaches(id: string, status: string) {
  await expect.poll(async () => (await read(id)).status, { timeout: 15_000, interval: 100 }).toBe(status);
}

describe("GET /v1/orders/{id}", () => {
  it("shows the order as it is, with its version as ETag", async () => {
    const id = await placed();
    const response = await call(`/v1/orders/${id}`);
    const order = OrderView.parse(await response.json());
    expect(order).toMatchObject({ id, reference: "536365", total: 3564 });
    expect(JSON.stringify(order)).not.toContain("tok_visa");
    await reaches(id, "confirmed");
    const current = await call(`/v1/orders/${id}`);
    expect((await call(`/v1/orders/${id}`, { headers: { "if-none-match": current.headers.get("etag") ?? "" } })).status).toBe(304);
  });

  it("knows nothing of another tenant's order, of one never placed, and of what is no id", async () => {
    const id = await placed();
    await expectProblem(await call(`/v1/orders/${id}`, { key: OTHER }), 404, "not-found");
    await expectProblem(await call(`/v1/orders/${id}/events`, { key: OTHER }), 404, "not-found");
    await expectProblem(await call(`/v1/orders/${id}/cancel`, { key: OTHER, body: {} }), 404, "not-found");
    await expectProblem(await call("/v1/orders/ord_00000000000000000000000000"), 404, "not-found");
    await expectProblem(await call("/v1/orders/%F0%9F%92%A9"), 404, "not-found");
  });

  it("tells its story as a timeline, without the payment token", async () => {
    const id = await placed();
    await reaches(id, "confirmed");
    const text = await (await call(`/v1/orders/${id}/events`)).text();
    expect(text).not.toContain("tok_visa");
    const { events } = JSON.parse(text) as { events: { type: string }[] };
    expect([events.at(0)?.type, events.at(-1)?.type]).toEqual(["OrderPlaced", "OrderConfirmed"]);
  });
});

describe("Commands", () => {
  it("move an order through its track, and can be repeated", async () => {
    const id = await placed();
    await reaches(id, "confirmed");
    for (const stage of ["picking", "picking", "packing"]) {
      const response = await call(`/v1/orders/${id}/stage`, { body: { stage } });
      expect(OrderView.parse(await response.json())).toMatchObject({ status: "in_fulfilment", stage });
    }
    const problem = await expectProblem(await call(`/v1/orders/${id}/stage`, { body: { stage: "delivered" } }), 409, "wrong-stage");
    expect(problem).toMatchObject({ next: "shipped" });
    await expectProblem(await call(`/v1/orders/${id}/cancel`, { body: {} }), 409, "wrong-status");
  });

  it("cancel an order, whose effects are then undone", async () => {
    const id = await placed();
    await reaches(id, "confirmed");
    expect((await call(`/v1/orders/${id}/cancel`, { body: { reason: "changed my mind" } })).status).toBe(200);
    await reaches(id, "cancelled");
    const { steps, reason } = await read(id);
    expect(reason).toBe("changed my mind");
    expect(steps.filter(({ state }) => state === "succeeded").map(({ step }) => step)).toEqual(
      expect.arrayContaining(["refund", "unroute", "release"]),
    );
  });

  it("release a held order, or end it", async () => {
    const expensive = orderBody({ lines: [{ sku: "RING", quantity: 1, unitPrice: 5_000_000 }] });
    const [good, bad] = await Promise.all([placed(expensive), placed(expensive)]);
    await Promise.all([reaches(good, "held"), reaches(bad, "held")]);
    expect((await read(good)).reason).toBe("amount");
    await call(`/v1/orders/${good}/approve`, { body: { reason: "called the customer" } });
    await call(`/v1/orders/${bad}/reject`, { body: {} });
    await Promise.all([reaches(good, "confirmed"), reaches(bad, "failed")]);
  });

  it("refuse a body that does not fit", async () => {
    const id = await placed();
    await expectProblem(await call(`/v1/orders/${id}/cancel`, { body: { because: "x" } }), 422, "invalid-request");
    await expectProblem(await call(`/v1/orders/${id}/stage`, { body: {} }), 422, "invalid-request");
  });
});

describe("A parked order", () => {
  it("says why, is corrected with a reason, and goes on when it is redriven", async () => {
    const id = await placed(orderBody({ payment: { token: "tok_poison" } }));
    await reaches(id, "quarantined");
    const diagnosis = (await (await call(`/v1/orders/${id}/diagnosis`)).json()) as {
      situation: string;
      actions: string[];
      sentence: string;
    };
    expect(diagnosis).toMatchObject({ situation: "quarantined", actions: ["correct", "redrive", "cancel"] });
    expect(diagnosis.sentence).toContain("authorize failed as poison");
    await expectProblem(await call(`/v1/orders/${id}/correct`, { body: { reason: "typo", changes: {} } }), 422, "invalid-request");
    await expectProblem(
      await call(`/v1/orders/${id}/correct`, { body: { reason: "typo", changes: { lines: [] } } }),
      422,
      "invalid-request",
    );
    expect(
      (await call(`/v1/orders/${id}/correct`, { body: { reason: "mistyped token", changes: { payment: { token: "tok_visa" } } } })).status,
    ).toBe(200);
    expect((await call(`/v1/orders/${id}/redrive`, { body: { reason: "corrected" } })).status).toBe(200);
    await reaches(id, "confirmed");
    expect((await call(`/v1/orders/${id}/redrive`, { body: {} })).status).toBe(200);
    await expectProblem(await call(`/v1/orders/${await placed()}/redrive`, { body: {} }), 409, "wrong-status");
    const timeline = await (await call(`/v1/orders/${id}/events`)).text();
    expect(timeline).toContain("mistyped token");
    expect(timeline).not.toContain("tok_visa");
  });

  it("of another tenant has no diagnosis", async () => {
    const id = await placed();
    await expectProblem(await call(`/v1/orders/${id}/diagnosis`, { key: OTHER }), 404, "not-found");
  });
});

describe("POST /v1/orders/batch", () => {
  it("judges every order by itself", async () => {
    const [good, bad, again] = [nextKey(), nextKey(), nextKey()];
    await submit(orderBody(), again);
    const orders = [
      { idempotencyKey: good, order: orderBody() },
      { idempotencyKey: bad, order: { ...orderBody(), lines: [] } },
      { idempotencyKey: again, order: orderBody() },
    ];
    const { results } = PlaceOrdersResult.parse(await (await call("/v1/orders/batch", { body: { orders } })).json());
    expect(results.map(({ status, replayed }) => [status, replayed])).toEqual([
      [202, false],
      [422, false],
      [202, true],
    ]);
    expect(results[1]?.problem?.errors).toMatchObject([{ pointer: "/orders/1/order/lines" }]);
    await reaches(results[0]?.receipt?.id ?? "", "confirmed");
  });
});

describe("GET /v1/orders", () => {
  it("finds orders in the history, filtered and page by page, and only the tenant's own", async () => {
    const customer = `customer-${nextKey()}`;
    const ids = await Promise.all(Array.from({ length: 3 }, () => placed(orderBody({ customer: { id: customer } }))));
    type List = { orders: { id: string; status: string }[]; nextCursor: string | null };
    const list = async (query: string, key = SHOP) => (await (await call(`/v1/orders?${query}`, { key })).json()) as List;
    await expect.poll(async () => (await list(`customer=${customer}&status=confirmed`)).orders.length, { timeout: 15_000 }).toBe(3);
    const first = await list(`customer=${customer}&limit=2`);
    const second = await list(`customer=${customer}&limit=2&cursor=${first.nextCursor}`);
    expect([...first.orders, ...second.orders].map(({ id }) => id).sort()).toEqual([...ids].sort());
    expect(second.nextCursor).toBeNull();
    expect((await list(`customer=${customer}`, OTHER)).orders).toEqual([]);
  });

  it("refuses filters that it does not know, and cursors that it did not hand out", async () => {
    await expectProblem(await call("/v1/orders?status=lost"), 422, "invalid-request");
    await expectProblem(await call("/v1/orders?colour=red"), 422, "invalid-request");
    await expectProblem(await call("/v1/orders?cursor=nonsense"), 422, "invalid-cursor");
  });

  it("says so when the history does not answer, while single orders can still be read", async () => {
    const id = await placed();
    const { app } = await import("../../src/http/app.ts");
    const broken = Object.create(env, {
      HISTORY: {
        value: {
          prepare: () => {
            throw new Error("D1 is down");
          },
        },
      },
    });
    const get = (path: string) =>
      app.fetch(new Request(`https://orderline.test${path}`, { headers: { authorization: `Bearer ${SHOP}` } }), broken);
    await expectProblem(await get("/v1/orders"), 503, "unavailable");
    expect((await get(`/v1/orders/${id}`)).status).toBe(200);
  });
});

describe("Stock", () => {
  it("is made to order until it is first received, then reserved by orders and refused when it runs out", async () => {
    const sku = "TRACKED/1";
    const path = `/v1/stock/${encodeURIComponent(sku)}`;
    expect(await (await call(path)).json()).toMatchObject({ sku, tracked: false });
    const received = await call(`${path}/receipts`, { body: { quantity: 5 }, headers: { "idempotency-key": "delivery-1" } });
    expect(await received.json()).toMatchObject({ tracked: true, onHand: 5, available: 5, reserved: 0 });
    const lines = [{ sku, quantity: 4, unitPrice: 100 }];
    await reaches(await placed(orderBody({ lines })), "confirmed");
    expect(await (await call(path)).json()).toMatchObject({ onHand: 1, available: 1, reserved: 0 });
    const refused = await placed(orderBody({ lines }));
    await reaches(refused, "failed");
    expect((await read(refused)).reason).toBe("insufficient_stock");
    expect(await (await call(path)).json()).toMatchObject({ onHand: 1, available: 1, reserved: 0 });
  });
});

describe("The contract", () => {
  it("is an OpenAPI 3.1 document that names every route", async () => {
    const document = (await (await call("/openapi.json", { key: null })).json()) as { openapi: string; paths: Record<string, unknown> };
    expect(document.openapi).toBe("3.1.0");
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining([
        "/v1/orders",
        "/v1/orders/batch",
        "/v1/orders/{id}",
        "/v1/orders/{id}/events",
        "/v1/orders/{id}/cancel",
        "/v1/stats",
        "/v1/stats/live",
        "/v1/stock/{sku}",
      ]),
    );
  });

  it("says of a command what its repeat does: a correction is journaled again, the others change nothing", async () => {
    const { paths } = (await (await call("/openapi.json")).json()) as { paths: Record<string, { post: { description: string } }> };
    const commands = Object.entries(paths).flatMap(([path, { post }]) => {
      const name = /^\/v1\/orders\/\{id\}\/(\w+)$/.exec(path)?.[1];
      return name && post ? [[name, post.description] as const] : [];
    });
    for (const [name, description] of commands) {
      if (name === "correct") expect(description).toContain("Every call is journaled");
      else expect(description, name).toContain("repeating it changes nothing");
    }
    const id = await placed(orderBody({ payment: { token: "tok_poison" } }));
    await reaches(id, "quarantined");
    const before = (await read(id)).version;
    const correction = { reason: "typo", changes: { payment: { token: "tok_visa" } } };
    for (const version of [before + 1, before + 2]) {
      expect(await (await call(`/v1/orders/${id}/correct`, { body: correction })).json()).toMatchObject({ version });
    }
  });

  it("answers an unknown route with a problem", async () => {
    await expectProblem(await call("/v1/nothing"), 404, "not-found");
    expect(await (await call("/healthz", { key: null })).json()).toEqual({ status: "ok" });
  });
});
