/**
 * Questions to the history about what needs a person. They read a partial index of the orders that do, so a question costs
 * as much as there is to attend to, however many orders are kept. Dead letters are counted in their own small table. A test
 * asks SQLite's planner that each statement uses its index.
 */
import { z } from "zod";
import { type Attention, type CauseClass, Priority } from "../../contract/order.ts";
import { Millis, OrderId } from "../../contract/primitives.ts";
import { MAX_GROUPS, type QuarantineFilter, SAMPLE_IDS } from "../../contract/quarantine.ts";
import { within } from "../../platform/deadline.ts";
import { askAll, type HistoryBindings, oldestFirst } from "./databases.ts";

/** A person waits for the answer. Every question only reads, so the caller may repeat it. */
const QUERY_DEADLINE_MS = 10_000;

/** Above this number no reader needs the exact count, and each order counted is a row billed. */
export const MAX_COUNTED = 10_000;

/** Orders named as examples of what needs a person. */
const EXAMPLES = 5;

/**
 * SQLite considers a partial index only when the statement implies its condition; `attention = …` implies `attention IS NOT NULL`.
 * It is named where the planner, which has no statistics, would rather read the table in its own order.
 */
export const ATTENTION_SQL = {
  groups: `
    SELECT cause_fingerprint, count(*) AS orders, min(placed_at) AS oldest, max(placed_at) AS newest,
      (SELECT json_group_array(json_object('placedAt', placed_at, 'orderId', order_id)) FROM (
        SELECT sample.placed_at, sample.order_id FROM orders AS sample
        WHERE sample.tenant = ?1 AND sample.attention = 'quarantined' AND sample.cause_fingerprint = orders.cause_fingerprint
        ORDER BY sample.placed_at, sample.order_id LIMIT ${SAMPLE_IDS}
      )) AS samples,
      sum(count(*)) OVER () AS total, count(*) OVER () AS groups
    FROM orders WHERE tenant = ?1 AND attention = 'quarantined' AND cause_fingerprint IS NOT NULL
    GROUP BY cause_fingerprint ORDER BY orders DESC, cause_fingerprint LIMIT ${MAX_GROUPS}`,
  parked: `
    SELECT order_id, priority, placed_at, cause_fingerprint FROM orders
    WHERE tenant = ?1 AND attention = 'quarantined' AND cause_fingerprint >= ?2 AND cause_fingerprint <= ?3
    ORDER BY cause_fingerprint, placed_at, order_id LIMIT ?4`,
  parkedAmong: `
    SELECT order_id, priority, placed_at, cause_fingerprint FROM orders
    WHERE tenant = ?1 AND attention = 'quarantined' AND cause_fingerprint >= ?2 AND cause_fingerprint <= ?3
      AND order_id IN (SELECT value FROM json_each(?5))
    LIMIT ?4`,
  /** Only parked orders have a cause fingerprint. For all others the index is therefore sorted by age. */
  oldest: `
    SELECT order_id, placed_at, updated_at FROM orders INDEXED BY orders_for_attention
    WHERE tenant = ?1 AND attention = ?2 AND cause_fingerprint IS NULL
    ORDER BY placed_at, order_id LIMIT ${EXAMPLES}`,
  count: `SELECT count(*) AS orders FROM (SELECT 1 FROM orders INDEXED BY orders_for_attention WHERE tenant = ?1 AND attention = ?2 AND cause_fingerprint IS NULL LIMIT ${MAX_COUNTED})`,
  deadLetters: `
    SELECT count(*) AS letters, min(received_at) AS oldest, max(received_at) AS newest
    FROM (SELECT received_at FROM dead_letters WHERE received_at >= ?1 LIMIT ${MAX_COUNTED})`,
} as const;

const GroupRow = z.object({
  cause_fingerprint: z.string(),
  orders: z.int(),
  oldest: Millis,
  newest: Millis,
  samples: z
    .string()
    .transform((json) => JSON.parse(json) as unknown)
    .pipe(z.array(z.object({ placedAt: Millis, orderId: OrderId }))),
  total: z.int(),
  groups: z.int(),
});

/** Parked orders with one cause. Times of placing, in milliseconds. */
export interface ParkedGroup {
  readonly causeFingerprint: string;
  readonly orders: number;
  readonly oldest: number;
  readonly newest: number;
  readonly samples: readonly string[];
}

export interface Parked {
  /** The largest `MAX_GROUPS`, largest first. */
  readonly groups: readonly ParkedGroup[];
  /** Those left out, which may be counted once for each database of the history. */
  readonly groupsOmitted: number;
  readonly total: number;
}

/** The parked orders, grouped by cause. Reads one index entry per parked order. Rejects when D1 fails or stalls. */
export async function parkedGroups(bindings: HistoryBindings, tenant: string): Promise<Parked> {
  const answers = await within(QUERY_DEADLINE_MS, "grouping the quarantine in D1", () =>
    askAll(bindings, (d1) => d1.prepare(ATTENTION_SQL.groups).bind(tenant).all()),
  );
  const found = answers.map(({ results }) => z.array(GroupRow).parse(results));
  const groups = [...Map.groupBy(found.flat(), ({ cause_fingerprint }) => cause_fingerprint)]
    .map(([causeFingerprint, rows]) => ({
      causeFingerprint,
      orders: rows.reduce((sum, { orders }) => sum + orders, 0),
      oldest: Math.min(...rows.map(({ oldest }) => oldest)),
      newest: Math.max(...rows.map(({ newest }) => newest)),
      samples: rows
        .flatMap(({ samples }) => samples)
        .sort(oldestFirst)
        .slice(0, SAMPLE_IDS)
        .map(({ orderId }) => orderId),
    }))
    .sort((a, b) => b.orders - a.orders || (a.causeFingerprint < b.causeFingerprint ? -1 : 1));
  const omitted = found.reduce((sum, rows) => sum + (rows[0]?.groups ?? 0) - rows.length, 0);
  return {
    groups: groups.slice(0, MAX_GROUPS),
    groupsOmitted: omitted + Math.max(0, groups.length - MAX_GROUPS),
    total: found.reduce((sum, rows) => sum + (rows[0]?.total ?? 0), 0),
  };
}

