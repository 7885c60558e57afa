import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Problem } from "../../src/contract/problems.ts";
import { OrderReceipt, OrderView, PlaceOrdersResult } from "../../src/contract/views.ts";
import { orderIdOf } from "../../src/http/identity.ts";
import { orderBody } from "../support/orders.ts";
import { bounds, DRAIN, expectHonest, expectProjected, get, grant, post, TEST_TIMEOUT_MS, watchLog } from "./app.ts";
import { fieldText } from "./arbitraries.ts";
import { nearlyValid } from "./edits.ts";

const TENANT = "fuzz-bodies";
const key = await grant(TENANT);
const withoutBug = watchLog();

/** An order with every field that there is. */
const ORDER = orderBody({
  priority: "expedited",
  lines: [
    { sku: "85123A", description: "White hanging heart t-light holder", quantity: 6, unitPrice: 255 },
    { sku: "71053", quantity: 6, unitPrice: 339 },
  ],
  charges: [
    { code: "postage", description: "by air", amount: 1_800 },
    { code: "discount", amount: -500 },
  ],
  customer: { id: "17850", name: "Ada", email: "ada@example.com" },
  shipTo: { name: "Ada", line1: "1 Road", line2: "Flat 2", city: "London", region: "Kent", postalCode: "N1", country: "GB" },
  payment: { token: "tok_visa", country: "GB" },
});
const VALID = JSON.stringify(ORDER);

let count = 0;
const nextKey = () => `bodies-${++count}`;
const submit = (text: string, idempotencyKey: string) => post("/v1/orders", key, text, { "idempotency-key": idempotencyKey });

/** The ids of the orders that were accepted. */
const accepted = new Set<string>();

/** The sum that the sender meant, exactly: a product beyond 2^53 would be lost in a double. */
function exactTotal({ lines, charges = [] }: typeof ORDER): bigint {
  const goods = lines.reduce((sum, { quantity, unitPrice }) => sum + BigInt(quantity) * BigInt(unitPrice), 0n);
  return charges.reduce((sum, { amount }) => sum + BigInt(amount), goods);
}

/** The order is there as it was sent, with what was left out filled in, and its total is the sum of its parts. */
async function expectKept(receipt: OrderReceipt, text: string): Promise<void> {
  accepted.add(receipt.id);
  // Once through JSON, because it reads `-0` and writes `0`.
  const sent = JSON.parse(JSON.stringify(JSON.parse(text))) as typeof ORDER;
  const view = OrderView.parse(await (await get(`/v1/orders/${receipt.id}`, key)).json());
  const { priority = "standard", track = "retail", charges = [], customer = {}, reference = null, currency, lines, shipTo } = sent;
  expect(view).toMatchObject({ track, charges, customer, reference, currency, lines, shipTo });
  // It may have been promoted meanwhile, never the other way round.
  if (priority === "expedited") expect(view.priority).toBe("expedited");
  expect([BigInt(receipt.total), BigInt(view.total)]).toEqual([exactTotal(sent), exactTotal(sent)]);
}

/** Neither a row nor an alarm: the actor of this key has never been written to. */
async function expectNoTrace(idempotencyKey: string): Promise<void> {
  const actor = env.ORDERS.getByName(await orderIdOf(TENANT, idempotencyKey));
  await runInDurableObject(actor, async (_, { storage }) => {
    expect(storage.sql.exec("SELECT name FROM sqlite_master").toArray()).toEqual([]);
    expect(await storage.getAlarm()).toBeNull();
  });
}

async function expectAcceptedAsNew(idempotencyKey: string): Promise<void> {
  const response = await submit(VALID, idempotencyKey);
  expect([response.status, response.headers.get("idempotency-replayed")]).toEqual([202, null]);
  await expectKept(OrderReceipt.parse(await response.json()), VALID);
}

