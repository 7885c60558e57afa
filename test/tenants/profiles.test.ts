import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { log } from "../../src/platform/log.ts";
import { Profiles } from "../../src/tenants/profiles.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** A KV that answers what it holds, unless it is down, and counts how often it was asked. */
function world() {
  const clock = { now: Date.parse("2026-11-21T08:00:00Z") };
  const kv = { stored: new Map<string, string>(), down: false, reads: 0 };
  const bindings = {
    PROFILES: {
      get: async (tenant: string) => {
        kv.reads++;
        if (kv.down) throw new Error("KV is down");
        return kv.stored.get(tenant) ?? null;
      },
    },
  };
  const profiles = new Profiles(() => clock.now);
  return {
    clock,
    kv,
    profiles,
    put: (tenant: string, version: number, displayName: string) =>
      kv.stored.set(tenant, JSON.stringify({ version, profile: { displayName } })),
    read: (tenant = "ada") => profiles.of(bindings, tenant),
  };
}

describe("Tenants' profiles, as an isolate knows them", () => {
  beforeEach(() => {
    vi.spyOn(log, "error").mockImplementation(() => {});
    vi.spyOn(log, "warn").mockImplementation(() => {});
  });
  afterEach(() => vi.restoreAllMocks());

  it("are the default for a tenant without a record", async () => {
    const { read } = world();
    expect(await read()).toEqual({ version: 0, profile: {} });
  });

  it("are read once a minute, those of other tenants apart", async () => {
    const { read, put, kv, clock } = world();
    put("ada", 1, "Ada");
    put("bob", 4, "Bob");
    expect(await read("ada")).toEqual({ version: 1, profile: { displayName: "Ada" } });
    expect((await read("bob"))?.version).toBe(4);
    put("ada", 2, "Ada again");
    clock.now += MINUTE - 1;
    expect((await read("ada"))?.version).toBe(1);
    expect(kv.reads).toBe(2);
    clock.now += 1;
    expect((await read("ada"))?.version).toBe(2);
  });

  it("are read anew by the isolate that changed them", async () => {
    const { read, put, profiles } = world();
    await read();
    put("ada", 1, "Ada");
    profiles.forget("ada");
    expect((await read())?.version).toBe(1);
  });

  it("outlast a KV that does not answer, for some hours", async () => {
    const { read, put, kv, clock } = world();
    put("ada", 3, "Ada");
    await read();
    kv.down = true;
    clock.now += 5 * HOUR;
    expect((await read())?.version).toBe(3);
    expect(await read("never-read-before")).toBeNull();
    clock.now += HOUR + MINUTE;
    expect(await read()).toBeNull();
    kv.down = false;
    expect((await read())?.version).toBe(3);
  });

  it.each([
    ["no JSON", "{"],
    ["no version", '{"profile":{}}'],
    ["a part that this release does not know", '{"version":2,"profile":{"stations":[]}}'],
    ["a limit that is none", '{"version":2,"profile":{"risk":{"velocityMax":"many"}}}'],
  ])("are never guessed: a record with %s lets nobody in, however well it was known before", async (_, record) => {
    const { read, put, kv, clock } = world();
    put("ada", 1, "Ada");
    await read();
    kv.stored.set("ada", record);
    clock.now += MINUTE;
    expect(await read()).toBeNull();
    expect(log.error).toHaveBeenCalledExactlyOnceWith("tenant.profile_unreadable", { tenant: "ada" });
  });

  it("are remembered for a bounded number of tenants, those that were read longest ago forgotten first", async () => {
    const { read, kv } = world();
    for (let tenant = 0; tenant <= 500; tenant++) await read(`tenant-${tenant}`);
    expect(kv.reads).toBe(501);
    await read("tenant-500");
    expect(kv.reads).toBe(501);
    await read("tenant-0");
    expect(kv.reads).toBe(502);
  });
});
