/** What the HTTP face makes of API keys over time, in plain Node: how long it believes a store of keys, and what it tells the hub of a socket's owner. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Env } from "../../src/env.ts";
import { app } from "../../src/http/app.ts";
import { KEY_DIGEST_HEADER } from "../../src/live/sockets.ts";
import { hex, sha256 } from "../../src/platform/digest.ts";
import { ORDER_ID, T0 } from "../support/orders.ts";

const MINUTE = 60_000;

/** A deployment without orders, whose store of keys has what the test says under any digest. */
function deployment() {
  const keys = { record: { tenant: "shop", name: "ada", scopes: ["orders:read"] } as object | null, reads: 0 };
  const asked: { readonly hub: string; readonly request: Request }[] = [];
  const hubOf = (hub: string) => ({
    fetch: async (request: Request) => {
      asked.push({ hub, request });
      return Response.json({}, { status: 503 });
    },
  });
  const env = {
    API_KEYS: {
      get: async () => {
        keys.reads++;
        return keys.record && JSON.stringify(keys.record);
      },
    },
    ORDERS: { getByName: () => ({ view: async () => null }) },
    STATS_HUBS: { getByName: hubOf },
  } as unknown as Env;
  const ask = async (path: string, headers: Record<string, string>) =>
    (await app.fetch(new Request(`https://orderline.test${path}`, { headers }), env)).status;
  return { keys, asked, ask };
}

describe("A key", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"], now: T0 }));
  afterEach(() => void vi.useRealTimers());

  it("that was revoked opens nothing a minute after it was last read, and is read no more often than that", async () => {
    const { keys, ask } = deployment();
    const read = () => ask(`/v1/orders/${ORDER_ID}`, { authorization: "Bearer revoked-later" });
    expect(await read()).toBe(404);
    keys.record = null;
    vi.setSystemTime(T0 + MINUTE - 1);
    expect([await read(), keys.reads]).toEqual([404, 1]);
    vi.setSystemTime(T0 + MINUTE);
    expect([await read(), keys.reads]).toEqual([401, 2]);
  });

  it("that expires opens nothing from then on, although it was read just before", async () => {
    const { keys, ask } = deployment();
    keys.record = { ...keys.record, expiresAt: new Date(T0 + 1_000).toISOString() };
    const read = () => ask(`/v1/orders/${ORDER_ID}`, { authorization: "Bearer expiring" });
    expect(await read()).toBe(404);
    vi.setSystemTime(T0 + 1_000);
    expect([await read(), keys.reads]).toEqual([401, 1]);
  });
});

describe("A socket", () => {
  it("belongs to the key that opened it, whoever its client says it belongs to", async () => {
    const { asked, ask } = deployment();
    const claimed = { [KEY_DIGEST_HEADER]: "0".repeat(64) };
    await ask("/v1/stats/live?after=7", { authorization: "Bearer watching", upgrade: "websocket", ...claimed });
    expect(asked).toHaveLength(1);
    expect(asked[0]?.hub).toBe("shop");
    expect(asked[0]?.request.headers.get(KEY_DIGEST_HEADER)).toBe(hex(await sha256("watching")));
    expect(asked[0]?.request.url).toContain("?after=7");
  });

  it("is not asked for on behalf of a key that may not read", async () => {
    const { keys, asked, ask } = deployment();
    keys.record = { ...keys.record, scopes: ["orders:write"] };
    expect(await ask("/v1/stats/live", { authorization: "Bearer writing", upgrade: "websocket" })).toBe(403);
    expect(asked).toEqual([]);
  });
});
