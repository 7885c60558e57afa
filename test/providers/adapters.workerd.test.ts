/** Every adapter against the one contract, in the real runtime; the HTTP adapter here meets the protocol in process. */
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { stockActor, velocityActor } from "../../src/actors/addresses.ts";
import type { PlacedOrder } from "../../src/contract/events.ts";
import type { Step, UndoStep } from "../../src/contract/order.ts";
import type { StockAnswer } from "../../src/domain/inventory.ts";
import { emailProvider } from "../../src/providers/email.ts";
import { httpProvider } from "../../src/providers/http.ts";
import { providersFrom } from "../../src/providers/index.ts";
import { inventoryProvider, type SkuStock } from "../../src/providers/inventory.ts";
import { ProviderRequest } from "../../src/providers/protocol.ts";
import { riskProvider } from "../../src/providers/risk.ts";
import { sandbox } from "../../src/providers/sandbox.ts";
import { MAGIC, ProviderLedger } from "../oracle/ledger.ts";
import { callOf, orderOf } from "./calls.ts";
import { providerContract } from "./contract.ts";

let skus = 0;
const freshSku = () => `CONTRACT-${++skus}`;
const stockOf = (tenant: string, sku: string) => stockActor(env, tenant, sku);
const velocityOf = (tenant: string, customer: string) => velocityActor(env, tenant, customer);
const level = (sku: string) => stockOf("acme", sku).stock();
const stock = (sku: string, quantity: number) => stockOf("acme", sku).receive({ receiptId: "first", quantity });
const lineOf = (sku: string, quantity: number) => ({ sku, quantity, unitPrice: 1 });

const never = () => new Promise<never>(() => {});
const fails = () => Promise.reject(new Error("Network connection lost."));
const roomOf = (answer: () => Promise<never>) => {
  const sku: SkuStock = { reserve: answer, commit: answer, release: answer, withdraw: answer };
  return () => sku;
};

providerContract("The payment sandbox", () => ({
  provider: sandbox("payment"),
  steps: ["authorize", "capture"],
  undo: ["refund", "void"],
  refusal: { call: () => callOf("authorize", { order: orderOf({ payment: { token: "tok_declined" } }) }), reason: "card_declined" },
  hanging: { call: () => callOf("authorize", { order: orderOf({ payment: { token: "tok_timeout" } }) }) },
}));

providerContract("The fulfilment sandbox", () => ({
  provider: sandbox("fulfilment"),
  steps: ["route"],
  undo: ["unroute"],
  refusal: {
    call: () => callOf("route", { order: orderOf({ shipTo: { country: "GB", postalCode: "UNROUTABLE" } }) }),
    reason: "no_route",
  },
  hanging: { call: () => callOf("route", { order: orderOf({ shipTo: { country: "GB", postalCode: "ROUTE-TIMEOUT" } }) }) },
}));

/** 10 of a SKU of its own are on hand for each order, which takes 8 of them. */
const STOCKED = 10;
const TAKEN = 8;
const stockedSkus = new Map<string, Promise<unknown>>();
providerContract("The embedded inventory", () => {
  const provider = inventoryProvider(stockOf);
  return {
    provider: async (call) => {
      for (const { sku } of call.order.lines) await stockedSkus.get(sku);
      return provider(call);
    },
    steps: ["reserve", "commit"],
    undo: ["release"],
    order: () => {
      const sku = freshSku();
      stockedSkus.set(sku, stock(sku, STOCKED));
      return orderOf({ lines: [lineOf(sku, 5), lineOf(sku, 3), lineOf("MADE-TO-ORDER", 1)] });
    },
    effects: async ({ lines: [line] }: PlacedOrder, step: Step) => {
      const { onHand = 0, available = 0 } = (await level(line?.sku ?? "")) ?? {};
      if (step === "reserve") return (STOCKED - available) / TAKEN;
      if (step === "commit") return (STOCKED - onHand) / TAKEN;
      return available === STOCKED ? 1 : 2;
    },
    refusal: {
      call: async () => {
        const sku = freshSku();
        await stock(sku, 1);
        return callOf("reserve", { order: orderOf({ lines: [lineOf(sku, 2)] }) });
      },
      reason: "insufficient_stock",
    },
    hanging: { call: () => callOf("reserve"), provider: inventoryProvider(roomOf(never)) },
    broken: inventoryProvider(roomOf(fails)),
  };
});

providerContract("The email adapter", () => ({
  provider: emailProvider(env.EMAIL, "orders@example.com"),
  steps: ["confirm"],
  undo: [],
  // The binding names each mail anew: that a repeat is recognisable is tested in email.test.ts.
  renamesRepeats: true,
  hanging: { call: () => callOf("confirm"), provider: emailProvider({ send: never }, "orders@example.com") },
  broken: emailProvider({ send: fails }, "orders@example.com"),
}));

