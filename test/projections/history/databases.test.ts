import { describe, expect, it } from "vitest";
import { BASE32_DIGITS } from "../../../src/contract/primitives.ts";
import { databaseOf, databasesOf, type Partitions, partitionsFrom } from "../../../src/projections/history/databases.ts";
import { orderIdOf } from "./summaries.ts";

const JANUARY = "2027-01-01T00:00:00Z";
const MAY = "2027-05-01T02:00:00+02:00";
const four = ["HISTORY", "HISTORY_2", "HISTORY_3", "HISTORY_4"];
const at = (text: string) => Date.parse(text);

/** A database that is only told from others. */
const database = (name: string) => ({ name }) as unknown as D1Database;

describe("The partitions of the history", () => {
  const partitions = partitionsFrom(
    JSON.stringify([
      { from: JANUARY, databases: ["HISTORY_2"] },
      { from: MAY, databases: four },
    ]),
  );
  const namesOf = (placedAt: number, orders = 1_000) =>
    Array.from({ length: orders }, (_, n) => databaseOf(partitions, { placedAt, orderId: orderIdOf(n) }));

  it("are none unless a deployment names some: all orders are in one database", () => {
    for (const json of [undefined, ""]) expect(databaseOf(partitionsFrom(json), { placedAt: 0, orderId: orderIdOf(1) })).toBe("HISTORY");
  });

  it("begin at their time, to the millisecond, and end where the next one begins", () => {
    expect(new Set(namesOf(at(JANUARY) - 1))).toEqual(new Set(["HISTORY"]));
    expect(new Set(namesOf(at(JANUARY)))).toEqual(new Set(["HISTORY_2"]));
    expect(new Set(namesOf(at("2027-04-30T23:59:59.999Z")))).toEqual(new Set(["HISTORY_2"]));
    expect(new Set(namesOf(at("2027-05-01T00:00:00Z")))).toEqual(new Set(four));
  });

  it("share their orders evenly, by digits of their ids", () => {
    const ids = [...BASE32_DIGITS].flatMap((a) => [...BASE32_DIGITS].map((b) => `${orderIdOf(1).slice(0, -2)}${a}${b}`));
    const found = ids.map((orderId) => databaseOf(partitions, { placedAt: at(MAY), orderId }));
    for (const name of four) expect(found.filter((one) => one === name)).toHaveLength(ids.length / four.length);
  });

  it("leave orders where they are when a further partition begins", () => {
    const before = namesOf(at(JANUARY) + 5);
    const grown: Partitions = [...partitions, { from: at("2027-09-01T00:00:00Z"), databases: ["HISTORY_5"] }];
    expect(before.map((_, n) => databaseOf(grown, { placedAt: at(JANUARY) + 5, orderId: orderIdOf(n) }))).toEqual(before);
  });

  it.each([
    ["no JSON", "HISTORY_2"],
    ["no date", [{ from: "may", databases: ["HISTORY"] }]],
    ["no database", [{ from: MAY, databases: [] }]],
    ["another binding", [{ from: MAY, databases: ["ORDERS"] }]],
    ["a database twice", [{ from: MAY, databases: ["HISTORY", "HISTORY"] }]],
    ["a misspelt field", [{ from: MAY, database: ["HISTORY"] }]],
    [
      "an order other than that of time",
      [
        { from: MAY, databases: ["HISTORY"] },
        { from: JANUARY, databases: ["HISTORY_2"] },
      ],
    ],
  ])("are refused when they have %s", (_, wrong) => {
    expect(() => partitionsFrom(typeof wrong === "string" ? wrong : JSON.stringify(wrong))).toThrow();
  });
});

describe("The databases of the history", () => {
  const HISTORY_PARTITIONS = JSON.stringify([{ from: JANUARY, databases: ["HISTORY_2"] }]);

  it("are those that any partition names, and the first one", () => {
    const bindings = { HISTORY: database("1"), HISTORY_2: database("2"), HISTORY_3: database("3"), HISTORY_PARTITIONS };
    const databases = databasesOf(bindings);
    expect(databases.all).toEqual([database("1"), database("2")]);
    expect(databases.of({ placedAt: at(JANUARY), orderId: orderIdOf(1) })).toEqual(database("2"));
    expect(databasesOf(bindings)).toBe(databases);
  });

  it("must all be bound", () => {
    expect(() => databasesOf({ HISTORY: database("1"), HISTORY_PARTITIONS })).toThrow(
      "HISTORY_PARTITIONS names HISTORY_2, which is no database of wrangler.toml",
    );
  });
});