describe("An order with one place changed", () => {
  it("is kept exactly as it was sent, or refused without a trace", { timeout: TEST_TIMEOUT_MS }, () =>
    fc.assert(
      fc.asyncProperty(
        nearlyValid(ORDER),
        fc.integer({ min: 1, max: 4 }),
        withoutBug(async ({ text, unknownField }, resubmit) => {
          const idempotencyKey = nextKey();
          const response = await submit(text, idempotencyKey);
          const answer = await expectHonest(response);
          if (unknownField) expect(response.status).toBeOneOf([413, 422]);
          if (response.status === 202) return expectKept(OrderReceipt.parse(answer), text);
          expect(response.status).toBeOneOf([413, 422]);
          await expectNoTrace(idempotencyKey);
          if (resubmit === 1) await expectAcceptedAsNew(idempotencyKey);
        }),
      ),
      bounds(150),
    ),
  );

  it("spoils no other order of its batch", { timeout: TEST_TIMEOUT_MS }, () =>
    fc.assert(
      fc.asyncProperty(
        nearlyValid(ORDER),
        withoutBug(async ({ text, unknownField }) => {
          fc.pre(text.length < 500_000);
          const keys = [nextKey(), nextKey(), nextKey()];
          const orders = [VALID, text, VALID].map((order, index) => `{"idempotencyKey":"${keys[index]}","order":${order}}`);
          const { results } = PlaceOrdersResult.parse(await expectHonest(await post("/v1/orders/batch", key, `{"orders":[${orders}]}`)));
          expect(results.map(({ idempotencyKey }) => idempotencyKey)).toEqual(keys);
          const [before, edited, after] = results;
          expect([before?.status, after?.status]).toEqual([202, 202]);
          expect(edited?.status).toBeOneOf(unknownField ? [422] : [202, 422]);
          for (const [index, { receipt, problem, status }] of results.entries()) {
            expect((receipt === null) !== (problem === null)).toBe(true);
            if (receipt) await expectKept(receipt, index === 1 ? text : VALID);
            else await expectNoTrace(keys[index] ?? "");
            if (problem)
              expect(problem).toMatchObject({
                status,
                type: expect.stringMatching(/^urn:/),
                title: expect.any(String),
                detail: expect.any(String),
              });
          }
        }),
      ),
      bounds(50),
    ),
  );

  it("meets its first answer again when it is sent again", { timeout: TEST_TIMEOUT_MS }, () =>
    fc.assert(
      fc.asyncProperty(
        nearlyValid(ORDER),
        withoutBug(async ({ text }) => {
          const idempotencyKey = nextKey();
          const [first, second] = [await submit(text, idempotencyKey), await submit(text, idempotencyKey)];
          expect(second.status).toBe(first.status);
          expect(await second.text()).toBe(await first.clone().text());
          if (first.status === 202) accepted.add(OrderReceipt.parse(await first.json()).id);
        }),
      ),
      bounds(100),
    ),
  );
});

describe("An order with one byte changed", () => {
  it("is kept as whoever reads UTF-8 reads it, or refused", { timeout: TEST_TIMEOUT_MS }, () => {
    const valid = new TextEncoder().encode(VALID);
    const change = fc.record({ at: fc.nat({ max: valid.length - 1 }), byte: fc.nat({ max: 255 }) });
    return fc.assert(
      fc.asyncProperty(
        change,
        withoutBug(async ({ at, byte }) => {
          const bytes = valid.with(at, byte);
          const text = new TextDecoder().decode(bytes);
          const response = await post("/v1/orders", key, bytes, { "idempotency-key": nextKey() });
          const answer = await expectHonest(response);
          // What is no UTF-8 would be read as something else than was sent, and two orders would look the same.
          if (text.includes("\ufffd")) expect(response.status).toBe(400);
          else if (response.status === 202) await expectKept(OrderReceipt.parse(answer), text);
          else expect(response.status).toBeOneOf([400, 422]);
        }),
      ),
      bounds(150),
    );
  });
});

