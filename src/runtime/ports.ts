/** How an order that is being run reaches the world. The actor and the simulation each provide these. */

import type { Commit } from "../contract/events.ts";
import type { LogEvent } from "../contract/log-events.ts";
import type { DeadLetter, Hint, OrderChanged } from "../contract/messages.ts";
import type { HistoryKey, Priority } from "../contract/order.ts";
import type { PinnedProfile } from "../contract/profile.ts";
import type { Breakers, Providers } from "../domain/ports.ts";
import type { Backlog } from "../domain/routing.ts";
import type { LogFields } from "../platform/log.ts";

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Runs `then` after `ms` unless the returned function is called first. */
  after(ms: number, then: () => void): () => void;
}

export interface OrderPorts {
  readonly store: {
    /** Makes the commit durable, with whatever `arm` is called for in the same turn. Throws when it could not. */
    append(commit: Commit): void;
    /** Arms the one alarm for this time, in place of the time it was armed for. */
    arm(at: number): void;
  };
  readonly clock: Clock;
  /** A number from 0 up to 1. */
  random(): number;
  /** Who carries out the steps of an order that was accepted under this profile; null for the embedded default. */
  providers(profile: PinnedProfile | null): Providers;
  readonly breakers: Breakers;
  /** Queues an order's newest version for the projections. Never rejects: what is lost is found missing in the history. */
  publish(change: OrderChanged): Promise<void>;
  /** Queues a hint. */
  hint(hint: Hint): Promise<void>;
  deadLetter(letter: DeadLetter): Promise<void>;
  /** The version that the history shows, or null when it has none; rejects when it does not answer. */
  historyVersion(order: HistoryKey): Promise<number | null>;
  /** Whether whoever sent a hint to an order of the tenant goes on before the work that it led to has ended: true as soon as he does. Never rejects. */
  leaves(work: Promise<unknown>, tenant: string, lane: Priority): Promise<boolean>;
  /** What waits in a lane; rejects when nobody knows. */
  backlog(priority: Priority, tenant: string): Promise<Backlog>;
  /** Goes on after the answer has been given. */
  background(work: Promise<unknown>): void;
  log(level: "info" | "warn" | "error", event: LogEvent, fields: LogFields): void;
}
