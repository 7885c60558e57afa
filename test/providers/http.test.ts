import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { PlacedOrder } from "../../src/contract/events.ts";
import type { Step, UndoStep } from "../../src/contract/order.ts";
import { OPERATIONS } from "../../src/domain/ports.ts";
import { httpProvider, MAX_ANSWER_BYTES, retryAfterMs } from "../../src/providers/http.ts";
import { MAGIC } from "../oracle/ledger.ts";
import { type ProviderServer, startProviderServer } from "../support/provider-server.ts";
import { callOf, orderOf } from "./calls.ts";
import { providerContract, type Subject } from "./contract.ts";

let server: ProviderServer;
/** Never answers anything. */
let silent: ProviderServer;
beforeAll(async () => {
  server = await startProviderServer();
  silent = await startProviderServer({ faults: { all: { hang: 1 } } });
});
afterAll(async () => {
  await Promise.all([server.close(), silent.close()]);
});

/** The steps that took effect for an order. */
const effectsOf = ({ ledger }: ProviderServer, { orderId }: PlacedOrder): Step[] =>
  ledger().effects.flatMap((effect) => (effect.orderId === orderId ? [effect.step] : []));

const PORTS: Record<string, { steps: Step[]; undo: UndoStep[]; refusal?: NonNullable<Subject["refusal"]> }> = {
  payment: {
    steps: ["authorize", "capture"],
    undo: ["refund", "void"],
    refusal: { call: () => callOf("authorize", { order: orderOf({ payment: { token: MAGIC.declined } }) }), reason: "card_declined" },
  },
  inventory: {
    steps: ["reserve", "commit"],
    undo: ["release"],
    refusal: {
      call: () => callOf("reserve", { order: orderOf({ lines: [{ sku: MAGIC.soldOut, quantity: 1, unitPrice: 1 }] }) }),
      reason: "insufficient_stock",
    },
  },
  fulfilment: {
    steps: ["route"],
    undo: ["unroute"],
    refusal: {
      call: () => callOf("route", { order: orderOf({ shipTo: { country: "GB", postalCode: MAGIC.unroutable } }) }),
      reason: "no_route",
    },
  },
  notification: { steps: ["confirm"], undo: [] },
};

for (const [port, behaviour] of Object.entries(PORTS)) {
  providerContract(`A real ${port} server over HTTP`, () => ({
    ...behaviour,
    provider: httpProvider({ url: `${server.url}/${port}` }),
    effects: (order, step) => effectsOf(server, order).filter((one) => one === step).length,
    hanging: { call: () => callOf(behaviour.steps[0] as Step), provider: httpProvider({ url: `${silent.url}/${port}` }) },
    // Port 1 is reserved and nobody listens there.
    broken: httpProvider({ url: "http://127.0.0.1:1/" }),
  }));
}

/** A provider that always answers this, and the requests that it was sent. */
function answering(answer: () => Response, now = 0) {
  const requests: Request[] = [];
  const provider = httpProvider({
    url: "https://pay.example/v1/",
    token: "secret",
    now: () => now,
    fetch: async (request) => {
      requests.push(request);
      return answer();
    },
  });
  return { provider, requests };
}

