/** The tenants that a scheduled audit visits. */
import type { Env } from "../env.ts";
import { tenantsOf } from "../projections/history/overdue.ts";

/** The most tenants that one history is meant for. */
const MAX_KNOWN_TENANTS = 10_000;

/**
 * At most `most` tenants, beginning at a random one and going round, so that many runs together visit all of them.
 * @param random uniform in [0, 1)
 */
export async function someTenants(env: Env, most: number, random: () => number): Promise<string[]> {
  const tenants = await tenantsOf(env, MAX_KNOWN_TENANTS);
  const start = Math.floor(random() * tenants.length);
  return [...tenants.slice(start), ...tenants.slice(0, start)].slice(0, most);
}
