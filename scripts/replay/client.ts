/**
 * The part of Orderline's HTTP face that a replay needs. Every answer is parsed before it is believed, and whatever goes wrong
 * is returned as data. It retries politely and boundedly, which is safe because every submission carries its idempotency key.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { PlaceOrder } from "../../src/contract/order.ts";
import { Problem } from "../../src/contract/problems.ts";
import { StatsSnapshot } from "../../src/contract/stats.ts";
import { OrderList, OrderListItem, OrderReceipt } from "../../src/contract/views.ts";

/** Attempts at one submission; with the delays below, an outage of some fifteen seconds is outlasted on average. */
const MAX_ATTEMPTS = 8;

/** Attempts at one reading. Whoever reads does so again a second later, so there is no need to insist. */
const READ_ATTEMPTS = 3;
const BASE_DELAY_MS = 250;
const MAX_DELAY_MS = 10_000;

/** The longest `Retry-After` that is waited for; a server that asks for more is asked again after this. */
const MAX_RETRY_AFTER_MS = 30_000;

/** A request without an answer after this is given up and retried; accepting an order takes milliseconds. */
const REQUEST_TIMEOUT_MS = 30_000;

/** Characters shown of an error that is no problem document, such as a proxy's page. */
const MAX_EXCERPT = 200;

/** Half of what the server gives at most. */
const PAGE_SIZE = 100;

const Instant = z.iso.datetime().transform((text) => Date.parse(text));

const Receipt = OrderReceipt.pick({ id: true }).extend({ placedAt: Instant });

/** An order as the history lists it. Times are milliseconds since the Unix epoch. */
const ListedOrder = OrderListItem.pick({ id: true, status: true, currency: true, total: true }).extend({
  placedAt: Instant,
  confirmedAt: Instant.nullable(),
});
export type ListedOrder = z.infer<typeof ListedOrder>;

const Page = OrderList.pick({ nextCursor: true }).extend({ orders: z.array(ListedOrder) });

const Counters = StatsSnapshot.pick({ submitted: true, pending: true, quarantined: true, revenue: true }).extend({ at: Instant });
/** `revenue` is that of the processed orders, in minor units per currency. */
export type Counters = z.infer<typeof Counters>;

/** Why there is no usable answer. `refused`: a 4xx that no repetition changes. `unanswered`: everything else, retries included. */
export interface Trouble {
  readonly outcome: "refused" | "unanswered";
  readonly detail: string;
}

export interface Submission {
  readonly outcome: "accepted";
  readonly id: string;
  /** Milliseconds on the server's clock. A repeat tells when the order was placed in the first place. */
  readonly placedAt: number;
  /** The server had this key before: from an earlier run, or from an attempt of this one whose answer was lost. */
  readonly replayed: boolean;
}

export interface Read<Value> {
  readonly outcome: "read";
  readonly value: Value;
}

export interface Client {
  submit(key: string, order: z.input<typeof PlaceOrder>): Promise<Submission | Trouble>;
  /** One page of the history. @param query `from`: orders placed then or later, in milliseconds on the server's clock */
  list(query: { from: number; cursor?: string | undefined }): Promise<Read<z.infer<typeof Page>> | Trouble>;
  /** @param attempts 1 to learn at once that nobody is there */
  counters(attempts?: number): Promise<Read<Counters> | Trouble>;
}

