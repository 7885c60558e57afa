/** A lane is a row of the table and a queue: proven with a copy of the project that has one more of each. */
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { copyOfProject } from "../../scripts/copy.ts";
import { DEVELOPMENT_KEY } from "../../scripts/dev-key.ts";
import { type Server, startServer } from "../../scripts/server.ts";
import { ROOT } from "../../scripts/wrangler.ts";

/** Its queue collects for longer than an order waits before it ages, so that the order below is carried by the lane it ages into. */
const ROW = `
  overnight: {
    rank: 2,
    queues: { ORDERS_OVERNIGHT: "orders-overnight" },
    atOnce: 8,
    defers: true,
    ages: { into: "standard", afterMs: 2 * SECOND },
    retry: { maxAttempts: 8, baseMs: SECOND, capMs: 120 * SECOND },
    stallAfterMs: 3 * SECOND,
    capacity: 10_000,
    fullAfterMs: 120 * SECOND,
  },
} as const satisfies Record<string, LanePolicy>;`;

const QUEUE = (waitSeconds: number) => `
[[queues.producers]]
binding = "ORDERS_OVERNIGHT"
queue = "orders-overnight"

[[queues.consumers]]
queue = "orders-overnight"
max_batch_size = 100
max_batch_timeout = ${waitSeconds}
max_retries = 100
retry_delay = 10
dead_letter_queue = "orders-dead-letter"
`;

const copyWithLane = (waitSeconds: number): string =>
  copyOfProject({
    "src/contract/lanes.ts": (text) => text.replace("\n} as const satisfies Record<string, LanePolicy>;", ROW),
    "wrangler.toml": (text) => text.replace("# Expedited: small batches, no waiting.", (line) => `${QUEUE(waitSeconds)}\n${line}`),
  });

const headers = { authorization: `Bearer ${DEVELOPMENT_KEY}`, "content-type": "application/json" };

describe("A lane that was added by one row and one queue", () => {
  let copy: string;
  let server: Server;
  beforeAll(async () => {
    copy = copyWithLane(60);
    server = await startServer({ root: copy });
  });
  afterAll(async () => {
    await server?.stop();
    if (copy) rmSync(copy, { recursive: true, force: true });
  });

  const get = async (path: string) => (await (await fetch(`${server.url}${path}`, { headers })).json()) as Record<string, unknown>;

  it("compiles, since no other file names a lane", () => {
    const { stdout } = spawnSync(join(ROOT, "node_modules/.bin/tsc"), ["-p", copy], { encoding: "utf8" });
    expect(stdout).toBe("");
  });

  it("takes an order, which ages into the standard lane and is carried there to its end", async () => {
    const order = {
      priority: "overnight",
      currency: "GBP",
      lines: [{ sku: "85123A", quantity: 1, unitPrice: 255 }],
      shipTo: { country: "GB" },
      payment: { token: "tok_visa" },
    };
    const placed = await fetch(`${server.url}/v1/orders`, {
      method: "POST",
      headers: { ...headers, "idempotency-key": "overnight-1" },
      body: JSON.stringify(order),
    });
    expect(placed.status).toBe(202);
    const { id } = (await placed.json()) as { id: string };
    expect(await get(`/v1/orders/${id}`)).toMatchObject({ status: "accepted", priority: "overnight" });
    await expect
      .poll(() => get(`/v1/orders/${id}`), { timeout: 30_000, interval: 250 })
      .toMatchObject({ status: "confirmed", priority: "standard" });
    const { events } = (await get(`/v1/orders/${id}/events`)) as { events: { type: string; data: object }[] };
    expect(events.filter(({ type }) => type === "OrderPromoted").map(({ data }) => data)).toEqual([{ to: "standard", because: "aged" }]);
  });

  it("is counted and listed like the others", async () => {
    await expect.poll(() => get("/v1/stats")).toMatchObject({ byPriority: { overnight: { processed: 0 }, standard: { processed: 1 } } });
    expect(await get("/v1/orders?priority=overnight")).toMatchObject({ orders: [] });
  });
});
