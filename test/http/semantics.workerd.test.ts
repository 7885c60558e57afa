import { exports } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { OrderReceipt } from "../../src/contract/views.ts";
import { answerOf, call, expectProblem, grant, placeOrder, requestOf } from "../support/http.ts";
import { orderBody } from "../support/orders.ts";

let key: string;
beforeAll(async () => {
  key = await grant("semantics");
});

const submit = (headers: Record<string, string>, body: unknown = orderBody({ customer: {} })) => call("/v1/orders", { key, headers, body });

describe("An Idempotency-Key", () => {
  const doubled = (first: string, second: string) => {
    const request = requestOf("/v1/orders", { key, body: orderBody({ customer: {} }) });
    request.headers.append("idempotency-key", first);
    request.headers.append("idempotency-key", second);
    return exports.default.fetch(request);
  };

  it("that comes twice is refused, and makes no order", async () => {
    await expectProblem(doubled("twice", "twice"), 400, "invalid-idempotency-key");
    await expectProblem(doubled("once", "again"), 400, "invalid-idempotency-key");
    const fresh = await submit({ "idempotency-key": "twice" });
    expect(fresh.headers.get("idempotency-replayed")).toBeNull();
  });

  it("holds no comma, in a batch either", async () => {
    await expectProblem(submit({ "idempotency-key": "a,b" }), 400, "invalid-idempotency-key");
    const orders = [{ idempotencyKey: "a, b", order: orderBody() }];
    await expectProblem(call("/v1/orders/batch", { key, body: { orders } }), 422, "invalid-request");
  });
});

describe("A wrong method", () => {
  it.each([
    ["PUT", "/v1/orders", "GET, HEAD, POST"],
    ["GET", "/v1/orders/batch/x/cancel", null],
    ["GET", "/v1/orders/ord_00000000000000000000000000/cancel", "POST"],
    ["DELETE", "/v1/orders/ord_00000000000000000000000000", "GET, HEAD"],
    ["POST", "/v1/stats", "GET, HEAD"],
    ["OPTIONS", "/v1/stock/A%2FB/receipts", "POST"],
    ["POST", "/healthz", "GET, HEAD"],
    ["DELETE", "/v1/nothing", null],
  ])("%s %s is told which are right: %s", async (method, path, allow) => {
    const response = call(path, { key, method });
    await expectProblem(
      response.then((answer) => answer.clone()),
      allow === null ? 404 : 405,
      allow === null ? "not-found" : "method-not-allowed",
    );
    expect((await response).headers.get("allow")).toBe(allow);
  });

  it("needs a key below /v1, as everything does", async () => {
    await expectProblem(call("/v1/orders", { method: "PUT" }), 401, "unauthorized");
  });
});

describe("A body", () => {
  it.each([
    [{ "content-type": "application/json; charset=iso-8859-1" }],
    [{ "content-type": 'application/json; charset="utf-16"' }],
    [{ "content-type": "application/json; charset=utf-8; charset=latin1" }],
    [{ "content-encoding": "gzip" }],
    [{ "content-encoding": "identity, br" }],
  ])("with %j is refused unread", async (headers) => {
    await expectProblem(submit({ "idempotency-key": "encoded", ...headers }), 415, "unsupported-media-type");
  });

  it.each([
    ["charset-1", { "content-type": "application/json; charset=UTF-8" }],
    ["charset-2", { "content-type": 'application/json;charset="utf-8"' }],
    ["encoding", { "content-encoding": "identity" }],
  ])("with what means nothing is read: %s", async (name, headers) => {
    OrderReceipt.parse(await answerOf(submit({ "idempotency-key": name, ...headers }), 202));
  });
});

describe("A query", () => {
  it("is refused by routes that have none, and where it is misspelt", async () => {
    const id = await placeOrder("semantics");
    for (const path of [`/v1/orders/${id}?x=1`, `/v1/orders/${id}/events?limit=1`, "/v1/stats?from=2026", "/v1/orders?stauts=held"]) {
      const problem = await expectProblem(call(path, { key }), 422, "invalid-request");
      expect(problem.errors?.[0]).toMatchObject({ pointer: expect.stringMatching(/^\/query\//), detail: "is not a known field" });
    }
    await expectProblem(
      call("/v1/orders?dry=true", { key, body: orderBody(), headers: { "idempotency-key": "dry" } }),
      422,
      "invalid-request",
    );
    await answerOf(call(`/v1/orders/${id}?`, { key }));
  });
});

describe("If-None-Match", () => {
  it("is compared weakly, in lists, and with a star", async () => {
    const id = await placeOrder("semantics");
    const read = (header: string) => call(`/v1/orders/${id}`, { key, headers: { "if-none-match": header } });
    for (const header of ['"1"', 'W/"1"', '"9", W/"1"', "*"]) expect((await read(header)).status).toBe(304);
    expect((await read('"9"')).status).toBe(200);
  });
});
