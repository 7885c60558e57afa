import { describe, expect, it } from "vitest";
import type { BreakerState } from "../../src/contract/breaker.ts";
import { CLOSED, calledBy, paused, trip } from "../../src/domain/breaker.ts";
import { BELIEF_MS, type Beliefs, breakersOf, MAX_BELIEFS } from "../../src/runtime/breakers.ts";

const order = { orderId: "a", priority: "standard", placedAt: 0, failures: 0 } as const;
const called = calledBy({ tenant: "shop" }, "payment");
const result = (worked: boolean, orderId = "a") => ({ orderId, worked, detail: worked ? "" : "503", usedUp: false });

/** An isolate, and a breaker that says what the test wants and records what it was asked. */
function isolate() {
  const world = { now: 0, breaker: CLOSED as BreakerState, answers: true, asked: [] as string[], unanswered: [] as string[] };
  const beliefs: Beliefs = new Map();
  const ask = async (question: string) => {
    world.asked.push(question);
    if (!world.answers) throw new Error("gone");
    return world.breaker;
  };
  const breakers = breakersOf(beliefs, {
    breaker: (account) => ({
      look: (workedAgoMs) => ask(`${account} look ${workedAgoMs}`),
      admit: async ({ orderId }) => {
        const breaker = await ask(`${account} admit ${orderId}`);
        return breaker.state === "closed" ? { admitted: true, breaker } : { admitted: false, since: breaker.since, recheckAt: 9, breaker };
      },
      report: ({ orderId, worked }) => ask(`${account} ${orderId} ${worked ? "worked" : "failed"}`),
    }),
    now: () => world.now,
    unanswered: (account, error) => void world.unanswered.push(`${account}: ${error}`),
  });
  return { world, beliefs, breakers };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("An isolate", () => {
  it("asks nothing before a call while all is well, and looks every five seconds, beside it", async () => {
    const { world, breakers } = isolate();
    for (world.now = 0; world.now < 12_000; world.now += 100) {
      expect(await breakers.admit(called, order, false)).toEqual({ admitted: true });
      breakers.report(called, result(true));
    }
    expect(world.asked).toEqual(["shop/payment look null", "shop/payment look 100", "shop/payment look 100"]);
  });

  it("that believes in a closed breaker hears of a person's pause within five seconds", async () => {
    const { world, breakers } = isolate();
    await breakers.admit(called, order, false);
    await settled();
    world.breaker = paused("ada", "audit", 1);
    world.now = BELIEF_MS;
    expect(await breakers.admit(called, order, false)).toEqual({ admitted: true });
    world.now = BELIEF_MS + 1;
    await breakers.admit(called, order, false);
    await settled();
    expect(await breakers.admit(called, order, false)).toMatchObject({ admitted: false, since: 1 });
  });

  it("reports each failure, and the first call that works after one", async () => {
    const { world, breakers } = isolate();
    for (const worked of [true, false, false, true, true]) breakers.report(called, result(worked));
    await settled();
    expect(world.asked).toEqual(["shop/payment a failed", "shop/payment a failed", "shop/payment a worked"]);
  });

  it("asks about every order while a breaker is open, and no more once it is closed", async () => {
    const { world, breakers } = isolate();
    world.breaker = trip(CLOSED, "503", 1);
    breakers.report(called, result(false));
    await settled();
    expect(await breakers.admit(called, order, false)).toMatchObject({ admitted: false });
    world.breaker = CLOSED;
    expect(await breakers.admit(called, order, false)).toEqual({ admitted: true });
    world.asked.length = 0;
    await breakers.admit(called, order, false);
    expect(world.asked).toEqual([]);
  });

  it("believes nothing of one tenant because of another", async () => {
    const { world, breakers } = isolate();
    world.breaker = trip(CLOSED, "503", 1);
    breakers.report(called, result(false));
    await settled();
    expect(await breakers.admit(calledBy({ tenant: "bakery" }, "payment"), order, false)).toEqual({ admitted: true });
  });

  it("lets calls pass when a breaker does not answer", async () => {
    const { world, breakers } = isolate();
    world.answers = false;
    expect(await breakers.admit(called, order, true)).toEqual({ admitted: true });
  });

  it("remembers a bounded number of accounts, those that were used last", async () => {
    const { beliefs, breakers } = isolate();
    await breakers.admit(called, order, false);
    for (let n = 0; n < MAX_BELIEFS; n++) {
      await breakers.admit(calledBy({ tenant: `t${n}` }, "payment"), order, false);
      if (n === 500) await breakers.admit(called, order, false);
    }
    expect(beliefs.size).toBe(MAX_BELIEFS);
    expect([beliefs.has("shop/payment"), beliefs.has("t0/payment")]).toEqual([true, false]);
  });

  it("tells of each question that was not answered", async () => {
    const { world, breakers } = isolate();
    world.answers = false;
    breakers.report(called, result(false));
    await breakers.admit(called, order, true);
    await settled();
    expect(world.unanswered).toEqual(["shop/payment: Error: gone", "shop/payment: Error: gone"]);
  });

  it("looks once in five seconds, however many calls there are before the answer comes", async () => {
    const { world, breakers } = isolate();
    for (let calls = 0; calls < 3; calls++) await breakers.admit(called, order, false);
    world.now = BELIEF_MS;
    await breakers.admit(called, order, false);
    expect(world.asked).toEqual(["shop/payment look null"]);
  });

  it("tells once when a call last worked, and nothing of calls that did not", async () => {
    const { world, breakers } = isolate();
    const lookAfter = async (ms: number) => {
      world.now += ms;
      await breakers.admit(called, order, false);
      await settled();
    };
    breakers.report(called, result(true));
    await lookAfter(BELIEF_MS + 1);
    await lookAfter(BELIEF_MS + 1);
    breakers.report(called, result(false));
    await settled();
    await lookAfter(BELIEF_MS + 1);
    expect(world.asked).toEqual(["shop/payment look 5001", "shop/payment look null", "shop/payment a failed", "shop/payment look null"]);
  });

  it("reports each result of an account whose breaker it does not believe to be closed: it may be the probe's", async () => {
    const { world, breakers } = isolate();
    world.breaker = trip(CLOSED, "503", 1);
    await breakers.admit(called, order, true);
    breakers.report(called, result(true));
    await settled();
    expect(world.asked).toEqual(["shop/payment admit a", "shop/payment a worked"]);
  });
});
