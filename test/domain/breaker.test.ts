import { describe, expect, it } from "vitest";
import { Account, type BreakerState } from "../../src/contract/breaker.ts";
import {
  accountOf,
  breakerDeadline,
  CLOSED,
  calledBy,
  DEFAULT_BREAKER,
  drainOf,
  type Evidence,
  failed,
  givenUp,
  isShared,
  mayCall,
  NO_EVIDENCE,
  paused,
  portOf,
  probe,
  probed,
  probesOf,
  resumed,
  shown,
  trip,
  worked,
} from "../../src/domain/breaker.ts";

type Open = BreakerState & { state: "open" };
const opened = trip(CLOSED, "503", 1_000) as Open;
const probing = probe(opened, ["a", "b"], 6_000);

/** Failures of these orders, a second apart; whether the last one opens the breaker. */
function failing(orderIds: readonly string[], { from = NO_EVIDENCE, everyMs = 1_000, usedUp = false } = {}) {
  let evidence: Evidence = from;
  let trips = false;
  for (const [index, orderId] of orderIds.entries())
    ({ evidence, trips } = failed(evidence, { orderId, worked: false, detail: "503", usedUp }, DEFAULT_BREAKER, 100_000 + index * everyMs));
  return { evidence, trips };
}

describe("A circuit breaker", () => {
  it("opens once, remembers since when and why, and says when it will probe", () => {
    expect(opened).toEqual({ state: "open", since: 1_000, lastFailure: "503", probeAt: 6_000, rounds: 0 });
    expect(trip(opened, "again", 2_000)).toBe(opened);
    expect(breakerDeadline(opened)).toBe(6_000);
  });

  it("lets nobody call while it is open, and only the probes while it is half open", () => {
    expect(mayCall(CLOSED, "a")).toBe(true);
    expect(mayCall(opened, "a")).toBe(false);
    expect(["a", "b", "c"].map((order) => mayCall(probing, order))).toEqual([true, true, false]);
  });

  it("closes when one probe works, whatever the others say", () => {
    expect(probed(probing, "c", true, 7_000)).toBe(probing);
    expect(probed(opened, "a", true, 7_000)).toBe(opened);
    expect(probed(probing, "b", true, 7_000)).toBe(CLOSED);
    expect(probed(probed(probing, "a", false, 7_000), "b", true, 8_000)).toBe(CLOSED);
  });

  it("stays open when every probe of a round fails, and counts a repeated result once", () => {
    const one = probed(probing, "a", false, 7_000);
    expect(one).toMatchObject({ state: "half_open", probing: ["b"] });
    expect(probed(one, "a", false, 7_000)).toBe(one);
    expect(probed(one, "b", false, 8_000)).toEqual({ state: "open", since: 1_000, lastFailure: "503", rounds: 1, probeAt: 18_000 });
  });

  it("probes less and less often while the outage lasts, and counts it as one outage", () => {
    let breaker: BreakerState = opened;
    const gaps: number[] = [];
    for (let at = 6_000; gaps.length < 6; ) {
      breaker = probed(probe(breaker as Open, ["a"], at), "a", false, at);
      const next = breakerDeadline(breaker) ?? 0;
      gaps.push((next - at) / 1_000);
      at = next;
    }
    expect(gaps).toEqual([10, 20, 40, 60, 60, 60]);
    expect(breaker).toMatchObject({ state: "open", since: 1_000 });
  });

  it("gives probes up that never report", () => {
    expect(breakerDeadline(probing)).toBe(36_000);
    expect(givenUp(probing, 35_999)).toBe(probing);
    expect(givenUp(probing, 36_000)).toMatchObject({ state: "open", probeAt: 46_000 });
  });

  it("that a person paused waits for a person, and remembers who it was", () => {
    const stopped = paused("ada", "maintenance", 1);
    expect(stopped).toEqual({ state: "paused", since: 1, by: "ada", reason: "maintenance" });
    expect(breakerDeadline(stopped)).toBeNull();
    expect(trip(stopped, "503", 2)).toBe(stopped);
    expect(probed(stopped, "a", true, 2)).toBe(stopped);
    expect(resumed("bob", undefined, 3)).toEqual({ state: "closed", since: 3, by: "bob" });
  });
});

