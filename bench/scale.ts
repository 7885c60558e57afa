/** What a shop of a size costs a month, and which limit of the platform it meets first: arithmetic on what was counted. Pure. */
import { table } from "../scripts/figures.ts";
import { EMPTY_ACTOR_GB, ESTIMATE_PRICES } from "./prices.ts";

const RATES = [1, 10, 100, 1_000, 10_000];

const DAY_SECONDS = 86_400;
const MONTH_DAYS = 30;

/** An order in the history with its two index entries; a test makes the table and looks. */
export const HISTORY_BYTES = 271;

/** d1/platform/limits: the largest database. And what a gigabyte in it costs a month (d1-pricing). */
const HISTORY_GB = 10;
const HISTORY_GB_PRICE = 0.75;

/** queues/platform/limits: messages that a queue takes a second. */
const QUEUE_PER_SECOND = 5_000;

/** durable-objects/do-faq-limits: what one actor answers a second, about, and what one that writes each time does. */
const ACTOR_PER_SECOND = 1_000;
const WRITING_ACTOR_PER_SECOND = 500;

/** Queues that a tenant's hints travel, and actors that count its customers' orders. */
const QUEUES_OF_A_TENANT = 2;
const VELOCITY_ACTORS = 4;

/** Reserving and committing. */
const STOCK_REQUESTS = 2;

interface Limit {
  /** Orders a second at which it is met. */
  readonly at: number;
  readonly what: string;
  /** How it is raised, or what becomes of orders beyond it. */
  readonly remedy: string;
}

/** What the counts say of an order at a pace. */
export interface Costs {
  /** By the list, per million orders, by the orders a second that they were counted at. */
  readonly dollarsPerMillion: { readonly lone: number; readonly paced: number; readonly flooded: number };
  /** Messages that tell the projections of an order, in a flood. */
  readonly eventMessages: number;
}

/** In the order in which a growing shop meets them. */
export function limitsOf({ eventMessages }: Pick<Costs, "eventMessages">): Limit[] {
  const limits: Limit[] = [
    {
      at: WRITING_ACTOR_PER_SECOND / STOCK_REQUESTS,
      what: "one actor holds the stock of one SKU, if every order has it",
      remedy: "sell it as several SKUs, or hold it elsewhere: a provider of inventory",
    },
    {
      at: VELOCITY_ACTORS * ACTOR_PER_SECOND,
      what: "four actors count the orders of one tenant's customers",
      remedy: "none counts: what cannot be asked does not hold an order",
    },
    {
      at: QUEUES_OF_A_TENANT * QUEUE_PER_SECOND,
      what: "two queues carry one tenant's hints",
      remedy: "hints that are refused are lost, and each order's alarm carries it on: later, not less",
    },
    {
      at: QUEUE_PER_SECOND / eventMessages,
      what: "one queue carries the changes of all orders",
      remedy: "`ORDER_EVENTS_2` and so on in `wrangler.toml`",
    },
  ];
  return limits.sort((a, b) => a.at - b.at);
}

/** Whole days until the history is full at so many orders a second. */
export const daysUntilFull = (perSecond: number): number =>
  Math.floor((HISTORY_GB * 1_000_000_000) / HISTORY_BYTES / (perSecond * DAY_SECONDS));

/** Both tables, as Markdown. */
export function scaleTables(costs: Costs): string {
  const { lone, paced, flooded } = costs.dollarsPerMillion;
  const limits = limitsOf(costs);
  const rows = RATES.map((perSecond) => {
    const millions = (perSecond * DAY_SECONDS * MONTH_DAYS) / 1_000_000;
    const each = perSecond < 10 ? lone : perSecond < 100 ? paced : flooded;
    const historyGb = millions * HISTORY_BYTES * 1e-3;
    const kept = millions * 1_000_000 * EMPTY_ACTOR_GB * ESTIMATE_PRICES.storedGb + historyGb * HISTORY_GB_PRICE;
    const dollars = (value: number) => `$${Math.round(value).toLocaleString("en")}`;
    const met = limits.filter(({ at }) => at < perSecond).length;
    return [
      ...[perSecond.toLocaleString("en"), millions.toFixed(1), dollars(millions * each), dollars(kept)],
      ...[daysUntilFull(perSecond).toLocaleString("en"), met === 0 ? "none" : `the first ${met}`],
    ];
  });
  const header = ["orders a second", "million a month", "a month", "more for each month kept", "days until 10 GB of history", "limits met"];
  return [
    table(header, rows),
    table(
      ["", "limit", "met at orders a second", "what then"],
      limits.map(({ at, what, remedy }, index) => [String(index + 1), what, Math.floor(at).toLocaleString("en"), remedy]),
    ),
  ].join("\n\n");
}
