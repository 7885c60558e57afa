import { describe, expect, it } from "vitest";
import type { HubState, ShardReport, StatsFrame } from "../../src/contract/stats.ts";
import { countOrders, emptyTally } from "../../src/domain/counters.ts";
import { HubRunner } from "../../src/runtime/hub-runner.ts";
import { orderIdOf, summary } from "../projections/history/summaries.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const BEGINNING = 1_700_000_000_000;

/** One hub with a clock that stands still until told, and a store and sockets that outlive it. */
class Stand {
  now = BEGINNING;
  alarmAt: number | null = null;
  timesArmed = 0;
  timesRead = 0;
  saved: HubState | undefined;
  storeWorks = true;
  watching = 0;
  looksAtKeys = 0;
  readonly frames: StatsFrame[] = [];
  hub = this.restart();

  restart(): HubRunner {
    const store = {
      save: (state: HubState) => {
        if (!this.storeWorks) throw new Error("the disk is full");
        this.saved = state;
      },
      arm: async (at: number) => {
        this.alarmAt = at;
        this.timesArmed++;
      },
      armedAt: async () => {
        this.timesRead++;
        return this.alarmAt;
      },
    };
    const sockets = {
      count: () => this.watching,
      broadcast: (frame: StatsFrame) => void this.frames.push(frame),
      closeRevoked: async () => {
        this.looksAtKeys++;
      },
    };
    this.hub = new HubRunner({ store, sockets, now: () => this.now }, this.saved);
    return this.hub;
  }

  /** A report of a shard that has counted so many orders, all placed just now unless told otherwise. */
  report(shard: number, revision: number, orders: number, placedAt = this.now): ShardReport {
    const counted = Array.from({ length: orders }, (_, index) => summary({ orderId: orderIdOf(index), placedAt }));
    return { shard, revision, tally: countOrders(emptyTally(), new Map(), counted, this.now).tally };
  }

  async connect(after: number | null = null): Promise<StatsFrame> {
    return this.hub.connect(after, (greeting) => {
      this.watching++;
      return greeting;
    });
  }

  /** Moves the clock to the alarm and lets it go off. */
  async ring(): Promise<void> {
    expect(this.alarmAt).not.toBeNull();
    this.now = Math.max(this.now, this.alarmAt ?? 0);
    this.alarmAt = null;
    await this.hub.wake();
  }

  /** The alarm, in milliseconds from now. */
  get due(): number | null {
    return this.alarmAt === null ? null : this.alarmAt - this.now;
  }
}

describe("The hub of the counters", () => {
  it("adds up its shards, taking of each the newest report only, and through a restart", async () => {
    const stand = new Stand();
    await stand.hub.merge([stand.report(0, 2, 5), stand.report(1, 1, 2)]);
    await stand.hub.merge([stand.report(0, 1, 99), stand.report(1, 3, 4), stand.report(1, 2, 50)]);
    expect(stand.hub.snapshot().submitted).toBe(9);
    expect(stand.restart().snapshot().submitted).toBe(9);
  });

  it("shows a tenant without orders as all zeros", () => {
    const { hub } = new Stand();
    expect(hub.snapshot()).toMatchObject({ submitted: 0, processed: 0, revenue: {}, waiting: { standard: { p50Ms: null } } });
  });

  it("shows rates as of the time asked for", async () => {
    const stand = new Stand();
    await stand.hub.merge([stand.report(0, 1, 3)]);
    expect(stand.hub.snapshot().throughput.submittedPerMinute).toBe(3);
    expect(stand.hub.snapshot(BEGINNING + 2 * MINUTE).throughput.submittedPerMinute).toBe(0);
  });

  it("neither saves nor shows reports that tell it nothing", async () => {
    const stand = new Stand();
    await stand.connect();
    await stand.hub.merge([stand.report(0, 2, 2)]);
    const { saved } = stand;
    await stand.hub.merge([stand.report(0, 2, 2), stand.report(0, 1, 1)]);
    expect([stand.saved, stand.frames.length]).toEqual([saved, 1]);
  });

  it("shows nothing that it could not save, and takes it when it comes again", async () => {
    const stand = new Stand();
    await stand.connect();
    stand.storeWorks = false;
    await expect(stand.hub.merge([stand.report(0, 1, 1)])).rejects.toThrow("the disk is full");
    expect([stand.frames.length, stand.hub.snapshot().submitted]).toEqual([0, 0]);
    stand.storeWorks = true;
    await stand.hub.merge([stand.report(0, 1, 1)]);
    expect(stand.frames).toMatchObject([{ type: "stats", seq: 1, stats: { submitted: 1 } }]);
  });
});

