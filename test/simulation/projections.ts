/**
 * What is fed by committed changes, in a world where deliveries come twice, late and out of order and each projection fails by
 * itself. The feed and the counters' projection are the project's own; the actors and the database behind them are in memory.
 */
import { OrderChanged } from "../../src/contract/messages.ts";
import type { OrderSummary } from "../../src/contract/order.ts";
import { type ShardReport, ShardTally, type StatsSnapshot } from "../../src/contract/stats.ts";
import { type Contribution, countOrders, emptyTally, mergeTallies, snapshot } from "../../src/domain/counters.ts";
import { type CounterShard, countersProjection } from "../../src/projections/counters/projection.ts";
import { feed, newestChanges, type Projection } from "../../src/projections/projection.ts";
import { backoffSeconds } from "../../src/queues/delivery.ts";
import type { Counted, SeenFrame } from "../oracle/evidence.ts";
import type { Context } from "./context.ts";

const D1_MS = [5, 300] as const;
/** An actor that is asked for counters gives up on D1 after this. */
const D1_STALL_MS = 2_000;

export class Projections {
  readonly history = new Map<string, OrderSummary>();
  /** The versions of each order that a subscriber of single commits was told of. */
  readonly heard = new Map<string, Set<number>>();
  readonly hubs: ReadonlyMap<string, Hub>;
  readonly #context: Context;
  readonly #shards = new Map<string, CounterShard>();
  readonly #registry: readonly Projection[];

  constructor(context: Context, tenants: readonly string[]) {
    this.#context = context;
    this.hubs = new Map(tenants.map((tenant) => [tenant, new Hub(context)]));
    const counters = countersProjection({
      shard: (tenant, shard) => this.#shard(`${tenant}/${shard}`),
      hub: (tenant) => ({ merge: async (reports) => this.hubs.get(tenant)?.merge(reports) }),
    });
    this.#registry = [counters, this.#subscriber(), this.#historyProjection()];
  }

  /** One delivery: a message is done when every projection has its order. */
  async consume(batch: MessageBatch<unknown>): Promise<void> {
    const changes = new Map(batch.messages.map((message) => [message, OrderChanged.parse(message.body)]));
    const { durable } = await feed(this.#registry, newestChanges([...changes.values()]));
    for (const [message, { order }] of changes) {
      if (durable.has(order.orderId)) message.ack();
      else message.retry({ delaySeconds: backoffSeconds(message.attempts) });
    }
  }

  /** Rejects when the database does not answer. */
  async versionOf(orderId: string): Promise<number | null> {
    const down = this.#isDown("history");
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

  /** The row only ever moves to a higher version, as the upsert of `history/projector.ts` has it. */
  #historyProjection(): Projection {
    return {
      name: "history",
      project: async (changes) => {
        await this.#context.pause(this.#context.latency(...D1_MS));
        if (this.#isDown("history")) return { durable: new Set(), rowsWritten: 0 };
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

  /** One shard, as `actors/stats-shard.ts` keeps it. */
  #shard(name: string): CounterShard {
    const known = this.#shards.get(name);
    if (known) return known;
    let state: ShardTally = { revision: 0, tally: emptyTally() };
    const contributions = new Map<string, Contribution>();
    const shard: CounterShard = {
      apply: async (orders) => {
        if (this.#isDown("counters")) throw new Error("the shard does not answer");
        const { tally, changed } = countOrders(state.tally, contributions, orders, this.#context.loop.now);
        if (changed.size > 0) {
          state = ShardTally.parse({ revision: state.revision + 1, tally });
          for (const [orderId, contribution] of changed) contributions.set(orderId, contribution);
        }
        if (this.#context.happens("counters: answer lost", this.#context.faults.counterFails)) throw new Error("the answer was lost");
        return state;
      },
      repair: () => Promise.reject(new Error("nothing is repaired here")),
    };
    this.#shards.set(name, shard);
    return shard;
  }

  #isDown(what: "history" | "counters"): boolean {
    const down = this.#context.outage(what) !== undefined;
    if (down) this.#context.count(`${what} down`);
    return down;
  }
}

interface Socket {
  readonly receiver: Receiver;
  open: boolean;
}

/** Merges the shards and shows every change on the sockets, as `actors/stats-hub.ts` does. */
export class Hub {
  readonly receivers: readonly Receiver[];
  readonly #context: Context;
  readonly #shards = new Map<number, ShardTally>();
  readonly #sockets = new Set<Socket>();
  #seq = 0;

  constructor(context: Context) {
    this.#context = context;
    this.receivers = Array.from({ length: RECEIVERS }, () => new Receiver(context, this));
  }

  get stats(): StatsSnapshot {
    return snapshot(mergeTallies([...this.#shards.values()].map(({ tally }) => tally)), this.#context.loop.now);
  }

  merge(reports: readonly ShardReport[]): void {
    let changed = false;
    for (const { shard, ...state } of reports) {
      if (state.revision <= (this.#shards.get(shard)?.revision ?? 0)) continue;
      this.#shards.set(shard, state);
      changed = true;
    }
    if (!changed) return;
    this.#seq++;
    const frame = { type: "stats", seq: this.#seq, gap: false, stats: this.stats } as const;
    for (const socket of this.#sockets) socket.receiver.deliver(socket, frame);
  }

  /** @param after the `seq` of the last frame that the receiver has, null when it has none */
  connect(receiver: Receiver, after: number | null): Socket {
    const socket: Socket = { receiver, open: true };
    this.#sockets.add(socket);
    const missed = after !== null && after !== this.#seq;
    receiver.deliver(socket, { type: after !== null && !missed ? "resumed" : "snapshot", seq: this.#seq, gap: missed, stats: this.stats });
    return socket;
  }

  close(socket: Socket): void {
    socket.open = false;
    this.#sockets.delete(socket);
  }
}

const RECEIVERS = 2;
const FRAME_MS = 40;
const RECONNECT_MS = [500, 60_000] as const;

/** Somebody who watches the counters over a connection that breaks. */
export class Receiver {
  readonly seen: SeenFrame[] = [];
  readonly #context: Context;
  readonly #hub: Hub;
  #socket: Socket | null = null;
  #underway = 0;

  constructor(context: Context, hub: Hub) {
    this.#context = context;
    this.#hub = hub;
  }

  /** Whether it is connected and no frame is on its way. */
  get isUpToDate(): boolean {
    return this.#socket?.open === true && this.#underway === 0;
  }

  connect(): void {
    this.#socket = this.#hub.connect(this, this.seen.at(-1)?.seq ?? null);
  }

  /** Frames of one socket arrive in order or not at all; a socket that has broken delivers nothing more. */
  deliver(socket: Socket, frame: SeenFrame): void {
    if (this.#context.happens("socket broken", this.#context.faults.socketDrops)) {
      this.#hub.close(socket);
      this.#context.loop.after(this.#context.latency(...RECONNECT_MS), () => this.connect());
      return;
    }
    this.#underway++;
    this.#context.loop.after(FRAME_MS, () => {
      this.#underway--;
      if (socket.open) this.seen.push(frame);
    });
  }
}
