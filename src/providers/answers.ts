/** Builds the answers of all adapters, so that each fits the limits of the journal that stores it. */
import type { FailureKind, StepFacts } from "../contract/events.ts";
import type { ProviderAnswer } from "../domain/ports.ts";
import { excerpt } from "../platform/log.ts";

/** Limits of `Refusal` and `StepFailed` in the contract. */
const MAX_REASON = 100;
const MAX_DETAIL = 1_000;

export const succeeded = (facts: StepFacts = {}): ProviderAnswer => ({ outcome: "succeeded", facts });

export function refused(reason: string, detail?: string): ProviderAnswer {
  const refusal = { reason: excerpt(reason, MAX_REASON) };
  return { outcome: "refused", refusal: detail ? { ...refusal, detail: excerpt(detail, MAX_DETAIL) } : refusal };
}

export const failed = (failure: FailureKind, detail: string, retryAfterMs?: number): ProviderAnswer => ({
  outcome: "failed",
  failure,
  detail: excerpt(detail, MAX_DETAIL),
  retryAfterMs,
});

/** A text or error from outside, for use in a detail: cut short, and without the mail addresses that providers like to quote. */
export const quoted = (foreign: unknown): string => excerpt(foreign).replace(/[^\s<>"']+@[^\s<>"']+/g, "(address)");
