import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LANES, laneOfQueue } from "../../src/contract/lanes.ts";
import { delaySecondsOf, laneOf, MAX_DEFERRAL_SECONDS, pressureOf, queuesFor } from "../../src/domain/routing.ts";

const draw = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const draws = fc.tuple(draw, draw);
const pressure = fc.double({ min: 0, max: 10, noNaN: true });

describe("Pressure", () => {
  it("rises with the number of messages and with the age of the oldest, whichever is worse", () => {
    const lane = { capacity: 1_000, fullAfterMs: 60_000, queues: { ONE: "one" } };
    expect(pressureOf({ messages: 0, ageMs: 0 }, lane)).toBe(0);
    expect(pressureOf({ messages: 750, ageMs: 1_000 }, lane)).toBe(0.75);
    expect(pressureOf({ messages: 3, ageMs: 90_000 }, lane)).toBe(1.5);
  });

  it("is that of one queue, which holds its share of what the lane may hold", () => {
    const lane = { capacity: 1_000, fullAfterMs: 60_000, queues: { ONE: "one", TWO: "two" } };
    expect(pressureOf({ messages: 500, ageMs: 0 }, lane)).toBe(1);
  });
});

const laneOfQueues = (count: number) => ({
  queues: Object.fromEntries(Array.from({ length: count }, (_, n) => [`Q${n}`, `queue-${n}`])),
});

describe("The queues of a tenant", () => {
  it("are two different ones of the lane, always the same, and all of a lane that has no more than two", () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 3, max: 40 }), (tenant, count) => {
        const queues = queuesFor(laneOfQueues(count), tenant);
        expect(new Set(queues).size).toBe(2);
        for (const queue of queues) expect(Object.keys(laneOfQueues(count).queues)).toContain(queue);
        expect(queuesFor(laneOfQueues(count), tenant)).toEqual(queues);
      }),
    );
    expect(queuesFor(laneOfQueues(1), "shop")).toEqual(["Q0"]);
    expect(queuesFor(laneOfQueues(2), "shop")).toEqual(["Q0", "Q1"]);
  });

  it("are chosen by FNV-1a, so that they are the same in every release", () => {
    // Published test vectors: 0x811c9dc5 for the empty text, 0xe40c292c for "a".
    expect(queuesFor(laneOfQueues(4), "")).toEqual(["Q1", "Q2"]);
    expect(queuesFor(laneOfQueues(4), "a")).toEqual(["Q0", "Q2"]);
  });

  it("are seldom both those of another: of four queues, one pair in six", () => {
    const pairs = Array.from({ length: 3_000 }, (_, n) => [...queuesFor(laneOfQueues(4), `tenant-${n}`)].sort().join());
    const shares = [...Map.groupBy(pairs, (pair) => pair).values()].map(({ length }) => length / pairs.length);
    expect(shares).toHaveLength(6);
    for (const share of shares) expect(share).toBeCloseTo(1 / 6, 1);
  });

  it("are used alike by all tenants together, whichever comes first", () => {
    const used = Array.from({ length: 3_000 }, (_, n) => queuesFor(laneOfQueues(4), `tenant-${n}`)[0]);
    for (const { length } of Map.groupBy(used, (queue) => queue).values()) expect(length / used.length).toBeCloseTo(1 / 4, 1);
  });
});

