import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { StatsHub } from "../../src/actors/stats-hub.ts";
import type { OrderSummary } from "../../src/contract/order.ts";
import { type ShardReport, StatsFrame } from "../../src/contract/stats.ts";
import { countOrders, emptyTally } from "../../src/domain/counters.ts";
import { acceptSocket, broadcast, KEY_DIGEST_HEADER } from "../../src/live/sockets.ts";
import { hex, sha256 } from "../../src/platform/digest.ts";
import { log } from "../../src/platform/log.ts";
import { orderIdOf, summary } from "../projections/history/summaries.ts";

const hub = (tenant: string) => env.STATS_HUBS.getByName(tenant);

/** A report of a shard that has counted so many orders, all placed just now unless told otherwise. */
const report = (shard: number, revision: number, orders: number, over: Partial<OrderSummary> = {}): ShardReport => {
  const counted = Array.from({ length: orders }, (_, i) => summary({ orderId: orderIdOf(i), placedAt: Date.now(), ...over }));
  return { shard, revision, tally: countOrders(emptyTally(), new Map(), counted, Date.now()).tally };
};

/** A client of the socket that checks every frame against the contract. */
class Client {
  readonly frames: StatsFrame[] = [];
  readonly texts: string[] = [];
  closed: { code: number } | null = null;
  readonly socket: WebSocket;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.addEventListener("message", ({ data }) => {
      if (data === "pong") this.texts.push(data);
      else this.frames.push(StatsFrame.parse(JSON.parse(String(data))));
    });
    socket.addEventListener("close", ({ code }) => {
      this.closed = { code };
    });
    socket.accept();
  }

  static async connect(stub: DurableObjectStub<StatsHub>, query = "", key = "any"): Promise<Client> {
    const { status, webSocket } = await upgrade(stub, query, key);
    if (status !== 101 || webSocket === null) throw new Error(`no socket, status ${status}`);
    const client = new Client(webSocket);
    await client.has(1);
    return client;
  }

  async has(frames: number): Promise<StatsFrame> {
    await vi.waitFor(() => expect(this.frames.length).toBeGreaterThanOrEqual(frames));
    return this.frames[frames - 1] as StatsFrame;
  }
}

/** Connects as the Worker does for a key of this name. */
const upgrade = async (stub: DurableObjectStub<StatsHub>, query = "", key = "any") =>
  stub.fetch(`https://orderline.test/v1/stats/live${query}`, {
    headers: { upgrade: "websocket", [KEY_DIGEST_HEADER]: hex(await sha256(key)) },
  });

const keep = async (key: string, record: unknown) => env.API_KEYS.put(hex(await sha256(key)), JSON.stringify(record));

describe("The hub", () => {
  it("adds up its shards, taking of each the newest report only", async () => {
    const stub = hub("sums");
    await stub.merge([report(0, 2, 5), report(1, 1, 2)]);
    await stub.merge([report(0, 1, 99), report(1, 3, 4), report(1, 2, 50)]);
    expect((await stub.snapshot()).submitted).toBe(9);
    await evictDurableObject(stub);
    expect((await stub.snapshot()).submitted).toBe(9);
  });
});

