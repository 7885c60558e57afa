import { describe, expect, it } from "vitest";
import { BARS, type Count, type Measured, summarize, toJson, toMarkdown } from "../../bench/report.ts";
import { sumUnits } from "../../bench/units.ts";

const count = (rowsWritten: number): Count => ({
  orders: 10,
  units: sumUnits([
    JSON.stringify({ event: "units", source: "OrderActor", rowsWritten: rowsWritten * 10 - 20, alarmsSet: 20, requests: 30 }),
  ]),
  logLines: 40,
  cpuMs: 100,
});

const measured = (change: Partial<Measured> = {}): Measured => ({
  machine: "2 cores",
  settings: { orders: 100, concurrency: 32, rounds: 3, pace: 10, email: false },
  bursts: [
    { orderline: [10, 12], bare: [10] },
    { orderline: [13], bare: [10] },
    { orderline: [90], bare: [10] },
  ],
  floods: [
    { orderline: [20], bare: [10] },
    { orderline: [40], bare: [10] },
  ],
  throughput: [
    { orders: 100, acceptedAfterMs: 500, confirmedAfterMs: 1_000 },
    { orders: 100, acceptedAfterMs: 500, confirmedAfterMs: 3_000 },
  ],
  paced: count(18),
  loaded: count(17),
  ...change,
});

describe("The summary", () => {
  it("takes the median of the rounds, so that one bad moment of the machine decides nothing", () => {
    expect(summarize(measured())).toMatchObject({ acceptP99Ratio: 1.3, acceptP99RatioFlooded: 3 });
  });

  it("divides all orders by all the time until they were confirmed", () => {
    expect(summarize(measured()).confirmedPerSecond).toBe(50);
  });

  it("counts alarms among the rows written", () => {
    expect(summarize(measured())).toMatchObject({ rowsWrittenPerOrder: 18, rowsWrittenPerOrderFlooded: 17 });
  });

  it("misses no bar that is met exactly", () => {
    expect(summarize(measured({ paced: count(BARS.rowsWrittenPerOrder) })).missed).toEqual([]);
  });

  it("names each bar that is missed, and holds the flood to none", () => {
    const slow = [{ orderline: [16], bare: [10] }];
    expect(summarize(measured({ bursts: slow, paced: count(31), loaded: count(100) })).missed).toEqual([
      "acceptP99Ratio",
      "rowsWrittenPerOrder",
      "dollarsPerMillion",
    ]);
  });

  it("says so when the bare Worker's own rounds tell that the machine was busy with something else", () => {
    const uneven = [
      { orderline: [10], bare: [10] },
      { orderline: [30], bare: [30] },
    ];
    expect(summarize(measured()).disturbed).toBe(false);
    expect(summarize(measured({ bursts: uneven })).disturbed).toBe(true);
    expect(toMarkdown(measured({ bursts: uneven }))).toContain("Something else was running");
  });

  it("misses a bar that was not measured at all", () => {
    expect(summarize(measured({ bursts: [] })).missed).toEqual(["acceptP99Ratio"]);
  });
});

describe("The report", () => {
  it("marks what is met and what is missed", () => {
    const text = toMarkdown(measured({ paced: count(21) })).replace(/ +/g, " ");
    expect(text).toContain("| rows written per confirmed order | 21.00 | ≤ 20 | ✗ |");
    expect(text).toContain("| 1.30 | ≤ 1.5 | ✓ |");
  });

  it("is valid as one line of JSON, with the figures that others read", () => {
    const json = toJson(measured());
    expect(json).not.toContain("\n");
    expect(JSON.parse(json)).toMatchObject({
      acceptP99Ratio: 1.3,
      confirmedPerSecond: 50,
      rowsWrittenPerOrder: 18,
      dollarsPerMillion: expect.any(Number),
      missed: [],
    });
  });
});
