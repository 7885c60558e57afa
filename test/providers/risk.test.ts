import { afterEach, describe, expect, it, vi } from "vitest";
import { limitsFor, RISK_LIMITS } from "../../src/domain/risk.ts";
import { log } from "../../src/platform/log.ts";
import { riskProvider } from "../../src/providers/risk.ts";
import { callOf, orderOf } from "./calls.ts";

const counting = (record: (customer: string, orderId: string, at: number) => Promise<number>) => {
  const names: string[] = [];
  const velocityOf = (tenant: string, customer: string) => {
    names.push(`${tenant}/${customer}`);
    return { record };
  };
  return { names, provider: riskProvider(velocityOf, { now: () => 42 }) };
};

afterEach(() => {
  vi.restoreAllMocks();
});

describe("Risk screening", () => {
  it("raises no flag for an ordinary order", async () => {
    const { names, provider } = counting(async () => 1);
    expect(await provider(callOf("screen"))).toEqual({ outcome: "succeeded", facts: {} });
    expect(names).toEqual(["acme/17850"]);
  });

  it("flags a customer who orders too often, and counts this order at this time", async () => {
    const record = vi.fn(async () => RISK_LIMITS.velocityMax + 1);
    const order = orderOf();
    expect(await counting(record).provider(callOf("screen", { order }))).toMatchObject({ facts: { flags: ["velocity"] } });
    const { velocityMax, velocityWindowMs } = RISK_LIMITS;
    expect(record).toHaveBeenCalledWith(order.customer.id, order.orderId, 42, { velocityMax, velocityWindowMs });
  });

  it("does not count the orders of guests", async () => {
    const { names, provider } = counting(async () => 1_000);
    expect(await provider(callOf("screen", { order: orderOf({ customer: {} }) }))).toMatchObject({ facts: {} });
    expect(names).toEqual([]);
  });

  it("goes on without the count when nobody answers, applies the other rules, and says so in the log", async () => {
    const warn = vi.spyOn(log, "warn").mockImplementation(() => {});
    const order = orderOf({ total: limitsFor(RISK_LIMITS, orderOf().currency).reviewFrom });
    for (const record of [() => Promise.reject(new Error("overloaded")), () => new Promise<number>(() => {})]) {
      expect(await counting(record).provider(callOf("screen", { order }))).toEqual({ outcome: "succeeded", facts: { flags: ["amount"] } });
    }
    expect(warn).toHaveBeenCalledTimes(2);
    expect(warn).toHaveBeenCalledWith("risk.velocity_unknown", expect.objectContaining({ step: "screen" }));
  });
});
