import { describe, expect, it } from "vitest";
import { type BreakerState, breakerDeadline, CLOSED, mayCall, probe, probed, trip } from "../../src/domain/breaker.ts";

const opened = trip(CLOSED, "503", 1_000) as BreakerState & { state: "open" };
const probing = probe(opened, "ord_1", 6_000);

describe("A circuit breaker", () => {
  it("opens once, remembers since when and why, and says when it will probe", () => {
    expect(opened).toEqual({ state: "open", since: 1_000, why: "503", probeAt: 6_000, probes: 0 });
    expect(trip(opened, "again", 2_000)).toBe(opened);
    expect(breakerDeadline(opened)).toBe(6_000);
  });

  it("lets nobody call while it is open, and only the probe while it is half open", () => {
    expect(mayCall(CLOSED, "ord_1")).toBe(true);
    expect(mayCall(opened, "ord_1")).toBe(false);
    expect([mayCall(probing, "ord_1"), mayCall(probing, "ord_2")]).toEqual([true, false]);
  });

  it("closes when the probe succeeds, and only then", () => {
    expect(probed(probing, "ord_2", true, 7_000)).toBe(probing);
    expect(probed(opened, "ord_1", true, 7_000)).toBe(opened);
    expect(probed(probing, "ord_1", true, 7_000)).toBe(CLOSED);
  });

  it("probes less and less often while the outage lasts, and counts it as one outage", () => {
    let breaker: BreakerState = opened;
    const gaps: number[] = [];
    for (let at = 6_000; gaps.length < 6; ) {
      breaker = probed(probe(breaker as BreakerState & { state: "open" }, "ord_1", at), "ord_1", false, at);
      const next = breakerDeadline(breaker) ?? 0;
      gaps.push((next - at) / 1_000);
      at = next;
    }
    expect(gaps).toEqual([10, 20, 40, 60, 60, 60]);
    expect(breaker).toMatchObject({ state: "open", since: 1_000 });
  });

  it("gives a probe up that never reports", () => {
    expect(breakerDeadline(probing)).toBe(36_000);
  });

  it("that a person paused waits for a person", () => {
    const paused: BreakerState = { state: "paused", since: 1, why: "maintenance" };
    expect(breakerDeadline(paused)).toBeNull();
    expect(trip(paused, "503", 2)).toBe(paused);
    expect(probed(paused, "ord_1", true, 2)).toBe(paused);
  });
});