const ParkedRow = z.object({ order_id: OrderId, priority: Priority, placed_at: Millis, cause_fingerprint: z.string() });

export interface ParkedOrder {
  readonly orderId: string;
  readonly priority: Priority;
  readonly placedAt: number;
  readonly causeFingerprint: string;
}

/**
 * The parked orders that fit a filter, expedited ones first, then by age. When more than `limit` fit, an arbitrary `limit` of them.
 * Rejects when D1 fails or stalls.
 */
export async function parkedOrders(
  bindings: HistoryBindings,
  tenant: string,
  filter: QuarantineFilter,
  limit: number,
): Promise<ParkedOrder[]> {
  const answers = await within(QUERY_DEADLINE_MS, "reading the quarantine from D1", () =>
    askAll(bindings, (d1) => parkedStatement(d1, tenant, filter, limit).all()),
  );
  return answers
    .flatMap(({ results }) => z.array(ParkedRow).parse(results))
    .filter(
      ({ cause_fingerprint: causeFingerprint }) =>
        filter.causeClass === undefined || causeFingerprint.startsWith(classPrefix(filter.causeClass)),
    )
    .map((row) => ({ orderId: row.order_id, priority: row.priority, placedAt: row.placed_at, causeFingerprint: row.cause_fingerprint }))
    .sort((a, b) => lanes.indexOf(a.priority) - lanes.indexOf(b.priority) || oldestFirst(a, b))
    .slice(0, limit);
}

/** Exported for the test that asks SQLite's planner about each filter. */
export function parkedStatement(d1: D1Database, tenant: string, filter: QuarantineFilter, limit: number): D1PreparedStatement {
  const [from, to] = causeFingerprintRange(filter);
  if (filter.orderIds === undefined) return d1.prepare(ATTENTION_SQL.parked).bind(tenant, from, to, limit);
  return d1.prepare(ATTENTION_SQL.parkedAmong).bind(tenant, from, to, limit, JSON.stringify(filter.orderIds));
}

const lanes = Priority.options;

/** A cause fingerprint begins with its class, see `causeFingerprintOf`, so a class is a range of the index. */
function causeFingerprintRange({ causeFingerprint, causeClass }: QuarantineFilter): [from: string, to: string] {
  if (causeFingerprint !== undefined) return [causeFingerprint, causeFingerprint];
  if (causeClass !== undefined) return [classPrefix(causeClass), `${causeClass}!`];
  return ["", "\u{10ffff}"];
}

const classPrefix = (causeClass: CauseClass): string => `${causeClass} `;

const OldestRow = z.object({ order_id: OrderId, placed_at: Millis, updated_at: Millis });

export interface Waiting {
  /** At most `MAX_COUNTED`. */
  readonly count: number;
  /** The oldest few, oldest first. */
  readonly oldest: readonly { readonly orderId: string; readonly placedAt: number; readonly updatedAt: number }[];
}

/** The orders that wait for a person for one reason other than being parked. Rejects when D1 fails or stalls. */
export async function waitingFor(
  bindings: HistoryBindings,
  tenant: string,
  attention: Exclude<Attention, "quarantined">,
): Promise<Waiting> {
  const asked = (d1: D1Database) =>
    d1.batch<unknown>([d1.prepare(ATTENTION_SQL.count).bind(tenant, attention), d1.prepare(ATTENTION_SQL.oldest).bind(tenant, attention)]);
  const answers = await within(QUERY_DEADLINE_MS, "reading what waits from D1", () => askAll(bindings, asked));
  const counts = answers.flatMap(([counted]) => z.array(z.object({ orders: z.int() })).parse(counted?.results));
  const rows = answers.flatMap(([, oldest]) => z.array(OldestRow).parse(oldest?.results));
  return {
    count: Math.min(
      MAX_COUNTED,
      counts.reduce((sum, { orders }) => sum + orders, 0),
    ),
    oldest: rows
      .map((row) => ({ orderId: row.order_id, placedAt: row.placed_at, updatedAt: row.updated_at }))
      .sort(oldestFirst)
      .slice(0, EXAMPLES),
  };
}

const DeadLettersRow = z.object({ letters: z.int(), oldest: Millis.nullable(), newest: Millis.nullable() });
export type DeadLetterCount = z.infer<typeof DeadLettersRow>;

/** Counts the dead letters received since a time in milliseconds. Rejects when D1 fails or stalls. */
export async function deadLettersSince(d1: D1Database, since: number): Promise<DeadLetterCount> {
  const asked = () => d1.prepare(ATTENTION_SQL.deadLetters).bind(since).first();
  return DeadLettersRow.parse(await within(QUERY_DEADLINE_MS, "counting dead letters in D1", asked));
}
