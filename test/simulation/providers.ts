/**
 * The wire to the providers, which fails in every way a wire can. What arrives is settled by the ledger of the oracle, by the
 * embedded stock and by our own screening. What forces a refusal stands in the order, so that every key of an order meets the
 * same mind.
 */
import type { PlacedOrder } from "../../src/contract/events.ts";
import { OPERATIONS, type ProviderAnswer, type ProviderCall } from "../../src/domain/ports.ts";
import { CALL_TIMEOUT_MS } from "../../src/domain/progress.ts";
import type { Stopped } from "../oracle/evidence.ts";
import type { ProviderLedger } from "../oracle/ledger.ts";
import type { Caller } from "./actors.ts";
import type { Context } from "./context.ts";
import type { EmbeddedStock } from "./stock.ts";

/** A postal code for which the routing vendor never answers, whatever else works. */
export const HANGS = "ROUTE-TIMEOUT";

/** Totals from here on are flagged by the screening. */
export const REVIEW_FROM = 1_000_000;

const screened = ({ total }: PlacedOrder): ProviderAnswer => ({
  outcome: "succeeded",
  facts: total >= REVIEW_FROM ? { flags: ["amount"] } : {},
});

const LATENCY_MS = [2, 400] as const;
/** A refused connection. */
const REFUSED_MS = 20;
/** The most that a provider asks for with `Retry-After`. */
const RETRY_AFTER_MS = 60_000;
/** What a provider without fences still does so late that the order, which is all that can know of it, listens to the answer. */
const HEARD_MS = 60_000;

/** How one call goes, drawn when it is made. Null: it never does. */
interface Fate {
  readonly arrivesAfterMs: number | null;
  readonly answersAfterMs: number | null;
  /** Said instead of the answer; before or after the effect. */
  readonly failure: ProviderAnswer | null;
}

export class Wire {
  /** Calls that have not come to their end, whether or not anybody waits for it. */
  inFlight = 0;
  /** Calls that failed as far as their callers know. */
  readonly failures: Stopped[] = [];
  readonly #context: Context;
  readonly #ledger: ProviderLedger;
  readonly #stock: EmbeddedStock;

  constructor(context: Context, ledger: ProviderLedger, stock: EmbeddedStock) {
    this.#context = context;
    this.#ledger = ledger;
    this.#stock = stock;
  }

  call(call: ProviderCall, caller: Caller): Promise<ProviderAnswer> {
    const { loop, faults } = this.#context;
    const { order, step, attempt } = call;
    const { arrivesAfterMs, answersAfterMs, failure } = this.#fate(call);
    const startedAt = loop.now;
    if (this.#context.happens("adapter throws", faults.callThrows, order.orderId)) return Promise.reject(new Error("a bug in an adapter"));
    caller.dieAt(startedAt + this.#context.latency(0, Math.max(answersAfterMs ?? 0, LATENCY_MS[1])));
    return new Promise((resolve) => {
      const noAnswer = loop.after(CALL_TIMEOUT_MS, () => this.#failed(call));
      const answer = (answer: ProviderAnswer) => {
        if (!caller.isAlive() || call.signal.aborted) return;
        noAnswer();
        if (answer.outcome === "failed" && (answer.failure === "transient" || answer.failure === "unknown")) this.#failed(call);
        loop.trace(order.orderId, `${step}#${attempt}: ${answer.outcome === "failed" ? answer.detail : answer.outcome}`);
        if (loop.now - startedAt >= CALL_TIMEOUT_MS) caller.safely(() => resolve(answer));
        else resolve(answer);
      };
      // Who hangs up hears nothing any more. What was sent is on its way all the same.
      call.signal.addEventListener("abort", () => resolve({ outcome: "failed", failure: "unknown", detail: "hung up" }));
      if (arrivesAfterMs === null) {
        if (failure) loop.after(answersAfterMs ?? REFUSED_MS, () => answer(failure));
        return;
      }
      this.inFlight++;
      loop.after(arrivesAfterMs, () => {
        this.inFlight--;
        // Without fences a request dies with its caller, or nobody could tell what it did after all was undone.
        if (!faults.fencing && !caller.isAlive()) return;
        const settled = this.#settle(call);
        if (answersAfterMs === null) return;
        if (answersAfterMs <= arrivesAfterMs) answer(failure ?? settled);
        else loop.after(answersAfterMs - arrivesAfterMs, () => answer(failure ?? settled));
      });
    });
  }

  #settle(call: ProviderCall): ProviderAnswer {
    const { port } = OPERATIONS[call.step];
    if (port === "risk") return screened(call.order);
    const { effects } = this.#ledger;
    const known = effects.length;
    const answer = port === "inventory" ? this.#stock.answer(call) : this.#ledger.answer(call);
    for (const { step, key, orderId, sku } of effects.slice(known))
      this.#context.loop.trace(orderId, `EFFECT ${step} ${key.slice(orderId.length)}${sku === undefined ? "" : `/${sku}`}`);
    return answer;
  }

  #failed({ step, order: { tenant } }: ProviderCall): void {
    const { port } = OPERATIONS[step];
    if (port !== "risk") this.failures.push({ tenant, provider: port, at: this.#context.loop.now, by: "failure" });
  }

  #fate({ step, order }: ProviderCall): Fate {
    const { draw, faults } = this.#context;
    const happens = (kind: string, probability: number) => this.#context.happens(`provider: ${kind}`, probability, order.orderId);
    const { port } = OPERATIONS[step];
    const arrives = this.#context.latency(...LATENCY_MS);
    const answers = arrives + this.#context.latency(...LATENCY_MS);
    // Our own screening is no outside service; it only breaks as any code does.
    if (port === "risk") return { arrivesAfterMs: arrives, answersAfterMs: answers, failure: null };
    if (step === "route" && order.shipTo.postalCode === HANGS) return { arrivesAfterMs: null, answersAfterMs: null, failure: null };
    const outage = this.#context.outage(port);
    if (outage) {
      this.#context.count("provider: down", order.orderId);
      return { arrivesAfterMs: null, answersAfterMs: REFUSED_MS, failure: outage.silent ? null : this.#error("connection refused") };
    }
    if (happens("fails before effect", faults.callFailsBefore))
      return { arrivesAfterMs: null, answersAfterMs: answers, failure: this.#error("503") };
    if (happens("fails after effect", faults.callFailsAfter))
      return {
        arrivesAfterMs: arrives,
        answersAfterMs: answers,
        failure: { outcome: "failed", failure: "unknown", detail: "connection reset" },
      };
    if (happens("effect comes late", faults.effectLate)) {
      const most = faults.fencing ? faults.effectLateMaxMs : Math.min(faults.effectLateMaxMs, HEARD_MS);
      const late = CALL_TIMEOUT_MS + draw() * (most - CALL_TIMEOUT_MS);
      return { arrivesAfterMs: late, answersAfterMs: late, failure: null };
    }
    if (happens("answer comes late", faults.answerLate))
      return { arrivesAfterMs: arrives, answersAfterMs: CALL_TIMEOUT_MS + draw() * faults.effectLateMaxMs, failure: null };
    if (happens("never answers", faults.neverAnswers)) return { arrivesAfterMs: arrives, answersAfterMs: null, failure: null };
    return { arrivesAfterMs: arrives, answersAfterMs: answers, failure: null };
  }

  #error(detail: string): ProviderAnswer {
    const { draw } = this.#context;
    const asksToWait = draw() < 0.1;
    return { outcome: "failed", failure: "transient", detail, ...(asksToWait && { retryAfterMs: Math.round(draw() * RETRY_AFTER_MS) }) };
  }
}
