/**
 * The actors of the counters and those who watch them. Shards and hubs run the unmodified code of `runtime/`. Around it
 * stand storage that refuses writes or takes them back, an alarm, requests that overtake each other, processes that die at
 * any of their awaits, and connections that break.
 */
import { HubState, ShardTally, type StatsFrame, type StatsSnapshot } from "../../src/contract/stats.ts";
import type { Contribution, CountedGroup } from "../../src/domain/counters.ts";
import { excerpt } from "../../src/platform/log.ts";
import { HubRunner } from "../../src/runtime/hub-runner.ts";
import { ShardRunner } from "../../src/runtime/shard-runner.ts";
import type { SeenFrame } from "../oracle/evidence.ts";
import type { Context } from "./context.ts";

/** Long enough for the requests of two deliveries to overtake each other. */
const REQUEST_MS = [1, 400] as const;
/** Slow storage: what comes in meanwhile is not held back here, though the platform would. */
const STORAGE_MS = [0, 500] as const;
const KV_MS = [1, 500] as const;
/** As `actors/actor.ts` has it. */
const WAKE_FAILED_MS = 5_000;

/** What the world does to an actor, and no bug of the actor's. */
export class Mishap extends Error {
  override readonly name = "Mishap";
}

/** A process and what it has in memory. */
interface Incarnation<Process, Rows> {
  readonly process: Process;
  readonly callers: Set<(error: Error) => void>;
  alive: boolean;
  /** It dies when the present event is over, and nobody hears of it any more. */
  doomed: boolean;
  /** The rows that are left when it dies, if it takes writes with it. */
  rollback: { readonly rows: Rows } | null;
  /** Requests and alarms that have not ended. */
  busy: number;
}

/** What a process reaches of the platform that it runs on. */
interface Platform<Rows> {
  now(): number;
  /** Whether anything that it sends leaves it. */
  works(): boolean;
  write(change: (rows: Rows) => Rows): void;
  transaction<Result>(work: () => Result): Result;
  /** An await, after which the process may be gone. */
  pause(least: number, most: number): Promise<void>;
  armedAt(): number | null;
  arm(at: number): void;
}

/** One actor. Its rows and its alarm outlive its processes, and nothing else does. */
abstract class SimulatedActor<Process, Rows> {
  protected readonly context: Context;
  readonly name: string;
  protected rows: Rows;
  #incarnation: Incarnation<Process, Rows> | null = null;
  /** The rows before the transaction that is under way. */
  #before: { readonly rows: Rows } | null = null;
  #alarm: { readonly at: number; readonly cancel: () => void } | null = null;

  constructor(context: Context, name: string, rows: Rows) {
    this.context = context;
    this.name = name;
    this.rows = rows;
  }

  protected abstract start(platform: Platform<Rows>): Process;
  /** The alarm went off. */
  protected abstract wake(process: Process): Promise<void>;
  /** A process died, and what was open to it is closed. */
  protected abstract died(): void;

  get process(): Process {
    return this.#running().process;
  }

  /** A request: it, or its answer, may be lost, and the process may die with it in its hands. */
  async request<Result>(work: (process: Process) => Result | Promise<Result>): Promise<Result> {
    const { context } = this;
    const { requestLost, answerLost } = context.faults;
    await context.pause(context.latency(...REQUEST_MS));
    if (context.outage("counters")) {
      context.count("counters down");
      throw new Mishap("the counters do not answer");
    }
    if (context.happens("counters: request lost", requestLost)) throw new Mishap("Network connection lost");
    const result = await this.#run(work);
    await context.pause(context.latency(...REQUEST_MS));
    if (context.happens("counters: answer lost", answerLost)) throw new Mishap("Network connection lost");
    return result;
  }

