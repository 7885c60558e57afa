/**
 * Sends orders and measures how long each answer takes, from the first byte sent to the last byte received. It never
 * retries: a request that fails is counted as failed, and a benchmark with failures is none.
 */
import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/** An answer that takes longer is a failure; the slowest that was ever measured took a tenth of it. */
const REQUEST_TIMEOUT_MS = 30_000;

export interface Order {
  readonly key: string;
  readonly body: string;
}

export interface Load {
  /** Milliseconds, of the orders answered with 202. */
  readonly latencies: readonly number[];
  readonly elapsedMs: number;
  /** By key, when the order was sent, in milliseconds since the epoch. */
  readonly sentAt: ReadonlyMap<string, number>;
  /** Of the orders answered with 202. */
  readonly acceptedKeys: ReadonlySet<string>;
  /** One text per order that was not accepted. */
  readonly failures: readonly string[];
}

export interface Target {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** As fast as `concurrency` clients can: each sends its next order when it has the answer to the one before. */
export const flood = (target: Target, orders: readonly Order[], concurrency: number): Promise<Load> =>
  drive(target, orders, concurrency, () => 0);

/** At a steady rate, whatever the answers take. @param perSecond orders */
export const trickle = (target: Target, orders: readonly Order[], concurrency: number, perSecond: number): Promise<Load> =>
  drive(target, orders, concurrency, (index) => (index / perSecond) * 1_000);

/** @param dueMs when an order is to be sent, counted from the start */
async function drive(target: Target, orders: readonly Order[], concurrency: number, dueMs: (index: number) => number): Promise<Load> {
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
  const latencies: number[] = [];
  const acceptedKeys = new Set<string>();
  const failures: string[] = [];
  const sent = new Map<string, number>();
  const startedAt = performance.now();
  let next = 0;

  async function client(): Promise<void> {
    for (let index = next++; index < orders.length; index = next++) {
      const order = orders[index] as Order;
      const wait = startedAt + dueMs(index) - performance.now();
      if (wait > 0) await sleep(wait);
      const sentAt = performance.now();
      sent.set(order.key, performance.timeOrigin + sentAt);
      const outcome = await send(agent, target, order);
      if (outcome === 202) {
        latencies.push(performance.now() - sentAt);
        acceptedKeys.add(order.key);
      } else failures.push(`${order.key}: ${outcome}`);
    }
  }

  await Promise.all(Array.from({ length: Math.min(concurrency, orders.length) }, client));
  const elapsedMs = performance.now() - startedAt;
  agent.destroy();
  return { latencies, elapsedMs, acceptedKeys, failures, sentAt: sent };
}

/** The status, or what went wrong on the way. */
function send(agent: Agent, { url, headers }: Target, { key, body }: Order): Promise<number | string> {
  return new Promise((resolve) => {
    const outgoing = request(
      url,
      {
        agent,
        method: "POST",
        timeout: REQUEST_TIMEOUT_MS,
        headers: { ...headers, "content-type": "application/json", "content-length": Buffer.byteLength(body), "idempotency-key": key },
      },
      (answer) => {
        answer.resume();
        answer.once("end", () => resolve(answer.statusCode ?? 0));
        answer.once("error", (error) => resolve(error.message));
      },
    );
    outgoing.once("timeout", () => outgoing.destroy(new Error(`no answer within ${REQUEST_TIMEOUT_MS} ms`)));
    outgoing.once("error", (error) => resolve(error.message));
    outgoing.end(body);
  });
}

/** A number that leaves out the orders that failed would be a lie. @throws when there were any */
export function accepted(load: Load): Load {
  if (load.failures.length === 0) return load;
  throw new Error(`${load.failures.length} orders were not accepted, such as ${load.failures[0]}`);
}
