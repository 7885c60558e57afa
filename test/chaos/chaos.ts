/** `npm run chaos`: kills the runtime under load and checks that no law was broken; see `run.ts`. */

import { z } from "zod";
import { table } from "../../scripts/figures.ts";
import { wholeNumber } from "../../scripts/flags.ts";
import { runCommand } from "./command.ts";
import { type ChaosPlan, planChaos, planSoak, type TroubleName } from "./plan.ts";
import { type ChaosResult, MOST_GROWTH, REST_BAR_MS, runChaos, type SoakResult, TROUBLES } from "./run.ts";
import type { Growth } from "./usage.ts";
import { seconds } from "./waits.ts";

const USAGE = `Kills the real server under load, with failing providers, and checks the laws of order processing.

Usage: npm run chaos -- [flags]

  --orders N         orders to submit                          (2000)
  --kills N          kill -9 of the whole runtime              (5)
  --soak [TIME]      instead of these: a steady load for so long, such as 5m or 2h, with kills, outages of the providers,
                     a locked history, a frozen server and a full disk in cycles                    (30m)
  --seed N           decides every order, fault and kill       (drawn and printed)
  --lanes JSON       variable LANES of the server              (none: the table as it is)
  --timeout SECONDS  give up after this                        (480, a soak: 1500 more than it lasts)
  --log PATH         keep the server's log there               (nowhere)
  --json             print the result as one line of JSON
  --help             print this

Exit code: 0 when nothing was lost, doubled or stuck, all ledgers agree and all answers fit, 1 when not, 2 for flags that make no sense.`;

const MINUTE_MS = 60_000;

/**
 * In less than five minutes the number of orders in memory is still growing, so thirds cannot be compared. More operations
 * than two hours bring are not kept in memory.
 */
const LEAST_SOAK_MS = 5 * MINUTE_MS;
const MOST_SOAK_MS = 120 * MINUTE_MS;
const DEFAULT_SOAK = "30m";

const Length = z
  .string()
  .regex(/^\d{1,3}[mh]$/, "must be a number of minutes or hours, such as 30m")
  .transform((text) => Number.parseInt(text, 10) * (text.endsWith("h") ? 60 : 1) * MINUTE_MS)
  .refine((ms) => ms >= LEAST_SOAK_MS && ms <= MOST_SOAK_MS, "must be from 5m to 2h");

const Flags = z
  .object({
    orders: wholeNumber(1, 20_000).optional(),
    kills: wholeNumber(0, 50).optional(),
    soak: Length.optional(),
    // Differs from run to run, and is short enough to be typed again.
    seed: wholeNumber(0, 1_000_000_000).default(() => Math.floor(Math.random() * 1_000_000)),
    lanes: z.string().default(""),
    timeout: wholeNumber(30, 10_800).optional(),
    log: z.string().optional(),
    json: z.boolean().default(false),
  })
  .refine(({ soak, orders, kills }) => soak === undefined || (orders === undefined && kills === undefined), {
    path: ["soak"],
    error: "decides orders and kills itself",
  });

const DEFAULT_ORDERS = 2_000;
const DEFAULT_KILLS = 5;
const DEFAULT_TIMEOUT_S = 480;

/** What a soak may take besides its load: restarts, every order's way to rest, and a quarter of an hour for the last projections. */
const SOAK_REST_S = 1_500;

/** Findings of one law that are shown. */
const MAX_FINDINGS = 10;

/** What is broken besides laws. */
const BARS = { histories: "answers that contradict each other", growth: "what the runtime holds" } as const;

const MEGABYTE = 1_000_000;

process.exitCode = await runCommand(
  USAGE,
  Flags,
  async ({ seed, orders = DEFAULT_ORDERS, kills = DEFAULT_KILLS, soak, lanes, log, json }, surroundings) => {
    const plan = soak === undefined ? planChaos({ seed, orders, kills }) : planSoak({ seed, ms: soak });
    surroundings.say(describePlan(plan));
    const result = await runChaos(plan, { ...surroundings, vars: { LANES: lanes }, logFile: log });
    return { text: json ? JSON.stringify(result) : describe(result), passed: result.problems.length === 0 };
  },
  ({ timeout, soak }) => timeout ?? (soak === undefined ? DEFAULT_TIMEOUT_S : soak / 1_000 + SOAK_REST_S),
  withLength(process.argv.slice(2)),
);

/** `--soak` alone stands for its default length: a flag of the parser either always has a value or never. */
function withLength(argv: readonly string[]): string[] {
  return argv.flatMap((flag, index) => (flag === "--soak" && (argv[index + 1] ?? "--").startsWith("--") ? [flag, DEFAULT_SOAK] : [flag]));
}

