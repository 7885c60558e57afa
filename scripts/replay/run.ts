/**
 * One replay from file to verdict. It changes nothing but the Orderline it is pointed at, ends within a bounded time, and
 * says everything that a person must know in its report; it never throws for what the file or the server did.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { flagsFrom, refusal } from "../flags.ts";
import { Options, USAGE } from "./args.ts";
import { type Client, type Counters, createClient } from "./client.ts";
import { type Conversion, ordersFrom, rowsFrom } from "./invoices.ts";
import { type Screen, showProgress, Tally } from "./progress.ts";
import { type Evidence, expectedMovement, movement, reconcile } from "./reconcile.ts";
import { bySkipReason, describeConversion, describeResult, type Result } from "./report.ts";
import { submitAll } from "./submit.ts";
import { pages, type Tracked, watchUntilRest } from "./watch.ts";

/** Hex digits of the file's digest that name a run: enough to tell files apart, short enough to read out. */
const RUN_DIGITS = 12;

/** The counters trail the orders by less than a second; after this they will not catch up. */
const COUNTERS_PATIENCE_MS = 15_000;
const COUNTERS_INTERVAL_MS = 500;

/** Readings of the counters that must agree before a run begins, and how many are taken at most when others keep them moving. */
const QUIET_READINGS = 3;
const MAX_QUIET_READINGS = 10;

/** A person looks no oftener, and D1 has better things to do. */
const WATCH_INTERVAL_MS = 1_000;

/** Characters that no table of invoices has and nearly every other kind of file does: an Excel sheet, an archive, a picture. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are looked for.
const CONTROL = /[\x00-\x08\x0e-\x1f]/;

/** Submissions without success that are shown with their reason. */
const MAX_SHOWN = 5;

export const EXIT = { equal: 0, notEqual: 1, usage: 2, interrupted: 130 } as const;

export interface Surroundings {
  /** Where the result goes. */
  readonly out: { write(text: string): unknown };
  /** Where progress and problems go. */
  readonly screen: Screen;
  /** Aborts when somebody interrupts. */
  readonly signal: AbortSignal;
  /** How often the history and the counters are looked at; a test is in a hurry. */
  readonly watchIntervalMs?: number;
}

/** @returns the exit code */
export async function replay(
  argv: readonly string[],
  { out, screen, signal, watchIntervalMs = WATCH_INTERVAL_MS }: Surroundings,
): Promise<number> {
  const say = (text: string) => screen.write(`${text}\n`);

  const parsed = flagsFrom(argv, Options);
  if (parsed === "help") {
    out.write(USAGE);
    return EXIT.equal;
  }
  if ("problems" in parsed) {
    say(refusal(parsed.problems, USAGE));
    return EXIT.usage;
  }
  const { flags: options } = parsed;

  const content = await readFile(options.file).catch((error: Error) => error);
  if (content instanceof Error) {
    say(`--file cannot be read: ${content.message}`);
    return EXIT.usage;
  }
  const text = content.toString("utf8");
  if (CONTROL.test(text)) {
    say(`${options.file} is not a CSV of invoices: it is no text`);
    return EXIT.notEqual;
  }
  const read = rowsFrom(text);
  if ("problems" in read) {
    say(`${options.file} is not of the Online Retail form:\n${read.problems.map((problem) => `  ${problem}`).join("\n")}`);
    return EXIT.notEqual;
  }
  const conversion = ordersFrom(read.rows);
  const file = basename(options.file);
  say(describeConversion(file, conversion));

  const client = createClient({ url: options.url, key: options.key, signal });
  const before = await quietCounters(client, watchIntervalMs, signal);
  if (before.outcome !== "read") {
    if (before.outcome === "refused") say(`Orderline at ${options.url} refuses: ${before.detail}`);
    else say(`No Orderline answers at ${options.url}: ${before.detail}\n\`npm start\` starts one here; --url names another place.`);
    return EXIT.notEqual;
  }

  const run = options.run ?? createHash("sha256").update(content).digest("hex").slice(0, RUN_DIGITS);
  const result = await carryOut(client, { options, run, file, conversion, before: before.value, screen, signal, watchIntervalMs });
  if (result === "interrupted") {
    say("Interrupted. What was accepted will be carried to its end; the same run again continues without doubling anything.");
    return EXIT.interrupted;
  }
  out.write(`${options.json ? JSON.stringify(result) : describeResult(result)}\n`);
  return result.equal ? EXIT.equal : EXIT.notEqual;
}

interface Task {
  readonly options: Options;
  readonly run: string;
  readonly file: string;
  readonly conversion: Conversion;
  readonly before: Counters;
  readonly screen: Screen;
  readonly signal: AbortSignal;
  readonly watchIntervalMs: number;
}

