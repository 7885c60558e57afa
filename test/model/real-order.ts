/**
 * The real order: `OrderActor` in workerd with its SQLite, its alarm and its RPC. Only what is not its own is stood in for:
 * the clock and the dice, the providers, the breakers, the queues and the history. They are those of its surroundings.
 */
import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { type MockInstance, vi } from "vitest";
import type { OrderAddress } from "../../src/actors/addresses.ts";
import { LANES, type LaneBinding } from "../../src/contract/lanes.ts";
import type { Hint } from "../../src/contract/messages.ts";
import { CALL_TIMEOUT_MS } from "../../src/domain/progress.ts";
import { Outbox } from "../../src/messaging/outbox.ts";
import { log } from "../../src/platform/log.ts";
import { ActorStorage } from "../../src/platform/storage.ts";
import { PUBLISH_SOON_MS } from "../../src/runtime/settlement.ts";
import { storedJournal } from "../support/journal.ts";
import { type Ended, Surroundings, type Timer } from "../support/surroundings.ts";
import { hasEnded, type Stored, type Subject } from "./subject.ts";

/** How long an order listens to a call that it has given up, as `runtime/attempt.ts` has it. */
const LATE_ANSWER_MS = 60_000;

/** Those of an order; whoever waits for one of the others waits for the platform. */
const TIMERS: readonly number[] = [CALL_TIMEOUT_MS, LATE_ANSWER_MS, PUBLISH_SOON_MS];

/** Turns of the real event loop, of a millisecond and more, in which whatever an order does without waiting for a timer is done. */
const MANY_TURNS = 5_000;

const realSetTimeout = globalThis.setTimeout;
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** What the code under test is given in place of its surroundings. */
export interface Stage {
  around: Surroundings | null;
}

export class RealOrder implements Subject {
  readonly around: RealSurroundings;
  readonly #name: string;
  #fullDisk: MockInstance | null = null;

  constructor(orderId: string, stage: Stage) {
    this.#name = orderId;
    this.around = new RealSurroundings(
      () => this.#abort(),
      ({ then }) => this.#inside(then),
    );
    stage.around = this.around;
    playedBy(this.around);
  }

  /** Loads the Worker, which takes longer than anything that an order does. */
  static async isLoaded(): Promise<void> {
    await runInDurableObject(env.ORDERS.getByName("nobody"), () => {});
  }

  /** A stub that has thrown is broken, hence a fresh one per use. */
  get #stub() {
    return env.ORDERS.getByName(this.#name);
  }

  get address(): OrderAddress {
    return this.#stub as unknown as OrderAddress;
  }

  settled<Result>(work: Promise<Result>): Promise<Ended<Result>> {
    return this.around.settled(work);
  }

  callsAreOut(work: Promise<unknown>): Promise<boolean> {
    return this.around.callsAreOut(work);
  }

  alarmGoesOff(): Promise<boolean> {
    return runDurableObjectAlarm(this.#stub);
  }

  async alarmGoesOffAgain(): Promise<void> {
    await runInDurableObject(this.#stub, (actor) => actor.alarm());
  }

  async alarmIsLost(): Promise<void> {
    await this.#inside((storage) => storage.deleteAlarm());
  }

  isEvicted(): Promise<void> {
    return this.#ends(() => evictDurableObject(this.#stub));
  }

  async isAborted(): Promise<void> {
    await this.#abort();
    this.around.isGone();
  }

  async diskIsFull(full: boolean): Promise<void> {
    this.#fullDisk?.mockRestore();
    this.#fullDisk = null;
    if (!full || (await this.stored()).journal.length === 0) return;
    this.#fullDisk = vi.spyOn(ActorStorage.prototype, "put").mockImplementation(() => {
      throw new Error("SQLITE_FULL");
    });
  }

  stored(): Promise<Stored> {
    return this.#inside(async (storage) => ({ journal: storedJournal(storage), alarmAt: await storage.getAlarm() }));
  }

  #abort(): Promise<void> {
    return this.#ends(abortAllDurableObjects);
  }

  /** Ends the process, and sees to it that another one has begun: for a moment the platform still sends requests to the one that is gone. */
  async #ends(end: () => Promise<void>): Promise<void> {
    const process = () => runInDurableObject(this.#stub, (actor) => actor).catch(() => null);
    const before = await process();
    await end();
    for (let turns = 0; turns < MANY_TURNS; turns++) if (![null, before].includes(await process())) return;
    throw new Error("no other process took over");
  }

  #inside<Result>(work: (storage: DurableObjectStorage) => Result | Promise<Result>): Promise<Result> {
    return runInDurableObject(this.#stub, (_, { storage }) => work(storage));
  }
}