describe("A request", () => {
  it("is posted to the operation, under the call's key, with its attempt, the bearer token and the trace", async () => {
    const { provider, requests } = answering(() => Response.json({ reference: "r" }));
    const trace = "0af7651916cd43dd8448eb211c80319c";
    const call = callOf("unroute", { order: orderOf({ trace }), attempt: 3, facts: { route: { reference: "ship_1" } } });
    await provider(call);
    const request = requests[0] as Request;
    expect([request.method, request.url, request.redirect]).toEqual(["POST", "https://pay.example/v1/cancel", "manual"]);
    expect(Object.fromEntries(request.headers)).toMatchObject({
      "idempotency-key": call.key,
      "orderline-attempt": "3",
      "orderline-tenant": "acme",
      authorization: "Bearer secret",
      "content-type": "application/json",
      traceparent: expect.stringMatching(new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`)),
    });
    expect(await request.json()).toMatchObject({
      operation: "cancel",
      tenant: "acme",
      undoes: [`${call.order.orderId}:route`],
      route: "ship_1",
    });
  });

  it("carries only what the operation needs", async () => {
    const { provider, requests } = answering(() => Response.json({}));
    const order = orderOf();
    await provider(callOf("authorize", { order }));
    await provider(callOf("reserve", { order }));
    expect(await requests[0]?.json()).toEqual({
      operation: "authorize",
      orderId: order.orderId,
      tenant: "acme",
      amount: 2_550,
      currency: "GBP",
      payment: { token: "tok_visa" },
      customerId: "17850",
    });
    expect(await requests[1]?.json()).toEqual({
      operation: "reserve",
      orderId: order.orderId,
      tenant: "acme",
      items: [
        { sku: "85123A", quantity: 8 },
        { sku: "71053", quantity: 2 },
      ],
    });
  });

  it("leaves out a trace that is none, and never quotes a token that does not fit a header", async () => {
    const { provider, requests } = answering(() => Response.json({}));
    await provider(callOf("confirm", { order: orderOf({ trace: "not a trace\n" }) }));
    expect(requests[0]?.headers.has("traceparent")).toBe(false);
    const answer = await httpProvider({ url: "https://pay.example", token: "sec\nret" })(callOf("authorize"));
    expect(answer).toMatchObject({ outcome: "failed", failure: "poison" });
    expect(JSON.stringify(answer)).not.toContain("sec");
  });

  it("is poison when the configured address is none", async () => {
    expect(await httpProvider({ url: "pay.example" })(callOf("authorize"))).toMatchObject({ failure: "poison" });
  });
});

describe("An answer", () => {
  const to = (response: () => Response, now = 0) => answering(response, now).provider(callOf("authorize"));

  it("of 2xx is done, with the facts that it brings and without the fields that nobody knows", async () => {
    expect(await to(() => Response.json({ reference: "pay_1", tracked: ["A"], colour: "blue" }, { status: 201 }))).toEqual({
      outcome: "succeeded",
      facts: { reference: "pay_1", tracked: ["A"] },
    });
    expect(await to(() => Response.json({ reference: null }))).toEqual({ outcome: "succeeded", facts: {} });
    expect(await to(() => new Response(null, { status: 204 }))).toEqual({ outcome: "succeeded", facts: {} });
  });

  it("that an effect was skipped is done, and says so in the journal", async () => {
    expect(await to(() => Response.json({ skipped: true }))).toEqual({ outcome: "succeeded", facts: { reference: "skipped" } });
  });

  it("of 2xx that cannot be read is unknown", async () => {
    for (const body of ["", "<html>", '{"reference":', '{"reference":{}}', "[]", '"ok"', "null"]) {
      expect(await to(() => new Response(body)), body).toMatchObject({ outcome: "failed", failure: "unknown" });
    }
  });

  it("without end is not read to its end", async () => {
    let chunks = 0;
    let cancelled = false;
    const endless = new ReadableStream({
      pull(controller) {
        chunks++;
        controller.enqueue(new Uint8Array(1_024));
      },
      cancel() {
        cancelled = true;
      },
    });
    expect(await to(() => new Response(endless))).toMatchObject({ failure: "unknown" });
    expect(chunks * 1_024).toBeLessThan(MAX_ANSWER_BYTES + 10 * 1_024);
    expect(cancelled).toBe(true);
  });

  it("of 402, 409 and 422 is a refusal, whatever its body", async () => {
    for (const status of [402, 409, 422]) {
      expect(await to(() => Response.json({ reason: "fraud", detail: "stolen" }, { status }))).toEqual({
        outcome: "refused",
        refusal: { reason: "fraud", detail: "stolen" },
      });
    }
    for (const body of ["", "no", "null", '{"reason":7}', '{"reason":"  "}', '{"reason":"sold out"}', "[]"]) {
      expect(await to(() => new Response(body, { status: 402 })), body).toEqual({ outcome: "refused", refusal: { reason: "declined" } });
    }
    const long = await to(() => Response.json({ reason: "r".repeat(500), detail: "d".repeat(5_000) }, { status: 409 }));
    expect(long).toEqual({ outcome: "refused", refusal: { reason: "declined", detail: "d".repeat(1_000) } });
  });

  it("of 408, 425, 429 and 5xx is transient, and its Retry-After is heard", async () => {
    for (const status of [408, 425, 429, 500, 502, 503, 504, 599]) {
      expect(await to(() => new Response("busy", { status, headers: { "retry-after": "7" } }))).toMatchObject({
        outcome: "failed",
        failure: "transient",
        retryAfterMs: 7_000,
      });
    }
    const now = Date.UTC(2026, 0, 1);
    const headers = { "retry-after": new Date(now + 90_000).toUTCString() };
    expect(await to(() => new Response("", { status: 503, headers }), now)).toMatchObject({ retryAfterMs: 90_000 });
  });

  it("of any other status is poison, and what was said is not repeated: it may quote a customer", async () => {
    for (const status of [400, 401, 403, 404, 405, 410, 418]) {
      expect(await to(() => new Response("bad: Ada Lovelace, 12 St James's Square, ada@example.com", { status }))).toEqual({
        outcome: "failed",
        failure: "poison",
        detail: `answered ${status}`,
      });
    }
  });

  it("of an error keeps the code of its reason, and no reason that is more than a code", async () => {
    const said = (reason: unknown) => to(() => Response.json({ reason, detail: "Ada Lovelace" }, { status: 503 }));
    expect(await said("no_capacity")).toMatchObject({ failure: "transient", detail: "answered 503 (no_capacity)" });
    for (const reason of ["no van for Ada Lovelace", "x".repeat(41), 7, null, ""])
      expect(await said(reason)).toMatchObject({ failure: "transient", detail: "answered 503" });
  });

  it("that redirects is poison and is not followed", async () => {
    const { provider, requests } = answering(() => Response.redirect("https://elsewhere.example/", 307));
    expect(await provider(callOf("authorize"))).toMatchObject({ failure: "poison", detail: expect.stringContaining("307") });
    expect(requests).toHaveLength(1);
  });
});

describe("Retry-After", () => {
  const now = Date.UTC(2026, 10, 20, 12);

  it("is read as seconds or as an HTTP date", () => {
    expect(retryAfterMs("120", now)).toBe(120_000);
    expect(retryAfterMs(" 0 ", now)).toBe(0);
    expect(retryAfterMs("Fri, 20 Nov 2026 12:00:30 GMT", now)).toBe(30_000);
  });

  it("is 0 for a date that has passed, and absent when it is neither", () => {
    expect(retryAfterMs("Fri, 20 Nov 2026 11:00:00 GMT", now)).toBe(0);
    for (const nonsense of [null, "", "-5", "1.5", "soon", "tomorrow GMT"]) expect(retryAfterMs(nonsense, now)).toBeUndefined();
  });
});

describe("The provider server", () => {
  const start = async (options: Parameters<typeof startProviderServer>[0]) => {
    const started = await startProviderServer(options);
    onTestFinished(() => started.close());
    return started;
  };

  it("refuses a do that arrives after its undo", async () => {
    for (const [undo, step] of [
      ["void", "authorize"],
      ["release", "reserve"],
      ["unroute", "route"],
    ] as const) {
      const provider = httpProvider({ url: `${server.url}/${OPERATIONS[step].port}` });
      const order = orderOf();
      expect(await provider(callOf(undo, { order }))).toMatchObject({ facts: { reference: "skipped" } });
      expect(await provider(callOf(step, { order }))).toMatchObject({ outcome: "refused", refusal: { reason: "undone" } });
      expect(effectsOf(server, order)).toEqual([]);
    }
  });

  it("declines a capture when the order's token says so", async () => {
    const provider = httpProvider({ url: `${server.url}/payment` });
    const order = orderOf({ payment: { token: MAGIC.captureDeclined } });
    await provider(callOf("authorize", { order }));
    expect(await provider(callOf("capture", { order }))).toMatchObject({ refusal: { reason: "capture_declined" } });
  });

  it("does nothing for a failure before the effect, and once for failures after it", async () => {
    const faulty = await start({ faults: { all: { before: 1 } } });
    const provider = httpProvider({ url: `${faulty.url}/payment` });
    const order = orderOf();
    expect(await provider(callOf("authorize", { order }))).toMatchObject({ failure: "transient" });
    expect(effectsOf(faulty, order)).toEqual([]);
    faulty.setFaults({ all: { after: 1 } });
    for (const attempt of [2, 3, 4]) expect(await provider(callOf("authorize", { order, attempt }))).toMatchObject({ outcome: "failed" });
    faulty.setFaults({});
    expect(await provider(callOf("authorize", { order, attempt: 5 }))).toMatchObject({ outcome: "succeeded" });
    expect(effectsOf(faulty, order)).toEqual(["authorize"]);
    expect(faulty.ledger().attempts).toEqual({ [`${order.orderId}:authorize`]: 5 });
  });

  it("has the same faults for the same seed", async () => {
    const faults = { all: { before: 0.3, after: 0.3 } };
    const orders = Array.from({ length: 20 }, () => orderOf());
    const run = async (seed: number) => {
      const { url } = await start({ faults, seed });
      const provider = httpProvider({ url: `${url}/payment` });
      return Promise.all(orders.map(async (order) => (await provider(callOf("authorize", { order }))).outcome));
    };
    const [first, again, other] = [await run(1), await run(1), await run(2)];
    expect(first).toEqual(again);
    expect(first).not.toEqual(other);
  });

  it("is changed and read over HTTP, and tells a malformed request from a missing operation", async () => {
    const { url } = await start({});
    const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
      fetch(`${url}${path}`, { method: "POST", body: JSON.stringify(body), headers }).then(({ status }) => status);
    expect(await post("/faults", { all: { before: 2 } })).toBe(400);
    expect(await post("/faults", { all: { before: 1 } })).toBe(200);
    expect(await httpProvider({ url: `${url}/payment` })(callOf("authorize"))).toMatchObject({ failure: "transient" });
    expect(await post("/payment/reserve", {}, { "idempotency-key": "k" })).toBe(404);
    expect(await post("/payment/authorize", {}, { "idempotency-key": "k" })).toBe(400);
    expect(await post("/payment/authorize", {})).toBe(400);
    expect(await (await fetch(`${url}/ledger`)).json()).toMatchObject({ effects: [], undoBegan: {} });
  });

  it("keeps its effects when its process is killed", async () => {
    const folder = mkdtempSync(join(tmpdir(), "provider-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const ledgerFile = join(folder, "ledger.jsonl");
    const script = new URL("../support/provider-server.ts", import.meta.url).pathname;
    const child = spawn(process.execPath, [script, "--port", "0", "--ledger", ledgerFile], { stdio: ["ignore", "pipe", "inherit"] });
    const url = await new Promise<string>((resolve) => {
      child.stdout.on("data", (line: Buffer) => resolve(/http:\S+\d/.exec(line.toString())?.[0] ?? ""));
    });
    const order = orderOf();
    const before = await httpProvider({ url: `${url}/payment` })(callOf("authorize", { order }));
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
    const restarted = await start({ ledgerFile });
    expect(effectsOf(restarted, order)).toEqual(["authorize"]);
    expect(await httpProvider({ url: `${restarted.url}/payment` })(callOf("authorize", { order, attempt: 2 }))).toEqual(before);
    expect(effectsOf(restarted, order)).toEqual(["authorize"]);
  });
});