async function carryOut(client: Client, task: Task): Promise<Result | "interrupted"> {
  const { options, run, file, conversion, before, screen, signal, watchIntervalMs } = task;
  const orders = conversion.orders.slice(0, options.limit);
  const tracked = new Map<string, Tracked>();
  const troubles: string[] = [];
  const tally = new Tally(orders.length, () => performance.now());
  let deadline: number | undefined;

  const endProgress = showProgress(screen, () => tally.line());
  const watching = watchUntilRest(client, {
    tracked,
    signal,
    intervalMs: watchIntervalMs,
    deadline: () => deadline,
    onListed: (order) => tally.settled(order),
  });
  await submitAll(client, orders, {
    ...{ run, rate: options.rate, concurrency: options.concurrency, signal },
    onSubmitted: (submitted) => {
      const { order, result } = submitted;
      tally.submitted(submitted);
      if (result.outcome === "accepted") {
        const { id, placedAt, replayed } = result;
        tracked.set(id, { id, invoice: order.key, total: order.total, placedAt, fresh: !replayed || placedAt >= before.at });
      } else {
        troubles.push(`invoice ${order.key} ${result.outcome}: ${result.detail}`);
      }
    },
  });
  deadline = Date.now() + options.timeout * 1_000;
  const trouble = await watching;
  endProgress();
  if (signal.aborted) return "interrupted";

  const after = await settledCounters(client, before, [...tracked.values()], signal);
  if (signal.aborted) return "interrupted";
  const value = orders.reduce((sum, order) => sum + order.total, 0);
  const verdict = reconcile({
    file: { orders: orders.length, value },
    tracked: [...tracked.values()],
    before,
    after: after.counters,
    others: after.furtherThanExpected ? await othersSince(client, before, tracked) : { placed: 0, underWay: 0 },
  });
  return {
    ...{ file, run, orders: orders.length, value },
    skipped: bySkipReason(conversion.skipped),
    rounded: conversion.rounded,
    counts: tally.counts,
    rate: tally.rate,
    elapsedMs: Math.round(tally.elapsedMs),
    accept: tally.accept,
    confirm: tally.confirm,
    comparisons: verdict.comparisons,
    equal: verdict.equal,
    notes: [
      ...troubles.slice(0, MAX_SHOWN),
      ...(troubles.length > MAX_SHOWN ? [`and ${troubles.length - MAX_SHOWN} more that were not accepted`] : []),
      ...(trouble ? [`the history could not be read: ${trouble}`] : []),
      ...(after.trouble ? [`the counters could not be read: ${after.trouble}`] : []),
      ...verdict.notes,
    ],
  };
}

/**
 * The counters once they stand still, so that orders which an earlier run placed a moment ago are not counted into this one.
 * Under steady traffic they never do; the last reading is then as good as any.
 */
async function quietCounters(client: Client, intervalMs: number, signal: AbortSignal): ReturnType<Client["counters"]> {
  let last = await client.counters(1);
  for (let agreeing = 1, taken = 1; agreeing < QUIET_READINGS && taken < MAX_QUIET_READINGS && !signal.aborted; taken++) {
    if (last.outcome !== "read") return last;
    await sleep(intervalMs, undefined, { signal }).catch(() => {});
    const next = await client.counters();
    if (next.outcome !== "read") return next;
    const moved = movement(last.value, next.value);
    agreeing = moved.orders === 0 && moved.revenue === 0 ? agreeing + 1 : 1;
    last = next;
  }
  return last;
}

/** Reads the counters until they have moved as far as these orders should move them, or patience is over. */
async function settledCounters(client: Client, before: Counters, tracked: readonly Tracked[], signal: AbortSignal) {
  const expected = expectedMovement(tracked, before.at);
  const until = Date.now() + COUNTERS_PATIENCE_MS;
  let counters = before;
  let trouble: string | undefined;
  for (;;) {
    const read = await client.counters();
    trouble = read.outcome === "read" ? undefined : read.detail;
    if (read.outcome === "read") counters = read.value;
    const moved = movement(before, counters);
    const arrived = moved.orders >= expected.orders && moved.revenue >= expected.revenue;
    if ((arrived && !trouble) || Date.now() >= until || signal.aborted) {
      return { counters, trouble, furtherThanExpected: moved.orders > expected.orders || moved.revenue > expected.revenue };
    }
    await sleep(COUNTERS_INTERVAL_MS, undefined, { signal }).catch(() => {});
  }
}

/** Orders of others that can have moved the counters since `before`. */
async function othersSince(client: Client, before: Counters, tracked: ReadonlyMap<string, Tracked>): Promise<Evidence["others"]> {
  let placed = 0;
  for await (const page of pages(client, before.at)) {
    if (typeof page !== "string") placed += page.filter(({ id }) => !tracked.has(id)).length;
  }
  // Our own from an earlier run explain nothing: what they add is expected.
  const ours = [...tracked.values()].filter(({ fresh, listed }) => !fresh && (listed?.confirmedAt ?? before.at) >= before.at).length;
  return { placed, underWay: Math.max(0, before.pending + before.quarantined - ours) };
}
