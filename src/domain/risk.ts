/** The rules of risk screening. A flag asks for a person's look; it never refuses by itself. */
import type { PlacedOrder } from "../contract/events.ts";

export interface RiskLimits {
  /** Total from which an order is looked at, in minor units of its own currency. */
  readonly reviewFrom: number;
  /** Total from which a card issued in another country than the goods go to is looked at; smaller gifts abroad are common. */
  readonly foreignCardFrom: number;
  /** Orders of one customer within `velocityWindowMs` that are normal. */
  readonly velocityMax: number;
  readonly velocityWindowMs: number;
}

export const RISK_LIMITS: RiskLimits = {
  reviewFrom: 1_000_000,
  foreignCardFrom: 50_000,
  velocityMax: 50,
  velocityWindowMs: 60 * 60_000,
};

export type RiskFlag = "amount" | "velocity" | "foreign_card";

/** @param recentOrders orders of the same customer in the window, this one included; 0 for a guest */
export function screenOrder(
  order: Pick<PlacedOrder, "total" | "payment" | "shipTo">,
  recentOrders: number,
  limits = RISK_LIMITS,
): RiskFlag[] {
  const flags: RiskFlag[] = [];
  if (order.total >= limits.reviewFrom) flags.push("amount");
  if (recentOrders > limits.velocityMax) flags.push("velocity");
  if (order.payment.country && order.payment.country !== order.shipTo.country && order.total >= limits.foreignCardFrom)
    flags.push("foreign_card");
  return flags;
}
