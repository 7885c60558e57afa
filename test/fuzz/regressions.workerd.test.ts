/** What fuzzing has found, each as the smallest case of it. */
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { Problem } from "../../src/contract/problems.ts";
import { type OrderReceipt, PlaceOrdersResult } from "../../src/contract/views.ts";
import { orderIdOf } from "../../src/http/identity.ts";
import { hex, sha256 } from "../../src/platform/digest.ts";
import { consumeLane } from "../../src/queues/lane-consumer.ts";
import { consumeOrderEvents } from "../../src/queues/order-events-consumer.ts";
import { summary } from "../projections/history/summaries.ts";
import { deliver } from "../support/deliver.ts";
import { orderBody } from "../support/orders.ts";
import { expectHonest, get, grant, post, send, watchLog } from "./app.ts";

watchLog();
const key = await grant("fuzz-found");

let count = 0;
const submit = (body: string | Uint8Array, more: Record<string, string> = {}) =>
  post("/v1/orders", key, body, { "idempotency-key": `found-${++count}`, ...more });

describe("A refusal", () => {
  it("points at no more than twenty of sixty thousand unknown fields", async () => {
    const fields = Array.from({ length: 60_000 }, (_, index) => `"k${index}":0`).join();
    const { errors } = (await expectHonest(await submit(`{${fields}}`))) as Problem;
    expect(errors?.length).toBeLessThanOrEqual(20);
    const batch = await post("/v1/orders/batch", key, `{"orders":[{"idempotencyKey":"k","order":{${fields}}}]}`);
    const { results } = PlaceOrdersResult.parse(await expectHonest(batch));
    expect(results[0]?.problem?.errors?.length).toBeLessThanOrEqual(20);
  });

  it("of a media type says so with its own status", async () => {
    for (const type of ["application/json ; charset=utf-8", "application/json;"]) {
      const response = await submit(JSON.stringify(orderBody()), { "content-type": type });
      expect(response.status).toBeOneOf([202, 415]);
      await expectHonest(response);
    }
  });

  it("of a path that can name no SKU is in the contract", async () => {
    expect((await get("/v1/stock/%20", key)).status).toBe(404);
    const { paths } = (await (await get("/openapi.json", key)).json()) as { paths: Record<string, Record<string, { responses: object }>> };
    const stock = [paths["/v1/stock/{sku}"]?.get, paths["/v1/stock/{sku}/receipts"]?.post];
    for (const operation of stock) expect(Object.keys(operation?.responses ?? {})).toContain("404");
  });
});

describe("Two bodies that differ", () => {
  it("are not taken for one because neither is UTF-8", async () => {
    const latin1 = (reference: string) => Uint8Array.from(JSON.stringify(orderBody({ reference })), (character) => character.charCodeAt(0));
    const sameKey = { "idempotency-key": "latin-1" };
    const answers = [await submit(latin1("M\u00fcller"), sameKey), await submit(latin1("M\u00f6ller"), sameKey)];
    expect(answers.map(({ status }) => status)).toEqual([400, 400]);
    const receipt = (await (await submit(JSON.stringify(orderBody({ reference: "M\u00fcller" })), sameKey)).json()) as OrderReceipt;
    expect(await (await get(receipt.links.self, key)).json()).toMatchObject({ reference: "M\u00fcller" });
  });
});

describe("An API key", () => {
  it("opens nothing when what is stored of it is no JSON", async () => {
    await env.API_KEYS.put(hex(await sha256("key-of-nobody")), "{");
    const response = await get("/v1/stats", "key-of-nobody");
    expect(response.status).toBe(401);
    await expectHonest(response);
  });
});

describe("A socket", () => {
  it("does not choose a protocol that its client did not offer", async () => {
    const headers = Object.entries({ authorization: `Bearer ${key}`, upgrade: "websocket", "sec-websocket-protocol": "graphql-ws" });
    const response = await send({ method: "GET", path: "/v1/stats/live", headers });
    expect(response?.headers.get("sec-websocket-protocol")).toBeNull();
    await expectHonest(response as Response);
  });
});

describe("A message", () => {
  it("that neither JSON nor itself can turn into text is kept for a person", async () => {
    const body = { toString: null, amount: 1n };
    for (const consume of [consumeLane, consumeOrderEvents]) {
      await env.HISTORY.exec("DELETE FROM dead_letters");
      expect(await deliver(consume, "orders-standard", [{ body }])).toEqual({ acked: ["m0"], retried: {} });
      expect((await env.HISTORY.prepare("SELECT id FROM dead_letters").all()).results).toEqual([{ id: "m0" }]);
    }
  });

  it("about a time that no date can hold is kept for a person, and does not take its tenant's list away", async () => {
    const order = summary({
      tenant: "fuzz-found",
      orderId: await orderIdOf("fuzz-found", "far future"),
      placedAt: Number.MAX_SAFE_INTEGER,
    });
    expect(await deliver(consumeOrderEvents, "order-events", [{ body: { order } }])).toEqual({ acked: ["m0"], retried: {} });
    expect((await get("/v1/orders", key)).status).toBe(200);
  });
});