  /** An eviction loses what is in memory and nothing else: sockets hibernate. */
  evict(): void {
    const incarnation = this.#incarnation;
    if (!incarnation || incarnation.busy > 0 || !this.context.happens("counters: actor evicted", this.context.faults.evict)) return;
    incarnation.alive = false;
    this.#incarnation = null;
  }

  die(): void {
    const incarnation = this.#incarnation;
    if (!incarnation) return;
    this.#incarnation = null;
    incarnation.alive = false;
    if (incarnation.rollback) this.rows = incarnation.rollback.rows;
    for (const reject of incarnation.callers) reject(new Mishap("the actor was reset"));
    this.context.loop.trace(this.name, "dies");
    this.died();
  }

  #running(): Incarnation<Process, Rows> {
    this.#incarnation ??= this.#begin();
    return this.#incarnation;
  }

  #begin(): Incarnation<Process, Rows> {
    const { loop, faults, draw } = this.context;
    const skewMs = Math.round((draw() * 2 - 1) * faults.skewMaxMs);
    const rest = { callers: new Set<(error: Error) => void>(), alive: true, doomed: false, rollback: null, busy: 0 };
    const incarnation = rest as unknown as Incarnation<Process, Rows> & { process: Process };
    const works = () => incarnation.alive && !incarnation.doomed;
    incarnation.process = this.start({
      now: () => loop.now + skewMs,
      works,
      write: (change) => this.#write(incarnation, change),
      transaction: (work) => this.#transaction(work),
      pause: (least, most) =>
        new Promise((resolve) => {
          loop.after(this.context.latency(least, most), () => {
            if (works()) resolve();
          });
        }),
      armedAt: () => (this.#alarm ? this.#alarm.at + skewMs : null),
      arm: (at) => this.#arm(at - skewMs),
    });
    return incarnation;
  }

  /** Rejects when the process dies first, or when the world failed it. Any other rejection is a bug. */
  #run<Result>(work: (process: Process) => Result | Promise<Result>): Promise<Result> {
    const { context } = this;
    const incarnation = this.#running();
    if (context.happens("counters: actor killed", context.faults.kill)) {
      context.loop.after(context.latency(...REQUEST_MS), () => {
        if (incarnation.alive) this.die();
      });
    }
    return new Promise((resolve, reject) => {
      if (incarnation.doomed) return reject(new Mishap("the actor is being reset"));
      incarnation.callers.add(reject);
      incarnation.busy++;
      const ended = (then: () => void) => {
        incarnation.busy--;
        if (!incarnation.alive || incarnation.doomed) return;
        incarnation.callers.delete(reject);
        then();
      };
      (async () => work(incarnation.process))().then(
        (result) => ended(() => resolve(result)),
        (error) =>
          ended(() => {
            if (!(error instanceof Mishap)) context.violated({ law: 7, subject: this.name, evidence: `it threw ${excerpt(error)}` });
            reject(error);
          }),
      );
    });
  }

  /** A write that fails leaves the process alive, with whatever it has in memory. */
  #write(incarnation: Incarnation<Process, Rows>, change: (rows: Rows) => Rows): void {
    const { context } = this;
    const { writeThrows, writeLost, writeUnanswered } = context.faults;
    const happens = (kind: string, probability: number) => !incarnation.doomed && context.happens(`counters: ${kind}`, probability);
    if (!incarnation.alive) throw new Mishap("a dead process wrote");
    if (happens("write failed", writeThrows)) throw new Mishap("SQLITE_FULL");
    if (happens("write rolled back", writeLost)) this.#doom(incarnation, this.#before ?? { rows: this.rows });
    else if (happens("write held, answer lost", writeUnanswered)) this.#doom(incarnation, null);
    this.rows = change(this.rows);
  }

  #doom(incarnation: Incarnation<Process, Rows>, rollback: { readonly rows: Rows } | null): void {
    incarnation.doomed = true;
    incarnation.rollback = rollback;
    this.context.loop.after(0, () => {
      if (incarnation.alive) this.die();
    });
  }

  #transaction<Result>(work: () => Result): Result {
    const { rows } = this;
    this.#before = { rows };
    try {
      return work();
    } catch (error) {
      this.rows = rows;
      throw error;
    } finally {
      this.#before = null;
    }
  }

  #arm(at: number): void {
    const { loop, faults, draw } = this.context;
    this.#alarm?.cancel();
    const late = this.context.happens("counters: alarm delayed", faults.alarmDelayed) ? draw() * faults.alarmDelayMaxMs : 0;
    this.#alarm = { at, cancel: loop.at(Math.max(at, loop.now + 1) + late, () => this.#fire()) };
  }

  #fire(): void {
    this.#alarm = null;
    this.#run((process) => this.wake(process)).catch(() => {
      if (this.#alarm === null) this.#arm(this.context.loop.now + WAKE_FAILED_MS);
    });
  }
}

