import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { changesOf, VARIANTS } from "../../bench/floor.ts";

const ROOT = join(import.meta.dirname, "../..");

describe("A part that is taken out to see what it costs", () => {
  const cuts = Object.values(VARIANTS).flatMap((variant) => Object.entries(changesOf(variant)));

  it.each(cuts)("has its place in %s", (file, change) => {
    const before = readFileSync(join(ROOT, file), "utf8");
    expect(change(before)).not.toBe(before);
  });
});
