import { describe, expect, it } from "vitest";
import { BARS, summarize, toJson } from "../../bench/bars.ts";
import type { Count, Measured, Recovery, Run, Versus } from "../../bench/measured.ts";
import { toMarkdown } from "../../bench/report.ts";
import { sumUnits } from "../../bench/units.ts";

const count = (rowsWritten: number): Count => ({
  orders: 10,
  units: sumUnits([
    JSON.stringify({ event: "units", source: "OrderActor", rowsWritten: rowsWritten * 10 - 20, alarmsSet: 20, requests: 30 }),
  ]),
  logLines: 40,
  cpuMs: 100,
});

/** A run of a hundred orders that takes `ms` for all that it does. */
const run = (ms: number): Run => ({ orders: 100, elapsedMs: ms, acceptMs: [ms], confirmMs: [ms], cpuMs: ms });

const floods = (...orderline: number[]) => orderline.map((ms) => ({ orderline: run(ms), naive: run(100), workflow: run(300) }));

const versus: Versus = {
  floods: floods(90, 100, 5_000),
  light: [{ orderline: run(110), naive: run(100) }],
  slow: [{ orderline: { ...run(60), acceptMs: [15] }, synchronous: run(100) }],
  hung: { calm: run(100), others: run(120), hung: 2 },
};

const crash = (restMs: number): Recovery => ({
  ...{ orders: 100, confirmedBefore: 50, resent: 3 },
  ...{ restartMs: 5_000, confirmedMs: restMs / 2, restMs },
});

const measured = (change: Partial<Measured> = {}): Measured => ({
  machine: "2 cores",
  settings: { orders: 100, concurrency: 32, rounds: 3, pace: 10, email: false },
  bursts: [
    { orderline: [10, 12], bare: [10] },
    { orderline: [13], bare: [10] },
    { orderline: [90], bare: [10] },
  ],
  versus,
  fairness: { alone: [80, 100], beside: [110, 150], others: [4_000], floodPerSecond: 90, steadyPerSecond: 5 },
  recovery: [{ orderline: crash(12_000), naive: crash(10_000) }],
  paced: count(11),
  loaded: count(10),
  lone: count(13),
  ...change,
});

const figureOf = (key: keyof typeof BARS, of = measured()) => summarize(of).figures[key]?.value;

describe("The summary", () => {
  it("takes the median of the rounds, so that one bad moment of the machine decides nothing, and shows how far they lie apart", () => {
    expect(summarize(measured()).figures.acceptP99VsBareBurst).toEqual({ value: 1.3, spread: [1.2, 9] });
    expect(summarize(measured()).figures.cpuVsNaive).toEqual({ value: 1, spread: [0.9, 50] });
  });

  it("says how many times a peer's throughput Orderline's is, and how many times its delays and its CPU", () => {
    expect([figureOf("confirmedVsNaive"), figureOf("confirmedVsWorkflow")]).toEqual([1, 3]);
    expect([figureOf("acceptP99VsNaiveFlood"), figureOf("lightLoadP50VsNaive"), figureOf("lightLoadP99VsNaive")]).toEqual([1, 1.1, 1.1]);
    expect([figureOf("confirmVsSync100ms"), figureOf("clientWaitVsSync100ms"), figureOf("hungP95Ratio")]).toEqual([0.6, 0.15, 1.2]);
  });

  it("says how many times as long a tenant waits beside another's flood, and shows what both waited", () => {
    expect(figureOf("fairShareP95Ratio")).toBe(1.5);
    expect(toMarkdown(measured()).replace(/ +/g, " ")).toContain("| steady, beside the flood | 2 | 5 | 110 | 150 | 150 |");
    expect(toMarkdown(measured({ fairness: null }))).not.toContain("steady");
  });

  it("compares how long a crash is felt without the restart itself", () => {
    expect(figureOf("recoveryVsNaive")).toBe(1.2);
    expect(summarize(measured({ recovery: [{ orderline: crash(16_000), naive: crash(10_000) }] })).missed).toEqual(["recoveryVsNaive"]);
    expect(toMarkdown(measured()).replace(/ +/g, " ")).toContain("| orderline | 100 | 50 | 3 | 5.0 s | 6.0 s | 12.0 s |");
  });

  it("counts alarms among the rows written", () => {
    expect([figureOf("rowsWrittenPerOrder"), figureOf("rowsWrittenLoneOrder")]).toEqual([11, 13]);
  });

  it("misses no bar that is met exactly, whether it is the least or the most", () => {
    expect(summarize(measured({ paced: count(BARS.rowsWrittenPerOrder.bar) })).missed).toEqual([]);
    expect(summarize(measured({ versus: { ...versus, floods: floods(100, 100, 100) } })).missed).toEqual([]);
  });

  it("names each bar that is missed, and holds what was flooded while it was counted to none", () => {
    const slow = [{ orderline: [16], bare: [10] }];
    expect(summarize(measured({ bursts: slow, paced: count(15), lone: count(15), loaded: count(100) })).missed).toEqual([
      ...["acceptP99VsBareBurst", "rowsWrittenPerOrder", "rowsWrittenLoneOrder", "dollarsPerMillion"],
    ]);
    expect(summarize(measured({ versus: { ...versus, floods: floods(200, 200, 200) } })).missed).toEqual([
      ...["confirmedVsNaive", "confirmedVsWorkflow", "cpuVsNaive", "acceptP99VsNaiveFlood"],
    ]);
  });

  it("misses a bar that came to no number, and none that was left out", () => {
    expect(summarize(measured({ bursts: [] })).missed).toEqual(["acceptP99VsBareBurst"]);
    expect(summarize(measured({ bursts: null, versus: null, recovery: null })).missed).toEqual([]);
  });
});

describe("The report", () => {
  it("marks what is met and what is missed", () => {
    const text = toMarkdown(measured({ paced: count(21) })).replace(/ +/g, " ");
    expect(text).toContain("| rows written per confirmed order of two lines | 21.00 | | ≤ 12 | ≤ 10 | ✗ |");
    expect(text).toContain("| 1.30 | 1.20 to 9.00 | ≤ 1.5 | | ✓ |");
  });

  it("leaves out the tables of what was not measured", () => {
    const text = toMarkdown(measured({ versus: null, recovery: null, paced: null, loaded: null, lone: null }));
    expect(text).toContain("bare Worker");
    expect(text).not.toMatch(/naive|per million/);
  });

  it("is valid as one line of JSON, with the figures that others read, and null for what was left out", () => {
    const json = toJson(measured({ bursts: null }));
    expect(json).not.toContain("\n");
    expect(JSON.parse(json)).toMatchObject({
      ...{ confirmedVsNaive: 1, rowsWrittenPerOrder: 11, rowsWrittenLoneOrder: 13, acceptP99VsBareBurst: null },
      ...{ dollarsPerMillion: expect.any(Number), missed: [] },
    });
  });
});
