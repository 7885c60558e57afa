import { describe, expect, it } from "vitest";
import { type CpuProfile, hottest, hottestModules, modulesTable, profileTable } from "../../bench/profile.ts";

const frame = (functionName: string, lineNumber = 0) => ({ functionName, scriptId: "7", url: "file:///bundle/index.js", lineNumber });

/** `place` calls `sha`, and `again` calls itself. */
const PROFILE: CpuProfile = {
  nodes: [
    { id: 1, callFrame: frame("(root)", -1), children: [2, 3, 4] },
    { id: 2, callFrame: frame("(idle)", -1) },
    { id: 3, callFrame: frame("place", 9), children: [5] },
    { id: 4, callFrame: frame("again", 19), children: [6] },
    { id: 5, callFrame: frame("sha", -1) },
    { id: 6, callFrame: frame("again", 19) },
  ],
  samples: [2, 3, 5, 3, 4, 6],
  timeDeltas: [9_000, 1_000, 2_000, 1_000, 300, 200],
};

describe("A CPU profile", () => {
  it("says in which functions the most time was spent, alone and with what they called, without idle time", () => {
    expect(hottest(PROFILE)).toEqual([
      { name: "place index.js:10", self: 2_000, total: 4_000 },
      { name: "sha", self: 2_000, total: 2_000 },
      { name: "again index.js:20", self: 500, total: 500 },
    ]);
  });

  it("says in which modules the most time was spent, a package being one, by the comments that the bundler leaves", () => {
    const lines = Array.from({ length: 25 }, () => "code");
    lines[3] = "// src/http/app.ts";
    lines[12] = "// node_modules/zod/v4/core/core.js";
    const modules = hottestModules(PROFILE, { scriptId: "7", source: lines.join("\n") });
    expect(modules).toEqual([
      ["src/http/app.ts", 2_000],
      ["the runtime's own functions", 2_000],
      ["zod", 500],
    ]);
    expect(modulesTable(modules, 2)).toMatch(/src\/http\/app.ts +\| +1\.000 \| +44\.4 %/);
  });

  it("gives what is no part of the bundle the name of its own script", () => {
    expect(hottestModules(PROFILE, { scriptId: "8", source: "" })[0]).toEqual(["file:///bundle/index.js", 2_500]);
  });

  it("is shown per order, and each function's share of all that was done", () => {
    const [, , place, , again] = profileTable(PROFILE, 2).split("\n");
    expect(place).toMatch(/place index.js:10 +\| +1\.000 \| +44\.4 % \| +2\.000/);
    expect(again).toMatch(/again index.js:20 +\| +0\.250 \| +11\.1 % \| +0\.250/);
  });
});
