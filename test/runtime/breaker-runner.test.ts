import { describe, expect, it } from "vitest";
import type { BreakerState } from "../../src/contract/breaker.ts";
import type { Priority } from "../../src/contract/lanes.ts";
import type { Hint } from "../../src/contract/messages.ts";
import { DEFAULT_BREAKER } from "../../src/domain/breaker.ts";
import type { LogFields } from "../../src/platform/log.ts";
import { BreakerRunner, MAX_WAITING } from "../../src/runtime/breaker-runner.ts";
import { WaitingMap } from "../support/waiting-map.ts";

/** One breaker with a clock that stands still until told, and a store that survives a restart. */
class Stand {
  now = 0;
  alarmAt: number | null = null;
  saved: BreakerState | undefined;
  waiting = new WaitingMap();
  saves = 0;
  readonly hints: Hint[] = [];
  readonly lines: LogFields[] = [];
  queueWorks = true;
  breaker = this.restart();

  restart(): BreakerRunner {
    const save = (state: BreakerState) => {
      this.saved = state;
      this.saves++;
    };
    const arm = (at: number) => {
      this.alarmAt = at;
    };
    const ports = {
      store: { save, arm, waiting: this.waiting },
      now: () => this.now,
      hint: async (hint: Hint) => {
        if (!this.queueWorks) throw new Error("the queue does not take it");
        this.hints.push(hint);
      },
      log: (_: string, event: string, fields: LogFields) => void this.lines.push({ event, ...fields }),
    };
    this.breaker = new BreakerRunner(ports, "shop/payment", this.saved);
    return this.breaker;
  }

  fail(orderId: string) {
    return this.breaker.report({ orderId, worked: false, detail: "answered 503", usedUp: false }, DEFAULT_BREAKER);
  }

  work(orderId: string) {
    return this.breaker.report({ orderId, worked: true, detail: "", usedUp: false }, DEFAULT_BREAKER);
  }

  open(): void {
    for (const orderId of ["o1", "o2", "o3", "o4", "o5"]) this.fail(orderId);
    expect(this.breaker.view.breaker.state).toBe("open");
  }

  admit(orderId: string, failures = 0, priority: Priority = "standard") {
    return this.breaker.admit({ orderId, priority, placedAt: 0, failures });
  }

  /** Moves the clock to the alarm and lets it go off; answers who was sent. */
  async ring(): Promise<string[]> {
    expect(this.alarmAt).not.toBeNull();
    this.now = Math.max(this.now, this.alarmAt ?? 0);
    this.alarmAt = null;
    this.hints.length = 0;
    await this.breaker.wake();
    return this.hints.map(({ orderId }) => orderId);
  }
}