describe("The frames of the hub", () => {
  it("are numbered without a gap, also when the hub restarts in between", async () => {
    const stand = new Stand();
    expect(await stand.connect()).toMatchObject({ type: "snapshot", seq: 0 });
    await stand.hub.merge([stand.report(0, 1, 1)]);
    await stand.restart().merge([stand.report(0, 2, 2), stand.report(1, 1, 5)]);
    expect(stand.frames.map(({ seq, stats }) => [seq, stats.submitted])).toEqual([
      [1, 1],
      [2, 7],
    ]);
    expect(stand.frames.every((frame) => frame.gap === undefined && frame.at === frame.stats.at)).toBe(true);
  });

  it("count what nobody watched, too", async () => {
    const stand = new Stand();
    await stand.hub.merge([stand.report(0, 1, 1)]);
    await stand.hub.merge([stand.report(0, 2, 2)]);
    expect(stand.frames).toEqual([]);
    expect(await stand.connect()).toMatchObject({ type: "snapshot", seq: 2, stats: { submitted: 2 } });
  });

  it.each([
    [null, { type: "snapshot" }],
    [0, { type: "snapshot", gap: true }],
    [2, { type: "snapshot", gap: true }],
    [3, { type: "resumed" }],
    [9, { type: "snapshot", gap: true }],
  ])("greet whoever comes after %s of 3 with %o", async (after, greeting) => {
    const stand = new Stand();
    for (let revision = 1; revision <= 3; revision++) await stand.hub.merge([stand.report(0, revision, revision)]);
    const { type, gap, seq, stats } = await stand.connect(after);
    expect({ type, ...(gap && { gap }) }).toEqual(greeting);
    expect([seq, stats.submitted]).toEqual([3, 3]);
  });
});

describe("The alarm of the hub", () => {
  it("is not armed while nobody watches, and rests when the last one has left", async () => {
    const stand = new Stand();
    await stand.hub.merge([stand.report(0, 1, 1)]);
    expect(stand.due).toBeNull();
    await stand.connect();
    expect(stand.due).toBe(10 * SECOND);
    stand.watching = 0;
    await stand.ring();
    expect([stand.due, stand.frames.length]).toEqual([null, 0]);
  });

  it("shows how rates decay, under the number of the state that they belong to, until they are zero", async () => {
    const stand = new Stand();
    await stand.connect();
    await stand.hub.merge([stand.report(0, 1, 6)]);
    while (stand.due === 10 * SECOND) await stand.ring();
    const rates = stand.frames.map(({ stats }) => stats.throughput.submittedPerMinute);
    expect(rates.slice(0, 2)).toEqual([6, 6]);
    expect(rates.at(-1)).toBe(0);
    expect(new Set(stand.frames.map(({ seq }) => seq))).toEqual(new Set([1]));
    expect([stand.due, stand.now - BEGINNING]).toEqual([MINUTE, 70 * SECOND]);
  });

  it("only looks at the keys, once a minute, when all rates are zero", async () => {
    const stand = new Stand();
    await stand.connect();
    await stand.hub.merge([stand.report(0, 1, 1, BEGINNING - 10 * MINUTE)]);
    expect(stand.due).toBe(MINUTE);
    for (let minute = 1; minute <= 3; minute++) await stand.ring();
    expect([stand.looksAtKeys, stand.due, stand.now - BEGINNING]).toEqual([3, MINUTE, 3 * MINUTE]);
  });

  it("looks at the keys once a minute while rates decay, too", async () => {
    const stand = new Stand();
    await stand.connect();
    for (let tick = 0; tick < 13; tick++) {
      await stand.hub.merge([stand.report(0, tick + 1, tick + 1)]);
      await stand.ring();
    }
    expect([stand.looksAtKeys, stand.now - BEGINNING]).toEqual([3, 130 * SECOND]);
  });

  it("is not put off by those who come, also after a restart", async () => {
    const stand = new Stand();
    await stand.hub.merge([stand.report(0, 1, 1)]);
    await stand.connect();
    for (let second = 1; second < 10; second++) {
      stand.now += SECOND;
      if (second === 5) stand.restart();
      await stand.connect();
    }
    expect([stand.due, stand.timesArmed]).toEqual([SECOND, 1]);
  });

  it("counts as lost when it is overdue, and is armed again", async () => {
    const stand = new Stand();
    await stand.connect();
    stand.alarmAt = null;
    stand.now += 2 * MINUTE;
    await stand.connect();
    expect(stand.due).toBe(MINUTE);
  });

  it("is armed once for all who come at the same moment, and read once by a process", async () => {
    const stand = new Stand();
    await stand.hub.merge([stand.report(0, 1, 1)]);
    for (let comers = 0; comers < 3; comers++) await stand.connect();
    expect([stand.timesArmed, stand.timesRead]).toEqual([1, 1]);
  });

  it("is armed again when it is due and has not gone off", async () => {
    const stand = new Stand();
    await stand.hub.merge([stand.report(0, 1, 1)]);
    await stand.connect();
    stand.now = Number(stand.alarmAt);
    await stand.connect();
    expect(stand.due).toBe(10 * SECOND);
  });

  it("is put earlier when there is something to decay", async () => {
    const stand = new Stand();
    await stand.connect();
    expect(stand.due).toBe(MINUTE);
    await stand.hub.merge([stand.report(0, 1, 1)]);
    expect(stand.due).toBe(10 * SECOND);
  });

  it("is not armed for somebody who has gone before the greeting", async () => {
    const stand = new Stand();
    await stand.hub.connect(null, () => null);
    expect(stand.due).toBeNull();
  });
});
