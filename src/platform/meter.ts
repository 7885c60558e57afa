/**
 * Counts what the platform bills an actor or consumer for, and logs it as `units` when `METER` is "true". The benchmark
 * adds these lines up. Its dollars are therefore counted, not estimated.
 */
import { log } from "./log.ts";

export interface Units {
  rowsRead: number;
  rowsWritten: number;
  /** `setAlarm` calls; each is billed as one row written, on top of `rowsWritten`. */
  alarmsSet: number;
  /** Billed requests: RPC calls and alarms received. */
  requests: number;
  /** Operations on queues: 64 KB written, read or deleted. */
  queueOperations: number;
  kvReads: number;
}

export class Meter {
  readonly #source: string;
  readonly #enabled: boolean;
  #units: Partial<Units> = {};

  /** @param source the actor class or consumer the units are charged to */
  constructor(source: string, env: { readonly METER?: string }) {
    this.#source = source;
    this.#enabled = env.METER === "true";
  }

  add(units: Partial<Units>): void {
    if (!this.#enabled) return;
    for (const [unit, count] of Object.entries(units) as [keyof Units, number][]) {
      this.#units[unit] = (this.#units[unit] ?? 0) + count;
    }
  }

  /** Counts and logs one billed request of an actor, with the units that `work` adds until it settles. */
  request<Result>(work: () => Result): Result {
    if (!this.#enabled) return work();
    this.add({ requests: 1 });
    let result: Result;
    try {
      result = work();
    } catch (error) {
      this.flush();
      throw error;
    }
    if (result instanceof Promise) return result.finally(() => this.flush()) as Result;
    this.flush();
    return result;
  }

  /** Logs what was counted since the last call. */
  flush(): void {
    if (!this.#enabled) return;
    log.info("units", { source: this.#source, ...this.#units });
    this.#units = {};
  }
}
