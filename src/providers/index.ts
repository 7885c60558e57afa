/** The adapter of each port: a company's own system when its address is configured, otherwise the embedded default. */

import type { LedgerReaders, Providers } from "../domain/ports.ts";
import { emailProvider } from "./email.ts";
import { httpLedgerReader, httpProvider } from "./http.ts";
import { inventoryLedgerReader, inventoryProvider, type SkuRecord, type StockOf } from "./inventory.ts";
import { riskProvider, type VelocityOf } from "./risk.ts";
import { noLedger, sandbox, sandboxFaultsFrom } from "./sandbox.ts";

/** The bindings that say which adapter a port has. */
export interface ProviderBindings {
  readonly PAYMENT_URL?: string;
  readonly INVENTORY_URL?: string;
  readonly FULFILMENT_URL?: string;
  readonly NOTIFICATION_URL?: string;
  /** Bearer tokens for the endpoints above; secrets. */
  readonly PAYMENT_TOKEN?: string;
  readonly INVENTORY_TOKEN?: string;
  readonly FULFILMENT_TOKEN?: string;
  readonly NOTIFICATION_TOKEN?: string;
  /** Faults of the embedded sandboxes as JSON. */
  readonly SANDBOX_FAULTS?: string;
  /** The embedded notification: who sends, and through what. */
  readonly CONFIRMATION_FROM: string;
  readonly EMAIL: SendEmail;
}

/** @throws when `SANDBOX_FAULTS` does not fit its schema */
export function providersFrom(
  env: ProviderBindings,
  { stockOf, velocityOf }: { readonly stockOf: StockOf; readonly velocityOf: VelocityOf },
): Providers {
  const faults = sandboxFaultsFrom(env.SANDBOX_FAULTS);
  return {
    risk: riskProvider(velocityOf),
    payment: env.PAYMENT_URL
      ? httpProvider({ url: env.PAYMENT_URL, token: env.PAYMENT_TOKEN })
      : sandbox("payment", { faults: faults.payment }),
    inventory: env.INVENTORY_URL ? httpProvider({ url: env.INVENTORY_URL, token: env.INVENTORY_TOKEN }) : inventoryProvider(stockOf),
    fulfilment: env.FULFILMENT_URL
      ? httpProvider({ url: env.FULFILMENT_URL, token: env.FULFILMENT_TOKEN })
      : sandbox("fulfilment", { faults: faults.fulfilment }),
    notification: env.NOTIFICATION_URL
      ? httpProvider({ url: env.NOTIFICATION_URL, token: env.NOTIFICATION_TOKEN })
      : emailProvider(env.EMAIL, env.CONFIRMATION_FROM),
  };
}

/** Reads the ledger of each port; `noLedger` where the provider keeps none. */
export function ledgerReadersFrom(env: ProviderBindings, stockOf: StockOf<SkuRecord>): LedgerReaders {
  return {
    payment: env.PAYMENT_URL ? httpLedgerReader({ url: env.PAYMENT_URL, token: env.PAYMENT_TOKEN }) : noLedger,
    inventory: env.INVENTORY_URL
      ? httpLedgerReader({ url: env.INVENTORY_URL, token: env.INVENTORY_TOKEN })
      : inventoryLedgerReader(stockOf),
    fulfilment: env.FULFILMENT_URL ? httpLedgerReader({ url: env.FULFILMENT_URL, token: env.FULFILMENT_TOKEN }) : noLedger,
    notification: env.NOTIFICATION_URL ? httpLedgerReader({ url: env.NOTIFICATION_URL, token: env.NOTIFICATION_TOKEN }) : noLedger,
  };
}
