/**
 * Sends orders at a steady rate. Each order has its moment, counted from the start, so a slow answer delays only its own
 * sender; when all senders are busy the rate falls, because more requests at once would measure the queue in front of the server.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Client, Submission, Trouble } from "./client.ts";
import type { ReplayOrder } from "./invoices.ts";

/** What became of one submission. `tookMs` is the client's whole wait, retries included. */
export interface Submitted {
  readonly order: ReplayOrder;
  readonly result: Submission | Trouble;
  readonly tookMs: number;
}

/**
 * @param rate orders per second
 * @param concurrency requests under way at once, at most
 * @param signal ends the sending; requests under way are finished and reported
 */
export async function submitAll(
  client: Client,
  orders: readonly ReplayOrder[],
  options: { run: string; rate: number; concurrency: number; signal: AbortSignal; onSubmitted: (submitted: Submitted) => void },
): Promise<void> {
  const { run, rate, concurrency, signal, onSubmitted } = options;
  const start = performance.now();
  let next = 0;

  async function sender(): Promise<void> {
    for (let index = next++; index < orders.length && !signal.aborted; index = next++) {
      const order = orders[index] as ReplayOrder;
      const wait = start + (index / rate) * 1_000 - performance.now();
      if (wait > 0) await sleep(wait, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      const begun = performance.now();
      const result = await client.submit(`${run}-${order.key}`, order.body);
      onSubmitted({ order, result, tookMs: performance.now() - begun });
    }
  }

  await Promise.all(Array.from({ length: Math.min(concurrency, orders.length) }, sender));
}
