/** Calls of the HTTP face in workerd, and orders that are parked, for tests of what an operator does. */
import { env, exports } from "cloudflare:workers";
import { expect, vi } from "vitest";
import type { PlacedOrder } from "../../src/contract/events.ts";
import type { Cause } from "../../src/contract/order.ts";
import { Problem } from "../../src/contract/problems.ts";
import type { PinnedProfile } from "../../src/contract/profile.ts";
import type { OrderState } from "../../src/domain/order.ts";
import type { Env } from "../../src/env.ts";
import { orderIdOf } from "../../src/http/identity.ts";
import { hex, sha256 } from "../../src/platform/digest.ts";
import type { Scope } from "../../src/tenants/keys.ts";
import { placedOrder } from "./orders.ts";

export interface Call {
  readonly method?: string;
  readonly key?: string;
  readonly headers?: Record<string, string>;
  /** Sent as JSON. */
  readonly body?: unknown;
}

/** An API key of its own for a tenant; its name is what the journal says did it. */
export async function grant(tenant: string, scopes: Scope[] = ["orders:read", "orders:write", "ops"]): Promise<string> {
  const key = `key-of-${tenant}-${scopes.join("-")}`;
  await env.API_KEYS.put(hex(await sha256(key)), JSON.stringify({ tenant, name: "ada", scopes }));
  return key;
}

export const requestOf = (path: string, { method, key, headers = {}, body }: Call = {}): Request =>
  new Request(`https://orderline.test${path}`, {
    method: method ?? (body === undefined ? "GET" : "POST"),
    headers: {
      ...(key && { authorization: `Bearer ${key}` }),
      ...(body !== undefined && { "content-type": "application/json" }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });

/** The same call while D1 is down. */
export async function callWithoutHistory(path: string, options?: Call): Promise<Response> {
  const { app } = await import("../../src/http/app.ts");
  return app.fetch(requestOf(path, options), withoutHistory);
}

/** The bindings of a Worker whose D1 does not answer. */
export const withoutHistory: Env = Object.create(env, {
  HISTORY: {
    value: {
      prepare: () => {
        throw new Error("D1 is down");
      },
    },
  },
});

export const call = (path: string, options?: Call): Promise<Response> => exports.default.fetch(requestOf(path, options));

/** The body of an answer of a given status. */
export async function answerOf<Body>(response: Promise<Response>, status = 200): Promise<Body> {
  const answer = await response;
  const text = await answer.text();
  expect(answer.status, text).toBe(status);
  return JSON.parse(text) as Body;
}

export async function expectProblem(response: Promise<Response>, status: number, name: string): Promise<Problem> {
  const problem = Problem.parse(await answerOf(response, status));
  expect(problem.type).toBe(`urn:orderline:problem:${name}`);
  return problem;
}

export const stubOf = (orderId: string) => env.ORDERS.getByName(orderId);

export async function stateOf(tenant: string, orderId: string): Promise<OrderState> {
  const state = (await stubOf(orderId).view(tenant)) as OrderState | null;
  if (!state) throw new Error(`${tenant} has no order ${orderId}`);
  return state;
}

let placements = 0;

/** An order in its actor, without a hint: it stays accepted until somebody looks at it. */
export async function placeOrder(tenant: string, changes: Partial<PlacedOrder> = {}, profile?: PinnedProfile): Promise<string> {
  const orderId = await orderIdOf(tenant, `placed-${++placements}`);
  await stubOf(orderId).place(placedOrder({ tenant, orderId, customer: {}, ...changes }), profile);
  return orderId;
}

export const OUTAGE: Cause = { class: "provider_down", step: "authorize", detail: "no answer within 10000 ms" };

/** An order that was parked before anything was done for it. A redrive of it goes well, unless its payment says otherwise. */
export async function parkOrder(tenant: string, cause: Cause = OUTAGE, changes: Partial<PlacedOrder> = {}): Promise<string> {
  const orderId = await placeOrder(tenant, changes);
  await stubOf(orderId).quarantine(cause);
  return orderId;
}

/** Waits until the history shows this many of the tenant's orders as parked. */
export async function historyShowsParked(tenant: string, count: number): Promise<void> {
  const sql = "SELECT count(*) AS parked FROM orders WHERE tenant = ? AND attention = 'quarantined'";
  const parked = async () => (await env.HISTORY.prepare(sql).bind(tenant).first<{ parked: number }>())?.parked;
  await vi.waitFor(async () => expect(await parked()).toBe(count), { timeout: 15_000, interval: 100 });
}
