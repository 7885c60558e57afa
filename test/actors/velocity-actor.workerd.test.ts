import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { RISK_LIMITS } from "../../src/domain/risk.ts";
import * as ambient from "../../src/platform/ambient.ts";

const WINDOW = RISK_LIMITS.velocityWindowMs;
const START = Date.UTC(2026, 10, 20);

const rowsOf = (stub: DurableObjectStub) =>
  runInDurableObject(stub, (_, { storage }) => [...storage.kv.list<{ orders: unknown[] }>()].map(([, { orders }]) => orders.length));

afterEach(() => vi.restoreAllMocks());

describe("The count of a customer's recent orders", () => {
  it("counts each order once, itself included, and no other customer's", async () => {
    const stub = env.VELOCITY.getByName("acme/once");
    expect(await stub.record("ada", "o1", START)).toBe(1);
    expect(await stub.record("ada", "o2", START + 1)).toBe(2);
    expect(await stub.record("bob", "o3", START + 1)).toBe(1);
    expect(await stub.record("ada", "o2", START + 2)).toBe(2);
    expect(await stub.record("ada", "o1", START + WINDOW)).toBe(1);
  });

  it("survives eviction", async () => {
    const stub = env.VELOCITY.getByName("acme/evicted");
    await stub.record("ada", "o1", START);
    await evictDurableObject(stub);
    expect(await stub.record("ada", "o2", START + 1)).toBe(2);
    await evictDurableObject(stub);
    expect(await stub.record("ada", "o3", START + 2)).toBe(3);
  });

  it("writes at once what comes alone, and one row in a few seconds however much comes", async () => {
    const stub = env.VELOCITY.getByName("acme/written");
    await stub.record("ada", "o0", START);
    expect(await rowsOf(stub)).toEqual([1]);
    for (let order = 1; order <= 100; order++) await stub.record(`customer ${order}`, `o${order}`, START + order);
    expect(await rowsOf(stub), "they wait for the next write").toEqual([1]);
  });

  it("keeps a ring of rows, which stops growing", async () => {
    const stub = env.VELOCITY.getByName("acme/ring");
    const began = Date.now();
    const clock = vi.spyOn(ambient, "now");
    await runInDurableObject(stub, (actor) => {
      for (let order = 0; order < 64 * 64 + 100; order++) {
        clock.mockReturnValue(began + order * 10_000);
        actor.record(`customer ${order}`, `o${order}`, START + order);
      }
    });
    expect((await rowsOf(stub)).toSorted((a, b) => a - b)).toEqual([36, ...Array(63).fill(64)]);
    await evictDurableObject(stub);
    expect(await stub.record(`customer ${64 * 64}`, "another", START + WINDOW / 2)).toBe(2);
    expect(await stub.record("customer 0", "another", START + WINDOW / 2), "the ring has overwritten its first").toBe(1);
  });
});
