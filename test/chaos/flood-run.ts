/**
 * Floods the standard lane of a real server at a multiple of what it drains, while expedited orders arrive as steadily as
 * before. First the drain rate is measured, then phase A (expedited orders alone), then phase B (the same, and the flood).
 *
 * What makes it a fair comparison on a laptop: the lanes are to be compared, not what the machine does with its one disk and
 * the runtime's one thread. So every provider call takes as long as a card processor's, the standard lane drains at what its
 * consumer and those calls allow, and there is processor left to accept ten times that; and the store lies in memory where
 * there is such a folder, since accepting an order makes a database file and flushes it, with everything else waiting.
 * Phase A gets no load in exchange for the flood's: the flood has to be invisible.
 *
 * An expedited order also waits for expedited orders: local queues hand out one delivery at a time, so it waits until the
 * delivery before its own is done. In production there are fifty such consumers; here this wait is in both phases alike.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { percentile } from "../../scripts/figures.ts";
import type { OrderStatus, Priority } from "../../src/contract/order.ts";
import { Client, calmWeather, type ListedOrder, type OrderBody } from "./client.ts";
import { ending, handled } from "./concurrency.ts";
import { startProviders } from "./providers.ts";
import { drawsFor } from "./random.ts";
import { Victim } from "./victim.ts";
import { seconds, type Wait } from "./waits.ts";

export interface FloodPlan {
  /** What each provider call takes, in milliseconds. */
  readonly latencyMs: number;
  /** Expedited orders a second, in both phases. */
  readonly expeditedPerSecond: number;
  /** How long phase A lasts. */
  readonly baselineSeconds: number;
  /** How many times its drain rate the standard lane is sent, and for how long. */
  readonly multiple: number;
  readonly floodSeconds: number;
  /** Orders that the drain rate is measured with. */
  readonly probeOrders: number;
}

export interface Phase {
  readonly orders: number;
  readonly p50: number | null;
  readonly p95: number | null;
  readonly max: number | null;
}

export interface FloodResult {
  readonly plan: FloodPlan;
  /** Orders a second that the standard lane carried to their ends, measured before the flood. */
  readonly drainPerSecond: number;
  /** What the flood really was: orders, how fast they were accepted, and how many times the drain rate that is. */
  readonly flood: { readonly orders: number; readonly perSecond: number; readonly multiple: number; readonly drainedMs: number };
  readonly expedited: { readonly baseline: Phase; readonly flooded: Phase };
  readonly standard: Phase;
  /** p95 of the flooded phase by that of the baseline. */
  readonly ratio: number | null;
  readonly byStatus: Readonly<Partial<Record<OrderStatus, number>>>;
  /** Accepted orders that the history does not know, or that have not come to an end. */
  readonly lost: readonly string[];
  readonly dropped: readonly string[];
  readonly bugs: readonly string[];
  /** For the plot: every wait, and when the flood began and was drained. */
  readonly waits: {
    readonly expedited: readonly Wait[];
    readonly standard: readonly Wait[];
    readonly floodedFrom: number;
    readonly drainedAt: number;
  };
}

export interface FloodSurroundings {
  readonly say: (sentence: string) => void;
  readonly onProgress?: (line: () => string) => void;
  readonly signal: AbortSignal;
  readonly vars?: Readonly<Record<string, string>>;
  /** Where the server's log is kept. */
  readonly logFile?: string | undefined;
  /** The folder that its store is made in; the temporary directory when absent. */
  readonly storeIn?: string | undefined;
}

/** As many as fit into one request. */
const BATCH = 100;

/** Batches under way at once: more would only queue in front of the runtime. */
const FLOODERS = 4;

/** First orders of both lanes, so that code is compiled and tables exist before anything is measured. */
const WARM_UP_ORDERS = 20;

/** Between two phases: the projections of the one are not to weigh on the other. */
const QUIET_MS = 2_000;

const LOOK_INTERVAL_MS = 1_000;

/** How long after its last order the history may take to show that every one has come to its end. */
const SETTLE_PATIENCE_MS = 60_000;

/** Rejects when it is aborted, or when a server does not start. */
export async function runFlood(plan: FloodPlan, surroundings: FloodSurroundings): Promise<FloodResult> {
  const latencyMs: [number, number] = [plan.latencyMs, plan.latencyMs];
  const providers = await startProviders({ seed: 1, faults: { all: { latencyMs } } });
  const server = new Victim({ ...providers.vars, ...surroundings.vars }, surroundings);
  try {
    await server.start();
    return await ending(surroundings.signal, (signal) => new FloodRun(plan, { ...surroundings, signal }, () => server.url).run());
  } finally {
    await server.end();
    await providers.stop();
  }
}