interface ShardRows {
  /** As JSON, which is how the table has them. */
  readonly tally: string | null;
  readonly contributions: ReadonlyMap<string, string>;
}

export class SimulatedShard extends SimulatedActor<ShardRunner, ShardRows> {
  constructor(context: Context, name: string) {
    super(context, name, { tally: null, contributions: new Map() });
  }

  /** An order that was never counted is missing. */
  contributions(orderIds: readonly string[]): Map<string, Contribution> {
    const rows = orderIds.map((orderId) => [orderId, this.rows.contributions.get(orderId)] as const);
    return new Map(rows.flatMap(([orderId, row]) => (row === undefined ? [] : [[orderId, JSON.parse(row) as Contribution]])));
  }

  protected override start({ now, write, transaction }: Platform<ShardRows>): ShardRunner {
    const { tally } = this.rows;
    const store = {
      contributions: (orderIds: readonly string[]) => this.contributions(orderIds),
      groups: () => this.#groups(),
      saveContributions: (changed: ReadonlyMap<string, Contribution>) => {
        const rows = [...changed].map(([orderId, contribution]) => [orderId, JSON.stringify(contribution)] as const);
        write(({ contributions, ...rest }) => ({ ...rest, contributions: new Map([...contributions, ...rows]) }));
      },
      saveTally: (state: ShardTally) => write((rows) => ({ ...rows, tally: JSON.stringify(state) })),
      transaction,
    };
    return new ShardRunner({ store, now }, tally === null ? undefined : ShardTally.parse(JSON.parse(tally)));
  }

  protected override async wake(): Promise<void> {}
  protected override died(): void {}

  #groups(): CountedGroup[] {
    const all = [...this.rows.contributions.values()].map((row) => JSON.parse(row) as Contribution);
    const groups = Map.groupBy(all, ({ priority, status, currency }) => `${priority} ${status} ${currency}`);
    return [...groups.values()].map((same) => ({
      ...(same[0] as Contribution),
      orders: same.length,
      total: same.reduce((sum, { total }) => sum + total, 0),
    }));
  }
}

export class SimulatedHub extends SimulatedActor<HubRunner, string | null> {
  readonly sockets = new Set<Socket>();
  readonly receivers: readonly Receiver[];

  constructor(context: Context, tenant: string) {
    super(context, `hub of ${tenant}`, null);
    this.receivers = Array.from({ length: RECEIVERS }, () => new Receiver(context, this));
  }

  get stats(): StatsSnapshot {
    return this.process.snapshot(this.context.loop.now);
  }

  protected override start({ now, works, write, pause, armedAt, arm }: Platform<string | null>): HubRunner {
    const store = {
      save: (state: HubState) => write(() => JSON.stringify(state)),
      arm: async (at: number) => {
        await pause(...STORAGE_MS);
        arm(at);
      },
      armedAt: async () => {
        await pause(...STORAGE_MS);
        return armedAt();
      },
    };
    const sockets = {
      count: () => this.sockets.size,
      broadcast: (frame: StatsFrame) => {
        // The platform holds back what a lost write would contradict.
        if (works()) for (const socket of this.sockets) socket.send(frame);
      },
      closeRevoked: () => pause(...KV_MS),
    };
    return new HubRunner({ store, sockets, now }, this.rows === null ? undefined : HubState.parse(JSON.parse(this.rows)));
  }

