/**
 * `npm run mutants`: changes the source in one small place at a time and shows which changes no test notices. Where planted bugs
 * ask whether the simulation's laws can be broken, this asks whether the unit tests say enough. Not part of `npm run check`, because
 * it takes minutes.
 */
import { globSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { Stryker } from "@stryker-mutator/core";
import { z } from "zod";
import { withFlags } from "../../scripts/flags.ts";
import accepted from "./accepted.json" with { type: "json" };
import { type Mutant, reportOf } from "./report.ts";

const USAGE = `Changes the source in one small place at a time and shows which changes no unit test notices.

Usage: npm run mutants -- [flags]

  --only PATH  only what lies below this path of src/, such as domain or runtime/settlement.ts
  --fresh      forget the results of the runs before
  --help       print this

Exit code: 0 when every folder reaches its bar and every survivor is accepted in test/mutants/accepted.json, 1 when not, 2 for flags that make no sense.`;

const ROOT = join(import.meta.dirname, "../..");
const SRC = join(ROOT, "src");

/** The machine's share that a run may take. */
const PROCESSES = 2;

/** What is mutated: what tests in plain Node can see. What speaks to D1, and the routes themselves, are tested in workerd. */
const MUTATED = [
  "{domain,runtime,messaging,queues}/*.ts",
  "projections/*.ts",
  "projections/counters/*.ts",
  "http/{conditional,identity,problem,trace,views}.ts",
];

/** Words are for people. A test that pins each of them would only say the source once more. */
const UNTRIED = "StringLiteral";

const Flags = z.object({ only: z.string().default(""), fresh: z.boolean().default(false) });

process.exitCode = await withFlags(process.argv.slice(2), Flags, USAGE, main);

/** @returns the exit code */
async function main({ only, fresh }: z.output<typeof Flags>): Promise<number> {
  process.chdir(ROOT);
  const isAsked = (file: string) => file.startsWith(only);
  const files = MUTATED.flatMap((pattern) => globSync(pattern, { cwd: SRC })).filter(isAsked);
  const results = await new Stryker({
    mutate: files.map((file) => `src/${file}`),
    mutator: { excludedMutations: [UNTRIED] },
    testRunner: "vitest",
    plugins: ["@stryker-mutator/vitest-runner"],
    vitest: { configFile: "test/mutants/vitest.config.ts", related: false },
    coverageAnalysis: "perTest",
    // What runs as a module is loaded, such as a table, would be asked of every test anew.
    ignoreStatic: true,
    disableTypeChecks: false,
    // Stryker reads it by a function that TypeScript 7 does not have. Nothing is compiled here, so it is told of none.
    tsconfigFile: "none",
    concurrency: PROCESSES,
    incremental: true,
    force: fresh,
    incrementalFile: "node_modules/.cache/stryker/incremental.json",
    // Not below node_modules, where vitest looks for no tests.
    tempDirName: ".stryker-tmp",
    reporters: ["progress"],
  }).runMutationTest();
  // The results of earlier runs are among them, whichever files were asked for.
  const asked = results.filter(({ fileName }) => isAsked(relative(SRC, fileName)));
  const { table, problems } = reportOf(
    asked.flatMap(mutantOf),
    accepted.filter(({ file }) => isAsked(file)),
  );
  const ignored = asked.filter(isIgnored);
  const texts = ignored.filter(({ mutatorName }) => mutatorName === UNTRIED).length;
  console.log(`${table}\n\nNot tried: ${texts} texts, and ${ignored.length - texts} changes of what runs as a module is loaded.`);
  for (const problem of problems) console.log(problem);
  return problems.length === 0 ? 0 : 1;
}

type Result = Awaited<ReturnType<Stryker["runMutationTest"]>>[number];

function isIgnored({ status }: Result): boolean {
  return status === "Ignored";
}

/** None for a mutant that was not tried. */
function mutantOf(result: Result): Mutant[] {
  if (isIgnored(result)) return [];
  const { fileName, replacement, status } = result;
  const { start, end } = result.location;
  const file = relative(SRC, fileName);
  const lines = readFileSync(join(SRC, file), "utf8").split("\n");
  // Lines and columns are counted from 1.
  const changed = lines.slice(start.line - 1, end.line);
  const line = changed[0] ?? "";
  changed.push(changed.pop()?.slice(0, end.column - 1) ?? "");
  const from = [changed[0]?.slice(start.column - 1) ?? "", ...changed.slice(1)].join("\n");
  const killed = status === "Killed" || status === "Timeout";
  return [{ file, line, lineNumber: start.line, from, to: replacement, killed }];
}
