/**
 * The whole thing for real: the server as `npm start` starts it, real invoices, and providers of its own process whose
 * calls fail before and after their effect and hang. When it is quiet again the laws of order processing must hold,
 * checked against the providers' own ledger.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { DEVELOPMENT_KEY } from "../../scripts/dev-key.ts";
import { ordersFrom, rowsFrom } from "../../scripts/replay/invoices.ts";
import { replay } from "../../scripts/replay/run.ts";
import { type Server, startServer } from "../../scripts/server.ts";
import { StatsFrame, StatsSnapshot } from "../../src/contract/stats.ts";
import { OrderList, OrderView, Timeline } from "../../src/contract/views.ts";
import type { Evidence } from "../oracle/evidence.ts";
import { checkQuiet } from "../oracle/laws.ts";
import { DEVELOPMENT_TENANT, listedOrder, providersEvidence, publicOrder } from "../oracle/views.ts";
import { type ProviderServer, startProviderServer } from "../support/provider-server.ts";

const SAMPLE = join(import.meta.dirname, "../../samples/online-retail-sample.csv");
const RUN = "laws";

/** The one SKU that is stocked, and how much of it came in. */
const TRACKED = "85123A";
const RECEIVED = 10_000;

/** About one call in six goes wrong, so that nearly every order meets a failure; a hang costs an attempt ten seconds. */
const FAULTS = { all: { before: 0.08, after: 0.06, hang: 0.004, latencyMs: [1, 10] as [number, number] } };

/** Retries within seconds instead of minutes: the rules are the same, the test is shorter. */
const LANES = { expedited: { retry: { capMs: 1_000, maxAttempts: 12 } }, standard: { retry: { capMs: 2_000, maxAttempts: 12 } } };

let providers: ProviderServer;
let server: Server;

beforeAll(async () => {
  providers = await startProviderServer({ faults: FAULTS, seed: 7 });
  server = await startServer({
    vars: {
      PAYMENT_URL: `${providers.url}/payment`,
      FULFILMENT_URL: `${providers.url}/fulfilment`,
      NOTIFICATION_URL: `${providers.url}/notification`,
      LANES: JSON.stringify(LANES),
    },
  });
});

afterAll(async () => {
  await server?.stop();
  await providers?.close();
});

async function get(path: string): Promise<unknown> {
  const response = await fetch(`${server.url}${path}`, { headers: { authorization: `Bearer ${DEVELOPMENT_KEY}` } });
  expect(response.status, `GET ${path}`).toBe(200);
  return response.json();
}

