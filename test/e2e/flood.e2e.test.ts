/** A small `npm run flood`: what must hold on any machine. How much expedited orders notice of a flood is measured by the command. */
import { describe, expect, it } from "vitest";
import { runFlood } from "../chaos/flood-run.ts";

const PLAN = { latencyMs: 200, expeditedPerSecond: 2, baselineSeconds: 5, multiple: 10, floodSeconds: 1, probeOrders: 100 };

describe("When the standard lane is flooded", () => {
  it("loses and drops nothing, drains, and starts expedited orders before standard ones", async ({ signal }) => {
    const { flood, lost, dropped, bugs, byStatus, expedited, standard } = await runFlood(PLAN, { say: () => {}, signal });
    expect(flood.orders).toBeGreaterThan(PLAN.probeOrders);
    expect(lost).toEqual([]);
    expect(dropped).toEqual([]);
    expect(bugs).toEqual([]);
    expect(Object.keys(byStatus)).toEqual(["confirmed"]);
    expect(flood.drainedMs).toBeGreaterThan(0);
    expect(expedited.flooded.orders).toBeGreaterThan(0);
    expect(expedited.flooded.p95).toBeLessThan(Number(standard.p95));
  });
});
