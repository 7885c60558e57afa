/**
 * A client that does not give up: it repeats every request, a submission under the same `Idempotency-Key`, until somebody
 * answers it, and reconnects while the server is down. What it is told it believes only after parsing; an answer of 500,
 * which no input may ever cause, is kept as evidence and the request repeated. Each attempt at an order is recorded as an
 * operation of its own, for `test/oracle/histories.ts` to judge.
 */
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { DEVELOPMENT_KEY } from "../../scripts/dev-key.ts";
import { DEFAULT_PRIORITY } from "../../src/contract/lanes.ts";
import { OrderStatus, type PlaceOrder } from "../../src/contract/order.ts";
import { StatsSnapshot } from "../../src/contract/stats.ts";
import { OrderList, OrderReceipt, OrderView, PlaceOrdersResult, Timeline } from "../../src/contract/views.ts";
import type { Answer, Asked, CommandName, Operation } from "../oracle/order-model.ts";
import { between, type Draw } from "./random.ts";

/** A request without an answer for this long is given up and repeated: the server died under it, or hangs. */
const REQUEST_TIMEOUT_MS = 15_000;

/** Between two attempts. Short, because a client that hurries finds the worst moments of a restart. */
const LEAST_BACKOFF_MS = 50;
const MOST_BACKOFF_MS = 400;

/** The largest page that the server gives. */
const PAGE_SIZE = 200;

/** Characters kept of an answer that should not have been given. */
const MAX_EXCERPT = 300;

export type OrderBody = z.input<typeof PlaceOrder>;

/** What is recorded of an attempt. The order is named by its key when it was submitted, and by its id otherwise. */
export type Recorded = Operation & { readonly about: { readonly key: string } | { readonly id: string } };

/** An accepted submission. */
export interface Accepted {
  readonly id: string;
  readonly placedAt: string;
  readonly total: number;
  /** The server knew the key: it was sent twice, or the answer to an attempt was lost. */
  readonly replayed: boolean;
}

/** What became of a command. `version` is that of the order which the answer showed, null when it was refused. */
export interface Commanded {
  readonly status: number;
  readonly version: number | null;
}

export type View = z.infer<typeof OrderView>;
export type ListedOrder = z.infer<typeof OrderList>["orders"][number];

/** What went wrong on the way, counted over all clients. */
export interface Weather {
  /** Requests that were sent. */
  requests: number;
  /** Attempts that nobody answered: refused, cut or out of time. */
  unanswered: number;
  /** Attempts that were answered with "not now": 408, 429, 502, 503, 504. */
  notNow: number;
  /** Attempts answered with 500, each with what was asked and said. */
  readonly bugs: string[];
  /** Attempts answered with 500 where it is no bug of ours, because nothing could be written. */
  unwritten: number;
}

export interface ClientOptions {
  /** Where the server answers now; it is asked before every attempt. */
  readonly url: () => string;
  /** Ends every waiting; whatever is under way then rejects. */
  readonly signal: AbortSignal;
  /** Jitter of the waiting between attempts. */
  readonly draw: Draw;
  readonly weather: Weather;
  /** Whether nothing can be written just now. */
  readonly isFull?: () => boolean;
  /** Told of every attempt at an order that may have reached the server, once it is over. */
  readonly record?: (operation: Recorded) => void;
}

export const calmWeather = (): Weather => ({ requests: 0, unanswered: 0, notNow: 0, bugs: [], unwritten: 0 });

export class Client {
  readonly #options: ClientOptions;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** Submits until it is accepted. Rejects when it is refused for good: the orders that are sent here are all in order. */
  async submit(key: string, order: OrderBody): Promise<Accepted> {
    const answer = await this.#place(key, order);
    if (answer.status !== 202) throw new Error(`order ${key} was answered with ${answer.status}: ${answer.text.slice(0, MAX_EXCERPT)}`);
    const { id, placedAt, total } = OrderReceipt.parse(answer.json());
    return { id, placedAt, total, replayed: isReplayed(answer) };
  }

  /** Submits another order under a key that is taken; what that is answered with is for the recorded history to judge. */
  async contradict(key: string, order: OrderBody): Promise<void> {
    await this.#place(key, order);
  }

