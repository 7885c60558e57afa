import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it } from "vitest";
import { type Costs, daysUntilFull, HISTORY_BYTES, limitsOf, scaleTables } from "../../bench/scale.ts";
import { orderIdOf, summary } from "../projections/history/summaries.ts";

const COSTS: Costs = { dollarsPerMillion: { lone: 20, paced: 15, flooded: 14 }, eventMessages: 0.25 };

const MIGRATION = join(import.meta.dirname, "../../migrations/0000_history.sql");

/** The column of a field, such as `placed_at` of `placedAt`. */
const columnOf = (field: string) => field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

describe("The size of an order in the history", () => {
  it("is what it takes in SQLite with its indexes, for an order that went well, within a tenth", () => {
    const db = new DatabaseSync(":memory:");
    db.exec(readFileSync(MIGRATION, "utf8"));
    const ORDERS = 20_000;
    for (let n = 0; n < ORDERS; n++) {
      const at = 1_795_000_000_000 + n * 100;
      const order = summary({
        ...{
          orderId: orderIdOf(n),
          version: 5,
          status: "confirmed",
          reference: `web-${536_365 + n}`,
          customerId: String(10_000 + (n % 5_000)),
        },
        ...{ placedAt: at, startedAt: at + 20, confirmedAt: at + 400, updatedAt: at + 400 },
      });
      const fields = Object.entries(order);
      const columns = fields.map(([field]) => columnOf(field)).join();
      db.prepare(`INSERT INTO orders (${columns}) VALUES (${fields.map(() => "?").join()})`).run(
        ...fields.map(([, value]) => value ?? null),
      );
    }
    const pragma = (name: string) => Number(db.prepare(`PRAGMA ${name}`).get()?.[name]);
    const bytes = (pragma("page_count") * pragma("page_size")) / ORDERS;
    expect(bytes / HISTORY_BYTES).toBeGreaterThan(0.9);
    expect(bytes / HISTORY_BYTES).toBeLessThan(1.1);
  });
});

describe("A shop that grows", () => {
  it("meets the limits of the platform in an order that depends on how many changes share a message", () => {
    expect(limitsOf({ eventMessages: 1 }).map(({ at }) => at)).toEqual([250, 4_000, 5_000, 10_000]);
    expect(limitsOf({ eventMessages: 0.25 }).map(({ at }) => at)).toEqual([250, 4_000, 10_000, 20_000]);
  });

  it("fills its history the sooner the more it sells", () => {
    expect([daysUntilFull(1), daysUntilFull(10)]).toEqual([427, 42]);
  });

  it("pays what was counted at the pace that is nearest to its own", () => {
    const rows = scaleTables(COSTS).split("\n").slice(2, 7);
    const cells = rows.map((row) => row.split("|").map((cell) => cell.trim()));
    expect(cells.map(([, perSecond, millions, dollars]) => [perSecond, millions, dollars])).toEqual([
      ["1", "2.6", "$52"],
      ["10", "25.9", "$389"],
      ["100", "259.2", "$3,629"],
      ["1,000", "2592.0", "$36,288"],
      ["10,000", "25920.0", "$362,880"],
    ]);
    expect(cells.map((row) => row[6])).toEqual(["none", "none", "none", "the first 1", "the first 2"]);
  });
});
