/** The ledger of a provider over HTTP, and those of the embedded inventory. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { httpLedgerReader, httpProvider } from "../../src/providers/http.ts";
import { inventoryLedgerReader } from "../../src/providers/inventory.ts";
import { noLedger } from "../../src/providers/sandbox.ts";
import { placedOrder } from "../support/orders.ts";
import { type ProviderServer, startProviderServer } from "../support/provider-server.ts";

const order = placedOrder();
const asked = { order, facts: {} };
const answering = (response: () => Response | Promise<Response>) =>
  httpLedgerReader({ url: "https://provider.test", timeoutMs: 50, fetch: async () => response() })(asked);

describe("A provider's ledger", () => {
  let server: ProviderServer;
  beforeAll(async () => {
    server = await startProviderServer();
  });
  afterAll(() => server.close());

  it("tell every effect that an order has had, once for each time, of that port only", async () => {
    const payment = httpProvider({ url: `${server.url}/payment` });
    const call = (step: "authorize" | "capture", attempt: number) =>
      payment({ step, key: `${order.orderId}:${step}`, undoes: [], attempt, order, facts: {}, signal: new AbortController().signal });
    await call("authorize", 1);
    await call("authorize", 2);
    await call("capture", 1);
    expect(await httpLedgerReader({ url: `${server.url}/payment` })(asked)).toEqual({
      outcome: "read",
      effects: [
        { operation: "authorize", reference: `authorize-${order.orderId}:authorize`, amount: order.total },
        { operation: "capture", reference: `capture-${order.orderId}:capture`, amount: order.total },
      ],
    });
    expect(await httpLedgerReader({ url: `${server.url}/notification` })(asked)).toEqual({ outcome: "read", effects: [] });
  });

  it("are asked for by id and tenant, with the token and nothing of the customer's", async () => {
    let seen = "";
    const reader = httpLedgerReader({
      url: "https://provider.test/pay/",
      token: "secret",
      fetch: async (request) => {
        seen = `${request.method} ${request.url} ${request.headers.get("authorization")} ${await request.text()}`;
        return Response.json({ effects: [] });
      },
    });
    await reader(asked);
    expect(seen).toBe(
      `POST https://provider.test/pay/ledger Bearer secret {"orderId":"${order.orderId}","tenant":"${order.tenant}","operation":"ledger"}`,
    );
  });

  it.each([404, 405, 501])("are none where the answer is %i", async (status) => {
    expect(await answering(() => new Response("", { status }))).toEqual({ outcome: "unsupported" });
  });

  it.each<[string, () => Response | Promise<Response>]>([
    ["an error", () => new Response("", { status: 503 })],
    ["no JSON", () => new Response("<html>")],
    ["another shape", () => Response.json({ effects: "none" })],
    ["an amount that is no integer", () => Response.json({ effects: [{ operation: "capture", amount: 1.5 }] })],
    ["a cut connection", () => Promise.reject(new Error("reset"))],
    ["no answer in time", () => new Promise<Response>(() => {})],
  ])("are not known when there is %s", async (_, response) => {
    expect(await answering(response)).toMatchObject({ outcome: "unanswered" });
  });

  it("are not kept by the sandboxes", async () => expect(await noLedger(asked)).toEqual({ outcome: "unsupported" }));
});

describe("The ledger of the embedded inventory", () => {
  const rooms = (held: Record<string, { quantity: number; status: "reserved" | "committed" | "released" }>) => {
    const visited: string[] = [];
    const room = (tenant: string, sku: string) => ({
      reservationOf: async () => {
        visited.push(`${tenant}/${sku}`);
        return held[`${tenant}/${sku}`] ?? null;
      },
    });
    return { visited, room };
  };

  it("are those of the SKUs that the order found tracked", async () => {
    const { visited, room } = rooms({ "shop/71053": { quantity: 6, status: "committed" } });
    const facts = { reserve: { tracked: ["71053"] } };
    expect(await inventoryLedgerReader(room)({ order, facts })).toEqual({
      outcome: "read",
      effects: [{ operation: "commit", sku: "71053", quantity: 6 }],
    });
    expect(visited).toEqual(["shop/71053"]);
  });

  it("are those of every SKU when nobody learnt which are tracked", async () => {
    const { visited, room } = rooms({});
    expect(await inventoryLedgerReader(room)(asked)).toEqual({ outcome: "read", effects: [] });
    expect(visited).toEqual(["shop/85123A", "shop/71053"]);
  });

  it("are not known when an actor does not answer", async () => {
    const room = () => ({ reservationOf: () => Promise.reject(new Error("overloaded")) });
    expect(await inventoryLedgerReader(room)(asked)).toMatchObject({ outcome: "unanswered" });
  });
});