class FloodRun {
  readonly #plan: FloodPlan;
  readonly #surroundings: FloodSurroundings;
  readonly #client: Client;
  readonly #weather = calmWeather();
  readonly #startedAt = performance.now();
  readonly #sent = { expedited: new Set<string>(), standard: new Set<string>() };
  #number = 0;
  #phase = "warming up";
  #open = 0;

  constructor(plan: FloodPlan, surroundings: FloodSurroundings, url: () => string) {
    this.#plan = plan;
    this.#surroundings = surroundings;
    this.#client = new Client({ url, signal: surroundings.signal, draw: drawsFor("flood"), weather: this.#weather });
  }

  async run(): Promise<FloodResult> {
    this.#surroundings.onProgress?.(
      () => `${seconds(performance.now() - this.#startedAt)} · ${this.#phase} · sent ${this.#number}, on their way ${this.#open}`,
    );
    await this.#submit("expedited", WARM_UP_ORDERS, Number.POSITIVE_INFINITY);
    await this.#submit("standard", WARM_UP_ORDERS, Number.POSITIVE_INFINITY);
    await this.#drained();

    this.#phase = "measuring the drain rate";
    const probes = await this.#submit("standard", this.#plan.probeOrders, Number.POSITIVE_INFINITY);
    const drainPerSecond = drainRateOf((await this.#drained()).filter(({ id }) => probes.has(id)));
    this.#say(`the standard lane drains ${drainPerSecond.toFixed(1)} orders a second`);

    this.#phase = "phase A: expedited orders alone";
    await this.#pause(QUIET_MS);
    const baseline = await this.#expedite(this.#pause(this.#plan.baselineSeconds * 1_000));
    await this.#drained();

    const perSecond = drainPerSecond * this.#plan.multiple;
    const orders = Math.round(perSecond * this.#plan.floodSeconds);
    this.#say(`phase B: ${orders} standard orders at ${perSecond.toFixed(0)} a second`);
    this.#phase = "phase B: flood";
    await this.#pause(QUIET_MS);
    const flooding = this.#flood(orders, perSecond);
    const flooded = await this.#expedite(flooding.then(() => this.#drained("standard")));
    this.#phase = "settling";
    return this.#result(await this.#drained(), drainPerSecond, baseline, flooded, await flooding);
  }

  async #flood(orders: number, perSecond: number): Promise<ReadonlySet<string>> {
    const sent = await this.#submit("standard", orders, perSecond);
    this.#phase = "phase B: draining";
    return sent;
  }

  /** Submits orders in batches that are due one after the other. @returns their ids */
  async #submit(priority: Priority, orders: number, perSecond: number): Promise<ReadonlySet<string>> {
    const startedAt = performance.now();
    const ids = new Set<string>();
    let taken = 0;
    const flooder = async () => {
      while (taken < orders) {
        const first = taken;
        const size = Math.min(BATCH, orders - first);
        taken += size;
        await this.#pause(startedAt + (first / perSecond) * 1_000 - performance.now());
        const batch = Array.from({ length: size }, () => ({
          idempotencyKey: `flood-${this.#number++}`,
          order: orderOf(priority),
        }));
        for (const id of await this.#client.submitBatch(batch)) {
          ids.add(id);
          this.#sent[priority].add(id);
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(FLOODERS, Math.ceil(orders / BATCH)) }, flooder));
    return ids;
  }