function describePlan({ seed, orders, faults, kills, troubles }: ChaosPlan): string {
  const percent = (share = 0) => `${(share * 100).toFixed(2)} %`;
  const count = (what: string, of: readonly unknown[]) => `${of.length} ${what}`;
  const commands = orders.flatMap((order) => order.commands);
  return [
    `seed ${seed}: ${orders.length} orders, of which ${count(
      "sent twice at once",
      orders.filter(({ twice }) => twice),
    )}, ${count(
      "sent again at the end",
      orders.filter(({ again }) => again),
    )}`,
    `commands by others: ${[...Map.groupBy(commands, ({ name }) => name)].map(([name, of]) => count(name, of)).join(", ") || "none"}`,
    ...Object.entries(faults).map(
      ([port, { before, after, hang, latencyMs }]) =>
        `${port.padEnd(12)} fails before its effect ${percent(before)}, after it ${percent(after)}, hangs ${percent(hang)}, takes ${latencyMs.join(" to ")} ms`,
    ),
    ...kills.map(({ afterOrders, delayMs }, index) => `kill ${index + 1}: ${delayMs} ms after acknowledged order ${afterOrders}`),
    ...troubles.map(
      ({ name, atMs, forMs }) => `after ${seconds(atMs)}: ${name === "kill" ? name : `${TROUBLES[name]}, for ${seconds(forMs)}`}`,
    ),
  ].join("\n");
}

function describe(result: ChaosResult): string {
  const { weather, outages, histories } = result;
  const statuses = Object.entries(result.byStatus).map(([status, count]) => `${count} ${status}`);
  const rows = [
    ["acknowledged orders", `${result.acknowledged} of ${result.orders}`, ""],
    ["kill -9 of the runtime", String(outages.length), ""],
    ["each outage", outages.map(({ ms }) => seconds(ms)).join(", ") || "none", ""],
    ["requests, cut off, told to wait", `${weather.requests}, ${weather.unanswered}, ${weather.notNow}`, ""],
    ["calls at the providers, keys asked again", `${result.providerCalls}, ${result.repeatedKeys}`, ""],
    ["orders now", statuses.join(", "), ""],
    ["acknowledged orders lost", String(result.lost), "0"],
    ["effects doubled", String(result.doubled), "0"],
    ["all at rest after the last restart", result.restMs === null ? "never" : seconds(result.restMs), `≤ ${seconds(REST_BAR_MS)}`],
    ["history and counters equal after that", result.projectedMs === null ? "never" : seconds(result.projectedMs), "yes"],
    ["answers of 500", String(weather.bugs.length), "0"],
    ["operations recorded, answered, of orders", `${histories.operations}, ${histories.answered}, ${histories.orders}`, ""],
    ["orders whose answers no sequence explains", String(histories.violations.length), "0"],
    ...(result.soak === null ? [] : soakRows(result.soak, weather.unwritten)),
  ];
  const problems = result.problems.flatMap(({ law, findings }) => [
    `BROKEN: ${typeof law === "number" ? `law ${law}` : BARS[law]}: ${findings.length}`,
    ...findings.slice(0, MAX_FINDINGS).map((finding) => `  ${finding}`),
  ]);
  const verdict = result.problems.length === 0 ? "All laws hold." : `Not all laws hold; --seed ${result.seed} plans the same run again.`;
  return [
    `seed ${result.seed}, ${seconds(result.elapsedMs)}`,
    "",
    table(["what", "measured", "bar"], rows),
    "",
    ...problems,
    ...result.notes,
    verdict,
    ...result.stories,
  ].join("\n");
}

function soakRows({ troubles, memory, files }: SoakResult, unwritten: number): string[][] {
  const times = (each: readonly number[] | null) => each?.map((ms) => seconds(ms)).join(", ") ?? "not possible on this system";
  const growth = (what: string, grown: Growth | null, shown: (value: number) => string) => [
    what,
    grown === null ? "not seen" : `${shown(grown.first)}, ${shown(grown.last)}: ${grown.ratio.toFixed(2)} times`,
    `≤ ${MOST_GROWTH} times`,
  ];
  return [
    ...Object.entries(troubles).map(([name, each]) => [TROUBLES[name as TroubleName], times(each), ""]),
    ["answers of 500 while the disk is full", String(unwritten), ""],
    growth("memory of the runtime, first and last third", memory, (bytes) => `${Math.round(bytes / MEGABYTE)} MB`),
    growth("files that it holds open, first and last third", files, (count) => String(Math.round(count))),
  ];
}
