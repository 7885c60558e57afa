/**
 * The databases of the history. A D1 database holds 10 GB and has one writer, so a history that outgrows one is laid over
 * several: by range of time, and within a range by hash. An order's row lies in one of them for good, because what decides is
 * when it was placed and its id, neither of which ever changes. Questions about many orders are put to all of them, and
 * their answers are merged.
 */
import { z } from "zod";
import type { HistoryKey } from "../../contract/order.ts";
import { BASE32_DIGITS } from "../../contract/primitives.ts";

/** The databases of wrangler.toml, and which orders they hold. */
export interface HistoryBindings {
  /** The first database. It holds the dead letters, too. */
  readonly HISTORY: D1Database;
  /** Those that `HISTORY_PARTITIONS` names besides. */
  readonly [further: `HISTORY_${number}`]: D1Database | undefined;
  /** `Partitions` as JSON; empty or absent: all orders are in `HISTORY`. */
  readonly HISTORY_PARTITIONS?: string;
}

/** What tells where an order's row lies, and how rows are sorted. */
type Row = Pick<HistoryKey, "placedAt" | "orderId">;

/** An order's digit is one of 32 times 32, which this many databases share evenly enough. */
const MAX_DATABASES = 32;

const ascending = (partitions: readonly { from: number }[]): boolean =>
  partitions.every(({ from }, index) => index === 0 || from > (partitions[index - 1]?.from ?? 0));

/**
 * Where orders lie that were placed from a time on, until the next partition begins. Those placed before the first one are in
 * `HISTORY`. A partition that has begun must not change, or its orders would be looked for where they are not.
 */
export const Partitions = z
  .array(
    z.strictObject({
      from: z.iso.datetime({ offset: true }).transform((text) => Date.parse(text)),
      databases: z
        .array(z.union([z.literal("HISTORY"), z.templateLiteral(["HISTORY_", z.int()])]))
        .min(1)
        .max(MAX_DATABASES)
        .refine((names) => new Set(names).size === names.length, "must not name a database twice"),
    }),
  )
  .refine(ascending, "must begin one after the other");
export type Partitions = z.infer<typeof Partitions>;

/** The name of a binding. */
type DatabaseName = Partitions[number]["databases"][number];

/** @throws when the text is no such JSON: a deployment with a misspelt date must not start as if it had none */
export const partitionsFrom = (json: string | undefined): Partitions => (json ? Partitions.parse(JSON.parse(json)) : []);

/** The name of the database that has an order's row. */
export function databaseOf(partitions: Partitions, { placedAt, orderId }: Row): DatabaseName {
  const names = partitions.findLast(({ from }) => placedAt >= from)?.databases ?? ["HISTORY"];
  return names[digitOf(orderId) % names.length] as DatabaseName;
}

/** An id ends in digits of a digest, hence orders are uniform over these. */
const digitOf = (orderId: string): number =>
  BASE32_DIGITS.indexOf(orderId.at(-2) ?? "") * BASE32_DIGITS.length + BASE32_DIGITS.indexOf(orderId.at(-1) ?? "");

export interface Databases {
  /** Each that may hold an order, `HISTORY` first. */
  readonly all: readonly D1Database[];
  /** The one that has an order's row. */
  of(order: Row): D1Database;
}

/** A Worker's bindings are the same object for all its requests, and so are an actor's. */
const known = new WeakMap<HistoryBindings, Databases>();

/** @throws when `HISTORY_PARTITIONS` cannot be read, or names what is not bound */
export function databasesOf(bindings: HistoryBindings): Databases {
  const found = known.get(bindings) ?? databasesFrom(bindings);
  known.set(bindings, found);
  return found;
}

function databasesFrom(bindings: HistoryBindings): Databases {
  const partitions = partitionsFrom(bindings.HISTORY_PARTITIONS);
  const names = new Set<DatabaseName>(["HISTORY", ...partitions.flatMap(({ databases }) => databases)]);
  const byName = new Map([...names].map((name) => [name, bound(bindings, name)]));
  return {
    all: [...byName.values()],
    of: (order) => byName.get(databaseOf(partitions, order)) as D1Database,
  };
}

function bound(bindings: HistoryBindings, name: DatabaseName): D1Database {
  const database = bindings[name];
  if (!database) throw new Error(`HISTORY_PARTITIONS names ${name}, which is no database of wrangler.toml`);
  return database;
}

/** The order of all lists and audits, by which answers of several databases are merged. */
export const oldestFirst = (a: Row, b: Row): number => a.placedAt - b.placedAt || (a.orderId < b.orderId ? -1 : 1);

/** Puts a question to every database. Rejects when one of them does. */
export const askAll = <Answer>(bindings: HistoryBindings, question: (d1: D1Database) => Promise<Answer>): Promise<Answer[]> =>
  Promise.all(databasesOf(bindings).all.map(question));

/** What is about single orders, by the database that has their rows. */
export const byDatabase = <Item>(
  bindings: HistoryBindings,
  items: readonly Item[],
  orderOf: (item: Item) => Row,
): [D1Database, Item[]][] => [...Map.groupBy(items, (item) => databasesOf(bindings).of(orderOf(item)))];
