/** What the benchmark measured, as plain data; times in milliseconds. */
import type { UnitsBySource } from "./units.ts";

/** Accept latencies in milliseconds of the same burst against both, in neighbouring moments. */
export interface Burst {
  readonly orderline: readonly number[];
  readonly bare: readonly number[];
}

/** One turn of one server. Times in milliseconds. */
export interface Run {
  readonly orders: number;
  /** From the first order sent until the last confirmation was. */
  readonly elapsedMs: number;
  /** What each client waited for its answer. */
  readonly acceptMs: readonly number[];
  /** From an order's being sent to its confirmation's being sent. */
  readonly confirmMs: readonly number[];
  /** CPU time of the whole runtime, or null where it cannot be had. */
  readonly cpuMs: number | null;
}

type Round<Name extends string> = Readonly<Record<Name, Run>>;

/** Orderline and its peers in turns. */
export interface Versus {
  readonly floods: readonly Round<"orderline" | "naive" | "workflow">[];
  readonly light: readonly Round<"orderline" | "naive">[];
  readonly slow: readonly Round<"orderline" | "synchronous">[];
  /** The same load with no call that hangs, and the orders whose own calls did not hang; `hung` is how many did. */
  readonly hung: { readonly calm: Run; readonly others: Run; readonly hung: number };
}

/** One crash of one server, half way through its orders. Times in milliseconds. */
export interface Recovery {
  readonly orders: number;
  /** How many were confirmed when it was killed. */
  readonly confirmedBefore: number;
  /** How many the clients had no answer to, and sent again. */
  readonly resent: number;
  /** From the kill until the server answers again. */
  readonly restartMs: number;
  /** From then until all of the orders are confirmed. */
  readonly confirmedMs: number;
  /** From the restart's end until, besides, its own history, or its counters, show them. */
  readonly restMs: number;
}

/** What a tenant with steady orders waited from submitting to the confirmation, in milliseconds, alone and beside another's flood. */
export interface Fairness {
  readonly alone: readonly number[];
  readonly beside: readonly number[];
  /** What those of the flood waited. */
  readonly others: readonly number[];
  /** How fast the flood was accepted, and how fast the steady orders were sent. */
  readonly floodPerSecond: number;
  readonly steadyPerSecond: number;
}

/** One pass with `METER=true`. */
export interface Count {
  readonly orders: number;
  readonly units: UnitsBySource;
  /** Lines logged other than the units themselves. */
  readonly logLines: number;
  /** CPU time of the whole runtime in milliseconds, or null where it cannot be had. */
  readonly cpuMs: number | null;
}

export interface Measured {
  readonly machine: string;
  readonly settings: {
    readonly orders: number;
    readonly concurrency: number;
    readonly rounds: number;
    readonly pace: number;
    readonly email: boolean;
  };
  /** Null for what was left out. */
  readonly bursts: readonly Burst[] | null;
  readonly versus: Versus | null;
  readonly fairness: Fairness | null;
  readonly recovery: readonly Readonly<Record<"orderline" | "naive", Recovery>>[] | null;
  readonly paced: Count | null;
  readonly loaded: Count | null;
  readonly lone: Count | null;
}
