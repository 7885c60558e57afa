import { describe, expect, it } from "vitest";
import type { Step } from "../../src/contract/order.ts";
import { summarize } from "../../src/domain/order.ts";
import { EVERY_LEDGER } from "../oracle/evidence.ts";
import { checkQuiet } from "../oracle/laws.ts";
import { ORDER_ID, placedOrder } from "../support/orders.ts";
import { type Behaviour, World } from "../support/world.ts";

const count = (world: World, step: Step) => world.effects.filter((effect) => effect.step === step).length;

/** What must be true of the outside world once an order has stopped moving. */
function checkLaws({ state, ledger: { effects, undoBegan } }: World): void {
  const orders = [{ ...summarize(state), lines: state.order.lines }];
  expect(checkQuiet({ orders, effects, undoBegan, ledgers: EVERY_LEDGER })).toEqual([]);
}

describe("When everything goes well", () => {
  it("confirms an order with one effect per step, in the order of the graph", async () => {
    const world = new World();
    world.place(placedOrder());
    await world.hint();
    expect(world.state.status).toBe("confirmed");
    expect(world.effects.map(({ step }) => step)).toEqual(["screen", "authorize", "reserve", "route", "capture", "commit", "confirm"]);
  });

  it("arms its alarm twice: once when accepted, once when its projections have caught up", async () => {
    const world = new World();
    world.place(placedOrder());
    const { alarmAt } = world;
    await world.hint();
    expect(world.alarmAt).toBe(alarmAt);
    await world.ring();
    expect(world.alarmAt).toBeGreaterThan(world.now + 60 * 60_000);
  });
});

describe("When a request was turned down for good and went out again under another key", () => {
  it("names in the undo every key that was sent, so that the provider finds whatever took effect", async () => {
    const world = new World();
    world.behaviour = ({ step, key }) => {
      if (step !== "authorize") return "succeed";
      return key.endsWith(":2") ? "fail_after_effect" : "poison";
    };
    world.place(placedOrder());
    await world.hint();
    await world.ringUntilQuiet();
    expect(world.state.status).toBe("quarantined");
    world.process.command({ type: "RedriveOrder", by: "ada" });
    await world.hint();
    world.process.command({ type: "CancelOrder", by: "ada" });
    const undoes: (readonly string[])[] = [];
    world.behaviour = ({ step, undoes: keys }) => {
      if (step === "void") undoes.push(keys);
      return "succeed";
    };
    await world.hint();
    await world.ringUntilQuiet();
    const authorized = world.effects.find(({ step }) => step === "authorize");
    expect(authorized?.key).toBe(`${placedOrder().orderId}:authorize:2`);
    expect(undoes).toEqual([[`${placedOrder().orderId}:authorize`, `${placedOrder().orderId}:authorize:2`]]);
  });
});

describe("When an order can go no further and nobody came to park it", () => {
  it("is told by a look from outside, and parked by the alarm that this arms", async () => {
    const world = new World();
    world.place(placedOrder());
    world.journal[0]?.events.splice(0, 9, { type: "OrderPlaced", order: placedOrder(), saga: 4_711 });
    world.kill();
    expect(world.process.poke(world.alarmAt, 1)).toBe("stuck");
    expect(world.alarmAt).toBe(world.now + 1_000);
    await world.ring();
    expect(world.state).toMatchObject({ status: "quarantined", cause: { class: "bug" } });
    expect(await world.ring().then(() => world.ring()), "no alarm goes on for ever").toBe(false);
  });
});

describe("When its hint is lost", () => {
  it("keeps the time of its retries by itself, instead of waiting for a hint that does not come", async () => {
    const world = new World();
    world.behaviour = ({ step, attempt }) => (step === "route" && attempt < 3 ? "fail_before_effect" : "succeed");
    world.place(placedOrder());
    await world.ring();
    const startedAt = world.now;
    await world.ringUntilQuiet();
    expect(world.state.status).toBe("confirmed");
    expect(world.now - startedAt).toBeLessThan(5_000);
  });
});

describe("When whoever hinted goes on before its run has ended", () => {
  const left = () => {
    const world = new World();
    world.leaves = async () => true;
    world.place(placedOrder());
    return world;
  };

  it("is carried to its end all the same", async () => {
    const world = left();
    expect(await world.hint()).toEqual({ status: "accepted", retryAfterMs: null });
    expect(world.state.status).toBe("confirmed");
    checkLaws(world);
  });

  it("is not left by somebody who must hear what became of it", async () => {
    const world = left();
    const told = await world.process.advance({ priority: "standard", attempt: 1 });
    expect(told).toEqual({ status: "confirmed", retryAfterMs: null });
  });

  it("keeps the time of its retries by itself", async () => {
    const world = left();
    world.behaviour = ({ step, attempt }) => (step === "authorize" && attempt === 1 ? "fail_before_effect" : "succeed");
    expect(await world.hint()).toMatchObject({ retryAfterMs: null });
    expect(world.alarmAt).toBe(Math.max(world.now + 1_000, world.state.steps.authorize?.retryAt ?? 0));
    await world.ring();
    expect(world.state.status).toBe("confirmed");
  });

  it("keeps the time of a retry that is far away, and no time when there is none", async () => {
    const world = left();
    const later = { outcome: "failed", failure: "transient", detail: "503", retryAfterMs: 5_000 } as const;
    world.behaviour = ({ step }) => (step === "authorize" ? Promise.resolve(later) : "succeed");
    await world.hint();
    expect(world.alarmAt).toBeGreaterThanOrEqual(world.now + 5_000);
    expect(world.alarmAt).toBe(world.state.steps.authorize?.retryAt);
    const done = left();
    await done.hint();
    expect(done.alarmAt).toBe(done.now + 10_000);
  });

  it("is parked when it can go no further", async () => {
    const world = left();
    world.behaviour = ({ step }) => (step === "route" ? "poison" : "succeed");
    await world.hint();
    expect(world.deadLetters).toEqual([{ orderId: ORDER_ID, cause: { class: "poison", step: "route", detail: "400" } }]);
  });

  it("is woken by its alarm when its run broke off, and says so in the log", async () => {
    const world = left();
    world.behaviour = () => {
      world.diskIsFull = true;
      return "succeed";
    };
    await world.hint();
    expect(world.logged.map((line) => JSON.parse(line))).toContainEqual(
      expect.objectContaining({ event: "hint.failed", error: expect.any(String) }),
    );
    world.diskIsFull = false;
    world.behaviour = () => "succeed";
    await world.ringUntilQuiet();
    expect(world.state.status).toBe("confirmed");
  });
});

