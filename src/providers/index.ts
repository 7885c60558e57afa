/**
 * The adapter of each port, as the profile that an order was accepted under says: a company's own system, or the embedded
 * default. Where the profile leaves a port to the deployment, its variables say.
 */

import type { ProviderName } from "../contract/order.ts";
import type { PinnedProfile } from "../contract/profile.ts";
import type { LedgerReader, LedgerReaders, Provider, Providers } from "../domain/ports.ts";
import { failed } from "./answers.ts";
import { emailProvider } from "./email.ts";
import { type HttpProviderOptions, httpLedgerReader, httpProvider } from "./http.ts";
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
  profile: PinnedProfile | null,
  { stockOf, velocityOf }: { readonly stockOf: StockOf; readonly velocityOf: VelocityOf },
): Providers {
  const faults = sandboxFaultsFrom(env.SANDBOX_FAULTS);
  const { sender = env.CONFIRMATION_FROM, displayName } = profile ?? {};
  const from = displayName === undefined ? sender : { email: sender, name: displayName };
  const provider = (port: ProviderName, embedded: () => Provider): Provider => adapterOf(env, profile, port)?.provider ?? embedded();
  return {
    risk: riskProvider(velocityOf, { risk: profile?.risk }),
    payment: provider("payment", () => sandbox("payment", { faults: faults.payment })),
    inventory: provider("inventory", () => inventoryProvider(stockOf)),
    fulfilment: provider("fulfilment", () => sandbox("fulfilment", { faults: faults.fulfilment })),
    notification: provider("notification", () => emailProvider(env.EMAIL, from)),
  };
}

/** Reads the ledger of each port; `noLedger` where the provider keeps none. */
export function ledgerReadersFrom(env: ProviderBindings, profile: PinnedProfile | null, stockOf: StockOf<SkuRecord>): LedgerReaders {
  const reader = (port: ProviderName, embedded: LedgerReader): LedgerReader => adapterOf(env, profile, port)?.ledger ?? embedded;
  return {
    payment: reader("payment", noLedger),
    inventory: reader("inventory", inventoryLedgerReader(stockOf)),
    fulfilment: reader("fulfilment", noLedger),
    notification: reader("notification", noLedger),
  };
}

/** Carries a port out, and tells what it has done. */
interface Adapter {
  readonly provider: Provider;
  readonly ledger: LedgerReader;
}

/** The variable that holds a port's address and the secret that holds its token, where the deployment decides. */
const BINDINGS = {
  payment: ["PAYMENT_URL", "PAYMENT_TOKEN"],
  inventory: ["INVENTORY_URL", "INVENTORY_TOKEN"],
  fulfilment: ["FULFILMENT_URL", "FULFILMENT_TOKEN"],
  notification: ["NOTIFICATION_URL", "NOTIFICATION_TOKEN"],
} as const satisfies Record<ProviderName, readonly [keyof ProviderBindings, keyof ProviderBindings]>;

/** Null for the embedded adapter. A secret is looked up by its name when an order is loaded, and never kept. */
function adapterOf(env: ProviderBindings, profile: PinnedProfile | null, port: ProviderName): Adapter | null {
  const choice = profile?.providers?.[port] ?? { adapter: "deployment" };
  switch (choice.adapter) {
    case "embedded":
      return null;
    case "deployment": {
      const [address, secret] = BINDINGS[port];
      const url = env[address];
      return url ? overHttp({ url, token: env[secret] }) : null;
    }
    case "http": {
      const { url, secret, timeoutMs } = choice;
      if (secret === undefined) return overHttp({ url, timeoutMs });
      const token = (env as unknown as Readonly<Record<string, unknown>>)[secret];
      // Called without it, a provider would answer as to a stranger; what it says of that is nobody's outage.
      return typeof token === "string" ? overHttp({ url, token, timeoutMs }) : broken(`the deployment has no secret ${secret}`);
    }
  }
}

/** The time for a call is not the time for a ledger, which has one of its own. */
const overHttp = ({ url, token, timeoutMs }: HttpProviderOptions): Adapter => ({
  provider: httpProvider({ url, token, timeoutMs }),
  ledger: httpLedgerReader({ url, token }),
});

/** An adapter that cannot be called as the deployment is: orders are parked until that is mended. */
const broken = (detail: string): Adapter => ({
  provider: async () => failed("poison", detail),
  ledger: async () => ({ outcome: "unanswered", detail }),
});
