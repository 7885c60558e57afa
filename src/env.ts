/** The bindings of `wrangler.toml`, typed. Whatever the Worker can reach is named here. */
import type { BreakerActor } from "./actors/breaker-actor.ts";
import type { InventoryActor } from "./actors/inventory-actor.ts";
import type { OrderActor } from "./actors/order-actor.ts";
import type { RedriveActor } from "./actors/redrive-actor.ts";
import type { StatsHub } from "./actors/stats-hub.ts";
import type { StatsShard } from "./actors/stats-shard.ts";
import type { TenantActor } from "./actors/tenant-actor.ts";
import type { VelocityActor } from "./actors/velocity-actor.ts";
import type { DeadLetter, OrderChanged } from "./contract/messages.ts";
import type { LaneQueues } from "./messaging/lanes.ts";

export interface Env extends LaneQueues {
  readonly ORDERS: DurableObjectNamespace<OrderActor>;
  /** One per tenant and SKU, named `<tenant>/<sku>`. */
  readonly INVENTORY: DurableObjectNamespace<InventoryActor>;
  /** One per tenant and customer, named `<tenant>/<customer>`. */
  readonly VELOCITY: DurableObjectNamespace<VelocityActor>;
  /** Named `<tenant>/<shard>`. */
  readonly STATS_SHARDS: DurableObjectNamespace<StatsShard>;
  /** One per tenant, named by it. */
  readonly STATS_HUBS: DurableObjectNamespace<StatsHub>;

  /** One per provider, named by it. */
  readonly BREAKERS: DurableObjectNamespace<BreakerActor>;
  /** One per redrive, named `<tenant>/<id>`. */
  readonly REDRIVES: DurableObjectNamespace<RedriveActor>;

  /** One per tenant, named by it. */
  readonly TENANTS: DurableObjectNamespace<TenantActor>;

  readonly HISTORY: D1Database;
  /** SHA-256 of an API key, in hex, to the `KeyRecord` of `tenants/keys.ts`. */
  readonly API_KEYS: KVNamespace;
  /** A tenant to its current `StoredProfile`, see `contract/profile.ts`. */
  readonly PROFILES: KVNamespace;
  readonly EMAIL: SendEmail;

  readonly ORDERS_DEAD_LETTER: Queue<DeadLetter>;
  readonly ORDER_EVENTS: Queue<OrderChanged>;

  readonly PAYMENT_URL?: string;
  readonly INVENTORY_URL?: string;
  readonly FULFILMENT_URL?: string;
  readonly NOTIFICATION_URL?: string;
  /** Bearer tokens for the endpoints above; secrets. */
  readonly PAYMENT_TOKEN?: string;
  readonly INVENTORY_TOKEN?: string;
  readonly FULFILMENT_TOKEN?: string;
  readonly NOTIFICATION_TOKEN?: string;
  readonly CONFIRMATION_FROM: string;
  readonly SANDBOX_FAULTS?: string;
  /** Overrides of `contract/lanes.ts` as JSON. */
  readonly LANES?: string;
  readonly METER?: string;
  /** "allow" only when `npm start` or a test passes it; see `tenants/keys.ts`. Never in `wrangler.toml`. */
  readonly DEVELOPMENT_KEYS?: string;
}

declare global {
  namespace Cloudflare {
    // Gives `env` and `exports` of "cloudflare:workers" their types.
    interface GlobalProps {
      mainModule: typeof import("./index.ts");
    }
    interface Env extends Readonly<import("./env.ts").Env> {}
  }
}