describe("A socket of the hub", () => {
  it("gets a snapshot, and then a frame per change with numbers that have no gap", async () => {
    const stub = hub("frames");
    await stub.merge([report(0, 1, 1)]);
    const client = await Client.connect(stub);
    for (let revision = 2; revision <= 6; revision++) await stub.merge([report(0, revision, revision)]);
    await stub.merge([report(0, 6, 6)]);
    await client.has(6);
    expect(client.frames.map(({ type, seq, stats }) => [type, seq, stats.submitted])).toEqual([
      ["snapshot", 1, 1],
      ["stats", 2, 2],
      ["stats", 3, 3],
      ["stats", 4, 4],
      ["stats", 5, 5],
      ["stats", 6, 6],
    ]);
    expect(client.frames.every((frame) => frame.gap === undefined && frame.at === frame.stats.at)).toBe(true);
  });

  it("stays connected, with numbers that go on, when the hub is evicted", async () => {
    const stub = hub("hibernating");
    const client = await Client.connect(stub);
    await stub.merge([report(0, 1, 1)]);
    await evictDurableObject(stub, { webSockets: "hibernate" });
    await stub.merge([report(0, 2, 2)]);
    await evictDurableObject(stub, { webSockets: "hibernate" });
    await stub.merge([report(1, 1, 5)]);
    expect(await client.has(4)).toMatchObject({ seq: 3, stats: { submitted: 7 } });
    expect(client.frames.map((frame) => frame.seq)).toEqual([0, 1, 2, 3]);
  });

  it("is told on its return whether it missed something", async () => {
    const stub = hub("resuming");
    await stub.merge([report(0, 1, 1)]);
    const [timely, late] = [await Client.connect(stub, "?after=1"), await Client.connect(stub, "?after=0")];
    expect(timely.frames[0]).toMatchObject({ type: "resumed", seq: 1, stats: { submitted: 1 } });
    expect(late.frames[0]).toMatchObject({ type: "snapshot", seq: 1, gap: true, stats: { submitted: 1 } });
    await stub.merge([report(0, 2, 2)]);
    expect(await timely.has(2)).toMatchObject({ type: "stats", seq: 2 });
  });

  it.each(["", "-1", "1.5", "x", "1e3", "99999999999999999999", "9007199254740993", "1000000000000000"])(
    "is refused before the upgrade for after=%j",
    async (after) => {
      const response = await upgrade(hub("refusing"), `?after=${after}`);
      expect(response.status).toBe(422);
      expect(response.headers.get("content-type")).toBe("application/problem+json");
      expect(await response.json()).toMatchObject({
        type: "urn:orderline:problem:invalid-request",
        status: 422,
        detail: expect.stringContaining("after"),
      });
    },
  );

  it("is not to be had without an upgrade", async () => {
    const response = await hub("plain").fetch("https://orderline.test/v1/stats/live");
    expect(response.status).toBe(426);
    await response.body?.cancel();
  });

  it("is answered pings, and nothing else: a message ends it", async () => {
    const stub = hub("talking");
    const [quiet, loud] = [await Client.connect(stub), await Client.connect(stub)];
    quiet.socket.send("ping");
    loud.socket.send("hello");
    await vi.waitFor(() => expect(quiet.texts).toEqual(["pong"]));
    await vi.waitFor(() => expect(loud.closed).toEqual({ code: 1008 }));
    await stub.merge([report(0, 1, 1)]);
    await quiet.has(2);
    expect(loud.frames).toHaveLength(1);
    expect(quiet.closed).toBeNull();
  });

  it("is not opened for nobody", async () => {
    const response = await hub("nameless").fetch("https://orderline.test/v1/stats/live", { headers: { upgrade: "websocket" } });
    expect(response.status).toBe(401);
    await response.body?.cancel();
  });

  it("that goes on sending after it was closed wakes the hub no more than a bounded number of times", async () => {
    const woken = vi.spyOn(StatsHub.prototype, "webSocketMessage");
    const stub = hub("flooded");
    await stub.merge([report(0, 1, 3)]);
    const [flood, bystander] = [await Client.connect(stub), await Client.connect(hub("flooded-bystander"))];
    for (let i = 0; i < 300; i++) flood.socket.send("x");
    await vi.waitFor(() => expect(flood.closed).not.toBeNull());
    bystander.socket.send("ping");
    await vi.waitFor(() => expect(bystander.texts).toEqual(["pong"]));
    expect(woken.mock.calls.length).toBeLessThanOrEqual(101);
    // What was lost are the connections and nothing else.
    await vi.waitFor(async () => expect((await hub("flooded").snapshot()).submitted).toBe(3));
  });

  it("is refused, and told to come back later, when the hub has as many as it can serve", async () => {
    const full = { getWebSockets: () => Array.from({ length: 10 }) } as unknown as DurableObjectState;
    const request = new Request("https://orderline.test/", { headers: { upgrade: "websocket", [KEY_DIGEST_HEADER]: "0".repeat(64) } });
    const response = acceptSocket(full, request, "{}", 10);
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("60");
  });

  it("does not keep the others from their frames when it is broken", async () => {
    const sent: string[] = [];
    const broken = {
      send: () => {
        throw new Error("gone");
      },
      close: () => {
        throw new Error("gone, too");
      },
    };
    const sockets = [broken, { send: (frame: string) => sent.push(frame) }, broken];
    expect(broadcast({ getWebSockets: () => sockets } as unknown as DurableObjectState, "frame")).toBe(3);
    expect(sent).toEqual(["frame"]);
  });
});

