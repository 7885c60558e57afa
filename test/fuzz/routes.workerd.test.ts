import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { OrderReceipt, PlaceOrdersResult } from "../../src/contract/views.ts";
import { orderBody } from "../support/orders.ts";
import {
  bounds,
  DRAIN,
  expectHonest,
  expectProjected,
  get,
  grant,
  post,
  printable,
  type Sent,
  send,
  TEST_TIMEOUT_MS,
  watchLog,
} from "./app.ts";
import { brokenBody, fieldText, slightlyWrong, strangeJson, strangeKey, strangeSegment, strangeText } from "./arbitraries.ts";
import { type Parameter, type Route, readContract } from "./contract.ts";
import { nearlyValid } from "./edits.ts";

const TENANT = "fuzz-routes";
const withoutBug = watchLog();
const { routes, valid } = await readContract();
const key = await grant(TENANT);
const known = await knownValues();
/** The orders that were answered with 202, for the reckoning at the end. */
const accepted = new Set<string>(known.id);

/** Values that lead somewhere, by the name of the parameter that takes them. A parameter that is not named here gets what its schema says. */
async function knownValues(): Promise<Record<"id" | "sku" | "cursor", string[]>> {
  const place = async (name: string) =>
    OrderReceipt.parse(await (await post("/v1/orders", key, JSON.stringify(orderBody()), { "idempotency-key": name })).json()).id;
  const id = await Promise.all([place("first"), place("second")]);
  await vi.waitFor(async () => expect((await list()).orders.length).toBe(id.length), DRAIN);
  const { nextCursor } = await list("?limit=1");
  return { id, sku: ["85123A"], cursor: [nextCursor ?? ""] };
}

async function list(query = "") {
  return (await (await get(`/v1/orders${query}`, key)).json()) as { orders: { id: string }[]; nextCursor: string | null };
}

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "x"];
const MEDIA_TYPES = [
  "text/plain",
  "application/x-www-form-urlencoded",
  "multipart/form-data",
  "application/problem+json",
  "json",
  "",
  ";",
  "*/*",
];
const JSON_TYPES = [
  "Application/JSON",
  "application/json;charset=utf-16",
  'application/json;a="b;c"',
  "application/json;",
  "application/json ; q=1",
];
/** More than the limit of 1 MiB, as valid as can be and as much to be wrong about as can be. */
const OVERSIZE = [JSON.stringify("x".repeat(1_100_000)), `[${"1,".repeat(600_000)}1]`];
/** Just below the limit. */
const HUGE = [
  JSON.stringify("\u0000".repeat(150_000)),
  `[${"[],".repeat(300_000)}1]`,
  `{${numbered(60_000)}}`,
  `{"orders":[${"0,".repeat(400_000)}0]}`,
];

function numbered(count: number): string {
  return Array.from({ length: count }, (_, index) => `"k${index}":${index}`).join();
}

const textOf = ({ name, schema }: Parameter): fc.Arbitrary<string> => {
  const leading = name in known ? fc.constantFrom(...known[name as keyof typeof known]) : valid(schema).map(String);
  return fc.oneof(
    { weight: 3, arbitrary: leading },
    { weight: 1, arbitrary: leading.chain(slightlyWrong) },
    { weight: 2, arbitrary: strangeText },
  );
};

const encoded = (text: string) => encodeURIComponent(text.toWellFormed());

function pathOf({ path, parameters }: Route): fc.Arbitrary<string> {
  const segments = path.split("/").map((segment) => {
    const parameter = parameters.find((one) => one.in === "path" && segment === `{${one.name}}`);
    if (!parameter) return fc.constant(segment);
    return fc.oneof({ weight: 4, arbitrary: textOf(parameter).map(encoded) }, { weight: 1, arbitrary: strangeSegment });
  });
  return fc.tuple(...segments).map((parts) => parts.join("/"));
}

function queryOf({ parameters }: Route): fc.Arbitrary<string> {
  const declared = parameters.filter((one) => one.in === "query").map((one) => textOf(one).map((value) => `${one.name}=${encoded(value)}`));
  const strange = fc.oneof(
    fc.tuple(strangeKey, strangeText).map((pair) => pair.map(encoded).join("=")),
    fc.constantFrom("&&", "=", "%", "%=%", "a[]=1&a[]=2", "a[b]=c", "?", "#", `a=${"b".repeat(50_000)}`, "x=1&".repeat(5_000)),
  );
  const pairs = fc.array(declared.length === 0 ? strange : fc.oneof({ weight: 5, arbitrary: fc.oneof(...declared) }, strange), {
    maxLength: 4,
  });
  return pairs.map((all) => (all.length === 0 ? "" : `?${all.join("&")}`));
}

type Header = readonly [string, string];
const header = (name: string, value: fc.Arbitrary<string>): fc.Arbitrary<Header> => value.map((text) => [name, text] as const);

const UPGRADES = ["websocket", "WebSocket", "h2c", "websocket, h2c", ""];

