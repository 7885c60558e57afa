import { describe, expect, it } from "vitest";
import type { Cloudflare } from "../../scripts/deploy/cloudflare.ts";
import { type Config, misplaced, placeholders, readConfig, resolve, titleOf, variables } from "../../scripts/deploy/config.ts";

/** An account with what is given, by name, which counts what is made. */
function account(there: Readonly<Record<string, string>> = {}) {
  const made: string[] = [];
  const find = async (name: string) => there[name];
  const create = async (name: string) => {
    made.push(name);
    return `id of ${name}`;
  };
  const cloudflare = { findDatabase: find, createDatabase: create, findNamespace: find, createNamespace: create } as Partial<Cloudflare>;
  return { cloudflare: cloudflare as Cloudflare, made };
}

const CONFIG: Config = {
  name: "orderline",
  vars: { CONFIRMATION_FROM: "orders@example.com", NOTIFICATION_URL: "" },
  kv_namespaces: [{ binding: "API_KEYS" }],
  d1_databases: [{ binding: "HISTORY", database_name: "orderline-history" }],
};

describe("What is deployed", () => {
  it("is read from wrangler.toml, which names no account's things", () => {
    const config = readConfig();
    expect(config.kv_namespaces.map(({ id }) => id)).toEqual(config.kv_namespaces.map(() => undefined));
    expect(config.d1_databases.map(({ database_id }) => database_id)).toEqual([undefined]);
    expect(titleOf(config, "API_KEYS")).toBe("orderline-api-keys");
  });

  it("gets the ids of what is there", async () => {
    const { cloudflare, made } = account({ "orderline-history": "d", "orderline-api-keys": "k" });
    const { d1_databases, kv_namespaces } = await resolve(CONFIG, cloudflare, () => {});
    expect(d1_databases).toEqual([{ binding: "HISTORY", database_name: "orderline-history", database_id: "d" }]);
    expect(kv_namespaces).toEqual([{ binding: "API_KEYS", id: "k" }]);
    expect(made).toEqual([]);
  });

  it("has what is missing made, and tells of it", async () => {
    const { cloudflare, made } = account({ "orderline-history": "d" });
    const told: string[] = [];
    const { kv_namespaces } = await resolve(CONFIG, cloudflare, (name) => told.push(name));
    expect(kv_namespaces).toEqual([{ binding: "API_KEYS", id: "id of orderline-api-keys" }]);
    expect([made, told]).toEqual([["orderline-api-keys"], ["orderline-api-keys"]]);
  });

  it("keeps an id that stands in the file", async () => {
    const { cloudflare, made } = account({ "orderline-history": "d", "orderline-api-keys": "other" });
    const { kv_namespaces } = await resolve({ ...CONFIG, kv_namespaces: [{ binding: "API_KEYS", id: "mine" }] }, cloudflare, () => {});
    expect(kv_namespaces).toEqual([{ binding: "API_KEYS", id: "mine" }]);
    expect(made).toEqual([]);
  });
});

describe("A sender that is still a placeholder", () => {
  const sender = (CONFIRMATION_FROM: string, NOTIFICATION_URL = "") => placeholders({ vars: { CONFIRMATION_FROM, NOTIFICATION_URL } }, {});

  it.each(["orders@example.com", "orders@shop.example.org", "Shop <orders@example.net>", "a@shop.test"])("is refused: %s", (from) => {
    expect(sender(from)).toEqual([expect.stringContaining(`CONFIRMATION_FROM is still ${from}`)]);
  });

  it("is no placeholder once it is somebody's, or when another provider sends the mail", () => {
    expect(sender("orders@myexample.com")).toEqual([]);
    expect(sender("orders@example.com", "https://mail.shop.dev")).toEqual([]);
  });

  it("gives way to the command line, whose values may hold colons", () => {
    expect(variables(["CONFIRMATION_FROM:a@shop.dev", "NOTIFICATION_URL:https://mail.shop.dev"])).toEqual({
      CONFIRMATION_FROM: "a@shop.dev",
      NOTIFICATION_URL: "https://mail.shop.dev",
    });
    expect(placeholders(CONFIG, { CONFIRMATION_FROM: "a@shop.dev" })).toEqual([]);
    expect(placeholders({ vars: { CONFIRMATION_FROM: "a@shop.dev" } }, { CONFIRMATION_FROM: "orders@example.com" })).toHaveLength(1);
  });
});

describe("A history over several databases", () => {
  const two = JSON.stringify([{ from: "2027-01-01T00:00:00Z", databases: ["HISTORY", "HISTORY_2"] }]);
  const second = { binding: "HISTORY_2", database_name: "orderline-history-2" };

  it("is deployed when each of them stands in wrangler.toml", () => {
    expect(misplaced(CONFIG, {})).toEqual([]);
    expect(misplaced({ ...CONFIG, d1_databases: [...CONFIG.d1_databases, second] }, { HISTORY_PARTITIONS: two })).toEqual([]);
  });

  it("is refused when it names one that does not, or cannot be read", () => {
    expect(misplaced({ ...CONFIG, vars: { HISTORY_PARTITIONS: two } }, {})).toEqual([
      "HISTORY_PARTITIONS names HISTORY_2, which is no database of wrangler.toml. Add it there, see docs/deploy.md.",
    ]);
    expect(misplaced(CONFIG, { HISTORY_PARTITIONS: "HISTORY_2" })).toEqual([expect.stringContaining("HISTORY_PARTITIONS cannot be read")]);
    expect(misplaced(CONFIG, { HISTORY_PARTITIONS: '[{"from":"may","databases":["HISTORY"]}]' })).toEqual([
      expect.stringContaining("[0].from"),
    ]);
  });
});
