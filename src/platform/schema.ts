/**
 * The schema of an actor's SQLite: a list of steps, applied in order, each once; a released step is never edited. An
 * actor that never writes gets no table, and one at version 1 needs no row to say so: its tables do. Rows cost money.
 */
import { exec, type Meter } from "./meter.ts";

const VERSION_KEY = "schema";

/** Tables of the platform itself begin with an underscore. */
const HAS_TABLES = "SELECT 1 AS found FROM sqlite_master WHERE type = 'table' AND substr(name, 1, 1) <> '_' LIMIT 1";

export class Schema {
  readonly #storage: DurableObjectStorage;
  readonly #meter: Meter;
  readonly #steps: readonly string[];
  #version: number;

  /** Brings the tables of an older release up to date; a store without tables is left as it is. */
  constructor(storage: DurableObjectStorage, meter: Meter, steps: readonly string[]) {
    this.#storage = storage;
    this.#meter = meter;
    this.#steps = steps;
    this.#version = this.#recorded();
    if (this.exists) this.create();
  }

  /** False as long as nothing was ever written. */
  get exists(): boolean {
    return this.#version > 0;
  }

  /** Makes sure that the tables are there. To be called before a write, within its transaction. */
  create(): void {
    if (this.#version >= this.#steps.length) return;
    this.#storage.transactionSync(() => {
      for (const step of this.#steps.slice(this.#version)) exec(this.#storage.sql, this.#meter, step);
      if (this.#steps.length > 1) {
        this.#storage.kv.put(VERSION_KEY, this.#steps.length);
        this.#meter.add({ rowsWritten: 1 });
      }
    });
    this.#version = this.#steps.length;
  }

  #recorded(): number {
    this.#meter.add({ rowsRead: 1 });
    const recorded = this.#storage.kv.get<number>(VERSION_KEY);
    if (recorded !== undefined) return recorded;
    return exec(this.#storage.sql, this.#meter, HAS_TABLES).length;
  }
}
