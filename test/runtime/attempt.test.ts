/** One attempt: what its provider is sent, how long its answer is waited for, and what is made of the answer. */
import { describe, expect, it } from "vitest";
import type { Step } from "../../src/contract/order.ts";
import type { Outcome } from "../../src/domain/decide.ts";
import type { OrderState } from "../../src/domain/order.ts";
import type { ProviderAnswer, ProviderCall, Providers } from "../../src/domain/ports.ts";
import { callProvider, describe as described, isWorking } from "../../src/runtime/attempt.ts";
import { firstGroupDone, ORDER_ID, stateAfter } from "../support/orders.ts";

const SECOND = 1_000;

const SUCCEEDED: ProviderAnswer = { outcome: "succeeded", facts: { reference: "f-1" } };

/** A call of a step, whose provider answers when the test says so, and a clock that only the test moves. */
class Calling {
  readonly sent: ProviderCall[] = [];
  readonly late: Outcome[] = [];
  readonly outcome: Promise<Outcome>;
  #now = 0;
  #timers: { readonly at: number; readonly then: () => void }[] = [];
  #provider = Promise.withResolvers<ProviderAnswer>();

  constructor(step: Step, state: OrderState = stateAfter(...firstGroupDone())) {
    const provider = (call: ProviderCall) => {
      this.sent.push(call);
      return this.#provider.promise;
    };
    const ports = ["risk", "payment", "inventory", "fulfilment", "notification"];
    const providers = Object.fromEntries(ports.map((port) => [port, provider])) as unknown as Providers;
    const clock = { now: () => this.#now, after: (ms: number, then: () => void) => this.#after(ms, then) };
    this.outcome = callProvider(state, step, { clock, providers }, (late) => this.late.push(late));
  }

  get signal(): AbortSignal {
    return (this.sent[0] as ProviderCall).signal;
  }

  get timers(): number {
    return this.#timers.length;
  }

  async answer(answer: ProviderAnswer): Promise<void> {
    this.#provider.resolve(answer);
    await settled();
  }

  async throw(bug: Error): Promise<void> {
    this.#provider.reject(bug);
    await settled();
  }

  async pass(ms: number): Promise<void> {
    this.#now += ms;
    const due = this.#timers.filter(({ at }) => at <= this.#now);
    this.#timers = this.#timers.filter((timer) => !due.includes(timer));
    for (const { then } of due) then();
    await settled();
  }

  #after(ms: number, then: () => void): () => void {
    const timer = { at: this.#now + ms, then };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("A call", () => {
  it("carries the key of its step, its attempt, the order, and what the steps before it brought", () => {
    const { sent } = new Calling("route");
    expect(sent).toMatchObject([
      {
        step: "route",
        key: `${ORDER_ID}:route`,
        attempt: 1,
        undoes: [],
        order: { orderId: ORDER_ID },
        facts: { authorize: { reference: "authorize-ref" }, reserve: { reference: "reserve-ref" } },
      },
    ]);
  });

  it("of an undo names the key that it takes back", () => {
    expect(new Calling("release").sent).toMatchObject([{ step: "release", key: `${ORDER_ID}:release`, undoes: [`${ORDER_ID}:reserve`] }]);
  });

  it("is the first one for a step that has not begun", () => {
    expect(new Calling("capture").sent).toMatchObject([{ key: `${ORDER_ID}:capture`, attempt: 1 }]);
  });

  it("ends with its answer, and leaves no timer behind", async () => {
    const call = new Calling("route");
    await call.answer(SUCCEEDED);
    expect(await call.outcome).toEqual({ step: "route", attempt: 1, answer: SUCCEEDED });
    expect([call.timers, call.late]).toEqual([0, []]);
  });

  it("whose adapter throws has come upon a bug of ours, and the exception's words are kept apart", async () => {
    const call = new Calling("route");
    await call.throw(new TypeError("no such field"));
    expect((await call.outcome).answer).toEqual({
      outcome: "failed",
      failure: "bug",
      detail: "the adapter threw",
      said: "TypeError: no such field",
    });
  });
});

describe("A call without an answer", () => {
  it("is given up after ten seconds, when nobody knows what it did", async () => {
    const call = new Calling("route");
    const outcomes: Outcome[] = [];
    void call.outcome.then((outcome) => outcomes.push(outcome));
    await call.pass(10 * SECOND - 1);
    expect(outcomes).toEqual([]);
    await call.pass(1);
    expect(outcomes).toEqual([
      { step: "route", attempt: 1, answer: { outcome: "failed", failure: "unknown", detail: "no answer within 10000 ms" } },
    ]);
  });

  it("is listened to for another minute, and what it says then is told once", async () => {
    const call = new Calling("route");
    await call.pass(10 * SECOND);
    await call.pass(59 * SECOND);
    await call.answer(SUCCEEDED);
    expect(call.late).toEqual([{ step: "route", attempt: 1, answer: SUCCEEDED }]);
    expect([call.timers, call.signal.aborted]).toEqual([0, false]);
  });

  it("is abandoned after that", async () => {
    const call = new Calling("route");
    await call.pass(10 * SECOND);
    await call.pass(60 * SECOND - 1);
    expect(call.signal.aborted).toBe(false);
    await call.pass(1);
    expect(call.signal.aborted).toBe(true);
    expect(call.signal.reason).toEqual(new Error("abandoned"));
  });
});

describe("What an answer shows of its provider", () => {
  const failed = (failure: "transient" | "unknown" | "poison" | "refused" | "bug"): ProviderAnswer => ({
    outcome: "failed",
    failure,
    detail: "",
  });

  it.each<readonly [ProviderAnswer, boolean | null]>([
    [SUCCEEDED, true],
    [{ outcome: "refused", refusal: { reason: "declined" } }, true],
    [failed("poison"), true],
    [failed("refused"), true],
    [failed("transient"), false],
    [failed("unknown"), false],
    [failed("bug"), null],
  ])("of %o is that it works: %s", (answer, works) => {
    expect(isWorking(answer)).toBe(works);
  });
});

describe("An answer in the log", () => {
  const long = "x".repeat(300);

  it("says how it went, cut short, and nothing that its provider said in its own words", () => {
    expect(described(SUCCEEDED)).toEqual({ outcome: "succeeded" });
    expect(described({ outcome: "refused", refusal: { reason: long, detail: "Ada Lovelace" } })).toEqual({
      outcome: "refused",
      reason: long.slice(0, 200),
    });
    expect(described({ outcome: "failed", failure: "transient", detail: long, said: "Ada Lovelace", retryAfterMs: 7 })).toEqual({
      outcome: "failed",
      failure: "transient",
      detail: long.slice(0, 200),
      retryAfterMs: 7,
    });
  });
});
