import { describe, expect, it } from "vitest";
import { KeyCache, type KeyRecord, readKey } from "../../src/tenants/keys.ts";

const NOW = Date.parse("2026-11-21T12:00:00.000Z");
const MINUTE = 60_000;
const RECORD: KeyRecord = { tenant: "shop", name: "web", scopes: ["orders:read"] };
const at = (millis: number) => new Date(millis).toISOString();

/** A store that counts what it is asked. */
function storeOf(records: Record<string, unknown>) {
  const store = {
    records,
    reads: 0,
    get: async (digest: string) => {
      store.reads += 1;
      const record = store.records[digest];
      return record === undefined ? null : typeof record === "string" ? record : JSON.stringify(record);
    },
  };
  return store;
}

describe("A key's record", () => {
  it("is found under its digest", async () => expect(await readKey(storeOf({ a: RECORD }), "a", NOW)).toEqual(RECORD));

  it.each<[string, unknown]>([
    ["is absent", undefined],
    ["is no JSON", "{"],
    ["has a field that nobody knows, which might have been meant to restrict it", { ...RECORD, expires: at(NOW + MINUTE) }],
    ["has a scope that does not exist", { ...RECORD, scopes: ["orders:read", "everything"] }],
    ["names no tenant", { name: "web", scopes: [] }],
    ["expires at no instant", { ...RECORD, expiresAt: "tomorrow" }],
    ["expires at a date without a time", { ...RECORD, expiresAt: "2026-12-01" }],
    ["expires never, said with null", { ...RECORD, expiresAt: null }],
    ["has expired", { ...RECORD, expiresAt: at(NOW - 1) }],
    ["expires this very moment", { ...RECORD, expiresAt: at(NOW) }],
  ])("opens nothing when it %s", async (_, record) => expect(await readKey(storeOf({ a: record }), "a", NOW)).toBeNull());

  it("opens until it expires, whatever the time zone of that instant", async () => {
    const expiring = { ...RECORD, expiresAt: "2026-11-21T13:00:01+01:00" };
    expect(await readKey(storeOf({ a: expiring }), "a", NOW)).toEqual(expiring);
    expect(await readKey(storeOf({ a: expiring }), "a", NOW + 1_000)).toBeNull();
  });
});

describe("The cache of an isolate", () => {
  it("asks the store once a minute", async () => {
    const [cache, store] = [new KeyCache(), storeOf({ a: RECORD })];
    for (const later of [0, 1, MINUTE - 1]) expect(await cache.find(store, "a", NOW + later)).toEqual(RECORD);
    expect(store.reads).toBe(1);
    store.records = {};
    expect(await cache.find(store, "a", NOW + MINUTE)).toBeNull();
  });

  it("does not let a key outlive its expiry", async () => {
    const [cache, store] = [new KeyCache(), storeOf({ a: { ...RECORD, expiresAt: at(NOW + 1_000) } })];
    expect(await cache.find(store, "a", NOW)).not.toBeNull();
    expect(await cache.find(store, "a", NOW + 1_000)).toBeNull();
    expect(store.reads).toBe(1);
  });

  it("is passed by when a key is read fresh", async () => {
    const [cache, store] = [new KeyCache(), storeOf({ a: RECORD })];
    await cache.find(store, "a", NOW);
    store.records = {};
    expect(await cache.find(store, "a", NOW)).toEqual(RECORD);
    expect(await readKey(store, "a", NOW)).toBeNull();
  });

  it("holds a bounded number of keys, however many are guessed", async () => {
    const [cache, store] = [new KeyCache(), storeOf({ a: RECORD })];
    await cache.find(store, "a", NOW);
    for (let guess = 0; guess < 1_000; guess += 1) await cache.find(store, `guess-${guess}`, NOW);
    expect(await cache.find(store, "a", NOW)).toEqual(RECORD);
    expect(store.reads).toBe(1_002);
  });
});
