import { describe, expect, it } from "vitest";
import { describeGrowth, type Growth, growthJson, missedGrowth, type Sized } from "../../bench/growth-report.ts";
import { sumUnits } from "../../bench/units.ts";

/** Ten orders, each of which takes `cost` of everything. */
const sized = (cost: number): Sized => ({
  orders: 10,
  units: sumUnits([
    JSON.stringify({
      event: "units",
      source: "OrderActor",
      rowsWritten: 8 * cost,
      alarmsSet: 2 * cost,
      rowsRead: 10 * cost,
      requests: 10 * cost,
    }),
  ]),
  logLines: 0,
  cpuMs: 10 * cost,
  confirmMs: [cost],
});

const growth = (costs: readonly number[], bytes: number | null = 100): Growth => ({
  machine: "2 cores",
  rows: { few: 1_000, many: 100_000 },
  carried: { few: 1_000, many: 20_000 },
  rounds: costs.map((cost) => ({ few: sized(10), many: sized(cost) })),
  held: { few: { orders: 2_000, bytes: 100 }, many: { orders: 20_000, bytes } },
});

describe("What growth showed", () => {
  it("is the median of the rounds, each many against few", () => {
    expect(JSON.parse(growthJson(growth([10, 11, 90])))).toMatchObject({
      ...{ rowsWrittenGrowth: 1.1, rowsReadGrowth: 1.1, requestsGrowth: 1.1, cpuGrowth: 1.1, p50Growth: 1.1, memoryGrowth: 1 },
      missed: [],
    });
  });

  it("misses each bar that is passed, and none that is met exactly", () => {
    expect(missedGrowth(growth([11], 120))).toEqual([]);
    expect(missedGrowth(growth([12], 121))).toEqual([
      ...["rowsWrittenGrowth", "rowsReadGrowth", "requestsGrowth", "cpuGrowth", "p50Growth", "memoryGrowth"],
    ]);
  });

  it("misses a bar that came to no number", () => {
    expect(missedGrowth(growth([10], null))).toEqual(["memoryGrowth"]);
    expect(missedGrowth(growth([]))).toContain("cpuGrowth");
  });

  it("tells what the store was filled with", () => {
    expect(describeGrowth(growth([10]))).toContain("against 100000, of which 20000 were; the others are rows");
  });
});
