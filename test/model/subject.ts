/**
 * An order that a test does things to. There are two: the simulated one and the real one. What is done to both is said once,
 * in `actions.ts`, and each is seen with the same eyes.
 */
import type { OrderAddress } from "../../src/actors/addresses.ts";
import type { Commit } from "../../src/contract/events.ts";
import type { Ended, Surroundings } from "../support/surroundings.ts";

/** What an order has that outlives its process. */
export interface Stored {
  readonly journal: readonly Commit[];
  /** Milliseconds; null when no alarm is armed. */
  readonly alarmAt: number | null;
}

export interface Subject {
  /** Its own: neither order meets what the other one did. */
  readonly around: Surroundings;
  /** What may be asked of it over RPC. */
  readonly address: OrderAddress;
  /** Runs it until it does no more of what `work` could wait for. */
  settled<Result>(work: Promise<Result>): Promise<Ended<Result>>;
  /** Lets `work` go as far as it goes without time. @returns whether it waits for calls now, or else has ended or died */
  callsAreOut(work: Promise<unknown>): Promise<boolean>;
  /** The alarm goes off now, whatever it was armed for; false when none is armed. */
  alarmGoesOff(): Promise<boolean>;
  /** The platform delivers an alarm at least once: this is once more than was armed. */
  alarmGoesOffAgain(): Promise<void>;
  /** The platform loses the alarm. */
  alarmIsLost(): Promise<void>;
  /** The process ends between two requests. */
  isEvicted(): Promise<void>;
  /** The process ends at once. */
  isAborted(): Promise<void>;
  /** Whether the store refuses to write. Nothing happens to an order that has none yet. */
  diskIsFull(full: boolean): Promise<void>;
  /** Read from the store, past the code under test. */
  stored(): Promise<Stored>;
}

/** Tells at any time whether `work` has ended, and takes care of its rejection. */
export function hasEnded(work: Promise<unknown>): () => boolean {
  let ended = false;
  const ends = () => {
    ended = true;
  };
  work.then(ends, ends);
  return () => ended;
}