providerContract("The risk screening", () => ({
  provider: riskProvider(velocityOf),
  steps: ["screen"],
  undo: [],
  order: () => orderOf({ customer: { id: `contract-${crypto.randomUUID()}` } }),
}));

/** The protocol without a socket: what `fetch` would have answered. */
function inProcess() {
  const ledger = new ProviderLedger();
  const fetch = async (request: Request): Promise<Response> => {
    const key = request.headers.get("idempotency-key") ?? "";
    const body = ProviderRequest.parse(await request.json());
    const answer = ledger.settle(key, body);
    return Response.json(answer.body, { status: answer.status });
  };
  return { ledger, provider: httpProvider({ url: "https://provider.example/payment", fetch }) };
}

const HTTP_PORTS: Record<string, { steps: Step[]; undo: UndoStep[] }> = {
  payment: { steps: ["authorize", "capture"], undo: ["refund", "void"] },
  inventory: { steps: ["reserve", "commit"], undo: ["release"] },
  fulfilment: { steps: ["route"], undo: ["unroute"] },
  notification: { steps: ["confirm"], undo: [] },
};
for (const [port, { steps, undo }] of Object.entries(HTTP_PORTS)) {
  providerContract(`The HTTP adapter of ${port}`, () => {
    const { ledger, provider } = inProcess();
    const url = "https://provider.example";
    return {
      provider,
      steps,
      undo,
      effects: ({ orderId }, step) => ledger.effects.filter((effect) => effect.orderId === orderId && effect.step === step).length,
      ...(port === "payment" && {
        refusal: { call: () => callOf("authorize", { order: orderOf({ payment: { token: MAGIC.declined } }) }), reason: "card_declined" },
      }),
      hanging: { call: () => callOf(steps[0] as Step), provider: httpProvider({ url, fetch: never }) },
      broken: httpProvider({ url, fetch: fails }),
    };
  });
}

describe("The HTTP adapter in the real runtime", () => {
  const answering = (response: () => Response) =>
    httpProvider({ url: "https://provider.example", fetch: async () => response() })(callOf("authorize"));

  it("answers unknown by itself when its own time is up", async () => {
    const provider = httpProvider({ url: "https://provider.example", timeoutMs: 20, fetch: never });
    expect(await provider(callOf("authorize"))).toMatchObject({ outcome: "failed", failure: "unknown" });
  });

  it("does not follow a redirect, and does not read an answer without end", async () => {
    expect(await answering(() => Response.redirect("https://elsewhere.example/", 302))).toMatchObject({ failure: "poison" });
    const endless = () => new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(4_096)) });
    expect(await answering(() => new Response(endless()))).toMatchObject({ failure: "unknown" });
  });

  it("is poison when the address or the token is none", async () => {
    expect(await httpProvider({ url: "provider.example" })(callOf("authorize"))).toMatchObject({ failure: "poison" });
    expect(await httpProvider({ url: "https://provider.example", token: "a\nb" })(callOf("authorize"))).toMatchObject({
      failure: "poison",
    });
  });
});

