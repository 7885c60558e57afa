/** The adapter of each port: a company's own system when its address is configured, otherwise the embedded default. */

import type { LedgerReaders, Providers } from "../domain/ports.ts";
import type { Env } from "../env.ts";
import { emailProvider } from "./email.ts";
import { httpLedgerReader, httpProvider } from "./http.ts";
import { inventoryLedgerReader, inventoryProvider } from "./inventory.ts";
import { riskProvider } from "./risk.ts";
import { noLedger, sandbox, sandboxFaultsFrom } from "./sandbox.ts";

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

/** Reads the ledger of each port; `noLedger` where the provider keeps none. */
export function ledgerReadersFrom(env: Env): LedgerReaders {
  return {
    payment: env.PAYMENT_URL ? httpLedgerReader({ url: env.PAYMENT_URL, token: env.PAYMENT_TOKEN }) : noLedger,
    inventory: env.INVENTORY_URL
      ? httpLedgerReader({ url: env.INVENTORY_URL, token: env.INVENTORY_TOKEN })
      : inventoryLedgerReader(env.INVENTORY),
    fulfilment: env.FULFILMENT_URL ? httpLedgerReader({ url: env.FULFILMENT_URL, token: env.FULFILMENT_TOKEN }) : noLedger,
    notification: env.NOTIFICATION_URL ? httpLedgerReader({ url: env.NOTIFICATION_URL, token: env.NOTIFICATION_TOKEN }) : noLedger,
  };
}
