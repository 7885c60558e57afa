/**
 * Orders whose own token makes a healthy provider answer 500, in numbers, against the orders of others. Actors, isolates and
 * breakers run the code of `runtime/` in simulated time; nothing else fails.
 */
import { describe, expect, it } from "vitest";
import type { Priority } from "../../src/contract/lanes.ts";
import type { Hint } from "../../src/contract/messages.ts";
import type { PlaceOrder } from "../../src/contract/order.ts";
import type { ProviderAnswer } from "../../src/domain/ports.ts";
import { Actors } from "../simulation/actors.ts";
import { SimulatedBreakers } from "../simulation/breakers.ts";
import { Context, EPOCH } from "../simulation/context.ts";
import { placedOrder } from "../support/orders.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

const BAD = "tok_makes_it_fail";
const CALL_MS = 20;

/** What an undisturbed order takes from its placing to its confirmation. */
const UNDISTURBED_MS = SECOND;

class Attacked {
  readonly #context = calmContext();
  readonly breakers = new SimulatedBreakers(this.#context, async (hint) => this.#hint(hint));
  readonly #actors: Actors;
  /** Payment is down until then. */
  paymentDownUntil = 0;
  #orders = 0;

  constructor() {
    this.#actors = new Actors(this.#context, {
      call: async ({ step, order }) => {
        await this.#context.pause(CALL_MS);
        const down = this.now < this.paymentDownUntil || order.payment.token === BAD;
        const answer: ProviderAnswer = { outcome: "failed", failure: "transient", detail: "answered 500" };
        return down && step === "authorize" ? answer : { outcome: "succeeded", facts: {} };
      },
      breakers: (isolate) => this.breakers.isolate(isolate),
      publish: async () => {},
      hint: async (hint) => this.#hint(hint),
      deadLetter: async ({ orderId, cause }) => {
        if (cause) await this.#actors.quarantine(orderId, cause);
      },
      historyVersion: async (orderId) => this.#actors.states().find(({ order }) => order.orderId === orderId)?.version ?? null,
      backlog: async () => ({ messages: 0, ageMs: 0 }),
      isSwept: () => false,
      writeRefused: () => {},
    });
  }

  get now(): number {
    return this.#context.loop.now - EPOCH;
  }

  /** Orders placed at once, at a time since the beginning. */
  place(at: number, count: number, tenant: string, { token = "tok_visa", priority = "expedited" as Priority } = {}): string[] {
    const orderIds = Array.from({ length: count }, () => `ord_${String(++this.#orders).padStart(26, "0")}`);
    const payment: PlaceOrder["payment"] = { token };
    for (const orderId of orderIds)
      this.#context.loop.at(EPOCH + at, async () => {
        await this.#actors.request(orderId, "place", (process) => process.place(placedOrder({ orderId, tenant, priority, payment })));
        this.#hint({ orderId, priority });
      });
    return orderIds;
  }

  async runUntil(at: number): Promise<void> {
    await this.#context.loop.run(EPOCH + at);
    expect(this.#context.violations).toEqual([]);
  }

  /** How long each took to be confirmed; Infinity for one that is not. */
  tookMs(orderIds: readonly string[]): number[] {
    return this.#statesOf(orderIds).map(({ confirmedAt, placedAt }) =>
      confirmedAt === null ? Number.POSITIVE_INFINITY : confirmedAt - placedAt,
    );
  }

  statuses(orderIds: readonly string[]): Set<string> {
    return new Set(this.#statesOf(orderIds).map(({ status }) => status));
  }

  #statesOf(orderIds: readonly string[]) {
    const found = this.#actors.states().filter(({ order }) => orderIds.includes(order.orderId));
    expect(found).toHaveLength(orderIds.length);
    return found;
  }

  /** A lane without a backlog: each hint comes back for its retries, as the consumer asks for it. */
  #hint(hint: Hint, attempt = 1): void {
    const { orderId, priority, probe } = hint;
    this.#context.loop.after(5, async () => {
      const result = await this.#actors.advance(orderId, { priority, attempt, probe });
      if (result && result.retryAfterMs !== null) this.#context.loop.after(result.retryAfterMs, () => this.#hint(hint, attempt + 1));
    });
  }
}

