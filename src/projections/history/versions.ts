/**
 * Which version the history shows of an order: what each order asks once, some seconds after it changed. Under load many ask
 * at about the same moment, and are answered by one query.
 */
import { z } from "zod";
import type { HistoryKey } from "../../contract/order.ts";
import { within } from "../../platform/deadline.ts";
import { Outbox } from "../../platform/outbox.ts";

/** An order's alarm waits for this answer. It asks again later rather than wait out a stall of D1. */
const VERSION_DEADLINE_MS = 2_000;

/** Nobody but the order itself waits. */
const GATHER_MS = 100;

interface Question {
  readonly key: HistoryKey;
  readonly resolve: (version: number | null) => void;
  readonly reject: (error: unknown) => void;
}

const questions = new Outbox<Question>(GATHER_MS);

/** The version that the history has of an order, null when it has none. Rejects when D1 fails or takes over two seconds. */
export function historyVersion(d1: D1Database, key: HistoryKey): Promise<number | null> {
  return within(VERSION_DEADLINE_MS, "reading a version from D1", async () => {
    const { promise, resolve, reject } = Promise.withResolvers<number | null>();
    await questions.add([{ key, resolve, reject }], (asked) => answer(d1, asked));
    return promise;
  });
}

/** Exported for the test that asks SQLite's planner. A statement binds at most 100 values, so the keys are one JSON text. */
export const VERSIONS_SQL = `
  SELECT asked.key AS number, version FROM json_each(?) AS asked
  CROSS JOIN orders ON tenant = asked.value ->> 0 AND placed_at = asked.value ->> 1 AND order_id = asked.value ->> 2`;

const Rows = z.array(z.object({ number: z.int(), version: z.int() }));

/** Never rejects: each of those who asked is told. */
async function answer(d1: D1Database, asked: readonly Question[]): Promise<void> {
  try {
    const keys = asked.map(({ key: { tenant, placedAt, orderId } }) => [tenant, placedAt, orderId]);
    const { results } = await d1.prepare(VERSIONS_SQL).bind(JSON.stringify(keys)).all();
    const versions = new Map(Rows.parse(results).map(({ number, version }) => [number, version]));
    for (const [number, { resolve }] of asked.entries()) resolve(versions.get(number) ?? null);
  } catch (error) {
    for (const { reject } of asked) reject(error);
  }
}
