import { describe as about, expect, it } from "vitest";
import { describe, describeMatrix, figuresOf, missedBars } from "./flood-report.ts";
import type { FloodResult } from "./flood-run.ts";

const PLAN = { latencyMs: 50, expeditedPerSecond: 2, baselineSeconds: 30, multiple: 10, floodSeconds: 4, probeOrders: 300 };

const phase = (p95: number | null) => ({ orders: 60, p50: 40, p95, max: 400 });

function result(overrides: Partial<FloodResult> = {}): FloodResult {
  return {
    ...{ plan: PLAN, drainPerSecond: 20, ratio: 1.2, byStatus: { confirmed: 900 }, lost: [], dropped: [], bugs: [] },
    flood: { orders: 800, perSecond: 200, multiple: 10, drainedMs: 40_000 },
    expedited: { baseline: phase(100), flooded: phase(120) },
    standard: phase(30_000),
    waits: {
      expedited: [{ placedAt: 1, ms: 40 }],
      standard: [{ placedAt: 2, ms: 90 }],
      ...{ floodedFrom: 2, drainedAt: 9 },
    },
    ...overrides,
  };
}

about("A flood", () => {
  it("reaches its bars when expedited orders hardly notice it, it was one, and nothing is missing", () => {
    expect(missedBars(result({ ratio: 1.25 }))).toEqual([]);
    expect(describe(result())).toContain("Every bar is reached.");
  });

  it.each([
    [{ ratio: 1.26 }, "expedited p95 is 1.26 times that without a flood, the bar is 1.25"],
    [{ ratio: null }, "expedited p95 is not times that without a flood, the bar is 1.25"],
    [{ flood: { ...result().flood, multiple: 8.9 } }, "the flood was only 8.9 times the drain rate"],
    [{ lost: ["ord_1"] }, "1 accepted orders are lost: ord_1"],
    [{ dropped: ["ord_1", "ord_2"] }, "2 accepted orders came to no end: ord_1, ord_2"],
    [{ bugs: ["POST /v1/orders"] }, "1 answers of 500: POST /v1/orders"],
  ])("misses one otherwise, and says by what: %o", (overrides, missed) => {
    expect(missedBars(result(overrides))).toEqual([missed]);
    expect(describe(result(overrides))).toContain(`MISSED: ${missed}`);
  });

  it("is told to machines by the figures that it is judged by, without the single waits", () => {
    const figures = figuresOf(result({ lost: ["ord_1"] }));
    expect(figures).toMatchObject({ expeditedP95Ratio: 1.2, floodFactor: 10, lost: 1, dropped: 0, plan: PLAN });
    expect(figures).not.toHaveProperty("waits");
  });
});

about("A matrix of floods", () => {
  it("has a row for each, with its settings and whether it reached its bars", () => {
    const [, , memory, disk] = describeMatrix([
      { store: "in memory", result: result() },
      { store: "on disk", result: result({ ratio: 2.8, expedited: { baseline: phase(100), flooded: phase(280) } }) },
    ]).split("\n");
    expect(memory?.split("|").map((cell) => cell.trim())).toEqual([
      "",
      "50 ms",
      "in memory",
      "20.0",
      "10.0",
      "100",
      "120",
      "1.20",
      "0",
      "0",
      "✓",
      "",
    ]);
    expect(disk).toMatch(/280 \| +2\.80 .*✗/);
  });
});
