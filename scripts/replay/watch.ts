/**
 * Follows the accepted orders through the history until each is at rest or in front of a person. It reads only the part of
 * the history that open orders can be in, and never asks for a single order: watching must not be the load.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { OrderStatus } from "../../src/contract/order.ts";
import type { Client, ListedOrder } from "./client.ts";

/** Statuses that the machinery leaves by itself. */
const MOVING: ReadonlySet<OrderStatus> = new Set(["accepted", "processing", "cancelling"]);

/** An accepted order of this run. */
export interface Tracked {
  readonly id: string;
  readonly invoice: string;
  /** What it came to in the file, in pence. */
  readonly total: number;
  /** Milliseconds on the server's clock. */
  readonly placedAt: number;
  /** Placed by this run, not by an earlier one with the same keys. */
  readonly fresh: boolean;
  /** How the history has it; absent until the projection has caught up. */
  listed?: ListedOrder;
}

export const isOpen = ({ listed }: Tracked): boolean => listed === undefined || MOVING.has(listed.status);

export interface Watch {
  readonly tracked: ReadonlyMap<string, Tracked>;
  readonly signal: AbortSignal;
  /** Between the end of one look and the next, in milliseconds. */
  readonly intervalMs: number;
  /** The time to give up at, in milliseconds, or undefined as long as orders are still being sent. */
  readonly deadline: () => number | undefined;
  readonly onListed: (order: Tracked) => void;
}

/** @returns the trouble of the last look at the history, if it had any */
export async function watchUntilRest(
  client: Client,
  { tracked, signal, intervalMs, deadline, onListed }: Watch,
): Promise<string | undefined> {
  let trouble: string | undefined;
  while (!signal.aborted) {
    const open = new Map([...tracked].filter(([, order]) => isOpen(order)));
    const until = deadline();
    if (until !== undefined && (open.size === 0 || Date.now() >= until)) break;
    if (open.size > 0) trouble = await look(client, open, onListed);
    await sleep(intervalMs, undefined, { signal }).catch(() => {});
  }
  return trouble;
}

async function look(client: Client, open: Map<string, Tracked>, onListed: Watch["onListed"]): Promise<string | undefined> {
  let from = Number.POSITIVE_INFINITY;
  for (const { placedAt } of open.values()) from = Math.min(from, placedAt);
  for await (const page of pages(client, from)) {
    if (typeof page === "string") return page;
    for (const listed of page) {
      const order = open.get(listed.id);
      if (!order) continue;
      open.delete(listed.id);
      order.listed = listed;
      onListed(order);
    }
    if (open.size === 0) return undefined;
  }
  return undefined;
}

/** The orders placed at `from` or later, page by page; a text is trouble, and the end. */
export async function* pages(client: Client, from: number): AsyncGenerator<ListedOrder[] | string> {
  let cursor: string | undefined;
  do {
    const page = await client.list({ from, cursor });
    if (page.outcome !== "read") {
      yield page.detail;
      return;
    }
    yield page.value.orders;
    // A cursor that stands still would be read for ever.
    if (page.value.nextCursor === cursor) return;
    cursor = page.value.nextCursor ?? undefined;
  } while (cursor !== undefined);
}