describe("A good order", () => {
  const parameter = fc.oneof(fieldText, fc.constantFrom("charset=utf-8", "charset=utf-16", 'a="b;c"', "a=b; c=d", "q=1", ""));
  const mediaType = fc.oneof(
    fieldText,
    fc.constantFrom("text/plain", "text/json", "application/xml", "application/ld+json", "multipart/form-data", "application/jsonx"),
    fc
      .record({ type: fc.constantFrom("application/json", "Application/JSON"), space: fc.constantFrom("", " ", "\t"), parameter })
      .map(({ type, space, parameter: value }) => `${type}${space};${space}${value}`),
  );

  it("is either read or refused for its media type, but never misread", { timeout: TEST_TIMEOUT_MS }, () =>
    fc.assert(
      fc.asyncProperty(
        mediaType,
        withoutBug(async (type) => {
          const idempotencyKey = nextKey();
          const response = await post("/v1/orders", key, VALID, { "idempotency-key": idempotencyKey, "content-type": type });
          const answer = await expectHonest(response);
          expect(response.status).toBeOneOf([202, 415]);
          if (response.status === 202) await expectKept(OrderReceipt.parse(answer), VALID);
          else await expectNoTrace(idempotencyKey);
        }),
      ),
      bounds(150),
    ),
  );
});

describe("A receipt of goods with one place changed", () => {
  it("is counted once, or refused without a trace", { timeout: TEST_TIMEOUT_MS }, () =>
    fc.assert(
      fc.asyncProperty(
        nearlyValid({ quantity: 5 }),
        withoutBug(async ({ text, unknownField }) => {
          const name = nextKey();
          const path = `/v1/stock/${name}`;
          const response = await post(`${path}/receipts`, key, text, { "idempotency-key": name });
          await expectHonest(response);
          if (unknownField) expect(response.status).toBeOneOf([413, 422]);
          const onHand = response.status === 200 ? Number(JSON.parse(text).quantity) : 0;
          expect(await (await get(path, key)).json()).toMatchObject({
            tracked: response.status === 200,
            onHand,
            available: onHand,
            reserved: 0,
          });
          await runInDurableObject(env.INVENTORY.getByName(`${TENANT}/${name}`), async (_, { storage }) =>
            expect(storage.sql.exec("SELECT name FROM sqlite_master").toArray().length > 0).toBe(response.status === 200),
          );
        }),
      ),
      bounds(150),
    ),
  );
});

describe("A command with one place changed", () => {
  const COMMANDS = {
    cancel: { reason: "x" },
    expedite: {},
    stage: { stage: "picking" },
    approve: { reason: "x" },
    reject: { reason: "x" },
    redrive: { reason: "x" },
  };

  it("is carried out, or changes nothing", { timeout: TEST_TIMEOUT_MS }, async () => {
    // A guest's order: the customer above has ordered so much by now that a person would have to look at it.
    const { id } = OrderReceipt.parse(await (await submit(JSON.stringify({ ...ORDER, customer: {} }), nextKey())).json());
    accepted.add(id);
    const read = async () => OrderView.parse(await (await get(`/v1/orders/${id}`, key)).json());
    const isStill = () => expect.poll(async () => (await read()).status, DRAIN).not.toBeOneOf(["accepted", "processing", "cancelling"]);
    await isStill();
    const command = fc
      .constantFrom(...Object.entries(COMMANDS))
      .chain(([name, body]) => nearlyValid(body).map((edited) => ({ name, ...edited })));
    await fc.assert(
      fc.asyncProperty(
        command,
        withoutBug(async ({ name, text, unknownField }) => {
          const before = await read();
          const response = await post(`/v1/orders/${id}/${name}`, key, text);
          const problem = (await expectHonest(response)) as Problem;
          if (unknownField) expect(response.status).toBeOneOf([413, 422]);
          if (response.status === 200) await isStill();
          else expect(await read(), problem.detail).toEqual(before);
        }),
      ),
      bounds(150),
    );
  });
});

describe("Afterwards", () => {
  it("history and counters hold the orders that were accepted, and nothing else", { timeout: TEST_TIMEOUT_MS }, () =>
    expectProjected(accepted, TENANT, key),
  );
});
