/** The adapter of each port: a company's own system when its address is configured, otherwise the embedded default. */
import type { Env } from "../env.ts";
import { emailProvider } from "./email.ts";
import { httpProvider, httpRecorder } from "./http.ts";
import { inventoryProvider, inventoryRecorder } from "./inventory.ts";
import type { Providers, Recorders } from "./ports.ts";
import { riskProvider } from "./risk.ts";
import { noRecorder, sandbox, sandboxFaultsFrom } from "./sandbox.ts";

/** @throws when `SANDBOX_FAULTS` does not fit its schema */
export function providersFrom(env: Env): Providers {
  const faults = sandboxFaultsFrom(env.SANDBOX_FAULTS);
  return {
    risk: riskProvider(env.VELOCITY),
    payment: env.PAYMENT_URL
      ? httpProvider({ url: env.PAYMENT_URL, token: env.PAYMENT_TOKEN })
      : sandbox("payment", { faults: faults.payment }),
    inventory: env.INVENTORY_URL ? httpProvider({ url: env.INVENTORY_URL, token: env.INVENTORY_TOKEN }) : inventoryProvider(env.INVENTORY),
    fulfilment: env.FULFILMENT_URL
      ? httpProvider({ url: env.FULFILMENT_URL, token: env.FULFILMENT_TOKEN })
      : sandbox("fulfilment", { faults: faults.fulfilment }),
    notification: env.NOTIFICATION_URL
      ? httpProvider({ url: env.NOTIFICATION_URL, token: env.NOTIFICATION_TOKEN })
      : emailProvider(env.EMAIL, env.CONFIRMATION_FROM),
  };
}

/** The books of each port, where whoever carries it out keeps any. */
export function recordersFrom(env: Env): Recorders {
  return {
    payment: env.PAYMENT_URL ? httpRecorder({ url: env.PAYMENT_URL, token: env.PAYMENT_TOKEN }) : noRecorder,
    inventory: env.INVENTORY_URL ? httpRecorder({ url: env.INVENTORY_URL, token: env.INVENTORY_TOKEN }) : inventoryRecorder(env.INVENTORY),
    fulfilment: env.FULFILMENT_URL ? httpRecorder({ url: env.FULFILMENT_URL, token: env.FULFILMENT_TOKEN }) : noRecorder,
    notification: env.NOTIFICATION_URL ? httpRecorder({ url: env.NOTIFICATION_URL, token: env.NOTIFICATION_TOKEN }) : noRecorder,
  };
}