describe("The alarm of the hub", () => {
  const armed = (stub: DurableObjectStub<StatsHub>) => runInDurableObject(stub, (_, { storage }) => storage.getAlarm());

  const KEY_OF = { name: "ada", scopes: ["orders:read"] };

  it("closes the sockets of keys that are not good any more with 4401, and no others, also after a hibernation", async () => {
    const tenant = "revoking";
    const keys: readonly [string, unknown][] = [
      ["gone", null],
      ["expired", { ...KEY_OF, tenant, expiresAt: "2020-01-01T00:00:00Z" }],
      ["narrowed", { ...KEY_OF, tenant, scopes: ["orders:write"] }],
      ["moved", { ...KEY_OF, tenant: "elsewhere" }],
      ["garbled", "no record"],
    ];
    await keep("good", { ...KEY_OF, tenant });
    const good = await Client.connect(hub(tenant), "", "good");
    const bad = await Promise.all(keys.map(([key]) => Client.connect(hub(tenant), "", key)));
    for (const [key, record] of keys) if (record !== null) await keep(key, record);
    await evictDurableObject(hub(tenant), { webSockets: "hibernate" });
    expect(await runDurableObjectAlarm(hub(tenant))).toBe(true);
    await vi.waitFor(() => expect(bad.map(({ closed }) => closed)).toEqual(keys.map(() => ({ code: 4401 }))));
    expect(good.closed).toBeNull();
    expect(await armed(hub(tenant)), "it looks again in a minute").toBeGreaterThan(Date.now() + 50_000);
  });

  it("leaves sockets open when the store of keys does not answer", async () => {
    const stub = hub("no-store");
    const client = await Client.connect(stub);
    const warned = vi.spyOn(log, "warn").mockReturnValue();
    await runInDurableObject(stub, async (instance) => {
      const broken = { get: () => Promise.reject(new Error("KV is down")) };
      Object.assign(instance, { env: Object.create((instance as unknown as { env: object }).env, { API_KEYS: { value: broken } }) });
      await instance.alarm();
    });
    expect(client.closed).toBeNull();
    expect(warned).toHaveBeenCalledWith("live.key_unknown", expect.objectContaining({ tenant: "no-store" }));
    vi.restoreAllMocks();
  });

  it("shows sockets how rates decay, under the number of the state that they belong to", async () => {
    const stub = hub("decaying");
    await keep("watching decay", { ...KEY_OF, tenant: "decaying" });
    const client = await Client.connect(stub, "", "watching decay");
    await stub.merge([report(0, 1, 1)]);
    expect(await armed(stub)).toBeLessThan(Date.now() + 20_000);
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    expect(await client.has(3)).toMatchObject({ type: "stats", seq: 1 });
    expect(await armed(stub), "it goes on as long as there is something to decay").toBeGreaterThan(Date.now());
    expect(client.frames.map((frame) => frame.seq)).toEqual([0, 1, 1]);
  });

  it("rests when nobody watches", async () => {
    const stub = hub("unwatched");
    await stub.merge([report(0, 1, 1)]);
    expect(await armed(stub)).toBeNull();
    const client = await Client.connect(stub);
    expect(await armed(stub)).not.toBeNull();
    client.socket.close();
    await vi.waitFor(async () => expect(await runInDurableObject(stub, (_, ctx) => ctx.getWebSockets().length)).toBe(0));
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    expect(await armed(stub)).toBeNull();
  });
});
