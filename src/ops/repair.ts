/**
 * Makes projections what the journals say. Money and stock are never touched: what a provider's ledger has is for a person.
 */

import type { JournaledOrder } from "../contract/order.ts";
import { summarize } from "../domain/order.ts";
import type { Projection } from "../projections/projection.ts";
import type { Audit } from "./auditor.ts";

/**
 * Rebuilds each projection where it was found wrong. One that the audit does not look into is rebuilt where any other is,
 * since the same lost change may be missing from it. An order that does not exist has no journal to repair from.
 * @returns the ids of the orders repaired
 */
export async function repairAll(projections: readonly Projection[], tenant: string, audits: readonly Audit[]): Promise<Set<string>> {
  const rebuilt = await Promise.all(
    projections.map(async (projection) => {
      const orders = audits.flatMap((audit) => wrongIn(projection.name, audit));
      if (orders.length > 0) await projection.rebuild(tenant, orders);
      return orders.map(({ order }) => order.orderId);
    }),
  );
  return new Set(rebuilt.flat());
}

function wrongIn(projection: string, { state, shown, findings }: Audit): JournaledOrder[] {
  const audited = new Map<string, { readonly version: number } | null>(Object.entries(shown));
  const isWrong = findings.some(({ subject }) => (audited.has(projection) ? subject === projection : audited.has(subject)));
  return state !== null && isWrong ? [{ order: summarize(state), seen: audited.get(projection)?.version ?? null }] : [];
}
