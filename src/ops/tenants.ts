/** Whom an audit that runs by itself looks at. */
import type { Env } from "../env.ts";
import { tenantsOf } from "../projections/history/overdue.ts";

/** More than this share one history only when something else is wrong. */
const MAX_KNOWN_TENANTS = 10_000;

/**
 * Some tenants, beginning at a random one and going round: one run looks at a few, many runs at all.
 * @param random uniform in [0, 1)
 */
export async function someTenants(env: Env, most: number, random: () => number): Promise<string[]> {
  const tenants = await tenantsOf(env.HISTORY, MAX_KNOWN_TENANTS);
  const start = Math.floor(random() * tenants.length);
  return [...tenants.slice(start), ...tenants.slice(0, start)].slice(0, most);
}
