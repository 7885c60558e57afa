/**
 * The one event loop of a simulated world: a queue of (time, sequence) in which nothing happens at the same time as
 * anything else. Between two events every promise that can go on does so; that is what makes a run depend on its seed
 * alone. Everything worth telling is traced, and the digest of the trace is what two runs of a seed are compared by.
 */

interface Entry {
  readonly at: number;
  readonly sequence: number;
  run: (() => void) | null;
}

/** Enough of a run's end to see how a law came to be broken, for one order or all. */
const KEPT_LINES = 200_000;

export class Loop {
  now: number;
  /** How many events have happened. */
  events = 0;
  /** Called after each event, once every promise has gone as far as it can. */
  settled: () => void = () => {};
  readonly #startedAt: number;
  readonly #heap: Entry[] = [];
  readonly #lines: string[] | null;
  #sequence = 0;
  #digest = 0x811c9dc5;

  /** @param recording whether trace lines are kept, which a run of many seeds cannot afford */
  constructor(startsAt: number, recording: boolean) {
    this.now = startsAt;
    this.#startedAt = startsAt;
    this.#lines = recording ? [] : null;
  }

  /** Runs `run` after `ms`, unless the returned function is called first. */
  after(ms: number, run: () => void): () => void {
    return this.at(this.now + ms, run);
  }

  at(time: number, run: () => void): () => void {
    const entry: Entry = { at: Math.max(this.now, Math.round(time)), sequence: this.#sequence++, run };
    this.#push(entry);
    return () => {
      entry.run = null;
    };
  }

  /** Lets events happen until `done` says so or none is left before `deadline`, which then is the time. */
  async run(deadline: number, done: () => boolean = () => false): Promise<void> {
    for (;;) {
      const next = this.#heap[0];
      if (!next || next.at > deadline) {
        this.now = Math.max(this.now, deadline);
        return;
      }
      this.#pop();
      if (!next.run) continue;
      this.now = next.at;
      this.events++;
      next.run();
      await drainPromises();
      this.settled();
      if (done()) return;
    }
  }

  trace(subject: string, what: string): void {
    const line = `${this.now - this.#startedAt} ${subject} ${what}`;
    for (let index = 0; index < line.length; index++) this.#digest = Math.imul(this.#digest ^ line.charCodeAt(index), 0x01000193);
    if (!this.#lines) return;
    this.#lines.push(line);
    if (this.#lines.length > KEPT_LINES) this.#lines.splice(0, KEPT_LINES / 2);
  }

  /** The trace's lines about a subject, or all of them; empty unless recording. */
  lines(subject?: string): string[] {
    return (this.#lines ?? []).filter((line) => subject === undefined || line.includes(subject));
  }

  get digest(): string {
    return (this.#digest >>> 0).toString(16).padStart(8, "0");
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent] as Entry;
      if (isBefore(above, entry)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Entry;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      if (left >= heap.length) break;
      const right = left + 1;
      const lesser = right < heap.length && isBefore(heap[right] as Entry, heap[left] as Entry) ? right : left;
      if (isBefore(last, heap[lesser] as Entry)) break;
      heap[index] = heap[lesser] as Entry;
      index = lesser;
    }
    heap[index] = last;
  }
}

const isBefore = (a: Entry, b: Entry): boolean => a.at < b.at || (a.at === b.at && a.sequence < b.sequence);

/**
 * Node runs a tick only once the queue of promise jobs is empty, however long their chains are. An immediate would do the same
 * with a turn of the event loop, which takes longer than what most events do.
 */
const drainPromises = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));
