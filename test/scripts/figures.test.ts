import { describe, expect, it } from "vitest";
import { percentile, table } from "../../scripts/figures.ts";

describe("A percentile", () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);

  it("is a value that was measured, by nearest rank", () => {
    expect([0.5, 0.95, 0.99, 1].map((share) => percentile(hundred, share))).toEqual([50, 95, 99, 100]);
    expect(percentile([7], 0.5)).toBe(7);
  });

  it("is none without values", () => {
    expect(percentile([], 0.99)).toBeNull();
  });
});

describe("A table", () => {
  it("is Markdown that a terminal shows well, with figures on the right", () => {
    const rows = [
      ["orders", "1,000", "1"],
      ["lost", "0", "none"],
    ];
    expect(table(["what", "measured", ""], rows).split("\n")).toEqual([
      "| what   | measured |      |",
      "| ------ | -------: | ---- |",
      "| orders |    1,000 | 1    |",
      "| lost   |        0 | none |",
    ]);
  });

  it("aligns a column by the cells that are filled", () => {
    expect(table(["bar"], [["≤ 20"], [""], ["$3"]])).toBe("|  bar |\n| ---: |\n| ≤ 20 |\n|      |\n|   $3 |");
  });

  it("is a header when there are no rows", () => {
    expect(table(["a", "b"], [])).toBe("| a   | b   |\n| --- | --- |");
  });
});
