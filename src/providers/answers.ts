/** Builds the answers of all adapters, so that each fits the limits of the journal that stores it. */
import type { FailureKind, StepFacts } from "../contract/events.ts";
import type { ProviderAnswer } from "../domain/ports.ts";
import { excerpt } from "../platform/log.ts";

/** Limits of `Refusal` and `StepFailed` in the contract. */
const MAX_WORDS = 1_000;

/** A short code, such as `no_capacity`. Anything longer could hold what was sent: a name, an address, a payment token. */
const CODE = /^[a-z][a-z0-9_.-]{0,39}$/i;

/** What the outside said, if it is a code; null otherwise. Nothing else of its words may reach a log, a list or a cause. */
export const codeIn = (said: unknown): string | null => (typeof said === "string" && CODE.test(said) ? said : null);

/** The reason of a refusal whose own is no code. */
const DECLINED = "declined";

export const succeeded = (facts: StepFacts = {}): ProviderAnswer => ({ outcome: "succeeded", facts });

/** @param said the outside's own words; they stay in the journal, for the eyes of `ops` */
export function refused(reason: string | undefined, said?: string): ProviderAnswer {
  const refusal = { reason: codeIn(reason?.trim()) ?? DECLINED };
  return { outcome: "refused", refusal: said ? { ...refusal, detail: excerpt(said, MAX_WORDS) } : refusal };
}

/**
 * @param detail in our own words and codes, because it is logged and shown to everybody
 * @param options.said the outside's own words; they stay in the journal, for the eyes of `ops`
 */
export const failed = (
  failure: FailureKind,
  detail: string,
  { retryAfterMs, said }: { readonly retryAfterMs?: number | undefined; readonly said?: unknown } = {},
): ProviderAnswer => ({
  outcome: "failed",
  failure,
  detail: excerpt(detail, MAX_WORDS),
  ...(retryAfterMs !== undefined && { retryAfterMs }),
  ...(said !== undefined && { said: excerpt(said, MAX_WORDS) }),
});

/** What kind of exception it was, in codes: its name, and the code that it carries. Its message may quote anything. */
export function kindOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return "no error";
  const code = codeIn("code" in thrown ? thrown.code : undefined);
  return [codeIn(thrown.name) ?? "Error", ...(code === null ? [] : [code])].join(" ");
}