  protected override wake(process: HubRunner): Promise<void> {
    return process.wake();
  }

  protected override died(): void {
    for (const socket of this.sockets) socket.break();
  }

  /** @param after the `seq` of the last frame that the receiver has, null when it has none */
  connect(socket: Socket, after: number | null): Promise<void> {
    return this.request((process) =>
      process.connect(after, (greeting) => {
        if (socket.isBroken) return;
        this.sockets.add(socket);
        socket.send(greeting);
      }),
    );
  }
}

const RECEIVERS = 3;
const FRAME_MS = 40;
const RECONNECT_MS = [500, 60_000] as const;

/** One connection. Its frames arrive in order or not at all; once it has broken it delivers nothing more. */
class Socket {
  readonly #context: Context;
  readonly #receiver: Receiver;
  readonly #hub: SimulatedHub;
  /** Frames that are on their way. The client reads none before it knows that it is connected. */
  #underway: StatsFrame[] = [];
  #state: "connecting" | "open" | "broken" = "connecting";

  constructor(context: Context, receiver: Receiver, hub: SimulatedHub) {
    this.#context = context;
    this.#receiver = receiver;
    this.#hub = hub;
  }

  get isIdle(): boolean {
    return this.#state === "open" && this.#underway.length === 0;
  }

  get isBroken(): boolean {
    return this.#state === "broken";
  }

  /** The client has been told that it is connected. */
  opened(): void {
    if (this.isBroken) return;
    this.#state = "open";
    this.#deliver();
  }

  send(frame: StatsFrame): void {
    if (this.isBroken) return;
    if (this.#context.happens("socket broken", this.#context.faults.socketDrops)) {
      this.break();
      return;
    }
    this.#underway.push(frame);
    this.#context.loop.after(FRAME_MS, () => this.#deliver());
  }

  break(): void {
    this.close();
    this.#receiver.reconnect(this);
  }

  close(): void {
    this.#state = "broken";
    this.#hub.sockets.delete(this);
  }

  #deliver(): void {
    if (this.#state !== "open") return;
    for (const { type, seq, gap = false, stats } of this.#underway) this.#receiver.seen.push({ type, seq, gap, stats });
    this.#underway = [];
  }
}

/** Somebody who watches the counters over a connection that breaks. */
export class Receiver {
  readonly seen: SeenFrame[] = [];
  readonly #context: Context;
  readonly #hub: SimulatedHub;
  #socket: Socket | null = null;
  #watches = false;

  constructor(context: Context, hub: SimulatedHub) {
    this.#context = context;
    this.#hub = hub;
  }

  /** Whether it is connected and no frame is on its way. */
  get isUpToDate(): boolean {
    return this.#socket?.isIdle ?? false;
  }

  connect(): void {
    this.#watches = true;
    if (this.#socket !== null) return;
    const socket = new Socket(this.#context, this, this.#hub);
    this.#socket = socket;
    this.#hub.connect(socket, this.seen.at(-1)?.seq ?? null).then(
      () => socket.opened(),
      () => socket.break(),
    );
  }

  /** Goes away, and comes back with what it has seen. */
  leave(): void {
    this.#watches = false;
    this.#socket?.close();
    this.#socket = null;
  }

  /** @param broken ignored unless it is the connection that the receiver relies on */
  reconnect(broken: Socket): void {
    if (broken !== this.#socket) return;
    this.#socket = null;
    this.#context.loop.after(this.#context.latency(...RECONNECT_MS), () => {
      if (this.#watches) this.connect();
    });
  }
}
