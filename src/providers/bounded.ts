/**
 * Gives every adapter the two promises of a port: it answers within its deadline, and it never throws. A call without an
 * answer in time counts as `unknown`, because it may still take effect. Its work sees the aborted signal and should stop.
 */

import type { Provider } from "../domain/ports.ts";
import { failed, kindOf } from "./answers.ts";

/**
 * Longer than `CALL_TIMEOUT_MS`, after which the order gives the attempt up and goes on. The order still listens, because a
 * late answer tells what the call did and whether it has to be undone.
 */
const ANSWER_TIMEOUT_MS = 60_000;

/** @param timeoutMs the deadline of one call; the caller's own signal may abort it earlier */
export function bounded(provider: Provider, timeoutMs = ANSWER_TIMEOUT_MS): Provider {
  return async (call) => {
    try {
      return await within(timeoutMs, call.signal, (signal) => provider({ ...call, signal }));
    } catch (error) {
      if (error instanceof TimeUp) return failed("unknown", error.message);
      return failed("unknown", `the call broke off: ${kindOf(error)}`, { said: error });
    }
  };
}

class TimeUp extends Error {
  override readonly name = "TimeUp";
}

/**
 * Runs work with a signal that aborts after `timeoutMs` or with the `outer` signal. The timer is cleared as soon as the work
 * is done. `AbortSignal.timeout` cannot do that, and a timer left behind keeps an actor in memory, and billed, until it fires.
 * @throws TimeUp, or what the work throws
 */
export async function within<T>(timeoutMs: number, outer: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  if (outer.aborted) throw new TimeUp("the attempt's time was up before the call began");
  const limit = new AbortController();
  const signal = AbortSignal.any([outer, limit.signal]);
  const timeUp = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(new TimeUp("no answer in time")), { once: true });
  });
  const timer = setTimeout(() => limit.abort(), timeoutMs);
  try {
    const working = async () => work(signal);
    return await Promise.race([working(), timeUp]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves after `ms`, or as soon as the signal aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
