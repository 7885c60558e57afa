import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { Meter } from "../../src/platform/meter.ts";
import { Schema } from "../../src/platform/schema.ts";

const FIRST = "CREATE TABLE things (id INTEGER PRIMARY KEY)";
const SECOND = "ALTER TABLE things ADD COLUMN name TEXT";

let count = 0;
/** Any actor with an empty store will do; these are never spoken to. */
const inEmptyStore = (test: (storage: DurableObjectStorage) => void) =>
  runInDurableObject(env.INVENTORY.getByName(`schema/${++count}`), (_, { storage }) => test(storage));

const meter = new Meter("test", {});
const columns = (storage: DurableObjectStorage) =>
  storage.sql
    .exec<{ name: string }>("SELECT name FROM pragma_table_info('things')")
    .toArray()
    .map(({ name }) => name);

describe("The schema of an actor", () => {
  it("is not there until something is written", () =>
    inEmptyStore((storage) => {
      const schema = new Schema(storage, meter, [FIRST]);
      expect(schema.exists).toBe(false);
      expect(columns(storage)).toEqual([]);
      schema.create();
      expect(schema.exists).toBe(true);
      expect(columns(storage)).toEqual(["id"]);
    }));

  it("is created at its newest version at once", () =>
    inEmptyStore((storage) => {
      new Schema(storage, meter, [FIRST, SECOND]).create();
      expect(columns(storage)).toEqual(["id", "name"]);
      expect(() => new Schema(storage, meter, [FIRST, SECOND]).create()).not.toThrow();
    }));

  it("is brought up to date when newer code meets an old store, and keeps what is in it", () =>
    inEmptyStore((storage) => {
      new Schema(storage, meter, [FIRST]).create();
      storage.sql.exec("INSERT INTO things (id) VALUES (7)");
      expect(new Schema(storage, meter, [FIRST, SECOND]).exists).toBe(true);
      expect(storage.sql.exec("SELECT id, name FROM things").toArray()).toEqual([{ id: 7, name: null }]);
    }));
});
