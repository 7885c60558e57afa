/** Personal data in every place that a stranger can fill, and not a word of it in the log. */
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { OrderReceipt } from "../../src/contract/views.ts";
import { app } from "../../src/http/app.ts";
import { hex, sha256 } from "../../src/platform/digest.ts";
import { log } from "../../src/platform/log.ts";
import { Scope } from "../../src/tenants/keys.ts";
import { parkOrder } from "../support/http.ts";
import { placedOrder } from "../support/orders.ts";
import { DRAIN, get, post, type Sent, send, TEST_TIMEOUT_MS } from "./app.ts";
import { type Parameter, type Route, readContract, type Schema } from "./contract.ts";

const TENANT = "fuzz-logs";
const NAME = "Lovelace";
const EMAIL = "ada@lovelace.example";
const { routes, schemas } = await readContract();

const lines: string[] = [];
for (const level of ["info", "warn", "error"] as const) {
  vi.spyOn(log, level).mockImplementation((event, fields) => void lines.push(JSON.stringify({ event, ...fields })));
}

const key = "key-of-fuzz-logs";
await env.API_KEYS.put(hex(await sha256(key)), JSON.stringify({ tenant: TENANT, name: "the shop", scopes: Scope.options }));

/** What fits a schema as far as it can with the name in it: every text that is free holds it. */
function told(schema: Schema): unknown {
  const named = schema.$ref === undefined ? schema : (schemas[schema.$ref.slice(schema.$ref.lastIndexOf("/") + 1)] ?? {});
  if (named.const !== undefined) return named.const;
  if (named.enum) return named.enum[0];
  const [choice] = named.anyOf ?? named.oneOf ?? [];
  if (choice) return told(choice);
  if (named.type === "object")
    return Object.fromEntries(Object.entries(named.properties ?? {}).map(([name, inner]) => [name, told(inner)]));
  if (named.type === "array") return [told(named.items ?? {})];
  if (named.type === "integer" || named.type === "number") return Math.max(named.minimum ?? 1, 1);
  if (named.type === "boolean") return true;
  if (named.type === "null") return null;
  if (String(named.example).includes("@") || named.format?.endsWith("email")) return EMAIL;
  if (named.pattern !== undefined && !new RegExp(named.pattern, "u").test(NAME)) return named.example ?? NAME;
  return NAME;
}

const HEADERS = [
  ["user-agent", NAME],
  ["referer", `https://shop.example/${EMAIL}`],
  ["cookie", `customer=${NAME}`],
  ["traceparent", `00-${NAME}-1-01`],
  ["if-none-match", `"${NAME}"`],
  ["if-match", `"${NAME}"`],
  ["x-customer", EMAIL],
] as const;

/** Paths, bodies and headers of every kind that may come to one route. */
function* sentTo({ method, path, parameters, body }: Route, orderId: string): Generator<Sent> {
  const query = `?${NAME}=${EMAIL}`;
  const declared = parameters.filter((one) => one.in === "query").map(({ name, schema }: Parameter) => `${name}=${String(told(schema))}`);
  /** With what fits each place of the path, as far as anything can; and with an address in all of them. */
  const fittingOf = (name: string) =>
    encodeURIComponent(String(name === "tenant" ? TENANT : told(parameters.find((one) => one.name === name)?.schema ?? {})));
  const fitting = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => (path.startsWith("/v1/orders/") ? orderId : fittingOf(name)));
  const personal = path.replaceAll(/\{\w+\}/g, encodeURIComponent(EMAIL));
  const bodies = body
    ? [
        JSON.stringify(told(body)),
        JSON.stringify({ ...(told(body) as object), [NAME]: EMAIL }),
        `{"customer": "${NAME}`,
        `${EMAIL} is no JSON`,
        JSON.stringify(NAME.repeat(5_000)),
        "{}",
      ]
    : [undefined];
  const usual = [
    ["content-type", "application/json"],
    ["idempotency-key", `${NAME} ${path} ${method}`],
  ] as const;
  for (const one of [fitting, personal, `${fitting}/${EMAIL}`]) {
    for (const text of bodies) {
      const authorized = [["authorization", `Bearer ${key}`], ...usual, ...HEADERS] as const;
      yield { method, path: one, headers: authorized, body: text };
      yield { method, path: `${one}?${declared.join("&")}`, headers: authorized, body: text };
    }
    yield { method, path: one + query, headers: [["authorization", `Bearer ${NAME}`], ...usual, ...HEADERS], body: bodies[0] };
    yield { method, path: one, headers: [["authorization", EMAIL], ...usual, ["content-type", NAME]], body: bodies[0] };
    yield {
      method,
      path: one,
      headers: [
        ["authorization", `Bearer ${key}`],
        ["content-type", `text/${NAME}`],
      ],
      body: bodies[0],
    };
    yield {
      method: "GET",
      path: one,
      headers: [
        ["upgrade", "websocket"],
        ["sec-websocket-protocol", `orderline.v1, orderline.key.${NAME}`],
      ],
    };
  }
}

