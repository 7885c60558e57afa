import { describe, expect, it } from "vitest";
import type { ListedOrder } from "../../scripts/replay/client.ts";
import { type Evidence, reconcile } from "../../scripts/replay/reconcile.ts";
import type { Tracked } from "../../scripts/replay/watch.ts";
import { pounds } from "../../scripts/replay/words.ts";

const START = Date.parse("2026-11-21T08:00:00Z");

function order(invoice: string, total: number, listed: Partial<ListedOrder> = {}, more: Partial<Tracked> = {}): Tracked {
  const id = `ord_${invoice}`;
  const placedAt = START + 10;
  return {
    ...{ id, invoice, total, placedAt, fresh: true },
    listed: { id, status: "confirmed", currency: "GBP", total, placedAt, confirmedAt: placedAt + 5, ...listed },
    ...more,
  };
}

const counters = (submitted: number, revenue: number) => ({ at: START, submitted, pending: 0, quarantined: 0, revenue: { GBP: revenue } });

/** Two orders of £1 and £2 where every witness agrees, changed by the test. */
function judge(changes: Partial<Evidence> = {}) {
  const evidence: Evidence = {
    file: { orders: 2, value: 300 },
    tracked: [order("1", 100), order("2", 200)],
    before: counters(10, 5_000),
    after: counters(12, 5_300),
    others: { placed: 0, underWay: 0 },
    ...changes,
  };
  const result = reconcile(evidence);
  return { ...result, verdicts: result.comparisons.map(({ verdict }) => verdict) };
}

describe("File, history and counters are equal", () => {
  it("when all three say the same", () => {
    const { equal, comparisons, notes } = judge();
    expect(equal).toBe(true);
    expect(notes).toEqual([]);
    expect(comparisons).toEqual([
      { what: "orders", unit: "count", file: 2, history: 2, counters: 2, verdict: "equal" },
      { what: "order value", unit: "pence", file: 300, history: 300, counters: null, verdict: "equal" },
      { what: "revenue", unit: "pence", file: 300, history: 300, counters: 300, verdict: "equal" },
    ]);
  });

  it("when an order is held or failed, which earns nothing", () => {
    const tracked = [order("1", 100), order("2", 200, { status: "held", confirmedAt: null })];
    expect(judge({ tracked, after: counters(12, 5_100) }).equal).toBe(true);
    expect(judge({ tracked }).verdicts).toEqual(["equal", "equal", "different"]);
  });

  it("when everything is a repeat of an earlier run, which the counters had before", () => {
    const earlier = { placedAt: START - 100, confirmedAt: START - 50 };
    const tracked = [order("1", 100, earlier, { fresh: false }), order("2", 200, earlier, { fresh: false })];
    const { equal, comparisons, notes } = judge({ tracked, after: counters(10, 5_000) });
    expect(equal).toBe(true);
    expect(comparisons[0]).toMatchObject({ counters: 2 });
    expect(notes.join()).toContain("2 orders are from an earlier run");
  });

  it("when an order of an earlier run was confirmed during this one", () => {
    const tracked = [order("1", 100), order("2", 200, { placedAt: START - 100 }, { fresh: false })];
    expect(judge({ tracked, after: counters(11, 5_300) }).equal).toBe(true);
  });
});

describe("Revenue in another currency", () => {
  const inEuros = (pounds: number, euros: number) => ({ ...counters(12, pounds), revenue: { GBP: pounds, EUR: euros } });

  it("is somebody else's, and neither missed nor taken for ours", () => {
    expect(judge({ before: { ...inEuros(5_000, 70), submitted: 10 }, after: inEuros(5_300, 999) }).equal).toBe(true);
    const instead = judge({ before: { ...inEuros(5_000, 0), submitted: 10 }, after: inEuros(5_000, 300) });
    expect(instead.verdicts).toEqual(["equal", "equal", "different"]);
  });
});

