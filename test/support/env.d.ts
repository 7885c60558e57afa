/** Types `env` and `exports` of "cloudflare:workers" for the tests, which unlike the source know the classes behind the actors' bindings. */

import type { Env as Bindings } from "../../src/env.ts";
import type * as Worker from "../../src/index.ts";

interface Actors {
  readonly ORDERS: DurableObjectNamespace<Worker.OrderActor>;
  readonly INVENTORY: DurableObjectNamespace<Worker.InventoryActor>;
  readonly VELOCITY: DurableObjectNamespace<Worker.VelocityActor>;
  readonly STATS_SHARDS: DurableObjectNamespace<Worker.StatsShard>;
  readonly STATS_HUBS: DurableObjectNamespace<Worker.StatsHub>;
  readonly BREAKERS: DurableObjectNamespace<Worker.BreakerActor>;
  readonly REDRIVES: DurableObjectNamespace<Worker.RedriveActor>;
  readonly TENANTS: DurableObjectNamespace<Worker.TenantActor>;
}

declare global {
  namespace Cloudflare {
    interface GlobalProps {
      mainModule: typeof Worker;
    }
    interface Env extends Omit<Bindings, keyof Actors>, Actors {}
  }
}