const mentions = () => lines.filter((line) => /lovelace/i.test(line) || line.includes(encodeURIComponent(EMAIL)));

const TAKING_WORDS = [
  "GET /v1/orders",
  "POST /v1/orders/batch",
  "POST /v1/orders/{id}/cancel",
  "POST /v1/orders/{id}/correct",
  "POST /v1/ops/providers/{provider}/pause",
  "POST /v1/quarantine/redrive",
  "POST /v1/stock/{sku}/receipts",
];

describe("The log", () => {
  it.each([
    [`/v1/orders/${EMAIL}`, "/v1/orders/{id}"],
    [`/v1/orders/${EMAIL}/events`, "/v1/orders/{id}/events"],
    [`/v1/stock/${EMAIL}`, "/v1/stock/{sku}"],
    [`/v1/customers/${EMAIL}`, "(unknown)"],
    [`/${EMAIL}`, "(unknown)"],
    ["/healthz", "/healthz"],
  ])("tells %s as %s", async (path, template) => {
    await (await get(path, key)).text();
    expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({ event: "http.request", path: template });
  });

  it("holds nothing that a request said of a person, on any route", { timeout: 2 * TEST_TIMEOUT_MS }, async () => {
    const park = () =>
      parkOrder(TENANT, undefined, {
        ...placedOrder(),
        customer: { name: NAME, email: EMAIL },
        reference: NAME,
        tenant: TENANT,
      });
    const accepted = new Set<string>();
    for (const route of routes) {
      for (const sent of sentTo(route, await park())) {
        const response = await send(sent);
        await response?.text();
        if (response?.ok) accepted.add(`${route.method} ${route.path}`);
      }
    }
    expect(lines.length).toBeGreaterThan(routes.length);
    // What is refused early could not have been logged; these take a person's words in.
    expect([...accepted]).toEqual(expect.arrayContaining(TAKING_WORDS));
    expect(mentions()).toEqual([]);
  });

  it("holds nothing of a person while an order of theirs is carried to its end", { timeout: TEST_TIMEOUT_MS }, async () => {
    const order = {
      reference: NAME,
      currency: "GBP",
      lines: [{ sku: NAME, description: NAME, quantity: 1, unitPrice: 100 }],
      customer: { id: NAME, name: NAME, email: EMAIL },
      shipTo: { name: NAME, line1: NAME, line2: NAME, city: NAME, region: NAME, postalCode: NAME, country: "GB" },
      payment: { token: `tok_${NAME}` },
    };
    const { id } = OrderReceipt.parse(await (await post("/v1/orders", key, JSON.stringify(order), { "idempotency-key": NAME })).json());
    const status = async () => ((await (await get(`/v1/orders/${id}`, key)).json()) as { status: string }).status;
    await expect.poll(status, DRAIN).toBeOneOf(["confirmed", "held", "failed", "quarantined"]);
    await post(`/v1/orders/${id}/cancel`, key, JSON.stringify({ reason: `${NAME} called` }));
    await expect.poll(status, DRAIN).toBeOneOf(["cancelled", "failed", "quarantined"]);
    expect(lines.some((line) => line.includes(id))).toBe(true);
    expect(mentions()).toEqual([]);
  });

  it("holds nothing of a person when the history repeats what it was asked", async () => {
    const repeating = {
      prepare: () => {
        throw new Error(`D1_TYPE_ERROR: Type 'object' not supported for value '${NAME} <${EMAIL}>'`);
      },
    };
    const broken = Object.create(env, { HISTORY: { value: repeating } });
    const request = new Request(`https://orderline.test/v1/orders?customer=${NAME}`, { headers: { authorization: `Bearer ${key}` } });
    expect((await app.fetch(request, broken)).status).toBe(503);
    expect(lines.some((line) => line.includes("http.bug") && line.includes("D1_TYPE_ERROR"))).toBe(true);
    expect(mentions()).toEqual([]);
  });
});
