import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { REMEMBERED_PER_NORMAL } from "../../src/actors/velocity-actor.ts";
import { RISK_LIMITS } from "../../src/domain/risk.ts";

const MAX_REMEMBERED = REMEMBERED_PER_NORMAL * RISK_LIMITS.velocityMax;
const WINDOW = RISK_LIMITS.velocityWindowMs;
const START = Date.UTC(2026, 10, 20);

describe("A customer's velocity", () => {
  it("counts each order once, itself included, however often it is recorded", async () => {
    const stub = env.VELOCITY.getByName("acme/once");
    expect(await stub.record("o1", START)).toBe(1);
    expect(await stub.record("o2", START + 1)).toBe(2);
    expect(await stub.record("o2", START + 2)).toBe(2);
    expect(await stub.record("o1", START + WINDOW)).toBe(1);
  });

  it("forgets orders that have left the window", async () => {
    const stub = env.VELOCITY.getByName("acme/window");
    await stub.record("o1", START);
    await stub.record("o2", START + 10);
    expect(await stub.record("o3", START + WINDOW)).toBe(2);
    expect(await stub.record("o4", START + 2 * WINDOW)).toBe(1);
  });

  it("counts what came before an order, not what came after it", async () => {
    const stub = env.VELOCITY.getByName("acme/late");
    await stub.record("o1", START + 1_000);
    expect(await stub.record("late", START)).toBe(1);
  });

  it("survives eviction", async () => {
    const stub = env.VELOCITY.getByName("acme/evicted");
    await stub.record("o1", START);
    await evictDurableObject(stub);
    expect(await stub.record("o2", START + 1)).toBe(2);
  });

  it("is one row that stops growing", async () => {
    const stub = env.VELOCITY.getByName("acme/robot");
    let last = 0;
    for (let order = 0; order < MAX_REMEMBERED + 20; order++) last = await stub.record(`o${order}`, START + order);
    expect(last).toBe(MAX_REMEMBERED);
    const kept = await runInDurableObject(stub, (_, { storage }) => [...storage.kv.list<unknown[]>()]);
    expect(kept).toHaveLength(1);
    expect(kept[0]?.[1]).toHaveLength(MAX_REMEMBERED);
  });
});
