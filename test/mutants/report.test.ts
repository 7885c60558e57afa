import { describe, expect, it } from "vitest";
import { type Accepted, type Mutant, reportOf } from "./report.ts";

const mutant = (changes: Partial<Mutant>): Mutant => ({
  file: "domain/retry.ts",
  line: "  if (attempt >= 5) return null;",
  lineNumber: 7,
  from: "attempt >= 5",
  to: "true",
  killed: true,
  ...changes,
});

const survivor = mutant({ to: "false", killed: false });
const accepted: Accepted = {
  file: "domain/retry.ts",
  why: "nobody tries so often",
  survivors: [{ line: "if (attempt >= 5)  return null;", from: "attempt\n >= 5", to: "false" }],
};

const killed = (count: number) => Array.from({ length: count }, () => mutant({}));

describe("The report of the mutants", () => {
  it("counts them per folder and file, and what was accepted apart from what survived", () => {
    const mutants = [...killed(17), survivor, mutant({ to: "attempt > 5", killed: false }), mutant({ file: "messaging/outbox.ts" })];
    expect(reportOf(mutants, [accepted]).table.split("\n")).toEqual([
      "| source                | mutants | killed | survived | accepted |   score |",
      "| --------------------- | ------: | -----: | -------: | -------: | ------: |",
      "| **domain/**           |      19 |     17 |        1 |        1 |  89.5 % |",
      "| `domain/retry.ts`     |      19 |     17 |        1 |        1 |  89.5 % |",
      "| **messaging/**        |       1 |      1 |        0 |        0 | 100.0 % |",
      "| `messaging/outbox.ts` |       1 |      1 |        0 |        0 | 100.0 % |",
      "| **all**               |      20 |     18 |        1 |        1 |  90.0 % |",
    ]);
  });

  it("has no problem with a survivor that was accepted, wherever its line moves to and however it is formatted", () => {
    expect(reportOf([...killed(9), { ...survivor, lineNumber: 99 }], [accepted]).problems).toEqual([]);
  });

  it("tells of each survivor that was not accepted, and of each folder below its bar", () => {
    expect(reportOf([...killed(8), survivor, { ...survivor, to: "attempt > 5" }], [accepted]).problems).toEqual([
      "domain/retry.ts:7 survived: attempt >= 5 -> attempt > 5   in: if (attempt >= 5) return null;",
      "domain/ is below its bar: 80.0 % of 90 %",
    ]);
  });

  it("tells of what was accepted and is killed by now, or is gone", () => {
    expect(reportOf(killed(1), [accepted]).problems).toEqual([
      "domain/retry.ts: accepted, but it did not survive: attempt >= 5 -> false   in: if (attempt >= 5) return null;",
    ]);
  });
});