describe("They are not equal", () => {
  it("when an order is missing from the history, which is named", () => {
    const { listed: _, ...unlisted } = order("2", 200);
    const { equal, notes } = judge({ tracked: [order("1", 100), unlisted] });
    expect(equal).toBe(false);
    expect(notes).toContain("1 accepted but not in the history: 2 (ord_2)");
  });

  it("when an order is missing from the history, although as many are there as were to be sent", () => {
    const { listed: _, ...unlisted } = order("2", 200);
    const file = { orders: 1, value: 100 };
    const { equal, verdicts, notes } = judge({ file, tracked: [order("1", 100), unlisted], after: counters(12, 5_100) });
    expect(verdicts).toEqual(["equal", "equal", "equal"]);
    expect(equal).toBe(false);
    expect(notes).toEqual(["1 accepted but not in the history: 2 (ord_2)"]);
  });

  it("when the history has the right total in another currency, which is named", () => {
    const { equal, notes } = judge({ tracked: [order("1", 100), order("2", 200, { currency: "EUR" })] });
    expect(equal).toBe(false);
    expect(notes).toEqual(["1 in the history with another total than in the file: 2 (ord_2)"]);
  });

  it("when an order was never accepted", () => {
    expect(judge({ tracked: [order("1", 100)], after: counters(11, 5_100) }).verdicts).toEqual(["different", "different", "equal"]);
  });

  it("when a total differs by a penny", () => {
    const { verdicts, notes } = judge({ tracked: [order("1", 100), order("2", 200, { total: 201 })] });
    expect(verdicts).toEqual(["equal", "different", "different"]);
    expect(notes.join()).toContain("another total");
  });

  it("when two wrong totals cancel out", () => {
    expect(judge({ tracked: [order("1", 100, { total: 101 }), order("2", 200, { total: 199 })] }).equal).toBe(false);
  });

  it("when an order still moves", () => {
    const tracked = [order("1", 100), order("2", 200, { status: "processing", confirmedAt: null })];
    expect(judge({ tracked, after: counters(12, 5_100) }).equal).toBe(false);
  });

  it("when the counters lack an order, or a penny", () => {
    expect(judge({ after: counters(11, 5_300) }).verdicts).toEqual(["different", "equal", "equal"]);
    expect(judge({ after: counters(12, 5_299) }).verdicts).toEqual(["equal", "equal", "different"]);
  });

  it("when the counters went too far and nobody else was there", () => {
    expect(judge({ after: counters(13, 5_400) }).verdicts).toEqual(["different", "equal", "different"]);
  });

  it("when the counters went further than the history shows others to be", () => {
    expect(judge({ after: counters(14, 5_400), others: { placed: 1, underWay: 9 } }).verdicts).toEqual([
      "different",
      "equal",
      "other_traffic",
    ]);
  });
});

describe("Other traffic", () => {
  it("is told, and is no difference, when the history shows it", () => {
    const { equal, verdicts, notes } = judge({ after: counters(13, 5_400), others: { placed: 1, underWay: 0 } });
    expect(equal).toBe(true);
    expect(verdicts).toEqual(["other_traffic", "equal", "other_traffic"]);
    expect(notes).toEqual([
      "other traffic: the counters moved further than this run accounts for, by 1 order and £1.00; 1 order of others was placed while it ran",
    ]);
  });

  it("is told for what it is when an order that was placed before is confirmed meanwhile, which adds revenue and no order", () => {
    const { equal, verdicts, notes } = judge({ after: counters(12, 5_450), others: { placed: 0, underWay: 2 } });
    expect(equal).toBe(true);
    expect(verdicts).toEqual(["equal", "equal", "other_traffic"]);
    expect(notes).toEqual([
      "other traffic: the counters moved further than this run accounts for, by £1.50; 2 orders of others were under way before it began",
    ]);
  });

  it("is told with both kinds of orders when both were there", () => {
    const { notes } = judge({ after: counters(14, 5_300), others: { placed: 3, underWay: 1 } });
    expect(notes.join()).toMatch(/by 2 orders; 3 orders of others were placed while it ran and 1 was under way before it began$/);
  });

  it("does not excuse a counter that lags behind", () => {
    expect(judge({ after: counters(11, 5_100), others: { placed: 5, underWay: 5 } }).equal).toBe(false);
  });
});

describe("Figures", () => {
  it("show pence as pounds", () => {
    expect([0, 5, 100, -2_750, 18_423_333, 123_456_789_00].map(pounds)).toEqual([
      "£0.00",
      "£0.05",
      "£1.00",
      "-£27.50",
      "£184,233.33",
      "£123,456,789.00",
    ]);
  });
});
