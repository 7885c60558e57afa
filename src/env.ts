/**
 * The bindings of `wrangler.toml`, typed. Whatever the Worker can reach is named here or in what `Env` extends, and
 * `npm run types` holds it against that file. What an actor can be asked, and under which name it is found:
 * `actors/addresses.ts`.
 */
import type { DeadLetter } from "./contract/messages.ts";
import type { ChangeQueues } from "./messaging/changes.ts";
import type { LaneQueues } from "./messaging/lanes.ts";
import type { HistoryBindings } from "./projections/history/databases.ts";
import type { ProviderBindings } from "./providers/index.ts";

export interface Env extends LaneQueues, ChangeQueues, HistoryBindings, ProviderBindings {
  readonly ORDERS: DurableObjectNamespace;
  readonly INVENTORY: DurableObjectNamespace;
  readonly VELOCITY: DurableObjectNamespace;
  readonly STATS_SHARDS: DurableObjectNamespace;
  readonly STATS_HUBS: DurableObjectNamespace;
  readonly BREAKERS: DurableObjectNamespace;
  readonly REDRIVES: DurableObjectNamespace;
  readonly TENANTS: DurableObjectNamespace;

  /** SHA-256 of an API key, in hex, to the `KeyRecord` of `tenants/keys.ts`. */
  readonly API_KEYS: KVNamespace;
  /** A tenant to its current `StoredProfile`, see `contract/profile.ts`. */
  readonly PROFILES: KVNamespace;

  readonly ORDERS_DEAD_LETTER: Queue<DeadLetter>;

  /** Overrides of `contract/lanes.ts` as JSON. */
  readonly LANES?: string;
  readonly METER?: string;
  /** "allow" only when `npm start` or a test passes it; see `tenants/keys.ts`. Never in `wrangler.toml`. */
  readonly DEVELOPMENT_KEYS?: string;
}