function calmContext(): Context {
  const context = new Context(1, 0, false);
  context.calmDown();
  context.faults = { ...context.faults, skewMaxMs: 0 };
  return context;
}

describe("Thirty orders whose token makes a healthy provider answer 500", () => {
  it("stop their own tenant's payments, and delay nothing of another tenant", async () => {
    const world = new Attacked();
    world.place(0, 30, "mallory", { token: BAD });
    const good = [2, 10, 30].flatMap((seconds) => world.place(seconds * SECOND, 5, "shop"));
    await world.runUntil(2 * SECOND);
    expect(world.breakers.of("mallory/payment").view.breaker.state).toBe("open");
    await world.runUntil(35 * SECOND);
    expect(Math.max(...world.tookMs(good))).toBeLessThan(UNDISTURBED_MS);
    expect(world.breakers.of("shop/payment").view).toMatchObject({ breaker: { state: "closed" }, waiting: 0 });
  });

  it.each(["expedited", "standard"] as const)("let good %s orders of the same tenant through within twenty seconds", async (priority) => {
    const world = new Attacked();
    const bad = world.place(0, 30, "shop", { token: BAD });
    const good = world.place(2 * SECOND, 5, "shop", { priority });
    await world.runUntil(2 * SECOND);
    expect(world.breakers.of("shop/payment").view.breaker.state).toBe("open");
    await world.runUntil(30 * SECOND);
    expect(Math.max(...world.tookMs(good))).toBeLessThan(20 * SECOND);
    // None of the bad ones is stuck: each spends its retries and is parked in front of a person.
    await world.runUntil(2 * 60 * MINUTE);
    expect(world.statuses(bad)).toEqual(new Set(["quarantined"]));
  });

  it("let good orders through within a minute and a half though they stand in line before them and have never failed", async () => {
    const world = new Attacked();
    world.place(0, 5, "shop", { token: BAD });
    world.place(SECOND, 30, "shop", { token: BAD });
    const good = world.place(2 * SECOND, 5, "shop");
    await world.runUntil(3 * SECOND);
    expect(world.breakers.of("shop/payment").view).toMatchObject({ breaker: { state: "open" }, waiting: 40 });
    await world.runUntil(3 * MINUTE);
    expect(Math.max(...world.tookMs(good))).toBeLessThan(90 * SECOND);
  });

  it("let good orders through while bad ones go on coming, one a second", async () => {
    const world = new Attacked();
    for (let at = 0; at < 3 * MINUTE; at += SECOND) world.place(at, 1, "shop", { token: BAD });
    const good = [30, 60, 90, 120].flatMap((seconds) => world.place(seconds * SECOND + 500, 5, "shop"));
    await world.runUntil(10 * MINUTE);
    expect(Math.max(...world.tookMs(good))).toBeLessThan(90 * SECOND);
  });
});

describe("A lone order", () => {
  it("with a fault of its own delays the next one by seconds at most", async () => {
    const world = new Attacked();
    const [bad = ""] = world.place(0, 1, "shop", { token: BAD });
    await world.runUntil(MINUTE);
    expect(world.statuses([bad])).toEqual(new Set(["quarantined"]));
    const good = world.place(MINUTE, 1, "shop");
    await world.runUntil(2 * MINUTE);
    expect(Math.max(...world.tookMs(good))).toBeLessThan(10 * SECOND);
  });

  it("that meets an outage saves the next ones from spending their retries", async () => {
    const world = new Attacked();
    world.paymentDownUntil = 2 * MINUTE;
    const first = world.place(0, 1, "shop");
    await world.runUntil(6 * SECOND);
    expect(world.breakers.of("shop/payment").view.breaker.state).toBe("open");
    const next = world.place(6 * SECOND, 3, "shop");
    await world.runUntil(10 * MINUTE);
    expect([world.statuses(first), world.statuses(next)]).toEqual([new Set(["quarantined"]), new Set(["confirmed"])]);
  });
});
