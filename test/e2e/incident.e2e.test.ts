/**
 * The incident of the runbook, played for real: payment captured, stock reserved, and the provider of the confirmation
 * hangs for one order in twenty. No order may stay silent: each is confirmed or in front of a person with its cause, and
 * when the provider works again a redrive finishes what is left without repeating what is done.
 */
import { once } from "node:events";
import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DEVELOPMENT_KEY } from "../../scripts/dev-key.ts";
import { type Server, startServer } from "../../scripts/server.ts";
import { OrderList, OrderView } from "../../src/contract/views.ts";
import { orderIdOf } from "../../src/http/identity.ts";
import type { Evidence } from "../oracle/evidence.ts";
import { checkQuiet } from "../oracle/laws.ts";
import { DEVELOPMENT_TENANT, providersEvidence, publicOrder } from "../oracle/views.ts";
import { type ProviderServer, startProviderServer } from "../support/provider-server.ts";

const ORDERS = 40;
const EVERY = 20;

/** Three attempts instead of eight: the rule is the same, the test is shorter by minutes. */
const LANES = { standard: { retry: { maxAttempts: 3, baseMs: 200, capMs: 500 } } };

const keyOf = (n: number) => `incident-${n}`;
const order = {
  currency: "GBP",
  lines: [{ sku: "85123A", quantity: 2, unitPrice: 255 }],
  customer: { email: "ada@example.com" },
  shipTo: { country: "GB" },
  payment: { token: "tok_visa" },
};

let payments: ProviderServer;
let notifications: HttpServer;
let server: Server;
const cursed = new Set<string>();
/** How often each order's customer was told. */
const told = new Map<string, number>();
let healed = false;

beforeAll(async () => {
  for (let n = 0; n < ORDERS; n += EVERY) cursed.add(await orderIdOf(DEVELOPMENT_TENANT, keyOf(n)));
  payments = await startProviderServer();
  notifications = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const { orderId } = JSON.parse(body) as { orderId: string };
    if (cursed.has(orderId) && !healed) return;
    told.set(orderId, (told.get(orderId) ?? 0) + 1);
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ reference: `mail-${orderId}` }));
  }).listen(0, "127.0.0.1");
  await once(notifications, "listening");
  const { port } = notifications.address() as AddressInfo;
  server = await startServer({
    vars: {
      PAYMENT_URL: `${payments.url}/payment`,
      FULFILMENT_URL: `${payments.url}/fulfilment`,
      NOTIFICATION_URL: `http://127.0.0.1:${port}`,
      LANES: JSON.stringify(LANES),
    },
  });
});

afterAll(async () => {
  await server?.stop();
  notifications?.closeAllConnections();
  notifications?.close();
  await payments?.close();
});

async function call(path: string, body?: unknown, idempotencyKey?: string) {
  const response = await fetch(`${server.url}${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: {
      authorization: `Bearer ${DEVELOPMENT_KEY}`,
      ...(body !== undefined && { "content-type": "application/json" }),
      ...(idempotencyKey && { "idempotency-key": idempotencyKey }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  expect(response.status, `${path} answered ${response.status}`).toBeLessThan(300);
  return (await response.json()) as Record<string, unknown>;
}

const listed = async () => OrderList.parse(await call("/v1/orders?limit=200")).orders;

describe("When the confirmation hangs for one order in twenty", () => {
  it("leaves no order silent, and a redrive finishes what is left", async () => {
    await Promise.all(Array.from({ length: ORDERS }, (_, n) => call("/v1/orders", order, keyOf(n))));

    // While it lasts: the diagnosis names the step, in words that on-call can act on.
    const [first = ""] = cursed;
    const diagnosis = () => call(`/v1/orders/${first}/diagnosis`);
    await expect.poll(async () => (await diagnosis()).steps, { timeout: 30_000 }).toEqual(["confirm"]);
    expect((await diagnosis()).sentence).toMatch(/confirm/);

    // Afterwards: everything is confirmed or parked with its cause, and nothing is still "processing".
    await expect
      .poll(async () => (await listed()).filter(({ status }) => status === "confirmed" || status === "quarantined").length, {
        timeout: 120_000,
        interval: 1_000,
      })
      .toBe(ORDERS);
    const parked = (await listed()).filter(({ status }) => status === "quarantined");
    expect(new Set(parked.map(({ id }) => id))).toEqual(cursed);
    const { items } = (await call("/v1/ops/attention")) as { items: { kind: string; count: number; what: string }[] };
    expect(items).toContainEqual(
      expect.objectContaining({ kind: "quarantined", count: cursed.size, what: expect.stringContaining("confirm") }),
    );
    for (const id of cursed) {
      const story = server
        .log()
        .split("\n")
        .filter((line) => line.includes(id));
      for (const event of ["order.placed", "step.attempt", "order.parked"]) expect(story.join("\n")).toContain(`"event":"${event}"`);
    }

    // The provider works again: only the confirmation is left to do, and it is done once.
    healed = true;
    const filter = { orderIds: [...cursed] };
    const preview = (await call("/v1/quarantine/preview", { filter })) as { orders: { willRun: string[]; done: { step: string }[] }[] };
    for (const { willRun, done } of preview.orders) {
      expect(willRun).toEqual(["confirm"]);
      expect(done.map(({ step }) => step)).toEqual(expect.arrayContaining(["authorize", "reserve", "route", "capture"]));
    }
    await call("/v1/quarantine/redrive", { filter, ratePerSecond: 10 }, "after-the-incident");
    await expect
      .poll(async () => (await listed()).filter(({ status }) => status === "confirmed").length, { timeout: 60_000, interval: 500 })
      .toBe(ORDERS);
    expect([...told.values()]).toEqual(Array.from({ length: ORDERS }, () => 1));
    const views = await Promise.all((await listed()).map(async ({ id }) => OrderView.parse(await call(`/v1/orders/${id}`))));
    const evidence: Evidence = {
      ...providersEvidence(payments.ledger()),
      ledgers: new Set(["payment", "fulfilment"]),
      orders: views.map((view) => publicOrder(DEVELOPMENT_TENANT, view)),
    };
    expect(checkQuiet(evidence)).toEqual([]);
  });
});
