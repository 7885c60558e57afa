/**
 * The HTTP adapter of any port, for a company's own system that speaks `protocol.ts`. It never follows a redirect and reads
 * an answer only up to a limit. It never guesses: an answer that is not clear counts as `unknown` and is retried with the same
 * idempotency key.
 */
import { z } from "zod";
import type { PlacedOrder } from "../contract/events.ts";
import { type LedgerReader, OPERATIONS, type Provider, type ProviderAnswer, type ProviderCall } from "../domain/ports.ts";
import { now as clock, uuid } from "../platform/ambient.ts";
import { abortedAfter } from "../platform/deadline.ts";
import { codeIn, failed, kindOf, refused, succeeded } from "./answers.ts";
import { bounded } from "./bounded.ts";
import { type LedgerRequest, ProviderDone, ProviderLedger, ProviderRefusal, requestOf } from "./protocol.ts";

/** A usual answer has a few hundred bytes. The largest, with 1,000 tracked SKUs of 64 characters, is just under this limit. */
export const MAX_ANSWER_BYTES = 80 * 1024;

/** The trace id of W3C Trace Context. A `traceparent` with any other id would be ignored by its reader. */
const TRACE_ID = /^[0-9a-f]{32}$/;

/** 402 Payment Required, 409 Conflict, 422 Unprocessable: the business said no. */
const REFUSALS: ReadonlySet<number> = new Set([402, 409, 422]);

/** 408 Request Timeout, 425 Too Early, 429 Too Many Requests: not now. Every 5xx is the same. */
const NOT_NOW: ReadonlySet<number> = new Set([408, 425, 429]);

export interface HttpProviderOptions {
  /** Base address; the operation's name is appended as one more path segment. */
  readonly url: string;
  /** Sent as a bearer token. */
  readonly token?: string | undefined;
  readonly timeoutMs?: number | undefined;
  readonly fetch?: (request: Request) => Promise<Response>;
  /** Milliseconds; what a `Retry-After` date is measured against. */
  readonly now?: () => number;
}

export function httpProvider({
  url,
  token,
  timeoutMs,
  fetch: send = (request) => fetch(request),
  now = clock,
}: HttpProviderOptions): Provider {
  const base = url.replace(/\/+$/, "");
  return bounded(async (call) => {
    const request = build(base, token, call);
    if (request === null) return failed("poison", `no request can be built: check the address and token of ${OPERATIONS[call.step].port}`);
    const response = await send(request);
    return read(response, await bodyOf(response), now());
  }, timeoutMs);
}

/** A ledger that does not answer within this is read again by the next reconciliation. */
export const LEDGER_TIMEOUT_MS = 5_000;

/** Not Found, Method Not Allowed, Not Implemented: a provider that does not serve its ledger. */
const NO_LEDGER: ReadonlySet<number> = new Set([404, 405, 501]);

/** Reads the provider's own ledger of an order, where it serves one. */
export function httpLedgerReader({
  url,
  token,
  timeoutMs = LEDGER_TIMEOUT_MS,
  fetch: send = (request) => fetch(request),
}: Omit<HttpProviderOptions, "now">): LedgerReader {
  const base = url.replace(/\/+$/, "");
  return async ({ order }) => {
    try {
      return await abortedAfter(timeoutMs, "reading a ledger", async (signal) => {
        const response = await send(ledgerRequest(base, token, order, signal));
        if (NO_LEDGER.has(response.status)) return { outcome: "unsupported" };
        const ledger = ProviderLedger.safeParse(json(await bodyOf(response)));
        if (response.ok && ledger.success) return { outcome: "read", effects: ledger.data.effects };
        return { outcome: "unanswered", detail: `answered ${response.status} with no record that can be read` };
      });
    } catch (error) {
      return { outcome: "unanswered", detail: kindOf(error) };
    }
  };
}

const headersOf = (tenant: string, token: string | undefined): Record<string, string> => ({
  "content-type": "application/json",
  accept: "application/json",
  "orderline-tenant": tenant,
  ...(token && { authorization: `Bearer ${token}` }),
});