  #place(key: string, order: OrderBody): Promise<Reply> {
    const asked: Asked = { kind: "place", body: digest(JSON.stringify(order)), priority: order.priority ?? DEFAULT_PRIORITY };
    return this.#insist("POST", "/v1/orders", order, { headers: { "idempotency-key": key }, asked, about: { key } });
  }

  /** Submits several orders at once. @returns their ids, in the order they were given */
  async submitBatch(orders: readonly { readonly idempotencyKey: string; readonly order: OrderBody }[]): Promise<string[]> {
    const answer = await this.#insist("POST", "/v1/orders/batch", { orders });
    if (answer.status !== 200) throw new Error(`a batch was answered with ${answer.status}: ${answer.text.slice(0, MAX_EXCERPT)}`);
    return PlaceOrdersResult.parse(answer.json()).results.map(({ idempotencyKey, receipt, problem }) => {
      if (!receipt) throw new Error(`order ${idempotencyKey} was refused: ${problem?.detail}`);
      return receipt.id;
    });
  }

  /** @param name the last part of the route */
  async command(id: string, name: CommandName, body: object = {}): Promise<Commanded> {
    const answer = await this.#insist("POST", `/v1/orders/${id}/${name}`, body, { asked: { kind: name }, about: { id } });
    return { status: answer.status, version: answer.status === 200 ? OrderView.parse(answer.json()).version : null };
  }

  /** The order from its actor; null when there is none, which for an acknowledged one is what must never be. */
  async view(id: string): Promise<View | null> {
    const answer = await this.#insist("GET", `/v1/orders/${id}`, undefined, { asked: { kind: "view" }, about: { id } });
    return answer.status === 200 ? OrderView.parse(answer.json()) : null;
  }

  async timeline(id: string): Promise<z.infer<typeof Timeline> | null> {
    const answer = await this.#insist("GET", `/v1/orders/${id}/events`);
    return answer.status === 200 ? Timeline.parse(answer.json()) : null;
  }

  /** The whole history, page by page. */
  async list(): Promise<ListedOrder[]> {
    const orders: ListedOrder[] = [];
    let cursor: string | null = null;
    do {
      const after: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const page: z.infer<typeof OrderList> = OrderList.parse((await this.#insist("GET", `/v1/orders?limit=${PAGE_SIZE}${after}`)).json());
      orders.push(...page.orders);
      cursor = page.nextCursor;
    } while (cursor !== null);
    return orders;
  }

  async stats(): Promise<z.infer<typeof StatsSnapshot>> {
    return StatsSnapshot.parse((await this.#insist("GET", "/v1/stats")).json());
  }

  async #insist(method: string, path: string, body?: object, more: Partial<Request> = {}): Promise<Reply> {
    const { url, signal, draw, weather, isFull = () => false } = this.#options;
    weather.requests++;
    for (;;) {
      signal.throwIfAborted();
      const invokedAt = performance.now();
      const wasFull = isFull();
      const reply = await attempt(new URL(path, url()), method, body, more.headers ?? {});
      if (reply !== "unreached") this.#record(more, invokedAt, reply);
      if (typeof reply === "string") weather.unanswered++;
      else if (reply.status === 500 && (wasFull || isFull())) weather.unwritten++;
      else if (reply.status === 500) weather.bugs.push(`${method} ${path}: ${reply.text.slice(0, MAX_EXCERPT)}`);
      else if (NOT_NOW.has(reply.status)) weather.notNow++;
      else return reply;
      await sleep(between(draw, LEAST_BACKOFF_MS, MOST_BACKOFF_MS), undefined, { signal });
    }
  }

  #record({ asked, about }: Partial<Request>, invokedAt: number, reply: Reply | "unanswered"): void {
    if (!asked || !about) return;
    // "Not now" and 500 tell nothing of what was done: whoever hears them knows as much as whoever hears nothing.
    const isTold = reply !== "unanswered" && reply.status !== 500 && !NOT_NOW.has(reply.status);
    const told = isTold ? { answeredAt: performance.now(), answer: answerOf(asked, reply) } : { answeredAt: null, answer: null };
    this.#options.record?.({ about, asked, invokedAt, ...told });
  }
}

/** What is recorded of a request besides its answer, and what is sent along. */
interface Request {
  readonly headers: Readonly<Record<string, string>>;
  readonly asked: Asked;
  readonly about: Recorded["about"];
}

interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  json(): unknown;
}

const NOT_NOW: ReadonlySet<number> = new Set([408, 429, 502, 503, 504]);

/** Twelve hexadecimal digits tell the few bodies and contents of one order apart. */
const digest = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 12);

const isReplayed = ({ headers }: Reply): boolean => headers.get("idempotency-replayed") === "true";

const WrongStatus = z.object({ type: z.literal("urn:orderline:problem:wrong-status"), orderStatus: OrderStatus });
const KeyReused = z.object({ type: z.literal("urn:orderline:problem:idempotency-key-reused") });

function answerOf(asked: Asked, reply: Reply): Answer {
  const { status, headers, text } = reply;
  if (asked.kind === "place" && status === 202) {
    const { id, placedAt, total } = OrderReceipt.parse(reply.json());
    return { kind: "receipt", id, placedAt, total, replayed: isReplayed(reply) };
  }
  if (asked.kind === "place")
    return status === 422 && KeyReused.safeParse(reply.json()).success ? { kind: "conflict" } : { kind: "other", status };
  if (status === 200) {
    const { version, status: shown, priority } = OrderView.parse(reply.json());
    return { kind: "order", version, etag: headers.get("etag"), status: shown, priority, content: digest(text) };
  }
  if (status === 404) return { kind: "missing" };
  const refusal = status === 409 ? WrongStatus.safeParse(reply.json()) : undefined;
  return refusal?.success ? { kind: "refused", status: refusal.data.orderStatus } : { kind: "other", status };
}

/**
 * An answer that was cut short may say anything, so it counts as none. A connection that was refused is told apart, because
 * what was sent by it has reached nobody.
 */
async function attempt(
  url: URL,
  method: string,
  body: object | undefined,
  headers: Readonly<Record<string, string>>,
): Promise<Reply | "unanswered" | "unreached"> {
  try {
    const response = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${DEVELOPMENT_KEY}`, ...(body && { "content-type": "application/json" }), ...headers },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: (): unknown => JSON.parse(text) };
  } catch (error) {
    const { cause } = error as { cause?: { code?: unknown } };
    return cause?.code === "ECONNREFUSED" ? "unreached" : "unanswered";
  }
}
