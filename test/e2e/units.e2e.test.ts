/** The benchmark adds up what actors and consumers log of what they are billed for, so on the real server all of them must. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DEVELOPMENT_KEY } from "../../scripts/dev-key.ts";
import { type Server, startServer } from "../../scripts/server.ts";

const BILLED = ["OrderActor", "VelocityActor", "InventoryActor", "StatsShard", "StatsHub", "BreakerActor", "D1", "order-events"];

describe("With METER on", () => {
  let server: Server;
  beforeAll(async () => {
    server = await startServer({ vars: { METER: "true" } });
  });
  afterAll(() => server?.stop());

  it("whatever carries an order says what it is billed for", async () => {
    const order = {
      currency: "GBP",
      lines: [{ sku: "85123A", quantity: 1, unitPrice: 255 }],
      customer: { id: "17850" },
      shipTo: { country: "GB" },
      payment: { token: "tok_visa" },
    };
    const placed = await fetch(`${server.url}/v1/orders`, {
      method: "POST",
      headers: { authorization: `Bearer ${DEVELOPMENT_KEY}`, "content-type": "application/json", "idempotency-key": "units-1" },
      body: JSON.stringify(order),
    });
    expect(placed.status).toBe(202);
    const sources = () => BILLED.filter((source) => !server.log().includes(`"event":"units","source":"${source}"`));
    await expect.poll(sources, { timeout: 30_000 }).toEqual([]);
    // Five commits: one that accepts it, and one for each of the saga's groups.
    const rowsOf = () =>
      [...server.log().matchAll(/"event":"units","source":"OrderActor"[^}]*?"rowsWritten":(\d+)/g)].reduce(
        (sum, [, rows]) => sum + Number(rows),
        0,
      );
    await expect.poll(rowsOf, { timeout: 30_000 }).toBeGreaterThanOrEqual(5);
  });
});