describe("The embedded inventory over several SKUs", () => {
  const provider = inventoryProvider(stockOf);
  const orderFor = (...lines: [string, number][]) => orderOf({ lines: lines.map(([sku, quantity]) => lineOf(sku, quantity)) });

  it("says which SKUs are tracked, and commits and releases no others", async () => {
    const [tracked, made] = [freshSku(), freshSku()];
    await stock(tracked, 5);
    const order = orderFor([tracked, 2], [made, 7]);
    const reserved = await provider(callOf("reserve", { order }));
    expect(reserved).toEqual({ outcome: "succeeded", facts: { tracked: [tracked] } });
    const asked: string[] = [];
    const watched = inventoryProvider((tenant, sku) => {
      asked.push(`${tenant}/${sku}`);
      return stockOf(tenant, sku);
    });
    const facts = { reserve: { tracked: [tracked] } };
    await watched(callOf("commit", { order, facts }));
    await watched(callOf("release", { order, facts }));
    expect(asked).toEqual([`acme/${tracked}`, `acme/${tracked}`]);
    await watched(callOf("commit", { order, facts: { reserve: { tracked: [] } } }));
    expect(asked).toHaveLength(2);
    await watched(callOf("release", { order }));
    expect(asked).toHaveLength(4);
  });

  it("reserves all or nothing, and says what is missing", async () => {
    const [plenty, scarce, none] = [freshSku(), freshSku(), freshSku()];
    await stock(plenty, 100);
    await stock(scarce, 3);
    await stock(none, 0);
    const order = orderFor([plenty, 10], [scarce, 4], [none, 1]);
    const refusal = { reason: "insufficient_stock", detail: `${scarce}: wanted 4, available 3; ${none}: wanted 1, available 0` };
    expect(await provider(callOf("reserve", { order }))).toEqual({ outcome: "refused", refusal });
    expect(await level(plenty)).toEqual({ onHand: 100, available: 100, reserved: 0 });
    expect(await provider(callOf("reserve", { order, attempt: 2 }))).toEqual({ outcome: "refused", refusal });
  });

  it("names what is missing in the order of the lines, whichever SKU answers first", async () => {
    const answering = (sku: string, ms: number): SkuStock => {
      const answer: StockAnswer = { outcome: "refused", refusal: { reason: "insufficient_stock", sku, wanted: 1, available: 0 } };
      const ask = () => new Promise<StockAnswer>((resolve) => setTimeout(() => resolve(answer), ms));
      return { reserve: ask, commit: ask, release: ask, withdraw: ask };
    };
    const slowFirst = inventoryProvider((_, sku) => answering(sku, sku === "A" ? 50 : 0));
    const { refusal } = (await slowFirst(callOf("reserve", { order: orderFor(["A", 1], ["B", 1]) }))) as { refusal: { detail: string } };
    expect(refusal.detail).toMatch(/A: .*; .*B: /);
  });

  it("leaves no way in for an attempt that is still under way when it refuses", async () => {
    const [first, scarce] = [freshSku(), freshSku()];
    await stock(first, 10);
    await stock(scarce, 1);
    const order = orderFor([first, 1], [scarce, 2]);
    await provider(callOf("reserve", { order }));
    await stockOf("acme", scarce).receive({ receiptId: "second", quantity: 10 });
    for (const sku of [first, scarce]) {
      expect(await stockOf("acme", sku).reserve(order.orderId, 1)).toMatchObject({ refusal: { reason: "released" } });
    }
  });

  it("carries an order of a thousand lines, at most 20 SKUs at a time", async () => {
    let open = 0;
    let most = 0;
    const asked = new Set<string>();
    const reserve = async () => {
      most = Math.max(most, ++open);
      await new Promise((resolve) => setTimeout(resolve, 1));
      open--;
      return { outcome: "done" } as const;
    };
    const many = inventoryProvider((tenant, sku) => {
      asked.add(`${tenant}/${sku}`);
      return { reserve, commit: reserve, release: reserve, withdraw: reserve };
    });
    const lines = Array.from({ length: 1_000 }, (_, line) => lineOf(`L${line}`, 1));
    expect(await many(callOf("reserve", { order: orderOf({ lines }) }))).toMatchObject({ outcome: "succeeded" });
    expect(asked.size).toBe(1_000);
    expect(most).toBe(20);
  });

  it("stops asking once the attempt's time is up", async () => {
    const abort = new AbortController();
    let asked = 0;
    const slow = async () => {
      asked++;
      abort.abort();
      return { outcome: "done" } as const;
    };
    const lines = Array.from({ length: 100 }, (_, line) => lineOf(`L${line}`, 1));
    const room = () => ({ reserve: slow, commit: slow, release: slow, withdraw: slow });
    const answer = await inventoryProvider(room)(callOf("reserve", { order: orderOf({ lines }), signal: abort.signal }));
    expect(answer).toMatchObject({ outcome: "failed", failure: "unknown" });
    expect(asked).toBe(20);
  });

  it("tells an overloaded actor, which did nothing, from a lost connection, after which nobody knows", async () => {
    const overloaded = () => Promise.reject(Object.assign(new Error("Durable Object is overloaded."), { overloaded: true }));
    expect(await inventoryProvider(roomOf(overloaded))(callOf("reserve"))).toMatchObject({ failure: "transient", retryAfterMs: 1_000 });
    expect(await inventoryProvider(roomOf(fails))(callOf("reserve"))).toMatchObject({ failure: "unknown" });
  });
});

describe("The providers of a deployment", () => {
  it("are the embedded ones where no address is configured, and the company's own where one is", async () => {
    const embedded = providersFrom(env, null, { stockOf, velocityOf });
    expect(await embedded.payment(callOf("authorize"))).toMatchObject({ facts: { reference: expect.stringMatching(/^pay_/) } });
    // An address that is none: that it is complained about shows that the sandbox is not asked any more.
    const own = providersFrom({ ...env, PAYMENT_URL: "nowhere" }, null, { stockOf, velocityOf });
    expect(await own.payment(callOf("authorize"))).toMatchObject({ failure: "poison", detail: expect.stringContaining("payment") });
    expect(await own.fulfilment(callOf("route"))).toMatchObject({ outcome: "succeeded" });
  });

  it("do not start with a fault that is misspelt", () => {
    expect(() => providersFrom({ ...env, SANDBOX_FAULTS: '{"payment":{"transeint":1}}' }, null, { stockOf, velocityOf })).toThrow();
  });
});