describe("When it is carried by its alarm and a step can go no further", () => {
  it("is parked at once", async () => {
    const world = new World();
    world.behaviour = ({ step }) => (step === "route" ? "poison" : "succeed");
    world.place(placedOrder());
    await world.ring();
    expect(world.state).toMatchObject({ status: "quarantined", cause: { class: "poison", step: "route" } });
  });
});

describe("When its lane is full", () => {
  it("waits its turn: each look comes later than the last, and none asks the history", async () => {
    const world = new World();
    world.oldestInLane = world.now;
    world.place(placedOrder());
    const waits: number[] = [];
    for (let looks = 0; looks < 4; looks++) {
      await world.ring();
      waits.push(Number(world.alarmAt) - world.now);
    }
    expect(world.state.status).toBe("accepted");
    expect(waits).toEqual(waits.toSorted((a, b) => a - b));
    expect(waits.at(-1)).toBeGreaterThan(2 * Number(waits[0]));
    expect(world.historyReads).toBe(0);
  });
});

describe("When its projections do not catch up", () => {
  it("publishes again, less and less often, until they do", async () => {
    const world = new World();
    world.place(placedOrder());
    await world.hint();
    world.published.length = 0;
    world.historyVersion = 0;
    await world.ring();
    expect(world.published.map(({ order }) => order.version)).toEqual([5]);
    expect(world.alarmAt).toBeLessThanOrEqual(world.now + 60_000);
    await world.ring();
    expect(world.published).toHaveLength(1);
  });
});

describe("When an answer comes after the attempt was given up", () => {
  it("tries the same key again, and records the late answer", async () => {
    const world = new World();
    world.behaviour = ({ step, attempt }) => (step === "route" && attempt === 1 ? "answer_late" : "succeed");
    world.place(placedOrder());
    await world.hint();
    await world.ringUntilQuiet();
    expect(world.state.status).toBe("confirmed");
    expect(count(world, "route")).toBe(1);
    expect(world.journal.flatMap(({ events }) => events.map(({ type }) => type))).toContain("LateAnswerRecorded");
  });

  /** An order that is cancelled while its authorization is out, and whose provider then answers late. */
  async function cancelledTooLate(): Promise<{ world: World; voidedWith: unknown[] }> {
    const world = new World();
    const voidedWith: unknown[] = [];
    world.behaviour = ({ step, facts }) => {
      if (step === "void") voidedWith.push(facts.authorize);
      if (step !== "authorize") return "succeed";
      queueMicrotask(() => world.process.command({ type: "CancelOrder", by: "ada" }));
      return "answer_late";
    };
    world.place(placedOrder());
    await world.hint();
    await world.ringUntilQuiet();
    return { world, voidedWith };
  }

  it("undoes once more, under another key, what a cancelled order's late answer did", async () => {
    const { world, voidedWith } = await cancelledTooLate();
    expect(world.state.status).toBe("cancelled");
    expect(voidedWith).toHaveLength(2);
    checkLaws(world);
  });

  it("hands what it brought to the undo, which must find what it undoes", async () => {
    const { voidedWith } = await cancelledTooLate();
    expect(voidedWith.at(-1)).toEqual({ reference: expect.stringContaining("authorize") });
  });
});

describe("What a breaker is told of a call", () => {
  async function told(behaviour: Behaviour): Promise<World["reports"]> {
    const world = new World();
    world.behaviour = ({ step }) => (step === "authorize" ? behaviour : "succeed");
    world.place(placedOrder());
    await world.hint();
    await world.ringUntilQuiet();
    return world.reports.filter(({ account }) => account === "shop/payment");
  }

  it.each(["succeed", "refuse", "poison"] as const)("is that the provider works, when it answers with %s", async (behaviour) => {
    const reports = await told(behaviour);
    expect(reports.length).toBeGreaterThan(0);
    expect(reports.every(({ worked, usedUp }) => worked && !usedUp)).toBe(true);
  });

  it.each(["fail_before_effect", "fail_after_effect", "answer_late"] as const)(
    "is that it failed (%s), and which failure was the last",
    async (behaviour) => {
      const reports = (await told(behaviour)).filter(({ worked }) => !worked);
      expect(reports.length).toBeGreaterThan(0);
      expect(reports.slice(0, 7).every(({ usedUp }) => !usedUp)).toBe(true);
      if (behaviour === "fail_before_effect") expect(reports.map(({ usedUp }) => usedUp)).toEqual([...Array(7).fill(false), true]);
    },
  );
});
