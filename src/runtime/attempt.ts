/**
 * One attempt of a step: the request that goes out for it, and how long its answer is waited for. What comes later is
 * still listened to, because what a provider did late must be recorded, and undone if it is not wanted.
 */
import type { StepFacts } from "../contract/events.ts";
import type { Step } from "../contract/order.ts";
import type { Outcome } from "../domain/decide.ts";
import type { OrderState } from "../domain/order.ts";
import { OPERATIONS, type ProviderAnswer, type Providers, stepKey } from "../domain/ports.ts";
import { CALL_TIMEOUT_MS } from "../domain/progress.ts";
import { isUndo, sagaOf } from "../domain/saga.ts";
import { excerpt, type LogFields } from "../platform/log.ts";
import type { Clock } from "./ports.ts";

/** How long an abandoned call is still listened to. */
const LATE_ANSWER_MS = 60_000;

/**
 * Makes the call that is due for a step. Never rejects: without an answer in time the outcome is `unknown`.
 * @param late is told of an answer that came after that; it must not throw
 */
export function callProvider(
  state: OrderState,
  step: Step,
  { clock, providers }: { readonly clock: Clock; readonly providers: Providers },
  late: (outcome: Outcome) => void,
): Promise<Outcome> {
  const { order } = state;
  const { attempt = 1, keyGeneration = 1 } = state.steps[step] ?? {};
  const key = stepKey(order.orderId, step, keyGeneration);
  const abort = new AbortController();
  const request = { step, key, undoes: undoneKeys(state, step), attempt, order, facts: factsOf(state), signal: abort.signal };
  const call = providers[OPERATIONS[step].port](request);
  const answered = call.catch(
    (bug: unknown): ProviderAnswer => ({ outcome: "failed", failure: "bug", detail: "the adapter threw", said: excerpt(bug) }),
  );
  return new Promise((resolve) => {
    let settle = (answer: ProviderAnswer) => resolve({ step, attempt, answer });
    let cancel = clock.after(CALL_TIMEOUT_MS, () => {
      settle({ outcome: "failed", failure: "unknown", detail: `no answer within ${CALL_TIMEOUT_MS} ms` });
      settle = (answer) => late({ step, attempt, answer });
      cancel = clock.after(LATE_ANSWER_MS, () => abort.abort(new Error("abandoned")));
    });
    void answered.then((answer) => {
      cancel();
      settle(answer);
    });
  });
}

/**
 * The keys that an undo takes back: one for each generation of the forward step, because a call under an earlier key may
 * still arrive, or have arrived, after a later one was made.
 */
function undoneKeys({ order, saga, steps }: OrderState, step: Step): string[] {
  const forward = isUndo(step) ? sagaOf(saga)?.undoes[step] : undefined;
  if (forward === undefined) return [];
  const { keyGeneration = 1 } = steps[forward] ?? {};
  return Array.from({ length: keyGeneration }, (_, before) => stepKey(order.orderId, forward, before + 1));
}

/** What the steps brought back, those whose answer came late included: an undo must find what it undoes. */
const factsOf = ({ steps }: OrderState): Partial<Record<Step, StepFacts>> =>
  Object.fromEntries(Object.entries(steps).map(([name, { facts }]) => [name, facts]));

/** Whether an answer shows a provider that works: one that refuses does, and so does one that finds fault with this request. Null: it shows nothing. */
export function isWorking(answer: ProviderAnswer): boolean | null {
  if (answer.outcome !== "failed") return true;
  switch (answer.failure) {
    case "transient":
    case "unknown":
      return false;
    case "poison":
    case "refused":
      return true;
    case "bug":
      return null;
  }
}

/** An answer as a log line has it. */
export function describe(answer: ProviderAnswer): LogFields {
  switch (answer.outcome) {
    case "succeeded":
      return { outcome: answer.outcome };
    case "refused":
      return { outcome: answer.outcome, reason: excerpt(answer.refusal.reason) };
    case "failed":
      return { outcome: answer.outcome, failure: answer.failure, detail: excerpt(answer.detail), retryAfterMs: answer.retryAfterMs };
  }
}
