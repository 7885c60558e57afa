/**
 * What is fed by the committed events: the counters of `domain/counters.ts` in their shards, the history as one row per
 * order, and sockets that show the counters in numbered frames. Deliveries come twice, late and out of order, and each
 * of the projections fails by itself.
 */
import { OrderChanged } from "../../src/contract/messages.ts";
import type { OrderSummary } from "../../src/contract/order.ts";
import { ShardTally, type StatsSnapshot } from "../../src/contract/stats.ts";
import { type Contribution, countOrders, emptyTally, mergeTallies, shardOf, snapshot } from "../../src/domain/counters.ts";
import type { Context } from "./context.ts";
import type { SeenFrame } from "./laws.ts";

const RETRY_SECONDS = [2, 4, 8, 16, 32, 64, 128, 300] as const;
const D1_MS = [5, 300] as const;
/** An actor that is asked for counters gives up on D1 after this. */
const D1_STALL_MS = 2_000;

interface Shard {
  state: ShardTally;
  readonly contributions: Map<string, Contribution>;
}

export class Projections {
  readonly history = new Map<string, OrderSummary>();
  readonly hub: Hub;
  readonly #context: Context;
  readonly #shards = new Map<number, Shard>();

  constructor(context: Context) {
    this.#context = context;
    this.hub = new Hub(context);
  }

  /** One delivery: counters first, then the history; a message is done when both have its order. */
  async consume(batch: MessageBatch<unknown>): Promise<void> {
    const orders = new Map(batch.messages.map((message) => [message, OrderChanged.parse(message.body).order]));
    const counted = this.#count([...orders.values()]);
    await this.#context.pause(this.#context.latency(...D1_MS));
    const remembered = !this.#isDown("history");
    if (remembered) for (const order of counted) this.#remember(order);
    for (const [message, order] of orders) {
      if (remembered && counted.includes(order)) message.ack();
      else message.retry({ delaySeconds: RETRY_SECONDS[Math.min(message.attempts, RETRY_SECONDS.length) - 1] ?? 2 });
    }
  }

  /** Rejects when the database does not answer. */
  async versionOf(orderId: string): Promise<number | null> {
    const down = this.#isDown("history");
    await this.#context.pause(down ? D1_STALL_MS : this.#context.latency(...D1_MS));
    if (down) throw new Error("D1 does not answer");
    return this.history.get(orderId)?.version ?? null;
  }

  /** As they are shown; exact whatever was lost on the way to a socket. */
  get counters(): StatsSnapshot {
    return this.hub.stats;
  }

  /** The row only ever moves to a higher version, as the upsert of `history/projector.ts` has it. */
  #remember(order: OrderSummary): void {
    const known = this.history.get(order.orderId);
    if (known === undefined || order.version > known.version) this.history.set(order.orderId, order);
  }

  /** Those of the orders that are in the counters now. */
  #count(orders: readonly OrderSummary[]): OrderSummary[] {
    const answers = [...Map.groupBy(orders, (order) => shardOf(order.orderId))].flatMap(([index, own]) => {
      if (this.#isDown("counters")) return [];
      const shard = this.#shards.get(index) ?? { state: { revision: 0, tally: emptyTally() }, contributions: new Map() };
      this.#shards.set(index, shard);
      const { tally, changed } = countOrders(shard.state.tally, shard.contributions, own, this.#context.loop.now);
      if (changed.size > 0) {
        shard.state = ShardTally.parse({ revision: shard.state.revision + 1, tally });
        for (const [orderId, contribution] of changed) shard.contributions.set(orderId, contribution);
      }
      const lost = this.#context.happens("counters: answer lost", this.#context.faults.counterFails);
      return lost ? [] : [{ index, own, state: shard.state }];
    });
    if (answers.length > 0) this.hub.merge(answers);
    return answers.flatMap(({ own }) => own);
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

  merge(reports: readonly { index: number; state: ShardTally }[]): void {
    let changed = false;
    for (const { index, state } of reports) {
      if (state.revision <= (this.#shards.get(index)?.revision ?? 0)) continue;
      this.#shards.set(index, state);
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