describe("The breaker of an account", () => {
  it("writes nothing and arms nothing while all is well, nor when single calls fail", () => {
    const stand = new Stand();
    expect(stand.admit("a")).toMatchObject({ admitted: true });
    stand.breaker.look(100);
    stand.fail("a");
    stand.fail("a");
    stand.work("a");
    expect([stand.saves, stand.alarmAt, stand.waiting.all()]).toEqual([0, null, []]);
  });

  it("is not opened by four orders, whatever each of them does", () => {
    const stand = new Stand();
    for (let round = 0; round < 10; round++) for (const orderId of ["a", "b", "c", "d"]) stand.fail(orderId);
    expect(stand.breaker.view.breaker.state).toBe("closed");
    expect(stand.fail("e")).toMatchObject({ state: "open", lastFailure: "answered 503" });
  });

  it("does not open where an isolate says that calls work there", () => {
    const stand = new Stand();
    for (const orderId of ["a", "b", "c", "d"]) stand.fail(orderId);
    stand.now = 500;
    stand.breaker.look(200);
    expect(stand.fail("e")).toMatchObject({ state: "closed" });
  });

  it("remembers who waits, once each, and through a restart", () => {
    const stand = new Stand();
    stand.open();
    for (const orderId of ["a", "b", "a"]) expect(stand.admit(orderId)).toMatchObject({ admitted: false, since: 0, recheckAt: 60_000 });
    expect(stand.restart().view).toMatchObject({ breaker: { state: "open" }, waiting: 2 });
  });

  it("sends one order to try, and lets the rest go when that worked", async () => {
    const stand = new Stand();
    stand.open();
    stand.admit("second");
    stand.admit("first", 0, "expedited");
    expect(await stand.ring()).toEqual(["first"]);
    expect(stand.hints).toEqual([{ orderId: "first", priority: "expedited", probe: "payment" }]);
    expect([stand.admit("second").admitted, stand.admit("first").admitted]).toEqual([false, true]);
    stand.work("first");
    expect(await stand.ring()).toEqual(["second"]);
    expect(stand.hints[0]).not.toHaveProperty("probe");
    expect(stand.breaker.view).toMatchObject({ breaker: { state: "closed" }, waiting: 0 });
  });

  it("sends more in each round, others each time, and lets one good order among them close it", async () => {
    const stand = new Stand();
    stand.open();
    for (let n = 10; n < 40; n++) stand.admit(`bad-${n}`);
    stand.admit("good", 0);
    const rounds: string[][] = [];
    while (stand.breaker.view.breaker.state !== "closed" && rounds.length < 10) {
      const sent = await stand.ring();
      rounds.push(sent);
      for (const orderId of sent) {
        if (orderId === "good") stand.work(orderId);
        else {
          stand.fail(orderId);
          stand.admit(orderId, 1);
        }
      }
    }
    expect(rounds.slice(0, 3).map(({ length }) => length)).toEqual([1, 3, 9]);
    expect(new Set(rounds.flat()).size).toBe(rounds.flat().length);
    expect(rounds.at(-1)).toContain("good");
    expect(stand.now).toBeLessThanOrEqual(75_000);
  });

  it("tries those that have failed only when all have, and those first that have failed least", async () => {
    const stand = new Stand();
    stand.open();
    stand.admit("often", 3, "expedited");
    stand.admit("once", 1);
    stand.admit("never");
    const sent = [];
    for (let round = 0; round < 3; round++) {
      const [orderId = ""] = await stand.ring();
      sent.push(orderId);
      stand.fail(orderId);
    }
    expect(sent).toEqual(["never", "once", "often"]);
  });

  it("tries others when the first ones never report", async () => {
    const stand = new Stand();
    stand.open();
    stand.admit("gone");
    stand.admit("next");
    expect(await stand.ring()).toEqual(["gone"]);
    expect(await stand.ring()).toEqual([]);
    expect(await stand.ring()).toEqual(["next"]);
    expect(stand.now).toBe(5_000 + 30_000 + 10_000);
  });

  it("lets the next order that comes along through when nobody waits to try", async () => {
    const stand = new Stand();
    stand.open();
    expect(await stand.ring()).toEqual([]);
    expect(stand.admit("a")).toMatchObject({ admitted: true });
  });

  it("lets those that wait go fifty a second, and keeps those whose hint the queue does not take", async () => {
    const stand = new Stand();
    stand.open();
    for (let n = 0; n < 120; n++) stand.admit(`w-${n}`);
    stand.breaker.resume("ada");
    stand.queueWorks = false;
    expect(await stand.ring()).toEqual([]);
    expect(stand.breaker.view.waiting).toBe(120);
    stand.queueWorks = true;
    const released = [await stand.ring(), await stand.ring(), await stand.ring()].map(({ length }) => length);
    expect(released).toEqual([50, 50, 20]);
    expect([stand.now, stand.alarmAt]).toEqual([3_000, null]);
  });

  it("remembers a bounded number of orders; the others look for themselves", () => {
    const stand = new Stand();
    stand.breaker.pause("ada", "audit");
    for (let n = 0; n <= MAX_WAITING; n++) stand.admit(`w-${n}`);
    expect(stand.admit("one more")).toMatchObject({ admitted: false, recheckAt: 60_000 });
    expect(stand.breaker.view.waiting).toBe(MAX_WAITING);
  });

  it("is paused and resumed by a person, who is named in state and log; what they wrote is in the state only", () => {
    const stand = new Stand();
    stand.breaker.pause("ada", "Ada Lovelace rang up");
    expect(stand.restart().view.breaker).toMatchObject({ state: "paused", by: "ada", reason: "Ada Lovelace rang up" });
    expect(stand.admit("a")).toMatchObject({ admitted: false });
    expect(stand.breaker.resume("bob").breaker).toMatchObject({ state: "closed", by: "bob" });
    expect(stand.lines).toMatchObject([
      { event: "breaker.changed", account: "shop/payment", to: "paused", by: "ada" },
      { event: "breaker.changed", account: "shop/payment", to: "closed", by: "bob" },
    ]);
    expect(JSON.stringify(stand.lines)).not.toContain("Lovelace");
  });

  it("that is closed already is not resumed: nothing is written", () => {
    const stand = new Stand();
    stand.breaker.resume("ada");
    expect([stand.saves, stand.breaker.view.breaker]).toEqual([0, { state: "closed" }]);
  });

  it("counts what an isolate says of calls that worked by when they did, not by when it says so", () => {
    const stand = new Stand();
    stand.now = 1_000;
    for (const orderId of ["a", "b", "c", "d"]) stand.fail(orderId);
    stand.breaker.look(500);
    expect(stand.fail("e")).toMatchObject({ state: "open" });
  });

  it("takes a probe that worked for a sign of life, so that one order with a fault of its own does not open it at once", async () => {
    const stand = new Stand();
    const useUp = () => stand.breaker.report({ orderId: "x", worked: false, detail: "503", usedUp: true }, DEFAULT_BREAKER);
    stand.open();
    stand.admit("probe");
    await stand.ring();
    stand.work("probe");
    expect(useUp()).toMatchObject({ state: "closed" });
    stand.now += DEFAULT_BREAKER.withinMs + 1;
    expect(useUp()).toMatchObject({ state: "open" });
  });

  it("takes no failed probe for a sign of life", async () => {
    const stand = new Stand();
    stand.open();
    stand.admit("probe");
    await stand.ring();
    stand.fail("probe");
    stand.breaker.resume("ada");
    expect(stand.breaker.report({ orderId: "x", worked: false, detail: "503", usedUp: true }, DEFAULT_BREAKER)).toMatchObject({
      state: "open",
    });
  });

  it("takes nothing of an isolate where no call has worked since it last looked", () => {
    const stand = new Stand();
    for (const orderId of ["a", "b", "c", "d"]) stand.fail(orderId);
    stand.breaker.look(null);
    expect(stand.fail("e")).toMatchObject({ state: "open" });
  });

  it("is not opened by calls that work, however many they are", () => {
    const stand = new Stand();
    for (const orderId of ["a", "b", "c", "d", "e", "f"]) expect(stand.work(orderId)).toEqual({ state: "closed" });
  });

  it("counts those that wait and have failed with those that have not", () => {
    const stand = new Stand();
    stand.breaker.pause("ada", "audit");
    stand.admit("fresh");
    for (const orderId of ["once", "twice"]) stand.admit(orderId, 2);
    expect(stand.breaker.view.waiting).toBe(3);
  });

  it("looks again at its time when its alarm comes too early, and does nothing before", async () => {
    const stand = new Stand();
    stand.open();
    stand.admit("first");
    const probeAt = Number(stand.alarmAt);
    stand.now = stand.alarmAt = probeAt - 1;
    expect(await stand.ring()).toEqual([]);
    expect([stand.alarmAt, stand.breaker.view.breaker.state]).toEqual([probeAt, "open"]);
    expect(await stand.ring()).toEqual(["first"]);
    const until = Number(stand.alarmAt);
    stand.now = stand.alarmAt = until - 1;
    await stand.ring();
    expect([stand.alarmAt, stand.breaker.view.breaker.state]).toEqual([until, "half_open"]);
    await stand.ring();
    expect(stand.breaker.view.breaker.state).toBe("open");
  });

  it("that was paused sends nobody, whenever its alarm goes off", async () => {
    const stand = new Stand();
    stand.open();
    stand.admit("first");
    stand.breaker.pause("ada", "audit");
    stand.now = 10 * 60_000;
    expect(await stand.ring()).toEqual([]);
    expect([stand.alarmAt, stand.breaker.view.breaker.state]).toEqual([null, "paused"]);
  });

  it("arms nothing when it is closed and nobody waits", () => {
    const stand = new Stand();
    stand.alarmAt = 7;
    stand.breaker.pause("ada", "audit");
    stand.breaker.resume("ada");
    expect(stand.alarmAt).toBe(7);
  });

  it("lets no more go when it opens while hints are being queued", async () => {
    const stand = new Stand();
    stand.breaker.pause("ada", "audit");
    for (let n = 0; n < 60; n++) stand.admit(`w-${n}`);
    stand.breaker.resume("ada");
    const going = stand.ring();
    stand.breaker.pause("bob", "stop");
    await going;
    expect([stand.alarmAt, stand.breaker.view.waiting]).toEqual([null, 10]);
  });

  it("writes nothing for a result that changes nothing", async () => {
    const stand = new Stand();
    stand.open();
    const { saves } = stand;
    stand.fail("late");
    stand.work("late");
    expect([stand.saves, stand.lines.length]).toEqual([saves, 1]);
  });

  it("tells in the log what it made of whom: why it opened, whom it let go, whose hint was lost", async () => {
    const stand = new Stand();
    stand.open();
    stand.admit("first");
    stand.admit("second");
    stand.queueWorks = false;
    await stand.ring();
    stand.queueWorks = true;
    stand.work("first");
    await stand.ring();
    await stand.breaker.wake();
    const account = "shop/payment";
    const lastFailure = "answered 503";
    expect(stand.lines).toEqual([
      { event: "breaker.changed", account, from: "closed", to: "open", waiting: 0, lastFailure },
      { event: "breaker.changed", account, from: "open", to: "half_open", waiting: 2, lastFailure },
      { event: "hint.lost", account, orderId: "first", error: "Error: the queue does not take it" },
      { event: "breaker.changed", account, from: "half_open", to: "closed", waiting: 1 },
      { event: "breaker.drained", account, released: 1, waiting: 0 },
    ]);
  });
});
