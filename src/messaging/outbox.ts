/**
 * Batches the queue messages that requests and actors of one isolate send at about the same moment, because a send costs
 * more than the messages in it. The first caller waits a moment and sends for all; later callers return at once.
 *
 * This outbox is in memory and not transactional: messages that wait here are lost with the isolate. It is only for messages
 * that are made good elsewhere. A lost hint is made good by the order's alarm, a lost change by publishing again.
 */
import { now } from "../platform/ambient.ts";

/** `Queue.sendBatch` takes at most 100 messages and 256 KB in all. Fifty leave five KB for each message. */
const MAX_BATCH = 50;

/** The gathering caller can end before it has sent, with its request or its actor. After this the next caller takes over. */
const LOST_AFTER_MS = 2_000;

export class Outbox<Message> {
  readonly #gatherMs: number;
  #waiting: Message[] = [];
  #gatheringSince: number | null = null;
  #sentAt = Number.NEGATIVE_INFINITY;

  /** @param gatherMs how far apart its sends are at least */
  constructor(gatherMs: number) {
    this.#gatherMs = gatherMs;
  }

  /**
   * Sends the messages: at once when nothing was sent for `gatherMs`, otherwise when that time is over, together with all that
   * was added meanwhile.
   * @param sendBatch sends up to `MAX_BATCH` messages; only the gathering caller's is used, and only that caller awaits it
   */
  async add(messages: readonly Message[], sendBatch: (batch: readonly Message[]) => Promise<void>): Promise<void> {
    this.#waiting.push(...messages);
    if (this.#gatheringSince !== null && now() - this.#gatheringSince < LOST_AFTER_MS) return;
    const waitMs = this.#sentAt + this.#gatherMs - now();
    if (waitMs > 0) {
      this.#gatheringSince = now();
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
    this.#sentAt = now();
    const gathered = this.#waiting;
    this.#waiting = [];
    this.#gatheringSince = null;
    const batches = Array.from({ length: Math.ceil(gathered.length / MAX_BATCH) }, (_, index) =>
      gathered.slice(index * MAX_BATCH, (index + 1) * MAX_BATCH),
    );
    await Promise.all(batches.map(sendBatch));
  }
}
