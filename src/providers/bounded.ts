/**
 * Gives every adapter the two promises of a port: it answers within its deadline, and it never throws. A call without an
 * answer in time counts as `unknown`, because it may still take effect. Its work sees the aborted signal and should stop.
 */

import type { Provider } from "../domain/ports.ts";
import { DeadlineExceeded, within } from "../platform/deadline.ts";
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
      return await within(timeoutMs, "the call", (signal) => provider({ ...call, signal }), call.signal);
    } catch (error) {
      if (error instanceof DeadlineExceeded) return failed("unknown", error.message);
      return failed("unknown", `the call broke off: ${kindOf(error)}`, { said: error });
    }
  };
}
