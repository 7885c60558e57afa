/**
 * An actor's storage, metered: rows read, rows written and alarms set are what the platform bills, so they are counted here
 * and callers cannot forget to. It offers what our actors use and no more.
 *
 * The schema is a list of migration steps, applied in order, each once; a released step is never edited. Rows cost money, so
 * an actor that never writes gets no tables. One whose schema has a single step keeps no version row either: its tables show it.
 */
import type { Meter } from "./meter.ts";

const VERSION_KEY = "schema";

/** Tables of the platform itself begin with an underscore. */
const HAS_TABLES = "SELECT 1 AS found FROM sqlite_master WHERE type = 'table' AND substr(name, 1, 1) <> '_' LIMIT 1";

export type Row = Record<string, SqlStorageValue>;

export class ActorStorage {
  readonly #storage: DurableObjectStorage;
  readonly #meter: Meter;
  readonly #steps: readonly string[];
  /** How many steps of the schema were applied; 0 as long as there are no tables. */
  #version: number;

  /**
   * Brings the tables of an older release up to date; a store without tables is left as it is.
   * @param steps the schema; empty for an actor that keeps no tables
   */
  constructor(storage: DurableObjectStorage, meter: Meter, steps: readonly string[] = []) {
    this.#storage = storage;
    this.#meter = meter;
    this.#steps = steps;
    this.#version = steps.length === 0 ? 0 : this.#recordedVersion();
    if (this.#version > 0) this.#createTables();
  }

  /** All rows of a query at once: a cursor held across an await would see later writes. Empty when nothing was ever written. */
  read<Result extends Row>(statement: string, ...bindings: SqlStorageValue[]): Result[] {
    return this.#version === 0 ? [] : this.#exec<Result>(statement, ...bindings);
  }

  /** Runs a statement that changes rows, and returns what it answers. The actor's first write creates the tables, within the same transaction. */
  write(statement: string, ...bindings: SqlStorageValue[]): Row[] {
    this.#createTables();
    return this.#exec(statement, ...bindings);
  }

  /** Runs `work` in one transaction: its writes become durable together, or none of them when it throws. */
  transaction<Result>(work: () => Result): Result {
    const version = this.#version;
    try {
      return this.#storage.transactionSync(work);
    } catch (error) {
      this.#version = version;
      throw error;
    }
  }

  /**
   * Waits until all that was written so far is durable. False when it was lost, in which case the actor is about to be reset.
   * The output gate holds answers and requests back by itself, but not what is sent to a queue.
   */
  async isDurable(): Promise<boolean> {
    try {
      await this.#storage.sync();
      return true;
    } catch {
      return false;
    }
  }

  /** A value of the key-value store, undefined when there is none. */
  get<Value>(key: string): Value | undefined {
    this.#meter.add({ rowsRead: 1 });
    return this.#storage.kv.get<Value>(key);
  }

  /** The values of all keys that begin with `prefix`, in the order of their keys. */
  list<Value>(prefix: string): Value[] {
    const values = [...this.#storage.kv.list<Value>({ prefix })].map(([, value]) => value);
    this.#meter.add({ rowsRead: values.length });
    return values;
  }

  put(key: string, value: unknown): void {
    this.#meter.add({ rowsWritten: 1 });
    this.#storage.kv.put(key, value);
  }

  /** Sets the actor's one alarm, in place of the time it was set to. */
  arm(at: number): Promise<void> {
    this.#meter.add({ alarmsSet: 1 });
    return this.#storage.setAlarm(at);
  }

  /** When the platform will fire the alarm, in milliseconds; null when none is set. */
  armedAt(): Promise<number | null> {
    return this.#storage.getAlarm();
  }

  /** Deletes everything, the alarm included. */
  async clear(): Promise<void> {
    this.#version = 0;
    await this.#storage.deleteAll();
  }

  #createTables(): void {
    if (this.#version >= this.#steps.length) return;
    this.transaction(() => {
      for (const step of this.#steps.slice(this.#version)) this.#exec(step);
      if (this.#steps.length > 1) this.put(VERSION_KEY, this.#steps.length);
    });
    this.#version = this.#steps.length;
  }

  #recordedVersion(): number {
    return this.get<number>(VERSION_KEY) ?? this.#exec(HAS_TABLES).length;
  }

  #exec<Result extends Row>(statement: string, ...bindings: SqlStorageValue[]): Result[] {
    const cursor = this.#storage.sql.exec<Result>(statement, ...bindings);
    const rows = cursor.toArray();
    this.#meter.add({ rowsRead: cursor.rowsRead, rowsWritten: cursor.rowsWritten });
    return rows;
  }
}
