/**
 * Risk screening: the rules of `domain/risk.ts` with the customer's recent orders. It never refuses an order; it raises flags
 * for a person. It fails open: when the count of recent orders does not come, the order is screened without it, because a
 * missed flag costs less than a shop that stands still.
 */

import type { RiskProfile } from "../contract/profile.ts";
import type { Provider, ProviderCall } from "../domain/ports.ts";
import { limitsFrom, type Velocity as Normal, screenOrder } from "../domain/risk.ts";
import { now as clock } from "../platform/ambient.ts";
import { within } from "../platform/deadline.ts";
import { log } from "../platform/log.ts";
import { kindOf, succeeded } from "./answers.ts";
import { bounded } from "./bounded.ts";

/** Counts a customer's recent orders; the stub of a `VelocityActor` implements it. */
export interface Velocity {
  record(customer: string, orderId: string, at: number, normal: Normal): Promise<number>;
}

export type VelocityOf = (tenant: string, customer: string) => Velocity;

/** A call of an actor takes milliseconds. A screening that waits longer than this only delays the order. */
const VELOCITY_TIMEOUT_MS = 1_000;

export interface RiskOptions {
  /** What the tenant says of its own. */
  readonly risk?: RiskProfile | undefined;
  /** Milliseconds. */
  readonly now?: () => number;
}

export function riskProvider(velocityOf: VelocityOf, { risk, now = clock }: RiskOptions = {}): Provider {
  const limits = limitsFrom(risk);
  return bounded(async (call) => {
    const flags = screenOrder(call.order, await recentOrders(velocityOf, call, now(), limits), limits);
    return succeeded(flags.length > 0 ? { flags } : {});
  });
}

async function recentOrders(
  velocityOf: VelocityOf,
  { order, step }: ProviderCall,
  at: number,
  { velocityMax, velocityWindowMs }: Normal,
): Promise<number> {
  const { id } = order.customer;
  if (id === undefined) return 0;
  try {
    const record = () => velocityOf(order.tenant, id).record(id, order.orderId, at, { velocityMax, velocityWindowMs });
    return await within(VELOCITY_TIMEOUT_MS, "counting recent orders", record);
  } catch (error) {
    log.warn("risk.velocity_unknown", { orderId: order.orderId, step, detail: kindOf(error) });
    return 0;
  }
}
