/**
 * A queue as the platform promises it and no better: at least once, in no order, with delays; a message that is not
 * acknowledged comes back, and one that came too often goes to the dead letters. Its consumer is given real batches.
 */
import type { Backlog } from "../../src/domain/routing.ts";
import type { Context } from "./context.ts";
import type { Outage, WireFaults } from "./faults.ts";

export interface QueueOptions<Body> {
  readonly name: Outage["what"];
  readonly batchSize: number;
  readonly concurrency: number;
  /** Deliveries after the first one. */
  readonly maxRetries: number;
  readonly retryDelayMs: number;
  readonly faults: () => WireFaults;
  /** A message that must not be lost in this world, because what stands in for it is already lost. */
  readonly spared?: (body: Body) => boolean;
  readonly orderOf: (body: Body) => string;
  readonly consume: (batch: MessageBatch<unknown>) => Promise<void>;
  readonly gaveUp?: (body: Body) => void;
}

interface Queued<Body> {
  readonly id: string;
  readonly body: Body;
  readonly sentAt: number;
  attempts: number;
}

/** Between two hosts of one region, with the queue's own batching. */
const TRANSIT_MS = [5, 1_500] as const;

/** A consumer that is stopped is looked for again after this. */
const STOPPED_MS = 20_000;

export class SimulatedQueue<Body> {
  readonly #context: Context;
  readonly #options: QueueOptions<Body>;
  readonly #messages = new Set<Queued<Body>>();
  #ready: Queued<Body>[] = [];
  #consumers = 0;
  #stopped = false;
  #ids = 0;

  constructor(context: Context, options: QueueOptions<Body>) {
    this.#context = context;
    this.#options = options;
  }

  /** Messages that were sent and not acknowledged. */
  get size(): number {
    return this.#messages.size;
  }

  /** Whether a message like this was sent and not acknowledged. */
  holds(wanted: (body: Body) => boolean): boolean {
    return [...this.#messages].some(({ body }) => wanted(body));
  }

  get backlog(): Backlog {
    let { now: oldest } = this.#context.loop;
    for (const { sentAt } of this.#messages) oldest = Math.min(oldest, sentAt);
    return { messages: this.#messages.size, ageMs: this.#context.loop.now - oldest };
  }

  /** Rejects when the message was not taken; a message that was taken may still be lost. */
  async send(body: Body, delaySeconds = 0): Promise<void> {
    const { draw } = this.#context;
    const { name, faults, spared, orderOf } = this.#options;
    const happens = (kind: string, probability: number) => this.#context.happens(kind, probability, orderOf(body));
    const { loss, doubled, delayed, delayMaxMs, refused } = faults();
    const protect = spared?.(body) ?? false;
    if (!protect && happens(`${name}: send refused`, refused)) throw new Error("the queue does not take it");
    const copies = !protect && happens(`${name}: message lost`, loss) ? 0 : happens(`${name}: message doubled`, doubled) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const late = happens(`${name}: message delayed`, delayed) ? draw() * delayMaxMs : 0;
      const message: Queued<Body> = { id: `${name}-${this.#ids++}`, body, sentAt: this.#context.loop.now, attempts: 0 };
      this.#messages.add(message);
      this.#deliverAfter(message, delaySeconds * 1_000 + late + this.#context.latency(...TRANSIT_MS));
    }
  }

  #deliverAfter(message: Queued<Body>, ms: number): void {
    this.#context.loop.after(ms, () => {
      this.#ready.push(message);
      this.#pump();
    });
  }

  #pump(): void {
    const { loop } = this.#context;
    if (this.#ready.length === 0 || this.#consumers >= this.#options.concurrency || this.#stopped) return;
    if (this.#context.outage(this.#options.name)) {
      this.#context.count(`${this.#options.name}: consumer stopped`);
      this.#stopped = true;
      loop.after(STOPPED_MS, () => {
        this.#stopped = false;
        this.#pump();
      });
      return;
    }
    const batch = this.#ready.slice(0, this.#options.batchSize);
    this.#ready = this.#ready.slice(this.#options.batchSize);
    this.#consumers++;
    this.#consume(batch).finally(() => {
      this.#consumers--;
      this.#pump();
    });
    this.#pump();
  }

  async #consume(batch: readonly Queued<Body>[]): Promise<void> {
    const { name, consume, retryDelayMs } = this.#options;
    const verdicts = new Map<Queued<Body>, number | "ack">();
    const messages = batch.map((message) => ({
      id: message.id,
      body: message.body,
      attempts: message.attempts + 1,
      timestamp: new Date(message.sentAt),
      ack: () => void verdicts.set(message, "ack"),
      retry: (options?: { delaySeconds?: number }) => void verdicts.set(message, (options?.delaySeconds ?? 0) * 1_000),
    }));
    await consume({ queue: name, messages } as unknown as MessageBatch<unknown>);
    const died = this.#context.happens(`${name}: consumer died`, this.#context.faults.consumerDies);
    for (const message of batch) this.#settle(message, died ? retryDelayMs : (verdicts.get(message) ?? "ack"));
  }

  #settle(message: Queued<Body>, verdict: number | "ack"): void {
    message.attempts++;
    if (verdict !== "ack" && message.attempts <= this.#options.maxRetries) {
      this.#deliverAfter(message, verdict);
      return;
    }
    this.#messages.delete(message);
    if (verdict === "ack") return;
    this.#context.count(`${this.#options.name}: message given up`, this.#options.orderOf(message.body));
    this.#options.gaveUp?.(message.body);
  }
}
