/**
 * Gathers what requests and actors of one isolate want sent at about the same moment, so that it travels together: a
 * send costs more than what it carries. The first that comes waits a moment and sends for all; the others need not wait.
 * What waits here is lost with the isolate, so it is only for messages that something else stands in for.
 */
import { now } from "../platform/ambient.ts";

/** `Queue.sendBatch` takes at most a hundred messages and 256 KB in all: of these, each may have five. */
const MAX_BATCH = 50;

/** Shorter than anybody notices, longer than it takes to accept a few orders. */
const GATHER_MS = 20;

/** The first that came can be gone before it has sent, with its request or its actor; the next that comes takes over. */
const LOST_AFTER_MS = 2_000;

export class Outbox<Message> {
  #waiting: Message[] = [];
  #gatheringSince: number | null = null;

  /**
   * Has the messages sent, with whatever else comes within a moment.
   * @param sendBatch sends up to fifty; that of the caller who came first is used, and only that caller waits for it
   */
  async add(messages: readonly Message[], sendBatch: (batch: readonly Message[]) => Promise<void>): Promise<void> {
    this.#waiting.push(...messages);
    if (this.#gatheringSince !== null && now() - this.#gatheringSince < LOST_AFTER_MS) return;
    this.#gatheringSince = now();
    await new Promise((resolve) => setTimeout(resolve, GATHER_MS));
    const gathered = this.#waiting;
    this.#waiting = [];
    this.#gatheringSince = null;
    const batches = Array.from({ length: Math.ceil(gathered.length / MAX_BATCH) }, (_, index) =>
      gathered.slice(index * MAX_BATCH, (index + 1) * MAX_BATCH),
    );
    await Promise.all(batches.map(sendBatch));
  }
}
