/** `npm run chaos`: kills the runtime under load and checks that no law was broken; see `run.ts`. */

import { z } from "zod";
import { table } from "../../scripts/figures.ts";
import { wholeNumber } from "../../scripts/flags.ts";
import { runCommand } from "./command.ts";
import { type ChaosPlan, planChaos } from "./plan.ts";
import { type ChaosResult, REST_BAR_MS, runChaos } from "./run.ts";
import { seconds } from "./waits.ts";

const USAGE = `Kills the real server under load, with failing providers, and checks the laws of order processing.

Usage: npm run chaos -- [flags]

  --orders N         orders to submit                          (2000)
  --kills N          kill -9 of the whole runtime              (5)
  --seed N           decides every order, fault and kill       (drawn and printed)
  --lanes JSON       variable LANES of the server              (none: the table as it is)
  --timeout SECONDS  give up after this                        (480)
  --log PATH         keep the server's log there               (nowhere)
  --json             print the result as one line of JSON
  --help             print this

Exit code: 0 when nothing was lost, doubled or stuck and all ledgers agree, 1 when not, 2 for flags that make no sense.`;

const Flags = z.object({
  orders: wholeNumber(1, 20_000).default(2_000),
  kills: wholeNumber(0, 50).default(5),
  // Differs from run to run, and is short enough to be typed again.
  seed: wholeNumber(0, 1_000_000_000).default(() => Math.floor(Math.random() * 1_000_000)),
  lanes: z.string().default(""),
  timeout: wholeNumber(30, 3_600).default(480),
  log: z.string().optional(),
  json: z.boolean().default(false),
});

/** Findings of one law that are shown. */
const MAX_FINDINGS = 10;

process.exitCode = await runCommand(USAGE, Flags, async ({ seed, orders, kills, lanes, log, json }, surroundings) => {
  const plan = planChaos({ seed, orders, kills });
  surroundings.say(describePlan(plan));
  const result = await runChaos(plan, { ...surroundings, vars: { LANES: lanes }, logFile: log });
  return { text: json ? JSON.stringify(result) : describe(result), passed: result.problems.length === 0 };
});

function describePlan({ seed, orders, faults, kills }: ChaosPlan): string {
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
  ];
  const problems = result.problems.flatMap(({ law, findings }) => [
    `BROKEN: ${law === "histories" ? "answers that contradict each other" : `law ${law}`}: ${findings.length}`,
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
