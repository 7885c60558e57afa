/**
 * The counts of a replay while it runs, and the line that shows them: rewritten in place on a terminal, otherwise a new line
 * every two seconds, so that a log stays readable.
 */
import { percentile } from "../figures.ts";
import type { Submitted } from "./submit.ts";
import { isOpen, type Tracked } from "./watch.ts";

const TERMINAL_INTERVAL_MS = 200;
const LOG_INTERVAL_MS = 2_000;

/** Milliseconds; null when nothing was measured. */
export interface Percentiles {
  readonly p50: number | null;
  readonly p95: number | null;
}

const percentilesOf = (samples: readonly number[]): Percentiles => ({ p50: percentile(samples, 0.5), p95: percentile(samples, 0.95) });

export interface Counts {
  /** Submissions that have an outcome. */
  submitted: number;
  accepted: number;
  /** Of the accepted: the server had the key already. */
  replayed: number;
  /** Submissions that the server turned down for good. */
  refused: number;
  /** Submissions whose outcome nobody knows, after all retries. */
  unanswered: number;
  confirmed: number;
  /** Accepted orders that ended failed or cancelled. */
  failed: number;
  /** Accepted orders that wait for a person: held or quarantined. */
  waiting: number;
}

/** Adds up what is reported to it. It keeps one number per order for the percentiles and nothing else. */
export class Tally {
  readonly counts: Counts = {
    submitted: 0,
    accepted: 0,
    replayed: 0,
    refused: 0,
    unanswered: 0,
    confirmed: 0,
    failed: 0,
    waiting: 0,
  };
  readonly #total: number;
  readonly #now: () => number;
  readonly #startedAt: number;
  #lastAt: number;
  readonly #acceptMs: number[] = [];
  readonly #confirmMs: number[] = [];

  /** @param now a clock in milliseconds */
  constructor(total: number, now: () => number) {
    this.#total = total;
    this.#now = now;
    this.#startedAt = now();
    this.#lastAt = this.#startedAt;
  }

  submitted({ result, tookMs }: Submitted): void {
    this.#lastAt = this.#now();
    this.counts.submitted++;
    this.counts[result.outcome]++;
    if (result.outcome !== "accepted") return;
    this.#acceptMs.push(tookMs);
    if (result.replayed) this.counts.replayed++;
  }

  /** An order as the history has it; counted once, when it has stopped moving. */
  settled(order: Tracked): void {
    if (isOpen(order) || !order.listed) return;
    const { status, placedAt, confirmedAt } = order.listed;
    if (status === "failed" || status === "cancelled") this.counts.failed++;
    else if (status === "held" || status === "quarantined") this.counts.waiting++;
    else this.counts.confirmed++;
    if (confirmedAt !== null && order.fresh) this.#confirmMs.push(confirmedAt - placedAt);
  }

  /** Submissions with an outcome per second, from the start to the last of them. */
  get rate(): number {
    return this.counts.submitted === 0 ? 0 : this.counts.submitted / (Math.max(1, this.#lastAt - this.#startedAt) / 1_000);
  }

  get elapsedMs(): number {
    return this.#now() - this.#startedAt;
  }

  /** The client's wait for the 202, retries included. */
  get accept(): Percentiles {
    return percentilesOf(this.#acceptMs);
  }

  /** From placed to confirmed by the server's own clock, without the orders of earlier runs. */
  get confirm(): Percentiles {
    return percentilesOf(this.#confirmMs);
  }

  line(): string {
    const { submitted, accepted, confirmed, refused, failed, unanswered, waiting } = this.counts;
    return [
      `submitted ${submitted}/${this.#total}`,
      `accepted ${accepted}`,
      `confirmed ${confirmed}`,
      `refused ${refused}`,
      `failed ${failed + unanswered}`,
      ...(waiting > 0 ? [`waiting for a person ${waiting}`] : []),
      `${this.rate.toFixed(1)}/s`,
      `accept ${formatPercentiles(this.accept)}`,
      `to confirmed ${formatPercentiles(this.confirm)}`,
    ].join(" · ");
  }
}

export function formatPercentiles({ p50, p95 }: Percentiles): string {
  return p50 === null || p95 === null ? "–" : `p50 ${Math.round(p50)} p95 ${Math.round(p95)} ms`;
}

/** Where the line goes: `process.stderr`, or whatever a test holds. */
export interface Screen {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

/** Shows `line` until the returned function is called, which leaves its last state on the screen. */
export function showProgress(screen: Screen, line: () => string): () => void {
  const show = screen.isTTY
    ? // A line that wraps could not be rewritten.
      () => screen.write(`\r\x1b[2K${line().slice(0, (screen.columns ?? 80) - 1)}`)
    : () => screen.write(`${line()}\n`);
  const timer = setInterval(show, screen.isTTY ? TERMINAL_INTERVAL_MS : LOG_INTERVAL_MS);
  return () => {
    clearInterval(timer);
    show();
    if (screen.isTTY) screen.write("\n");
  };
}
