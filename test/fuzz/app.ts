/** The whole app as strangers meet it, and what may be said of every answer, whatever was sent. */
import { env, exports } from "cloudflare:workers";
import fc from "fast-check";
import { expect, type MockInstance, vi } from "vitest";
import type { z } from "zod";
import type { Problem } from "../../src/contract/problems.ts";
import { StatsSnapshot } from "../../src/contract/stats.ts";
import { OrderList, OrderView } from "../../src/contract/views.ts";
import { hex, sha256 } from "../../src/platform/digest.ts";
import { log } from "../../src/platform/log.ts";
import type { KeyRecord } from "../../src/tenants/keys.ts";
import type { ListedOrder } from "../oracle/evidence.ts";
import { differingCounters, differingHistory } from "../oracle/laws/projections.ts";
import { listedOrder, publicOrder } from "../oracle/views.ts";

/**
 * The bounds of one property. fast-check prints seed and path of a failure; it stops to make it smaller in good time
 * before the test is ended from outside, which would lose them.
 */
export const bounds = (numRuns: number) => ({ numRuns, interruptAfterTimeLimit: 25_000 });
export const TEST_TIMEOUT_MS = 60_000;

/** Time for the queues to carry to the projections whatever was accepted. */
export const DRAIN = { timeout: 30_000, interval: 200 };

export interface Sent {
  readonly method: string;
  /** Path and query, as they stand in the URL. */
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body?: string | Uint8Array | undefined;
}

/** Enough to recognise something by in a counterexample; the seed brings back all of it. */
const MAX_SHOWN = 300;

/** The same, shown in short when fast-check prints it. */
export function printable(sent: Sent): Sent {
  const shown = `${sent.method} ${cut(sent.path)} ${cut(JSON.stringify(sent.headers))} ${cut(fc.stringify(sent.body))}`;
  return Object.defineProperty({ ...sent }, fc.toStringMethod, { value: () => shown });
}

const cut = (text: string): string => (text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}… (${text.length} characters)` : text);

/** A key of its own for a tenant of its own, with all scopes. */
export async function grant(tenant: string): Promise<string> {
  const key = `key-of-${tenant}`;
  const record: KeyRecord = { tenant, name: tenant, scopes: ["orders:read", "orders:write", "ops"] };
  await env.API_KEYS.put(hex(await sha256(key)), JSON.stringify(record));
  return key;
}

/**
 * The answer, or null for what no client can put on the wire, such as a method with a space. Only a GET is sent with
 * `Upgrade`, because the runtime makes a GET of whatever else asks for one.
 */
export async function send({ method, path, headers, body }: Sent): Promise<Response | null> {
  const withBody = body !== undefined && method !== "GET" && method !== "HEAD";
  let request: Request;
  try {
    const list = new Headers();
    for (const [name, value] of headers) list.append(name, value);
    if (method !== "GET") list.delete("upgrade");
    request = new Request(`https://orderline.test${path}`, { method, headers: list, redirect: "manual", ...(withBody && { body }) });
  } catch {
    return null;
  }
  return exports.default.fetch(request);
}

/** JSON posted with a key, as a well-behaved client does it. */
export const post = async (path: string, key: string, body: string | Uint8Array, headers: Record<string, string> = {}): Promise<Response> =>
  (await send({
    method: "POST",
    path,
    body,
    headers: Object.entries({ authorization: `Bearer ${key}`, "content-type": "application/json", ...headers }),
  })) as Response;

export const get = async (path: string, key: string): Promise<Response> =>
  (await send({ method: "GET", path, headers: [["authorization", `Bearer ${key}`]] })) as Response;

/** How zod tells what is wrong, when nobody says it better. */
const LIBRARY_WORDS = /Invalid (?:input|option|string|ISO|email)|Unrecognized key|Too (?:small|big)|expected \w+, received|does not fit"/;

/** No answer is our fault, and every refusal is a problem (RFC 9457) that tells its own status. Answers what was in it. */
export async function expectHonest(response: Response, method = "POST"): Promise<unknown> {
  if (response.webSocket) {
    response.webSocket.accept();
    response.webSocket.close(1000);
    return undefined;
  }
  const text = await response.text();
  expect(response.status, text).toBeLessThan(500);
  if (response.status < 400) return text === "" ? undefined : JSON.parse(text);
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  expect(text, "in our own words, not in those of the schema library").not.toMatch(LIBRARY_WORDS);
  if (method === "HEAD") return undefined;
  const problem = JSON.parse(text) as Problem;
  expect(problem).toMatchObject({
    type: expect.stringMatching(/^urn:orderline:problem:[a-z-]+$/),
    title: expect.stringMatching(/./),
    status: response.status,
    detail: expect.stringMatching(/./),
  });
  return problem;
}

/** Sooner or later history and counters hold the accepted orders of the only tenant, as the orders themselves tell, and nothing else. */
export async function expectProjected(accepted: ReadonlySet<string>, tenant: string, key: string): Promise<void> {
  const order = async (id: string) => publicOrder(tenant, OrderView.parse(await (await get(`/v1/orders/${id}`, key)).json()));
  const differences = async () => {
    const orders = await Promise.all([...accepted].map(order));
    const counters = StatsSnapshot.parse(await (await get("/v1/stats", key)).json());
    const evidence = { orders, history: await historyOf(tenant, key), counters: [{ tenant, counters, receivers: [] }] };
    return [...differingHistory(evidence), ...differingCounters(evidence)];
  };
  await expect.poll(differences, DRAIN).toEqual([]);
  const { results } = await env.HISTORY.prepare("SELECT order_id FROM orders").all();
  expect(results).toHaveLength(accepted.size);
}

async function historyOf(tenant: string, key: string): Promise<ListedOrder[]> {
  const rows: ListedOrder[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const path = `/v1/orders?limit=200${cursor && `&cursor=${encodeURIComponent(cursor)}`}`;
    const page: z.infer<typeof OrderList> = OrderList.parse(await (await get(path, key)).json());
    rows.push(...page.orders.map((row) => listedOrder(tenant, row)));
    cursor = page.nextCursor;
  }
  return rows;
}

/**
 * Listens to the log, and keeps its thousands of lines off the terminal. What it returns wraps a property, which then
 * also fails when a bug was recorded meanwhile, be it as an error or as a passing trouble.
 */
export function watchLog() {
  const spies = (["info", "warn", "error"] as const).map((level): MockInstance => vi.spyOn(log, level).mockImplementation(() => {}));
  return <Values extends unknown[]>(property: (...values: Values) => Promise<void>) =>
    async (...values: Values): Promise<void> => {
      for (const spy of spies) spy.mockClear();
      await property(...values);
      const bugs = spies.flatMap((spy) => spy.mock.calls.filter(([event]) => event === "http.bug"));
      expect(bugs.map(([, fields]) => fields.error)).toEqual([]);
    };
}
