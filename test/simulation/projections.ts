/**
 * What is fed by committed changes, in a world where deliveries come twice, late and out of order and each projection fails by
 * itself. The feed and the counters' projection are the project's own; the actors and the database behind them are in memory.
 */
import { OrderChanged } from "../../src/contract/messages.ts";
import type { OrderSummary } from "../../src/contract/order.ts";
import { type Contribution, shardOf } from "../../src/domain/counters.ts";
import { countersProjection } from "../../src/projections/counters/projection.ts";
import { feed, newestChanges, type Projection } from "../../src/projections/projection.ts";
import { backoffSeconds } from "../../src/queues/delivery.ts";
import type { Counted } from "../oracle/evidence.ts";
import type { Context } from "./context.ts";
import { Mishap, type Receiver, SimulatedHub, SimulatedShard } from "./counters.ts";

const D1_MS = [5, 300] as const;
/** An actor that is asked for counters gives up on D1 after this. */
const D1_STALL_MS = 2_000;
/** How long a reconciliation takes to read journals, and then again to ask everybody else before it repairs. */
const JOURNALS_MS = [10, 60_000] as const;
const REBUILD_AGAIN_MS = 60_000;

export class Projections {
  readonly history = new Map<string, OrderSummary>();
  /** The versions of each order that a subscriber of single commits was told of. */
  readonly heard = new Map<string, Set<number>>();
  readonly hubs: ReadonlyMap<string, SimulatedHub>;
  readonly #context: Context;
  readonly #shards = new Map<string, SimulatedShard>();
  readonly #counters: Projection;
  readonly #registry: readonly Projection[];
  readonly #known = new WeakMap<object, OrderChanged>();

  constructor(context: Context, tenants: readonly string[]) {
    this.#context = context;
    this.hubs = new Map(tenants.map((tenant) => [tenant, new SimulatedHub(context, tenant)]));
    this.#counters = countersProjection({
      shard: (tenant, shard) => ({
        apply: (orders) => this.#shard(tenant, shard).request((process) => process.apply(orders)),
        repair: (orders) => this.#shard(tenant, shard).request((process) => process.repair(orders)),
      }),
      hub: (tenant) => ({ merge: async (reports) => this.hubs.get(tenant)?.request((process) => process.merge(reports)) }),
    });
    this.#registry = [this.#counters, this.#subscriber(), this.#historyProjection()];
  }

  /** One delivery: a message is done when every projection has its order. */
  async consume(batch: MessageBatch<unknown>): Promise<void> {
    const changes = new Map(batch.messages.map((message) => [message, this.#read(message.body)]));
    const { durable } = await feed(this.#registry, newestChanges([...changes.values()]));
    for (const [message, { order }] of changes) {
      if (durable.has(order.orderId)) message.ack();
      else message.retry({ delaySeconds: backoffSeconds(message.attempts) });
    }
  }

  /** A message is parsed once, however often it is delivered. */
  #read(body: unknown): OrderChanged {
    const known = this.#known.get(body as object) ?? OrderChanged.parse(body);
    this.#known.set(body as object, known);
    return known;
  }

  /** Rejects when the database does not answer. */
  async versionOf(orderId: string): Promise<number | null> {
    const down = this.#historyIsDown;
    await this.#context.pause(down ? D1_STALL_MS : this.#context.latency(...D1_MS));
    if (down) throw new Error("D1 does not answer");
    return this.history.get(orderId)?.version ?? null;
  }

  /** Of every tenant, as they are shown; exact whatever was lost on the way to a socket. */
  get counters(): Counted[] {
    return [...this.hubs].map(([tenant, { stats, receivers }]) => ({
      tenant,
      counters: stats,
      receivers: receivers.map(({ seen }) => seen),
    }));
  }

  get receivers(): Receiver[] {
    return [...this.hubs.values()].flatMap(({ receivers }) => receivers);
  }

  /** Evicts some of the counters' actors that are idle. */
  evictSome(): void {
    for (const actor of this.#actors) actor.evict();
  }

  deploy(): void {
    for (const actor of this.#actors) actor.die();
  }

  /**
   * Makes a tenant's counters anew from its journals while its orders go on, and again until that held.
   * @param journaled the orders as their journals have them at present
   */
  async rebuild(tenant: string, journaled: () => readonly OrderSummary[]): Promise<void> {
    const { loop } = this.#context;
    const seen = new Map(journaled().map(({ orderId }) => [orderId, this.#contributionOf(tenant, orderId)?.version ?? null]));
    await this.#context.pause(this.#context.latency(...JOURNALS_MS));
    const orders = journaled().map((order) => ({ order, seen: seen.get(order.orderId) ?? null }));
    await this.#context.pause(this.#context.latency(...JOURNALS_MS));
    try {
      await this.#counters.rebuild(tenant, orders);
      this.#context.count("counters: rebuilt");
      loop.trace(tenant, "counters are rebuilt");
    } catch (error) {
      if (!(error instanceof Mishap)) throw error;
      loop.after(REBUILD_AGAIN_MS, () => void this.rebuild(tenant, journaled));
    }
  }

  #contributionOf(tenant: string, orderId: string): Contribution | undefined {
    return this.#shard(tenant, shardOf(orderId)).contributions([orderId]).get(orderId);
  }

  get #actors(): (SimulatedShard | SimulatedHub)[] {
    return [...this.#shards.values(), ...this.hubs.values()];
  }

  /** The row only ever moves to a higher version, as the upsert of `history/projector.ts` has it. */
  #historyProjection(): Projection {
    return {
      name: "history",
      project: async (changes) => {
        await this.#context.pause(this.#context.latency(...D1_MS));
        if (this.#historyIsDown) return { durable: new Set(), rowsWritten: 0 };
        for (const { order } of changes) {
          const known = this.history.get(order.orderId);
          if (known === undefined || order.version > known.version) this.history.set(order.orderId, order);
        }
        return { durable: new Set(changes.map(({ order }) => order.orderId)), rowsWritten: changes.length };
      },
      rebuild: async () => {},
    };
  }

  /** Wants to hear of each commit, as a board or a webhook does. */
  #subscriber(): Projection {
    return {
      name: "counters",
      project: async (changes) => {
        for (const { order, commits } of changes) {
          const heard = this.heard.get(order.orderId) ?? new Set();
          for (const { version } of commits) heard.add(version);
          this.heard.set(order.orderId, heard);
        }
        return { durable: new Set(changes.map(({ order }) => order.orderId)), rowsWritten: 0 };
      },
      rebuild: async () => {},
    };
  }

  #shard(tenant: string, shard: number): SimulatedShard {
    const name = `${tenant}/${shard}`;
    const known = this.#shards.get(name);
    if (known) return known;
    const started = new SimulatedShard(this.#context, name);
    this.#shards.set(name, started);
    return started;
  }

  get #historyIsDown(): boolean {
    const down = this.#context.outage("history") !== undefined;
    if (down) this.#context.count("history down");
    return down;
  }
}
