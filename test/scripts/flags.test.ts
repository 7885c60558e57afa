import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { flagsFrom, wholeNumber } from "../../scripts/flags.ts";

const ROOT = join(import.meta.dirname, "../..");

// A process starts slowly on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const COMMANDS = {
  start: "scripts/start.ts",
  replay: "scripts/replay.ts",
  simulate: "test/simulation/simulate.ts",
  chaos: "test/chaos/chaos.ts",
  flood: "test/chaos/flood.ts",
  bench: "bench/bench.ts",
  deploy: "scripts/deploy.ts",
  keys: "scripts/keys.ts",
};

/** A flag of each command that takes a number, and a value that it cannot take. */
const WRONG = {
  start: ["--port", "abc"],
  replay: ["--rate", "fast"],
  simulate: ["--seeds", "many"],
  chaos: ["--orders", "many"],
  flood: ["--multiple", "0"],
  bench: ["--rounds", "1.5"],
  deploy: ["--var", "NAME"],
  keys: ["--scope", "everything"],
};

/** Runs a command whose flags make no sense, which therefore starts nothing. */
function run(name: keyof typeof COMMANDS, ...flags: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, COMMANDS[name]), ...flags], { encoding: "utf8", cwd: ROOT });
  return { status, stdout, stderr };
}

describe.each(Object.keys(COMMANDS) as (keyof typeof COMMANDS)[])("npm run %s", (name) => {
  it.each([["an unknown flag", ["--bogus"], "'--bogus'"] as const, ["a wrong value", WRONG[name], `${WRONG[name][0]} must `] as const])(
    "answers %s with what is wrong and how it is used",
    (_, flags, message) => {
      const { status, stdout, stderr } = run(name, ...flags);
      expect(status).toBe(2);
      expect(stderr).toContain(message);
      expect(stderr).toContain("--help");
      expect(stderr).not.toMatch(/^ +at /m);
      expect(stdout).toBe("");
    },
  );

  it("explains itself when asked for help", () => {
    const { status, stdout } = run(name, "--help");
    expect(status).toBe(0);
    expect(stdout).toMatch(/Usage: npm (run )?[a-z]+ -- \[flags\]/);
  });
});

describe("Flags", () => {
  const Shape = z.object({
    count: wholeNumber(1, 9).default(5),
    name: z.string().optional(),
    each: z.array(z.string()).default([]),
    quiet: z.boolean().default(false),
  });

  it("take what is missing from their defaults", () => {
    expect(flagsFrom([], Shape)).toEqual({ flags: { count: 5, each: [], quiet: false } });
    expect(flagsFrom(["--count=7", "--quiet", "--each", "a", "--each", "b"], Shape)).toEqual({
      flags: { count: 7, each: ["a", "b"], quiet: true },
    });
  });

  it("that make no sense are told one sentence each", () => {
    expect(flagsFrom(["--count", "abc"], Shape)).toEqual({ problems: ["--count must be a whole number from 1 to 9"] });
    expect(flagsFrom(["--count", "10"], Shape)).toEqual({ problems: ["--count must be a whole number from 1 to 9"] });
    expect(flagsFrom(["--other"], Shape)).toEqual({ problems: ["Unknown option '--other'"] });
    expect(flagsFrom(["stray"], Shape)).toEqual({ problems: ["Unexpected argument 'stray'"] });
  });

  it("that are missing and have no default are asked for", () => {
    expect(flagsFrom([], z.object({ name: z.string(), each: z.array(z.string()) }))).toEqual({
      problems: ["--name must be given", "--each must be given"],
    });
  });

  it("give way to a call for help", () => {
    expect(flagsFrom(["--count", "abc", "--help"], Shape)).toBe("help");
    expect(flagsFrom(["-h"], Shape)).toBe("help");
  });
});