  /** One expedited order after the other at a fixed pace, whatever the answers take, for as long as `meanwhile` does. */
  async #expedite(meanwhile: Promise<unknown>): Promise<ReadonlySet<string>> {
    const startedAt = performance.now();
    const ids = new Set<string>();
    const answers: Promise<void>[] = [];
    let going = true;
    const ended = meanwhile.finally(() => {
      going = false;
    });
    const pacing = async () => {
      for (let index = 0; going; index++) {
        const submission = this.#client.submit(`flood-${this.#number++}`, orderOf("expedited")).then(({ id }) => {
          ids.add(id);
          this.#sent.expedited.add(id);
        });
        answers.push(handled(submission));
        await this.#pause(startedAt + ((index + 1) / this.#plan.expeditedPerSecond) * 1_000 - performance.now());
      }
    };
    await Promise.all([ended, pacing()]);
    await Promise.all(answers);
    return ids;
  }

  /** Waits until the history shows an end of every order that was sent so far, or patience is over after no order moved. */
  async #drained(of?: Priority): Promise<ListedOrder[]> {
    let open = Number.POSITIVE_INFINITY;
    let movedAt = performance.now();
    for (;;) {
      const { byPriority } = await this.#client.stats();
      const counts = of ? [byPriority[of]] : Object.values(byPriority);
      const sent = of ? this.#sent[of].size : this.#sent.expedited.size + this.#sent.standard.size;
      const ended = counts.reduce((sum, { pending, ...others }) => sum + Object.values(others).reduce((all, count) => all + count, 0), 0);
      if (sent - ended !== open) movedAt = performance.now();
      open = sent - ended;
      this.#open = open;
      if (open <= 0 || performance.now() - movedAt > SETTLE_PATIENCE_MS) return of ? [] : this.#client.list();
      await this.#pause(LOOK_INTERVAL_MS);
    }
  }

  #result(
    listed: readonly ListedOrder[],
    drainPerSecond: number,
    baseline: ReadonlySet<string>,
    flooded: ReadonlySet<string>,
    flood: ReadonlySet<string>,
  ): FloodResult {
    const rows = new Map(listed.map((row) => [row.id, row]));
    const of = (ids: ReadonlySet<string>) => [...ids].flatMap((id) => rows.get(id) ?? []);
    const standard = of(flood);
    const placed = standard.map(({ placedAt }) => Date.parse(placedAt));
    const [floodedFrom, floodedTo] = [Math.min(...placed), Math.max(...placed)];
    const drainedAt = Math.max(...standard.map(({ confirmedAt, updatedAt }) => Date.parse(confirmedAt ?? updatedAt)));
    const perSecond = (flood.size / Math.max(1, floodedTo - floodedFrom)) * 1_000;
    // Only while the flood lasts; those that came in the second until its end was noticed had it easy.
    const during = waitsOf(of(flooded)).filter(({ placedAt }) => placedAt >= floodedFrom && placedAt <= drainedAt);
    const phases = { baseline: phaseOf(waitsOf(of(baseline))), flooded: phaseOf(during) };
    const all = [...this.#sent.expedited, ...this.#sent.standard];
    return {
      plan: this.#plan,
      drainPerSecond,
      flood: { orders: flood.size, perSecond, multiple: perSecond / drainPerSecond, drainedMs: drainedAt - floodedTo },
      expedited: phases,
      standard: phaseOf(waitsOf(standard)),
      ratio: phases.flooded.p95 !== null && phases.baseline.p95 ? phases.flooded.p95 / phases.baseline.p95 : null,
      byStatus: Object.fromEntries([...Map.groupBy(listed, ({ status }) => status)].map(([status, of]) => [status, of.length])),
      lost: all.filter((id) => !rows.has(id)),
      // They are plain and the providers do not fail, so there is but one end.
      dropped: all.filter((id) => {
        const status = rows.get(id)?.status;
        return status !== undefined && status !== "confirmed";
      }),
      bugs: this.#weather.bugs,
      waits: { expedited: [...waitsOf(of(baseline)), ...waitsOf(of(flooded))], standard: waitsOf(standard), floodedFrom, drainedAt },
    };
  }

  #say(sentence: string): void {
    this.#surroundings.say(`${seconds(performance.now() - this.#startedAt).padStart(7)}  ${sentence}`);
  }

  async #pause(ms: number): Promise<void> {
    if (ms > 0) await sleep(ms, undefined, { signal: this.#surroundings.signal });
  }
}

const orderOf = (priority: Priority): OrderBody => ({
  priority,
  currency: "GBP",
  lines: [{ sku: "85123A", quantity: 2, unitPrice: 255 }],
  shipTo: { country: "GB" },
  payment: { token: "tok_visa" },
});

/** From the first one's start to the last one's end: what a full lane carries. */
function drainRateOf(orders: readonly ListedOrder[]): number {
  const began = Math.min(...orders.map(({ startedAt, placedAt }) => Date.parse(startedAt ?? placedAt)));
  const ended = Math.max(...orders.map(({ confirmedAt, updatedAt }) => Date.parse(confirmedAt ?? updatedAt)));
  return (orders.length / Math.max(1, ended - began)) * 1_000;
}

const waitsOf = (orders: readonly ListedOrder[]): Wait[] =>
  orders.flatMap(({ placedAt, startedAt }) =>
    startedAt === null ? [] : [{ placedAt: Date.parse(placedAt), ms: Date.parse(startedAt) - Date.parse(placedAt) }],
  );

function phaseOf(waits: readonly Wait[]): Phase {
  const values = waits.map(({ ms }) => ms);
  return { orders: values.length, p50: percentile(values, 0.5), p95: percentile(values, 0.95), max: percentile(values, 1) };
}
