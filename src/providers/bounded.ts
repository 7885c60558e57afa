/**
 * Gives every adapter the two promises of a port: it answers by the time that its caller stops listening, and it never throws. A
 * call without an answer by then counts as `unknown`, because it may still take effect. Its work sees the aborted signal and
 * should stop.
 */

import type { Provider, ProviderAnswer, ProviderCall } from "../domain/ports.ts";
import { abortedAfter, DeadlineExceeded, untilAborted } from "../platform/deadline.ts";
import { failed, kindOf } from "./answers.ts";

const WHAT = "the call";

/** @param timeoutMs a deadline of the call's own; without one it has the time that its caller gives it */
export function bounded(provider: Provider, timeoutMs?: number): Provider {
  return async (call) => {
    try {
      return await begun(provider, call, timeoutMs);
    } catch (error) {
      if (error instanceof DeadlineExceeded) return failed("unknown", error.message);
      return failed("unknown", `the call broke off: ${kindOf(error)}`, { said: error });
    }
  };
}

function begun(provider: Provider, call: ProviderCall, timeoutMs: number | undefined): Promise<ProviderAnswer> {
  if (timeoutMs === undefined) return untilAborted(call.signal, WHAT, () => provider(call));
  return abortedAfter(timeoutMs, WHAT, (signal) => provider({ ...call, signal }), call.signal);
}