/** Tenants whose orders arrive at a lane that carries ten messages a second with each of its queues. */
describe("A lane that one tenant floods", () => {
  const PER_SECOND = 10;

  /** How long the orders of `steady` wait, in seconds, while `flooding` sends 400 a second for ten seconds, or nothing. */
  function waitsOf(steady: string, flooding: string | null): number[] {
    const lane = laneOfQueues(4);
    const queues = new Map(Object.keys(lane.queues).map((queue) => [queue, [] as { readonly tenant: string; readonly at: number }[]]));
    const send = (tenant: string, at: number) => {
      const [one, other = one] = queuesFor(lane, tenant).map((queue) => queues.get(queue) ?? []);
      (one && other && other.length < one.length ? other : one)?.push({ tenant, at });
    };
    const waits: number[] = [];
    for (let tick = 0; tick < 1_000; tick++) {
      const at = tick / PER_SECOND;
      if (flooding !== null && at < 10) for (let n = 0; n < 40; n++) send(flooding, at);
      if (tick % 5 === 0) send(steady, at);
      for (const queue of queues.values()) {
        const done = queue.shift();
        if (done?.tenant === steady) waits.push(at - done.at);
      }
    }
    return waits;
  }

  const isApart = (tenant: string, flooding: string) =>
    queuesFor(laneOfQueues(4), tenant).some((queue) => !queuesFor(laneOfQueues(4), flooding).includes(queue));

  it("is none of the business of a tenant that has one other queue: its orders wait as if they were alone", () => {
    const tenants = Array.from({ length: 60 }, (_, n) => `tenant-${n}`).filter((tenant) => isApart(tenant, "flooding"));
    expect(tenants.length).toBeGreaterThan(40);
    for (const tenant of tenants) {
      const [alone, flooded] = [waitsOf(tenant, null), waitsOf(tenant, "flooding")];
      expect(flooded).toHaveLength(alone.length);
      expect(Math.max(...flooded)).toBeLessThanOrEqual(Math.max(...alone) + 1 / PER_SECOND);
    }
  });

  it("holds up whoever has the same two queues", () => {
    const same = Array.from({ length: 60 }, (_, n) => `tenant-${n}`).find((tenant) => !isApart(tenant, "flooding")) ?? "";
    expect(Math.max(...waitsOf(same, "flooding"))).toBeGreaterThan(10);
  });
});

const { expedited, standard } = LANES;

describe("The lane of a queue", () => {
  it("is the one whose row names it", () => {
    for (const lane of Object.values(LANES)) for (const queue of Object.values(lane.queues)) expect(laneOfQueue(queue)).toBe(lane);
    expect(() => laneOfQueue("order-events")).toThrow("no lane has the queue order-events");
  });
});

describe("A start", () => {
  it("is never put off in a lane that does not defer, whatever the pressure", () =>
    fc.assert(
      fc.property(pressure, draws, (p, random) => {
        expect(delaySecondsOf(expedited, p, random)).toBe(0);
      }),
    ));

  it("is not put off while the lane is less than half full", () =>
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.5, noNaN: true }), draws, (p, random) => {
        expect(delaySecondsOf(standard, p, random)).toBe(0);
      }),
    ));

  it("is put off by whole seconds, never beyond the bound", () =>
    fc.assert(
      fc.property(pressure, draws, (p, random) => {
        const delaySeconds = delaySecondsOf(standard, p, random);
        expect(Number.isInteger(delaySeconds)).toBe(true);
        expect(delaySeconds).toBeGreaterThanOrEqual(0);
        expect(delaySeconds).toBeLessThanOrEqual(MAX_DEFERRAL_SECONDS);
      }),
    ));

  it("is put off by a draw below the probability, not by one that equals it", () => {
    expect(delaySecondsOf(standard, 0.75, [0.499, 0.5])).toBe(8);
    expect(delaySecondsOf(standard, 0.75, [0.5, 0.5])).toBe(0);
  });

  it("is put off the more often, and the longer, the higher the pressure", () => {
    const deferred = (p: number) => {
      const grid = Array.from({ length: 1_000 }, (_, index) => (index + 0.5) / 1_000);
      const delays = grid.map((first, index) => delaySecondsOf(standard, p, [first, grid[(index * 7) % 1_000] ?? 0]));
      return { share: delays.filter((delay) => delay > 0).length / delays.length, longest: Math.max(...delays) };
    };
    expect(deferred(0.75)).toMatchObject({ share: 0.5, longest: 15 });
    expect(deferred(1)).toMatchObject({ share: 1, longest: 30 });
    expect(deferred(5)).toEqual(deferred(1));
  });
});

describe("A hint", () => {
  it("travels the lane of its order, and the first lane when it is to try a provider out", () => {
    expect(laneOf({ priority: "standard" })).toBe("standard");
    expect(laneOf({ priority: "standard", probe: "payment" })).toBe("expedited");
  });
});