class RealSurroundings extends Surroundings {
  /** The process is to die before anything else happens. */
  #isDoomed = false;
  #hasDied = false;
  readonly #abort: () => Promise<void>;
  readonly #fire: (timer: Timer) => unknown;

  constructor(abort: () => Promise<void>, fire: (timer: Timer) => unknown) {
    super();
    this.#abort = abort;
    this.#fire = fire;
  }

  override kill = (): void => {
    this.timers = [];
    this.#isDoomed = true;
  };

  /** The timers of a process go with it. */
  isGone(): void {
    this.timers = [];
    this.#hasDied = true;
  }

  /** A timer of the order's process, which goes with it. */
  afterInProcess(ms: number, then: () => void): () => void {
    return this.after(ms, this.#isDoomed ? () => {} : then);
  }

  async callsAreOut(work: Promise<unknown>): Promise<boolean> {
    const ended = hasEnded(work);
    await this.#quiet(ended);
    return !ended() && !this.#hasDied;
  }

  async settled<Result>(work: Promise<Result>): Promise<Ended<Result>> {
    const ended = await this.settle(work, (ended) => this.#quiet(ended), this.#fire);
    const died = ended.status === "rejected" && this.#hasDied;
    this.#hasDied = false;
    return died ? { status: "died" } : ended;
  }

  /** An order that goes no further without time has ended its work, or it waits for a call, whose time stands among the timers. */
  async #quiet(hasEnded: () => boolean): Promise<void> {
    for (let turns = 0; turns < MANY_TURNS; turns++) {
      if (this.#isDoomed) {
        this.#isDoomed = false;
        this.#hasDied = true;
        await this.#abort();
      }
      if (hasEnded() || this.timers.some(({ ms }) => ms !== PUBLISH_SOON_MS)) return;
      await turn();
    }
    throw new Error("the actor neither answers nor waits for a provider");
  }
}

/** Queues, timers and log of the Worker are those of the surroundings until the spies are restored. */
function playedBy(around: RealSurroundings): void {
  vi.restoreAllMocks();
  const { ports } = around;
  vi.spyOn(Outbox.prototype, "add").mockImplementation(async (messages, send) => send(messages));
  const accepted = async () => ({ metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } });
  vi.spyOn(env.ORDER_EVENTS, "sendBatch").mockImplementation(async (batch) => {
    for (const { body } of batch) for (const change of body.changes) await ports.publish(change);
    return accepted();
  });
  for (const binding of Object.values(LANES).flatMap(({ queues }) => Object.keys(queues) as LaneBinding[])) {
    vi.spyOn(env[binding], "sendBatch").mockImplementation(async (batch) => {
      for (const { body } of batch as Iterable<MessageSendRequest<Hint>>) await ports.hint(body);
      return accepted();
    });
    vi.spyOn(env[binding], "metrics").mockImplementation(async () => ({
      backlogCount: around.oldestInLane === null ? 0 : 1,
      backlogBytes: 0,
      ...(around.oldestInLane !== null && { oldestMessageTimestamp: new Date(around.oldestInLane) }),
    }));
  }
  vi.spyOn(env.ORDERS_DEAD_LETTER, "send").mockImplementation(async (letter) => {
    await ports.deadLetter(letter);
    return accepted();
  });
  for (const level of ["info", "warn", "error"] as const)
    vi.spyOn(log, level).mockImplementation((event, fields) => ports.log(level, event, fields ?? {}));
  // The timers of an order are kept by the surroundings, so that nobody waits for them.
  vi.spyOn(globalThis, "setTimeout").mockImplementation(((then: () => void, ms: number) =>
    TIMERS.includes(ms) ? around.afterInProcess(ms, then) : realSetTimeout(then, ms)) as unknown as typeof setTimeout);
  const realClearTimeout = globalThis.clearTimeout;
  vi.spyOn(globalThis, "clearTimeout").mockImplementation(((timer: unknown) =>
    typeof timer === "function" ? timer() : realClearTimeout(timer as number)) as typeof clearTimeout);
}
