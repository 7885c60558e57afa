/** What a soak plans and measures, without a server. */
import { describe, expect, it } from "vitest";
import { planChaos, planSoak } from "./plan.ts";
import { growthOf, sampleUsage, type UsageSample } from "./usage.ts";

const MINUTE = 60_000;

describe("A soak", () => {
  const plan = planSoak({ seed: 1, ms: 30 * MINUTE });

  it("places orders at a pace that does not depend on the machine", () => {
    expect(plan.orders.length / (30 * 60)).toBe(plan.perSecond);
    expect(planChaos({ seed: 1, orders: 3, kills: 1 })).toMatchObject({ perSecond: null, troubles: [] });
  });

  it("does the same to each third of the run, so that thirds can be compared", () => {
    const thirdMs = (30 * MINUTE - plan.calmMs) / 3;
    const thirds = [0, 1, 2].map((third) =>
      plan.troubles.filter(({ atMs }) => Math.floor((atMs - plan.calmMs) / thirdMs) === third).map(({ name, forMs }) => ({ name, forMs })),
    );
    expect(thirds[1]).toEqual(thirds[0]);
    expect(thirds[2]).toEqual(thirds[0]);
    expect(new Set(thirds[0]?.map(({ name }) => name))).toEqual(new Set(["kill", "unavailable", "silent", "history", "frozen", "full"]));
  });

  it("keeps providers away for minutes, and ends every trouble before the next begins", () => {
    expect(plan.troubles.find(({ name }) => name === "unavailable")?.forMs).toBeGreaterThan(1.5 * MINUTE);
    for (const [index, { atMs, forMs }] of plan.troubles.entries()) {
      expect(atMs + forMs).toBeLessThan(plan.troubles[index + 1]?.atMs ?? 30 * MINUTE);
    }
  });
});

describe("The growth of what a runtime holds", () => {
  const samples = (...files: readonly number[]): UsageSample[] => files.map((count, at) => ({ at, rssBytes: 1_000, files: count }));

  it("is the last third against the first, whatever lies between", () => {
    expect(growthOf(samples(10, 10, 10, 90, 20, 20, 20), "files")).toEqual({ first: 10, last: 20, ratio: 2 });
    expect(growthOf(samples(10, 10, 10, 90, 20, 20, 20), "rssBytes")?.ratio).toBe(1);
  });

  it("is not known of a run that was not seen", () => {
    expect(growthOf([], "files")).toBeNull();
    expect(growthOf(samples(1), "files")).toBeNull();
    expect(sampleUsage(process.pid)).toBeNull();
  });
});