let submissions = 0;
const strangeHeader: fc.Arbitrary<Header> = fc.oneof(
  header(
    "authorization",
    fc.oneof(fieldText, fc.constantFrom("Bearer", "Bearer  ", `Basic ${key}`, `bearer ${key}`, `Bearer ${key} x`, "Bearer olk_dev_x")),
  ),
  header("idempotency-key", fc.oneof(fieldText, fc.constantFrom("x".repeat(255), "x".repeat(256), "a b", "a, b"))),
  header("content-type", fc.oneof(fieldText, fc.constantFrom(...MEDIA_TYPES, ...JSON_TYPES))),
  header(
    "traceparent",
    fc.oneof(fieldText, fc.constantFrom(`00-${"0".repeat(32)}-${"0".repeat(16)}-00`, `ff-${"a".repeat(32)}-${"b".repeat(16)}-01-x`)),
  ),
  header("if-none-match", fc.oneof(fieldText, fc.constantFrom("*", '"1"', 'W/"1"', '"1", "2"'))),
  header("upgrade", fc.constantFrom(...UPGRADES)),
  header(
    "sec-websocket-protocol",
    fc.oneof(fieldText, fc.constantFrom("orderline.v1", `orderline.key.${key}`, "orderline.key.", ",,,", "a b")),
  ),
  header("accept", fieldText),
  header("content-encoding", fc.constantFrom("gzip", "br", "identity", "x")),
  header("cookie", fieldText),
  header("x-http-method-override", fc.constantFrom("DELETE", "PUT")),
);

/** The headers of a well-behaved client, then some of a stranger, which are added or put in their place. */
const headersOf: fc.Arbitrary<Header[]> = fc
  .record({ strange: fc.array(strangeHeader, { maxLength: 3 }), doubled: fc.boolean() })
  .map(({ strange, doubled }) => {
    const usual: Header[] = [
      ["authorization", `Bearer ${key}`],
      ["content-type", "application/json"],
      ["idempotency-key", `fuzz-${++submissions}`],
    ];
    const kept = doubled ? usual : usual.filter(([name]) => !strange.some(([other]) => other === name));
    return [...kept, ...strange];
  });

function bodyOf({ body }: Route): fc.Arbitrary<string | Uint8Array | undefined> {
  const fitting = body ? valid(body) : fc.constant({});
  return fc.oneof(
    { weight: 6, arbitrary: fitting.chain(nearlyValid).map(({ text }) => text) },
    { weight: 2, arbitrary: fitting.map((value) => JSON.stringify(value)) },
    { weight: 3, arbitrary: strangeJson },
    { weight: 2, arbitrary: brokenBody },
    { weight: 1, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom(...HUGE, ...OVERSIZE) },
  );
}

const requestOf = (route: Route): fc.Arbitrary<Sent> =>
  fc
    .record({
      method: fc.oneof({ weight: 6, arbitrary: fc.constant(route.method) }, { weight: 1, arbitrary: fc.constantFrom(...METHODS) }),
      path: pathOf(route),
      query: queryOf(route),
      headers: headersOf,
      body: route.method === "GET" ? fc.constant(undefined) : bodyOf(route),
    })
    .map(({ method, path, query, headers, body }) => printable({ method, path: path + query, headers, body }));

/** No answer needs more than this to say what was wrong; a page of 200 orders fits, too. */
const MAX_ANSWER_BYTES = 512 * 1024;

async function check(sent: Sent, route?: Route): Promise<void> {
  const response = await send(sent);
  if (!response) return;
  const size = response.webSocket ? 0 : (await response.clone().arrayBuffer()).byteLength;
  expect(size).toBeLessThan(MAX_ANSWER_BYTES);
  const answer = await expectHonest(response, sent.method);
  const receipt = OrderReceipt.safeParse(answer);
  if (receipt.success) accepted.add(receipt.data.id);
  const results = PlaceOrdersResult.safeParse(answer);
  for (const result of results.success ? results.data.results : []) {
    expect(result.status).toBeLessThan(500);
    if (result.receipt) accepted.add(result.receipt.id);
  }
  if (route && sent.method === route.method && matches(route, sent.path)) expect(route.statuses).toContain(response.status);
}

/** Whether the path still is one of the route after the URL was normalized: `..` and the like lead elsewhere. */
function matches({ path }: Route, sent: string): boolean {
  const { pathname } = new URL(sent, "https://orderline.test");
  const segments = pathname.split("/");
  const template = path.split("/");
  return (
    segments.length === template.length &&
    template.every((part, index) => (part.startsWith("{") ? segments[index] !== "" : part === segments[index]))
  );
}

describe.each(routes)("$method $path", (route) => {
  it("answers whatever is sent to it as its contract says, and never with an error of ours", { timeout: TEST_TIMEOUT_MS }, () =>
    fc.assert(
      fc.asyncProperty(
        requestOf(route),
        withoutBug((sent) => check(sent, route)),
      ),
      bounds(70),
    ),
  );
});

const NO_ROUTE: Route = { method: "POST", path: "/", parameters: [], body: undefined, statuses: [] };

describe("A path that is no route", () => {
  it("is answered with a problem", { timeout: TEST_TIMEOUT_MS }, () => {
    const path = fc.array(
      fc.oneof(strangeSegment, fc.constantFrom("v1", "orders", "stock", "stats", "live", "healthz", "openapi.json", "docs", "")),
      { maxLength: 5 },
    );
    const sent = fc.record({
      method: fc.constantFrom(...METHODS),
      path: path.map((parts) => `/${parts.join("/")}`),
      headers: headersOf,
      body: bodyOf(NO_ROUTE),
    });
    return fc.assert(
      fc.asyncProperty(
        sent,
        withoutBug((one) => check(one)),
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
