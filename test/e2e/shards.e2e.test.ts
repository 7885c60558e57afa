/** Past one queue and one database: a copy of the project whose configuration names four of each. */
import { rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { copyOfProject, withShards } from "../../scripts/copy.ts";
import { DEVELOPMENT_KEY } from "../../scripts/dev-key.ts";
import { type Server, startServer } from "../../scripts/server.ts";

const SHARDS = 4;
const ORDERS = 60;
const PAGE = 7;

const headers = { authorization: `Bearer ${DEVELOPMENT_KEY}`, "content-type": "application/json" };

describe("A deployment with four databases and four queues of changes", () => {
  let copy: string;
  let server: Server;
  const placed = new Set<string>();
  beforeAll(async () => {
    copy = copyOfProject({ "wrangler.toml": withShards(SHARDS, Date.now()) });
    server = await startServer({ root: copy });
  });
  afterAll(async () => {
    await server?.stop();
    if (copy) rmSync(copy, { recursive: true, force: true });
  });

  const get = async (path: string) => (await (await fetch(`${server.url}${path}`, { headers })).json()) as Record<string, unknown>;

  const list = async () => {
    const listed: { id: string; placedAt: string }[] = [];
    for (let path: string | null = `/v1/orders?limit=${PAGE}`; path !== null; ) {
      const page = (await get(path)) as { orders: typeof listed; nextCursor: string | null };
      listed.push(...page.orders);
      path = page.nextCursor && `/v1/orders?limit=${PAGE}&cursor=${page.nextCursor}`;
    }
    return listed;
  };

  it("carries orders to their end and counts each of them once", async () => {
    const place = async (n: number) => {
      const order = {
        currency: "GBP",
        lines: [{ sku: "85123A", quantity: 1, unitPrice: 255 }],
        shipTo: { country: "GB" },
        payment: { token: "tok_visa" },
      };
      const answer = await fetch(`${server.url}/v1/orders`, {
        method: "POST",
        headers: { ...headers, "idempotency-key": `sharded-${n}` },
        body: JSON.stringify(order),
      });
      expect(answer.status).toBe(202);
      placed.add(((await answer.json()) as { id: string }).id);
    };
    for (let n = 0; n < ORDERS; n++) await place(n);
    await expect.poll(() => get("/v1/stats"), { timeout: 60_000, interval: 250 }).toMatchObject({ submitted: ORDERS, processed: ORDERS });
  });

  it("lists all of them, newest first, over pages that take rows from every database", async () => {
    await expect.poll(async () => (await list()).length, { timeout: 10_000, interval: 250 }).toBe(ORDERS);
    const listed = await list();
    expect(new Set(listed.map(({ id }) => id))).toEqual(placed);
    const times = listed.map(({ placedAt }) => placedAt);
    expect(times).toEqual(times.toSorted().reverse());
  });

  it("is found right by the reconciliation, which asks the database that should have each order", async () => {
    const reconcile = async () => {
      const period = { from: new Date(Date.now() - 3_600_000).toISOString(), to: new Date().toISOString() };
      return (await fetch(`${server.url}/v1/ops/reconcile`, { method: "POST", headers, body: JSON.stringify(period) })).json();
    };
    await expect.poll(reconcile, { timeout: 10_000, interval: 500 }).toMatchObject({ checked: ORDERS, differences: [] });
  });
});