describe("What opens a breaker", () => {
  it("is five distinct orders that fail", () => {
    expect(failing(["a", "b", "c", "d"]).trips).toBe(false);
    expect(failing(["a", "b", "c", "d", "e"]).trips).toBe(true);
  });

  it("is not one order, however often it fails", () => {
    expect(failing(["a", "a", "a", "a", "a"]).trips).toBe(false);
    expect(failing(["a", "b", "a", "b", "a", "b", "a", "b", "a", "b"]).trips).toBe(false);
  });

  it("is an order that has used up its retries where no call has worked for a minute", () => {
    expect(failing(["a"], { usedUp: true }).trips).toBe(true);
    expect(failing(["a"], { usedUp: true, from: worked(NO_EVIDENCE, 41_000) }).trips).toBe(false);
    expect(failing(["a"], { usedUp: true, from: worked(NO_EVIDENCE, 39_999) }).trips).toBe(true);
  });

  it("is not what failed before a call worked", () => {
    const { evidence } = failing(["a", "b", "c", "d"]);
    expect(failing(["e"], { from: worked(evidence, 103_000) }).trips).toBe(false);
    expect(failing(["e"], { from: worked(evidence, 99_999) }).trips).toBe(true);
  });

  it("is not failures that lie far apart", () => {
    expect(failing(["a", "b", "c", "d", "e"], { everyMs: 15_000 }).trips).toBe(true);
    expect(failing(["a", "b", "c", "d", "e", "f", "g"], { everyMs: 15_001 }).trips).toBe(false);
  });
});

describe("Those that are sent to try a provider", () => {
  it("are more in each round, as long as there are orders that have not failed", () => {
    const counts = [0, 1, 2, 3, 4, 100].map((rounds) => probesOf({ fresh: 1_000, failed: 1_000 }, rounds));
    expect(counts.map(({ of, count }) => [of, count])).toEqual([1, 3, 9, 27, 27, 27].map((count) => ["fresh", count]));
  });

  it("are taken from all over the line, so that its head hides nobody", () => {
    expect(probesOf({ fresh: 30, failed: 0 }, 1)).toEqual({ of: "fresh", count: 3, every: 10 });
    expect(probesOf({ fresh: 2, failed: 9 }, 3)).toEqual({ of: "fresh", count: 2, every: 1 });
  });

  it("have failed before only when all have, and are a tenth of these at most, at least one", () => {
    expect([1, 10, 11, 35, 1_000].map((failed) => probesOf({ fresh: 0, failed }, 2).count)).toEqual([1, 1, 2, 4, 27]);
    expect(probesOf({ fresh: 0, failed: 35 }, 0)).toMatchObject({ of: "failed" });
  });

  it("are none when nobody waits", () => expect(probesOf({ fresh: 0, failed: 0 }, 0)).toMatchObject({ count: 0 }));
});

describe("Those that are let go", () => {
  it("are fifty at a time, of which those that have failed take ten at most while others wait", () => {
    expect(drainOf({ fresh: 100, failed: 0 })).toEqual({ fresh: 50, failed: 0 });
    expect(drainOf({ fresh: 100, failed: 100 })).toEqual({ fresh: 40, failed: 10 });
    expect(drainOf({ fresh: 5, failed: 100 })).toEqual({ fresh: 5, failed: 45 });
    expect(drainOf({ fresh: 0, failed: 3 })).toEqual({ fresh: 0, failed: 3 });
  });
});

describe("The account that is called", () => {
  it("is the tenant's own unless it shares it by name", () => {
    expect(accountOf("shop", "payment")).toBe("shop/payment");
    expect(accountOf("shop", "payment", "acme-pay")).toBe("shared/acme-pay/payment");
  });

  it("of a tenant called `shared` is nobody else's", () => {
    const accounts = [accountOf("shared", "payment"), accountOf("shop", "payment", "shared")];
    expect(accounts.map(isShared)).toEqual([false, true]);
    expect(accounts.map(portOf)).toEqual(["payment", "payment"]);
    expect(accounts.every((account) => Account.safeParse(account).success)).toBe(true);
  });

  it.each(["payment", "shop/risk", "shop/", "a/b/payment", "shared/x/y/payment"])("is not %s", (name) =>
    expect(Account.safeParse(name).success).toBe(false),
  );
});