function ledgerRequest(base: string, token: string | undefined, { orderId, tenant }: PlacedOrder, signal: AbortSignal): Request {
  const body: LedgerRequest = { orderId, tenant, operation: "ledger" };
  const headers = headersOf(tenant, token);
  return new Request(`${base}/ledger`, { method: "POST", headers, body: JSON.stringify(body), redirect: "manual", signal });
}

/**
 * Null when the configured address or token does not fit into a request. The runtime's own error is dropped, because it quotes
 * the token.
 */
function build(base: string, token: string | undefined, call: ProviderCall): Request | null {
  const body = JSON.stringify(requestOf(call));
  const { tenant, trace } = call.order;
  try {
    return new Request(`${base}/${OPERATIONS[call.step].operation}`, {
      method: "POST",
      headers: {
        ...headersOf(tenant, token),
        "idempotency-key": call.key,
        "orderline-attempt": String(call.attempt),
        ...(trace && TRACE_ID.test(trace) && { traceparent: traceparent(trace) }),
      },
      body,
      redirect: "manual",
      signal: call.signal,
    });
  } catch {
    return null;
  }
}

/** W3C Trace Context version 00, with a new span for each attempt, marked as sampled. */
const traceparent = (traceId: string): string => `00-${traceId}-${uuid().replaceAll("-", "").slice(0, 16)}-01`;

/** @param body null when it was longer than `MAX_ANSWER_BYTES` */
function read(response: Response, body: string | null, now: number): ProviderAnswer {
  const { status } = response;
  const said = `answered ${status}${codeOf(body)}`;
  if (response.ok) return status === 204 ? succeeded() : readDone(body, said);
  if (REFUSALS.has(status)) {
    const { reason, detail } = ProviderRefusal.parse(json(body));
    return refused(reason, detail);
  }
  if (NOT_NOW.has(status) || status >= 500) {
    return failed("transient", said, { retryAfterMs: retryAfterMs(response.headers.get("retry-after"), now) });
  }
  if (status >= 300 && status < 400) return failed("poison", `answered ${status}: redirects are not followed, configure the final address`);
  return failed("poison", said);
}

const Reason = z.object({ reason: z.string() });

/** What of an error's body goes into a detail, which is logged and kept in the history: a provider may quote its request. */
function codeOf(body: string | null): string {
  const said = Reason.safeParse(json(body));
  const code = codeIn(said.data?.reason);
  return code === null ? "" : ` (${code})`;
}

function readDone(body: string | null, said: string): ProviderAnswer {
  const done = ProviderDone.safeParse(json(body));
  if (!done.success)
    return failed("unknown", body === null ? "the answer is too long to be read" : `not an answer that can be read: ${said}`);
  const { reference, tracked, skipped } = done.data;
  // A skipped effect must be visible in the journal, and the reference is the field of it that people look at.
  const name = reference ?? (skipped ? "skipped" : undefined);
  return succeeded({ ...(name !== undefined && { reference: name }), ...(tracked && { tracked }) });
}

/** @returns the body as text, or null when it is longer than `MAX_ANSWER_BYTES` */
async function bodyOf(response: Response): Promise<string | null> {
  if (response.body === null) return "";
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.byteLength;
    if (bytes > MAX_ANSWER_BYTES) return null;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** Undefined when the body is no JSON. Each schema that parses the result decides what that means. */
function json(body: string | null): unknown {
  try {
    return JSON.parse(body ?? "");
  } catch {
    return undefined;
  }
}

/**
 * Reads `Retry-After` (RFC 9110 §10.2.3): seconds or an HTTP date. Undefined when absent or neither; 0 for a date in the past.
 * @param now milliseconds
 */
export function retryAfterMs(header: string | null, now: number): number | undefined {
  const value = header?.trim() ?? "";
  if (/^\d+$/.test(value)) return Number(value) * 1_000;
  // `Date.parse` accepts almost anything as a date; an HTTP date always ends in GMT.
  const at = value.endsWith(" GMT") ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}
