/** What every actor gets from its base, shown by one that has nothing else. */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Actor } from "../../src/actors/actor.ts";
import { log } from "../../src/platform/log.ts";

class Counter extends Actor {
  wakes = 0;
  fault: Error | null = null;

  constructor(ctx: DurableObjectState, bindings: typeof env) {
    super(ctx, bindings, ["CREATE TABLE counted (what TEXT PRIMARY KEY) STRICT, WITHOUT ROWID"]);
  }

  count(what: string): number {
    this.store.write("INSERT INTO counted (what) VALUES (?)", what);
    return this.#total();
  }

  countAndUndo(what: string): void {
    this.store.transaction(() => {
      this.store.write("INSERT INTO counted (what) VALUES (?)", what);
      throw new Error("undone");
    });
  }

  async fail(): Promise<void> {
    await Promise.resolve();
    throw new Error("failed");
  }

  protected override async wake(): Promise<void> {
    this.wakes++;
    if (this.fault) throw this.fault;
  }

  #total(): number {
    return this.store.read("SELECT what FROM counted").length;
  }
}

let names = 0;
const inCounter = (test: (counter: Counter, storage: DurableObjectStorage) => Promise<void>) =>
  runInDurableObject(env.INVENTORY.getByName(`acme/actor ${++names}`), (_, ctx) =>
    test(new Counter(ctx, { ...env, METER: "true" }), ctx.storage),
  );

const unitsOf = (spy: { mock: { calls: unknown[][] } }) => spy.mock.calls.filter(([event]) => event === "units").map(([, units]) => units);

describe("An actor", () => {
  afterEach(() => vi.restoreAllMocks());

  it("is billed for each call of a public method as one request, with the rows that it read and wrote", () =>
    inCounter(async (counter) => {
      const info = vi.spyOn(log, "info");
      counter.count("a");
      counter.count("b");
      expect(unitsOf(info)).toMatchObject([
        { source: "Counter", requests: 1 },
        { source: "Counter", requests: 1, rowsWritten: 1, rowsRead: 2 },
      ]);
    }));

  it("is billed for a call that throws", () =>
    inCounter(async (counter) => {
      const info = vi.spyOn(log, "info");
      await expect(counter.fail()).rejects.toThrow("failed");
      expect(unitsOf(info)).toMatchObject([{ source: "Counter", requests: 1 }]);
    }));

  it("is billed for an alarm as one request", () =>
    inCounter(async (counter) => {
      const info = vi.spyOn(log, "info");
      await counter.alarm();
      expect(counter.wakes).toBe(1);
      expect(unitsOf(info)).toMatchObject([{ source: "Counter", requests: 1 }]);
    }));

  it("is woken again when its alarm fails, and the platform learns nothing of it", () =>
    inCounter(async (counter, storage) => {
      const error = vi.spyOn(log, "error").mockReturnValue();
      counter.fault = new Error("no such luck");
      await counter.alarm();
      expect(await storage.getAlarm()).toBeGreaterThan(Date.now());
      expect(error).toHaveBeenCalledWith("actor.alarm_failed", expect.objectContaining({ actor: "Counter", error: "Error: no such luck" }));
      await storage.deleteAlarm();
    }));

  it("does no work in an alarm's last retry, after which the platform would delete it, but sets another", () =>
    inCounter(async (counter, storage) => {
      await counter.alarm({ isRetry: true, retryCount: 4, scheduledTime: 0 });
      expect([counter.wakes, await storage.getAlarm()]).toEqual([1, null]);
      await counter.alarm({ isRetry: true, retryCount: 5, scheduledTime: 0 });
      expect(counter.wakes).toBe(1);
      expect(await storage.getAlarm()).toBeGreaterThan(Date.now());
      await storage.deleteAlarm();
    }));

  it("creates its tables anew when the transaction that created them was undone", () =>
    inCounter(async (counter) => {
      expect(() => counter.countAndUndo("lost")).toThrow("undone");
      expect(counter.count("kept")).toBe(1);
    }));
});