describe("What a tenant is shown of a breaker", () => {
  const breaker = paused("ada", "moving house", 5);

  it("is all of its own", () =>
    expect(shown({ account: "shop/payment", breaker, waiting: 3 }, false)).toEqual({
      provider: "payment",
      shared: false,
      state: "paused",
      since: 5,
      nextProbeAt: null,
      lastFailure: null,
      by: "ada",
      reason: "moving house",
      waiting: 3,
    }));

  it("is of a shared one that it is paused or open, and neither words nor names nor numbers of others", () => {
    const account = "shared/acme/payment";
    const withheld = { by: null, reason: null, lastFailure: null, waiting: null };
    expect(shown({ account, breaker, waiting: 3 }, false)).toMatchObject({ shared: true, state: "paused", since: 5, ...withheld });
    expect(shown({ account, breaker: opened, waiting: 3 }, false)).toMatchObject({ state: "open", nextProbeAt: 6_000, ...withheld });
    expect(shown({ account, breaker, waiting: 3 }, true)).toMatchObject({ by: "ada", reason: "moving house", waiting: 3 });
  });
});

describe("The evidence of a breaker", () => {
  const result = { orderId: "x", worked: false, detail: "503", usedUp: true };

  it("keeps the newest time at which a call worked, whichever is told of first", () => {
    expect(worked(worked(NO_EVIDENCE, 10), 5).workedAt).toBe(10);
    expect(worked(worked(NO_EVIDENCE, 5), 10).workedAt).toBe(10);
    expect(worked(NO_EVIDENCE, 5).workedAt).toBe(5);
  });

  it("forgets with a call that worked what failed before it or with it, and keeps what failed after", () => {
    const evidence: Evidence = {
      workedAt: null,
      failed: new Map([
        ["before", 9],
        ["with", 10],
        ["after", 11],
      ]),
    };
    expect([...worked(evidence, 10).failed.keys()]).toEqual(["after"]);
  });

  it("of an order whose retries are used up counts alone from when no call has worked for longer than the window", () => {
    const { withinMs } = DEFAULT_BREAKER;
    const tripsAfter = (ms: number) => failed(worked(NO_EVIDENCE, 0), result, DEFAULT_BREAKER, ms).trips;
    expect([withinMs, withinMs + 1].map(tripsAfter)).toEqual([false, true]);
  });
});

describe("A breaker that a person has closed", () => {
  it("names the person and, where there was one, the reason", () => {
    expect(resumed("ada", "it works again", 5)).toEqual({ state: "closed", since: 5, by: "ada", reason: "it works again" });
    expect(Object.keys(resumed("ada", undefined, 5))).toEqual(["state", "since", "by"]);
  });
});

describe("Whom a call goes to", () => {
  const adapter = "deployment";
  const called = (providers?: NonNullable<Parameters<typeof calledBy>[0]["profile"]>["providers"]) =>
    calledBy({ tenant: "shop", profile: { ...(providers && { providers }) } }, "payment");
  const usual = { account: "shop/payment", rule: DEFAULT_BREAKER };

  it("is the tenant's own account, under the usual rule, where its profile says nothing of the provider", () => {
    expect(calledBy({ tenant: "shop" }, "payment")).toEqual(usual);
    expect(calledBy({ tenant: "shop", profile: null }, "payment")).toEqual(usual);
    expect([called(), called({}), called({ payment: { adapter } })]).toEqual([usual, usual, usual]);
  });

  it("is what the profile says, part by part", () => {
    expect(called({ payment: { adapter, breaker: { tripAfter: 9 } } }).rule).toEqual({ ...DEFAULT_BREAKER, tripAfter: 9 });
    expect(called({ payment: { adapter, breaker: { withinMs: 9_000 } } }).rule).toEqual({ ...DEFAULT_BREAKER, withinMs: 9_000 });
    expect(called({ payment: { adapter, breaker: { sharedAs: "acme" } } })).toEqual({ ...usual, account: "shared/acme/payment" });
  });
});
