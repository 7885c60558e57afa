/**
 * Holds every adapter to the two promises of a port: it answers within its time, and it never throws. An answer that did
 * not come in time is `unknown`, whatever the work behind it still does; that work sees the aborted signal and stops.
 */

import type { Provider } from "../domain/ports.ts";
import { failed, quoted } from "./answers.ts";

/**
 * The order gives an attempt up after `CALL_TIMEOUT_MS` and goes on, but it still listens: a late answer tells what a
 * call did, and whether that has to be undone.
 */
const ANSWER_TIMEOUT_MS = 60_000;

/** @param timeoutMs how long one call may take, on top of what the caller's own signal says */
export function bounded(provider: Provider, timeoutMs = ANSWER_TIMEOUT_MS): Provider {
  return async (call) => {
    try {
      return await within(timeoutMs, call.signal, (signal) => provider({ ...call, signal }));
    } catch (error) {
      return failed("unknown", error instanceof TimeUp ? error.message : `the call broke off: ${quoted(error)}`);
    }
  };
}

class TimeUp extends Error {
  override readonly name = "TimeUp";
}

/**
 * Runs work with a signal that aborts after `timeoutMs` or with the `outer` one. The timer is cleared as soon as the work
 * is done, which `AbortSignal.timeout` cannot do: a timer left behind keeps an actor in memory, and billed, until it fires.
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
