import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { Meter } from "../../src/platform/meter.ts";
import { ActorStorage } from "../../src/platform/storage.ts";

const FIRST = "CREATE TABLE things (id INTEGER PRIMARY KEY)";
const SECOND = "ALTER TABLE things ADD COLUMN name TEXT";
const ADD = "INSERT INTO things (id) VALUES (?)";
const ALL = "SELECT * FROM things";

let count = 0;
/** Any actor with an empty store will do; these are never spoken to. */
const inEmptyStore = (test: (storage: DurableObjectStorage) => void | Promise<void>) =>
  runInDurableObject(env.INVENTORY.getByName(`schema/${++count}`), (_, { storage }) => test(storage));

const meter = new Meter("test", {});
const columns = (storage: DurableObjectStorage) =>
  storage.sql
    .exec<{ name: string }>("SELECT name FROM pragma_table_info('things')")
    .toArray()
    .map(({ name }) => name);

describe("An actor's storage", () => {
  it("has no tables until something is written, and nothing to read", () =>
    inEmptyStore((storage) => {
      const store = new ActorStorage(storage, meter, [FIRST]);
      expect(store.read(ALL)).toEqual([]);
      expect(columns(storage)).toEqual([]);
      store.write(ADD, 7);
      expect(store.read(ALL)).toEqual([{ id: 7 }]);
      expect(columns(storage)).toEqual(["id"]);
    }));

  it("is created at its newest version at once", () =>
    inEmptyStore((storage) => {
      new ActorStorage(storage, meter, [FIRST, SECOND]).write(ADD, 7);
      expect(columns(storage)).toEqual(["id", "name"]);
      expect(new ActorStorage(storage, meter, [FIRST, SECOND]).read(ALL)).toEqual([{ id: 7, name: null }]);
    }));

  it("is brought up to date when newer code meets an old store, and keeps what is in it", () =>
    inEmptyStore((storage) => {
      new ActorStorage(storage, meter, [FIRST]).write(ADD, 7);
      expect(new ActorStorage(storage, meter, [FIRST, SECOND]).read(ALL)).toEqual([{ id: 7, name: null }]);
    }));

  it("is as good as never written after it was cleared", () =>
    inEmptyStore(async (storage) => {
      const store = new ActorStorage(storage, meter, [FIRST, SECOND]);
      store.write(ADD, 7);
      await store.clear();
      expect(store.read(ALL)).toEqual([]);
      store.write(ADD, 8);
      expect(store.read(ALL)).toEqual([{ id: 8, name: null }]);
    }));
});