/** @param signal ends the waiting between attempts; a request under way is let finish, so that its outcome is known */
export function createClient({ url, key, signal }: { url: string; key: string; signal: AbortSignal }): Client {
  const headers = { authorization: `Bearer ${key}`, accept: "application/json" };

  async function request(path: string, init: RequestInit, attempts: number): Promise<Answer | Trouble> {
    for (let attempt = 1; ; attempt++) {
      const answer = await attemptOnce(new URL(path, url), { ...init, headers: { ...headers, ...init.headers } });
      if (answer.kind === "answered") return answer;
      if (answer.kind === "refused") return { outcome: "refused", detail: answer.detail };
      if (attempt >= attempts || signal.aborted) return { outcome: "unanswered", detail: answer.detail };
      const backoff = Math.random() * Math.min(MAX_DELAY_MS, BASE_DELAY_MS * 2 ** (attempt - 1));
      // An interruption ends the wait; the next attempt is then the last.
      await sleep(answer.retryAfterMs + backoff, undefined, { signal }).catch(() => {});
    }
  }

  async function read<Schema extends z.ZodType>(
    path: string,
    schema: Schema,
    attempts = READ_ATTEMPTS,
  ): Promise<Read<z.infer<Schema>> | Trouble> {
    const answer = await request(path, {}, attempts);
    if ("outcome" in answer) return answer;
    const parsed = schema.safeParse(answer.body);
    return parsed.success ? { outcome: "read", value: parsed.data } : notUnderstood(`GET ${path.split("?")[0]}`, parsed.error);
  }

  return {
    async submit(idempotencyKey, order) {
      const init = {
        method: "POST",
        headers: { "content-type": "application/json", "idempotency-key": idempotencyKey },
        body: JSON.stringify(order),
      };
      const answer = await request("/v1/orders", init, MAX_ATTEMPTS);
      if ("outcome" in answer) return answer;
      const parsed = Receipt.safeParse(answer.body);
      if (!parsed.success) return notUnderstood("POST /v1/orders", parsed.error);
      return { outcome: "accepted", ...parsed.data, replayed: answer.replayed };
    },
    list({ from, cursor }) {
      const query = new URLSearchParams({ limit: String(PAGE_SIZE), from: new Date(from).toISOString() });
      if (cursor !== undefined) query.set("cursor", cursor);
      return read(`/v1/orders?${query}`, Page);
    },
    counters: (attempts) => read("/v1/stats", Counters, attempts),
  };
}

interface Answer {
  readonly kind: "answered";
  readonly body: unknown;
  readonly replayed: boolean;
}

type Attempt =
  | Answer
  | { readonly kind: "refused"; readonly detail: string }
  | { readonly kind: "retry"; readonly retryAfterMs: number; readonly detail: string };

async function attemptOnce(url: URL, init: RequestInit): Promise<Attempt> {
  try {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
    const text = await response.text();
    if (response.ok) {
      return {
        kind: "answered",
        body: jsonOf(text),
        replayed: response.headers.get("idempotency-replayed") === "true",
      };
    }
    const detail = `${response.status} ${problemOf(text)}`.trim();
    const passing = response.status === 408 || response.status === 429 || response.status >= 500;
    return passing ? { kind: "retry", retryAfterMs: retryAfterMsOf(response), detail } : { kind: "refused", detail };
  } catch (error) {
    return { kind: "retry", retryAfterMs: 0, detail: reasonOf(error) };
  }
}

/** `Retry-After` in seconds or as a date; 0 when it is absent or makes no sense. */
function retryAfterMsOf(response: Response): number {
  const written = response.headers.get("retry-after") ?? "";
  const ms = /^\d+$/.test(written) ? Number(written) * 1_000 : Date.parse(written) - Date.now();
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS);
}

function problemOf(text: string): string {
  const problem = Problem.safeParse(jsonOf(text));
  return problem.success ? problem.data.detail : text.slice(0, MAX_EXCERPT).replace(/\s+/g, " ");
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The cause says "connect ECONNREFUSED"; the error around it only "fetch failed". */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? error.cause : error;
  const code = "code" in cause ? String(cause.code) : "";
  return cause.message || code || error.message;
}

const notUnderstood = (request: string, error: z.ZodError): Trouble => ({
  outcome: "unanswered",
  detail: `${request} was answered with something else than its contract says: ${z.prettifyError(error).replace(/\s+/g, " ")}`,
});
