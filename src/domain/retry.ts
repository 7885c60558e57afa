/** When a failed attempt is tried again. */
import type { FailureKind } from "../contract/events.ts";
import type { RetryPolicy } from "../contract/lanes.ts";

/** The longest `Retry-After` that is honoured; a provider that asks for more is asked again after this. */
export const MAX_RETRY_AFTER_MS = 15 * 60_000;

/**
 * The delay before attempt `attempt + 1`, or null when there is to be none. Exponential with full jitter (AWS
 * Architecture Blog, "Exponential Backoff And Jitter", 2015), because a provider that fails does so for many orders at
 * once and they must not come back together. A `Retry-After` is the least it waits, with the jitter added on top.
 * @param attempt the attempt that failed, counted from 1
 * @param random uniform in [0, 1)
 */
export function retryDelayMs(
  policy: RetryPolicy,
  failure: { failure: FailureKind; retryAfterMs?: number | undefined },
  attempt: number,
  random: number,
): number | null {
  if (failure.failure === "poison" || failure.failure === "refused" || attempt >= policy.maxAttempts) return null;
  const jitter = random * Math.min(policy.capMs, policy.baseMs * 2 ** (attempt - 1));
  return Math.round(Math.min(failure.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS) + jitter);
}
