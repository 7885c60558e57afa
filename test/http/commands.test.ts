/** Commands and reads of one order in plain Node: the HTTP face in front of the order's own rules, with queues that keep what they take. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LANES, Priority } from "../../src/contract/lanes.ts";
import type { Hint } from "../../src/contract/messages.ts";
import type { OrderCommand } from "../../src/domain/decide.ts";
import type { Env } from "../../src/env.ts";
import { app } from "../../src/http/app.ts";
import type { KeyRecord } from "../../src/tenants/keys.ts";
import { ORDER_ID, placedOrder } from "../support/orders.ts";
import { World } from "../support/world.ts";

const KEY: KeyRecord = { tenant: "shop", name: "ada", scopes: ["orders:read", "orders:write", "ops"] };
const PATH = `/v1/orders/${ORDER_ID}`;

/** A deployment that has one order. */
function deployment() {
  const world = new World();
  world.place(placedOrder());
  const actor = { view: async () => world.state, command: async (_: string, command: OrderCommand) => world.process.command(command) };
  const hints: (Hint & { readonly lane: Priority })[] = [];
  const queueOf = (lane: Priority) => ({
    sendBatch: async (messages: readonly MessageSendRequest<Hint>[]) => {
      hints.push(...messages.map(({ body }) => ({ ...body, lane })));
      return { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } };
    },
  });
  const env = {
    API_KEYS: { get: async () => JSON.stringify(KEY) },
    ORDERS: { getByName: () => actor },
    ...Object.fromEntries(Priority.options.flatMap((lane) => Object.keys(LANES[lane].queues).map((binding) => [binding, queueOf(lane)]))),
  } as unknown as Env;

  async function ask(path: string, { body, headers }: { body?: object; headers?: Record<string, string> } = {}) {
    const after: Promise<unknown>[] = [];
    const ctx = { waitUntil: (work: Promise<unknown>) => void after.push(work), passThroughOnException: () => {}, props: {} };
    const request = new Request(`https://orderline.test${path}`, {
      headers: { authorization: "Bearer key", ...(body && { "content-type": "application/json" }), ...headers },
      ...(body && { method: "POST", body: JSON.stringify(body) }),
    });
    const response = await app.fetch(request, env, ctx);
    await vi.runAllTimersAsync();
    await Promise.all(after);
    return { status: response.status, etag: response.headers.get("etag"), text: await response.text() };
  }

  /** The lanes that were asked for a turn since the last time. */
  const hinted = () => hints.splice(0).map(({ orderId, priority, lane }) => [orderId, priority, lane]);
  return { world, ask, hinted };
}

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => void vi.useRealTimers());

describe("A command", () => {
  it("sends its hint down the lane that the order is in now, whichever it was placed in", async () => {
    const { ask, hinted } = deployment();
    await ask(`${PATH}/expedite`, { body: {} });
    expect(hinted()).toEqual([[ORDER_ID, "expedited", "expedited"]]);
    await ask(`${PATH}/cancel`, { body: {} });
    expect(hinted()).toEqual([[ORDER_ID, "expedited", "expedited"]]);
  });

  it("sends it down the standard lane for an order that nobody has promoted", async () => {
    const { world, ask, hinted } = deployment();
    world.process.quarantine({ class: "bug", detail: "x" });
    await ask(`${PATH}/redrive`, { body: {} });
    expect(hinted()).toEqual([[ORDER_ID, "standard", "standard"]]);
  });

  it("sends none when it is refused", async () => {
    const { ask, hinted } = deployment();
    expect((await ask(`${PATH}/redrive`, { body: {} })).status).toBe(409);
    expect(hinted()).toEqual([]);
  });
});

describe("The ETag of an order", () => {
  it("is its version, after a read as after a command", async () => {
    const { ask } = deployment();
    expect((await ask(PATH)).etag).toBe('"1"');
    expect((await ask(`${PATH}/expedite`, { body: {} })).etag).toBe('"2"');
    expect((await ask(PATH)).etag).toBe('"2"');
    expect((await ask(`${PATH}/cancel`, { body: {} })).etag).toBe('"3"');
  });

  it("saves whoever has this version the body, and nobody who has an earlier one", async () => {
    const { ask } = deployment();
    await ask(`${PATH}/expedite`, { body: {} });
    expect(await ask(PATH, { headers: { "if-none-match": '"2"' } })).toEqual({ status: 304, etag: '"2"', text: "" });
    const stale = await ask(PATH, { headers: { "if-none-match": '"1"' } });
    expect(stale).toMatchObject({ status: 200, etag: '"2"' });
    expect(JSON.parse(stale.text)).toMatchObject({ version: 2, priority: "expedited" });
  });
});
