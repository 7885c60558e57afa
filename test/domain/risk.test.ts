import { describe, expect, it } from "vitest";
import type { PlacedOrder } from "../../src/contract/events.ts";
import { limitsFrom, RISK_LIMITS, screenOrder } from "../../src/domain/risk.ts";
import { placedOrder } from "../support/orders.ts";

const flagsOf = (changes: Partial<PlacedOrder>) => screenOrder(placedOrder(changes), 1);
const foreign = { shipTo: { country: "FR" }, payment: { token: "tok_visa", country: "GB" } };

describe("Risk screening", () => {
  it("looks at a total by what it is worth, not by its number", () => {
    expect(flagsOf({ currency: "GBP", total: 1_000_000 })).toEqual(["amount"]);
    expect(flagsOf({ currency: "GBP", total: 999_999 })).toEqual([]);
    // 10,000 yen are about 60 euros, and yen have no minor unit; 500 dinars of 1,000 fils are about 1,500 euros.
    expect(flagsOf({ currency: "JPY", total: 1_000_000 })).toEqual([]);
    expect(flagsOf({ currency: "JPY", total: 1_500_000 })).toEqual(["amount"]);
    expect(flagsOf({ currency: "IDR", total: 1_000_000 })).toEqual([]);
    expect(flagsOf({ currency: "KWD", total: 5_000_000 })).toEqual(["amount"]);
  });

  it("looks at cards from abroad by what the total is worth, too", () => {
    expect(flagsOf({ ...foreign, currency: "EUR", total: 50_000 })).toEqual(["foreign_card"]);
    expect(flagsOf({ ...foreign, currency: "EUR", total: 49_999 })).toEqual([]);
    expect(flagsOf({ ...foreign, shipTo: { country: "GB" }, currency: "EUR", total: 50_000 })).toEqual([]);
    expect(flagsOf({ shipTo: { country: "FR" }, payment: { token: "tok_visa" }, currency: "EUR", total: 50_000 })).toEqual([]);
    expect(flagsOf({ ...foreign, currency: "JPY", total: 50_000 })).toEqual([]);
    expect(flagsOf({ ...foreign, currency: "JPY", total: 75_000 })).toEqual(["foreign_card"]);
  });

  it("looks at a customer who orders more often than is normal, and not at the last order that is", () => {
    expect(screenOrder(placedOrder(), RISK_LIMITS.velocityMax)).toEqual([]);
    expect(screenOrder(placedOrder(), RISK_LIMITS.velocityMax + 1)).toEqual(["velocity"]);
  });

  it("lets no currency pass for which nobody has set limits", () => {
    expect(RISK_LIMITS.byCurrency).not.toHaveProperty("PEN");
    expect(flagsOf({ currency: "PEN", total: RISK_LIMITS.fallback.reviewFrom })).toEqual(["amount"]);
    expect(flagsOf({ ...foreign, currency: "PEN", total: RISK_LIMITS.fallback.foreignCardFrom })).toEqual(["foreign_card"]);
    expect(flagsOf({ currency: "PEN", total: RISK_LIMITS.fallback.foreignCardFrom })).toEqual([]);
  });
});

describe("The limits of a tenant", () => {
  const own = { reviewFrom: 100, foreignCardFrom: 10 };

  it("are the embedded ones where it says nothing", () => {
    expect(limitsFrom()).toEqual(RISK_LIMITS);
    expect(limitsFrom({})).toEqual(RISK_LIMITS);
  });

  it("take the place of the embedded ones of the same currency, and of no other", () => {
    const { byCurrency, fallback } = limitsFrom({ limits: { GBP: own } });
    expect(byCurrency).toEqual({ ...RISK_LIMITS.byCurrency, GBP: own });
    expect(fallback).toEqual(RISK_LIMITS.fallback);
  });

  it("take the place of all others when it says so", () => {
    const otherwise = { reviewFrom: 7, foreignCardFrom: 7 };
    expect(limitsFrom({ limits: { GBP: own }, otherwise })).toMatchObject({ byCurrency: { GBP: own }, fallback: otherwise });
    expect(Object.keys(limitsFrom({ limits: { GBP: own }, otherwise }).byCurrency)).toEqual(["GBP"]);
  });

  it("say how many orders of one customer are normal, and within how long", () => {
    expect(limitsFrom({ velocityMax: 3, velocityWindowMs: 60_000 })).toMatchObject({ velocityMax: 3, velocityWindowMs: 60_000 });
  });
});