function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${server.url}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${DEVELOPMENT_KEY}`, "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

async function listAll() {
  const orders = [];
  let cursor: string | null = null;
  do {
    const page = OrderList.parse(await get(`/v1/orders?limit=200${cursor === null ? "" : `&cursor=${cursor}`}`));
    orders.push(...page.orders);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return orders;
}

/** What the stock of one SKU is shown as. */
const StockView = z.object({ onHand: z.int(), available: z.int(), reserved: z.int() });

/** Everything but the stock's own ledger: it is the embedded one here, and seen by its shelves. */
async function gathered(frames: readonly StatsFrame[]): Promise<Evidence> {
  const listed = await listAll();
  const views = await Promise.all(listed.map(async ({ id }) => OrderView.parse(await get(`/v1/orders/${id}`))));
  const { available, reserved } = StockView.parse(await get(`/v1/stock/${TRACKED}`));
  return {
    ...providersEvidence(providers.ledger()),
    ledgers: new Set(["payment", "fulfilment", "notification"]),
    orders: views.map((view) => publicOrder(DEVELOPMENT_TENANT, view)),
    shelves: [{ sku: TRACKED, received: RECEIVED, available, reserved }],
    history: listed.map((row) => listedOrder(DEVELOPMENT_TENANT, row)),
    counters: [{ tenant: DEVELOPMENT_TENANT, counters: StatsSnapshot.parse(await get("/v1/stats")), receivers: [frames] }],
  };
}

/** Collects the frames of the live counters until it is told to stop. */
function watchFrames(): { frames: StatsFrame[]; close(): void } {
  const frames: StatsFrame[] = [];
  const socket = new WebSocket(`${server.url.replace("http", "ws")}/v1/stats/live`, ["orderline.v1", `orderline.key.${DEVELOPMENT_KEY}`]);
  socket.addEventListener("message", ({ data }) => frames.push(StatsFrame.parse(JSON.parse(String(data)))));
  return { frames, close: () => socket.close() };
}

describe("Under failing providers", () => {
  it("carries every real invoice to its end, exactly once, and the books agree to the penny", async () => {
    const received = await post(`/v1/stock/${TRACKED}/receipts`, { quantity: RECEIVED }, { "idempotency-key": "delivery-1" });
    expect(received.status).toBe(200);
    const { frames, close } = watchFrames();

    const said: string[] = [];
    const quiet = { write: (text: string) => said.push(text) };
    const argv = ["--url", server.url, "--file", SAMPLE, "--run", RUN, "--rate", "20", "--timeout", "150"];
    const code = await replay(argv, { out: quiet, screen: quiet as never, signal: new AbortController().signal });
    expect(code, said.join("")).toBe(0);

    const parsed = rowsFrom(readFileSync(SAMPLE, "utf8"));
    const { orders } = ordersFrom("rows" in parsed ? parsed.rows : []);
    const evidence = await gathered(frames);
    close();
    expect(checkQuiet(evidence)).toEqual([]);
    expect(evidence.orders).toHaveLength(orders.length);
    expect(evidence.orders.filter(({ status }) => status === "confirmed").length).toBeGreaterThan(orders.length / 2);
    const { onHand, available, reserved } = StockView.parse(await get(`/v1/stock/${TRACKED}`));
    expect(onHand).toBe(available + reserved);
    expect(frames.length).toBeGreaterThan(2);

    // The test could not have failed if nothing had gone wrong.
    expect(server.log()).toContain('"event":"step.attempt"');
  });

  it("submits the same file again without a second effect", async () => {
    const before = await listAll();
    const said: string[] = [];
    const quiet = { write: (text: string) => said.push(text) };
    const argv = ["--url", server.url, "--file", SAMPLE, "--run", RUN, "--rate", "100", "--json"];
    expect(await replay(argv, { out: quiet, screen: quiet as never, signal: new AbortController().signal }), said.join("")).toBe(0);
    expect(await listAll()).toEqual(before);
    expect(checkQuiet(await gathered([]))).toEqual([]);
  });
});

describe("Whatever is sent", () => {
  it("is answered with anything but a 500, and leaves no trace when it is refused", async () => {
    const before = await listAll();
    const order = {
      currency: "GBP",
      lines: [{ sku: "A", quantity: 1, unitPrice: 1 }],
      shipTo: { country: "GB" },
      payment: { token: "tok_visa" },
    };
    const bodies: unknown[] = [
      "",
      "{",
      "null",
      "[]",
      '"text"',
      "1e999",
      `${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`,
      '{"__proto__":{"admin":true}}',
      { ...order, lines: [{ sku: "A", quantity: 1e308, unitPrice: 1 }] },
      { ...order, lines: [{ sku: "\u0000", quantity: 1, unitPrice: 1 }] },
      { ...order, reference: "\udfff" },
      { ...order, constructor: { prototype: {} } },
    ];
    for (const [index, body] of bodies.entries()) {
      for (const path of ["/v1/orders", "/v1/orders/batch", "/v1/orders/ord_00000000000000000000000000/cancel", "/v1/stock/A/receipts"]) {
        const response = await post(path, body, { "idempotency-key": `bad-${index}` });
        expect(response.status, `${path} ${JSON.stringify(body).slice(0, 80)}`).toBeGreaterThanOrEqual(400);
        expect(response.status, `${path} ${JSON.stringify(body).slice(0, 80)}`).toBeLessThan(500);
        expect(response.headers.get("content-type")).toBe("application/problem+json");
      }
    }
    expect(await listAll()).toEqual(before);
  });

  it("is not found again in the logs, where it is personal", async () => {
    const response = await post(
      "/v1/orders",
      {
        currency: "GBP",
        lines: [{ sku: "A", quantity: 1, unitPrice: 1 }],
        customer: { id: "c-1", name: "Ada Secretive", email: "ada.secretive@example.com" },
        shipTo: { country: "GB", line1: "1 Hidden Lane" },
        payment: { token: "tok_visa" },
      },
      { "idempotency-key": "personal" },
    );
    const { id } = (await response.json()) as { id: string };
    await expect.poll(async () => OrderView.parse(await get(`/v1/orders/${id}`)).status, { timeout: 60_000 }).toBe("confirmed");
    const lines = server
      .log()
      .split("\n")
      .filter((line) => line.startsWith("{"));
    expect(lines.some((line) => line.includes(id) && line.includes('"order.advanced"'))).toBe(true);
    for (const secret of ["Secretive", "secretive", "Hidden Lane", "tok_visa", DEVELOPMENT_KEY]) {
      expect(lines.filter((line) => line.includes(secret))).toEqual([]);
    }
    expect(Timeline.parse(await get(`/v1/orders/${id}/events`)).events.at(-1)?.type).toBe("OrderConfirmed");
  });
});
