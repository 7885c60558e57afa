/** The rules of risk screening. A flag asks for a person's look; it never refuses by itself. */
import type { PlacedOrder } from "../contract/events.ts";
import type { Currency } from "../contract/primitives.ts";
import type { RiskProfile } from "../contract/profile.ts";

/** Totals in minor units of one currency. */
export interface AmountLimits {
  /** Total from which an order is looked at. */
  readonly reviewFrom: number;
  /** Total from which a card issued in another country than the goods go to is looked at; smaller gifts abroad are common. */
  readonly foreignCardFrom: number;
}

/** How many orders of one customer within the window are normal. */
export interface Velocity {
  readonly velocityMax: number;
  readonly velocityWindowMs: number;
}

export interface RiskLimits extends Velocity {
  readonly byCurrency: Readonly<Record<Currency, AmountLimits>>;
  /** For every currency that has no limits of its own: none passes unseen. */
  readonly fallback: AmountLimits;
}

const MAJOR: AmountLimits = { reviewFrom: 1_000_000, foreignCardFrom: 50_000 };
const times = (factor: number): AmountLimits => ({
  reviewFrom: MAJOR.reviewFrom * factor,
  foreignCardFrom: MAJOR.foreignCardFrom * factor,
});

/** Round numbers worth about 10,000 and 500 euros; whoever needs them exact sets their own. */
const BY_CURRENCY: Readonly<Record<Currency, AmountLimits>> = {
  ...Object.fromEntries(["EUR", "GBP", "USD", "CHF", "CAD", "AUD", "NZD", "SGD"].map((currency) => [currency, MAJOR])),
  // Yen, won and dong have no minor unit; dinars have a thousand.
  JPY: times(1.5),
  KRW: times(15),
  VND: times(250),
  KWD: times(4),
  BHD: times(4),
  BRL: times(5),
  PLN: times(5),
  AED: times(5),
  CNY: times(7.5),
  HKD: times(7.5),
  DKK: times(7.5),
  SEK: times(10),
  NOK: times(10),
  MXN: times(20),
  ZAR: times(20),
  CZK: times(25),
  THB: times(30),
  TRY: times(40),
  INR: times(100),
  HUF: times(400),
  IDR: times(15_000),
};

/**
 * The fallback is the lowest number of any currency above. No currency has a minor unit that is worth more than a few
 * pence, so what falls back on it is looked at sooner than it had to be, never later.
 */
export const RISK_LIMITS: RiskLimits = {
  byCurrency: BY_CURRENCY,
  fallback: MAJOR,
  velocityMax: 50,
  velocityWindowMs: 60 * 60_000,
};

/** What a tenant says of its own, laid over the embedded limits. `otherwise` takes the place of those of all other currencies. */
export function limitsFrom({ velocityMax, velocityWindowMs, limits, otherwise }: RiskProfile = {}): RiskLimits {
  return {
    byCurrency: { ...(otherwise ? {} : RISK_LIMITS.byCurrency), ...limits },
    fallback: otherwise ?? RISK_LIMITS.fallback,
    velocityMax: velocityMax ?? RISK_LIMITS.velocityMax,
    velocityWindowMs: velocityWindowMs ?? RISK_LIMITS.velocityWindowMs,
  };
}

export type RiskFlag = "amount" | "velocity" | "foreign_card";

export const limitsFor = ({ byCurrency, fallback }: RiskLimits, currency: Currency): AmountLimits => byCurrency[currency] ?? fallback;

/** @param recentOrders orders of the same customer in the window, this one included; 0 for a guest */
export function screenOrder(
  { total, currency, payment, shipTo }: Pick<PlacedOrder, "total" | "currency" | "payment" | "shipTo">,
  recentOrders: number,
  limits = RISK_LIMITS,
): RiskFlag[] {
  const { reviewFrom, foreignCardFrom } = limitsFor(limits, currency);
  const flags: RiskFlag[] = [];
  if (total >= reviewFrom) flags.push("amount");
  if (recentOrders > limits.velocityMax) flags.push("velocity");
  if (payment.country && payment.country !== shipTo.country && total >= foreignCardFrom) flags.push("foreign_card");
  return flags;
}
