/**
 * One chaos run: the real server under load from clients that do not give up, with failing providers in a process of their
 * own, and `kill -9` of the whole runtime at the planned moments. Local queues are kept in memory, so each kill also loses
 * every hint and every event on its way: what is left is the actors, and their alarms have to do the rest. A soak is the same
 * run with a steady load and troubles that come in cycles; it also measures what the runtime holds of the machine.
 *
 * It ends all that it started, however it ends, and changes nothing but a store in the temporary directory.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { OrderStatus } from "../../src/contract/order.ts";
import type { StatsSnapshot } from "../../src/contract/stats.ts";
import { EVERY_LEDGER, type Evidence, type Obeyed, standsStill } from "../oracle/evidence.ts";
import { type HistoriesVerdict, type History, judgeHistories } from "../oracle/histories.ts";
import { doubledEffects } from "../oracle/laws/effects.ts";
import { lostOrders } from "../oracle/laws/orders.ts";
import { differingCounters, differingHistory } from "../oracle/laws/projections.ts";
import { checkQuiet } from "../oracle/laws.ts";
import { listedOrder, providersEvidence, publicOrder, DEVELOPMENT_TENANT as TENANT } from "../oracle/views.ts";
import { type Accepted, Client, calmWeather, type ListedOrder, type Recorded, type View, type Weather } from "./client.ts";
import { ending, handled, inParallel } from "./concurrency.ts";
import { type Disk, mountDisk } from "./disk.ts";
import type { ChaosPlan, PlannedCommand, PlannedOrder, PlannedTrouble, TroubleName } from "./plan.ts";
import { type Providers, startProviders } from "./providers.ts";
import { chance, drawsFor, whole } from "./random.ts";
import { type Trouble, troublesOf } from "./troubles.ts";
import { type Growth, growthOf, sampleUsage, type UsageSample } from "./usage.ts";
import { Victim } from "./victim.ts";
import { seconds } from "./waits.ts";

/** Clients that submit orders at the same time. */
const CLIENTS = 16;

/** The bar: how long after the server's last return every order must stand still. */
export const REST_BAR_MS = 60_000;

/** How much longer orders are watched, to learn by how much the bar was missed and which are stuck for good. */
const REST_PATIENCE_MS = 180_000;

/**
 * How long the projections may take to catch up once the orders stand still. An order asks the history 20 s after its last
 * change and, when that is behind, publishes itself again; with a late alarm and a full events queue that is half a minute.
 */
const PROJECTION_PATIENCE_MS = 90_000;

/** No order waits longer than this before it asks the history again. */
const MOST_SETTLE_DELAY_MS = 15 * 60_000;

/** How often orders and projections are looked at; oftener would be load of its own. */
const LOOK_INTERVAL_MS = 1_000;
const READERS = 8;

/**
 * People who look at orders from the first acknowledgement to the end, kills included, each twice a second: eight reads a
 * second beside some forty orders. Half of what they open is new, where answers change most; the rest was placed at any
 * time, so that an order which was accepted long before a kill is seen after it, too.
 */
const ONLOOKERS = 4;
const LOOK_AROUND_MS = 500;
const SHARE_OF_NEW = 0.5;
const NEW_ORDERS = 50;

/** How often memory and open files are sampled: nine hundred times in half an hour. */
const SAMPLE_INTERVAL_MS = 2_000;

/**
 * The bar: what the runtime holds in the last third of a soak, against the first. Its heap rises and falls with what it collects,
 * and restarts fall into either third; a leak that mattered would double it.
 */
export const MOST_GROWTH = 1.25;

/** A verdict comes from a person who looks again: the order is held only once its screening is done. */
const VERDICT_INTERVAL_MS = 1_000;
const MAX_VERDICTS = 120;

/** Orders that were stuck or late whose whole story is told. */
const MAX_STORIES = 5;
const MAX_STORY_LINES = 60;

/** Our own looking at orders is no part of their story. */
const READ = /"method":"GET"/;

/** Log lines that say that something happened which never should. */
const ALARMING =
  /"event":"(?:http\.bug|actor\.alarm_failed|hint\.poison|dead_letter\.poison|events\.poison)"|[Uu]ncaught|SQLITE_|Internal error/;
const MAX_ALARMING = 10;

/** What a soak brings about on purpose. */
const UNWRITABLE = /SQLITE_BUSY|SQLITE_FULL|SQLITE_IOERR|disk is full/;

export interface Outage {
  /** From the kill until the server answered again. */
  readonly ms: number;
}

/** Everything that a run found out. `problems` is empty when all laws hold. */
export interface ChaosResult {
  readonly seed: number;
  readonly orders: number;
  readonly acknowledged: number;
  readonly byStatus: Readonly<Partial<Record<OrderStatus, number>>>;
  readonly outages: readonly Outage[];
  readonly lost: number;
  readonly doubled: number;
  /** From the server's last return until every order stood still; null when some never did. */
  readonly restMs: number | null;
  /** From then until history and counters were equal to the orders; null when they never were. */
  readonly projectedMs: number | null;
  readonly providerCalls: number;
  /** Keys that a provider was asked more than once; each had at most one effect, or `doubled` counts it. */
  readonly repeatedKeys: number;
  readonly weather: Weather;
  /** Whether all that the clients were told on the way could have been told by one order after the other. */
  readonly histories: HistoriesVerdict;
  readonly elapsedMs: number;
  /** Null when nothing but kills was planned. */
  readonly soak: SoakResult | null;
  readonly problems: readonly { readonly law: number | "histories" | "growth"; readonly findings: readonly string[] }[];
  /** Worth knowing, but no law: log lines of things that should not happen. */
  readonly notes: readonly string[];
  /** One text per order that is stuck, or that kept the others waiting: its view, its timeline and what the log says of it. */
  readonly stories: readonly string[];
}

export interface SoakResult {
  /** How long each trouble lasted, every time that it came; null where this system does not let us make it. */
  readonly troubles: Readonly<Partial<Record<TroubleName, readonly number[] | null>>>;
  /** Null where it cannot be seen. */
  readonly memory: Growth | null;
  readonly files: Growth | null;
}

export interface ChaosSurroundings {
  /** Told of everything as it happens, one sentence each. */
  readonly say: (sentence: string) => void;
  /** Given the line that shows the state of things, whenever it is asked for. */
  readonly onProgress?: (line: () => string) => void;
  readonly signal: AbortSignal;
  /** Variables of the server besides the addresses of the providers. */
  readonly vars?: Readonly<Record<string, string>>;
  /** Where the server's log is kept. */
  readonly logFile?: string | undefined;
}

/** Rejects when it is aborted, when a server does not start, or when an order is refused that is in order. */
export async function runChaos(plan: ChaosPlan, surroundings: ChaosSurroundings): Promise<ChaosResult> {
  const folder = mkdtempSync(join(tmpdir(), "orderline-chaos-"));
  const ledgerFile = join(folder, "ledger.jsonl");
  const providers = await startProviders({ seed: plan.seed, faults: plan.faults, ledgerFile });
  const disk = plan.troubles.some(({ name }) => name === "full") ? await mountDisk() : null;
  const victim = new Victim({ ...providers.vars, ...surroundings.vars }, { logFile: surroundings.logFile, disk });
  try {
    return await ending(surroundings.signal, (signal) =>
      new ChaosRun(plan, { ...surroundings, signal }, { providers, victim, disk }).run(),
    );
  } finally {
    await victim.end();
    await disk?.end();
    await providers.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Case {
  readonly order: PlannedOrder;
  readonly receipts: Accepted[];
  readonly obeyed: Omit<Obeyed, "orderId">[];
}

class ChaosRun {
  readonly #plan: ChaosPlan;
  readonly #surroundings: ChaosSurroundings;
  readonly #providers: Providers;
  readonly #victim: Victim;
  readonly #client: Client;
  readonly #weather = calmWeather();
  readonly #startedAt = performance.now();
  readonly #cases: Case[];
  readonly #outages: Outage[] = [];
  #acknowledged = 0;
  /** What other clients do to the orders; it goes on through kills and after the last of them. */
  readonly #others: Promise<void>[] = [];
  readonly #troubles: Readonly<Record<TroubleName, Trouble>>;
  readonly #troubled: Partial<Record<TroubleName, number[] | null>> = {};
  /** The one that there is now. */
  #trouble: TroubleName | null = null;
  readonly #samples: UsageSample[] = [];
  /** In the order in which they were acknowledged. */
  readonly #seen: Case[] = [];
  readonly #recorded: Recorded[] = [];
  #answered = 0;
  #isOver = false;
  #phase = "starting";

  constructor(
    plan: ChaosPlan,
    surroundings: ChaosSurroundings,
    { providers, victim, disk }: { readonly providers: Providers; readonly victim: Victim; readonly disk: Disk | null },
  ) {
    this.#plan = plan;
    this.#surroundings = surroundings;
    this.#providers = providers;
    this.#victim = victim;
    this.#troubles = troublesOf({ providers, victim, disk, faults: plan.faults });
    this.#cases = plan.orders.map((order) => ({ order, receipts: [], obeyed: [] }));
    this.#client = new Client({
      url: () => victim.url,
      signal: surroundings.signal,
      draw: drawsFor(plan.seed, "backoff"),
      weather: this.#weather,
      isFull: () => this.#trouble === "full",
      record: (operation) => void this.#recorded.push(operation),
    });
  }

  async run(): Promise<ChaosResult> {
    this.#say(`the server is up after ${seconds(await this.#victim.start())}`);
    this.#surroundings.onProgress?.(() => this.#line());
    this.#phase = "load";
    const onlookers = handled(Promise.all(Array.from({ length: ONLOOKERS }, (_, index) => this.#lookAround(index))));
    await Promise.all([this.#submitAll(), this.#killAsPlanned(), this.#troubleAsPlanned()]);

    const returnedAt = performance.now();
    this.#phase = "coming to rest";
    const [rest] = await Promise.all([this.#rest(returnedAt), this.#submitAgain()]);
    if (rest.ms !== null) this.#say(`all ${rest.views.size} orders stood still ${seconds(rest.ms)} after the last return`);

    this.#isOver = true;
    await onlookers;

    this.#phase = "projections";
    const projection = await this.#projected(rest.views);
    if (projection.ms !== null) this.#say(`history and counters are equal to the orders ${seconds(projection.ms)} later`);
    this.#phase = "verdict";
    return this.#verdict(rest, projection);
  }

  /** Each client submits the next order as soon as its last one is acknowledged; what others do to it goes on beside. */
  async #submitAll(): Promise<void> {
    let next = 0;
    const startedAt = performance.now();
    const { perSecond } = this.#plan;
    const client = async () => {
      for (let index = next++; index < this.#cases.length; index = next++) {
        const each = this.#cases[index] as Case;
        const dueAt = perSecond === null ? 0 : startedAt + (index / perSecond) * 1_000;
        await this.#pause(Math.max(each.order.thinkMs, dueAt - performance.now()));
        await this.#submit(each);
        this.#acknowledged++;
        this.#seen.push(each);
        for (const command of each.order.commands) this.#others.push(handled(this.#command(each, command)));
        this.#others.push(handled(this.#contradict(each)));
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
  }

  async #submit(each: Case): Promise<void> {
    const { key, body, twice } = each.order;
    const submit = async () => void each.receipts.push(await this.#client.submit(key, body));
    await Promise.all(twice ? [submit(), submit()] : [submit()]);
  }

  async #command(each: Case, { name, afterMs }: PlannedCommand): Promise<void> {
    const id = each.receipts[0]?.id as string;
    await this.#pause(afterMs);
    for (let attempt = 1; attempt <= MAX_VERDICTS; attempt++) {
      const requests = each.order.twice ? [1, 2] : [1];
      const answers = await Promise.all(requests.map(() => this.#client.command(id, name)));
      for (const { version } of answers) if (version !== null) each.obeyed.push({ command: COMMANDS[name], version });
      if (answers.some(({ version }) => version !== null) || !(await this.#mayStillBeHeld(name, id))) break;
      await this.#pause(VERDICT_INTERVAL_MS);
    }
    this.#answered++;
  }

  /** Somebody uses the key for another order, which must never be taken for the first. */
  async #contradict({ order: { key, body, contradictedAfterMs } }: Case): Promise<void> {
    if (contradictedAfterMs !== null) {
      await this.#pause(contradictedAfterMs);
      await this.#client.contradict(key, { ...body, reference: `not ${key}` });
    }
    this.#answered++;
  }

  async #lookAround(onlooker: number): Promise<void> {
    const draw = drawsFor(this.#plan.seed, "onlooker", onlooker);
    while (!this.#isOver) {
      await this.#pause(LOOK_AROUND_MS);
      const oldest = chance(draw, SHARE_OF_NEW) ? Math.max(0, this.#seen.length - NEW_ORDERS) : 0;
      const one = this.#seen[whole(draw, oldest, this.#seen.length - 1)];
      if (one) await this.#client.view(one.receipts[0]?.id as string);
    }
  }

  /** Only a verdict is worth repeating when it was refused, and only until the order has passed its screening. */
  async #mayStillBeHeld(name: PlannedCommand["name"], id: string): Promise<boolean> {
    if (name !== "approve" && name !== "reject") return false;
    const view = await this.#client.view(id);
    return view !== null && (view.status === "held" || !standsStill(view.status));
  }

  async #killAsPlanned(): Promise<void> {
    for (const { afterOrders, delayMs } of this.#plan.kills) {
      while (this.#acknowledged < afterOrders) await this.#pause(POLL_MS);
      await this.#pause(delayMs);
      this.#say(`kill -9 after ${this.#acknowledged} acknowledged orders`);
      await this.#kill();
    }
  }

  async #kill(): Promise<void> {
    const killedAt = performance.now();
    await this.#victim.kill();
    await this.#victim.start();
    const outage = { ms: performance.now() - killedAt };
    this.#outages.push(outage);
    this.#say(`the server is back after ${seconds(outage.ms)}`);
  }

  async #troubleAsPlanned(): Promise<void> {
    if (this.#plan.troubles.length === 0) return;
    const startedAt = performance.now();
    await this.#pause(this.#plan.calmMs);
    const sampling = setInterval(() => this.#sample(), SAMPLE_INTERVAL_MS);
    try {
      for (const trouble of this.#plan.troubles) {
        await this.#pause(Math.max(0, startedAt + trouble.atMs - performance.now()));
        await this.#suffer(trouble);
      }
      // The last third is as long as the first.
      while (this.#acknowledged < this.#cases.length) await this.#pause(LOOK_INTERVAL_MS);
    } finally {
      clearInterval(sampling);
    }
  }

  async #suffer({ name, forMs }: PlannedTrouble): Promise<void> {
    if (name === "kill") {
      this.#say("kill -9");
      return this.#kill();
    }
    // Before it begins, because an answer may come sooner than we know that it has.
    this.#trouble = name;
    const began = performance.now();
    const end = await this.#troubles[name]();
    if (end === null) {
      this.#troubled[name] = null;
    } else {
      this.#say(`${TROUBLES[name]}, for ${seconds(forMs)}`);
      await this.#pause(forMs).finally(end);
      this.#troubled[name] = [...(this.#troubled[name] ?? []), performance.now() - began];
    }
    this.#trouble = null;
  }

  #sample(): void {
    const { pid } = this.#victim;
    const sample = pid === null ? null : sampleUsage(pid);
    if (sample !== null) this.#samples.push(sample);
  }

  /** The late repeats: each must meet the order that it placed before some kill. */
  async #submitAgain(): Promise<void> {
    const late = this.#cases.filter(({ order }) => order.again);
    await inParallel(late, READERS, (each) => this.#submit(each));
  }

  /** Waits until every order stands still, or patience is over. @param since when the server came back for the last time */
  async #rest(since: number): Promise<Rest> {
    let open = this.#ids();
    for (;;) {
      // The history may be behind, but what it says stands still did; so only the rest is asked, one by one.
      const still = new Set((await this.#client.list()).filter(({ status }) => standsStill(status)).map(({ id }) => id));
      const last = open;
      open = moving(await this.#views(open.filter((id) => !still.has(id))));
      const ms = performance.now() - since;
      this.#phase = `coming to rest: ${open.length} on their way`;
      const atRest = open.length === 0 && this.#answered === this.#others.length;
      if (atRest || ms > REST_PATIENCE_MS) {
        // The history's word was enough to go by, not to swear by.
        const views = await this.#views(this.#ids());
        open = moving(views);
        if (atRest && open.length === 0) return { ms, views, last };
        if (ms > REST_PATIENCE_MS) return { ms: null, views, last: open };
      }
      await this.#pause(LOOK_INTERVAL_MS);
    }
  }

  /** Waits until history and counters are equal to the orders; tells what still differs when patience is over. */
  async #projected(stood: ReadonlyMap<string, View>): Promise<Projection> {
    const since = performance.now();
    const views = new Map(stood);
    for (;;) {
      const [rows, stats] = [await this.#client.list(), await this.#client.stats()];
      // A stage that takes too long is a further version, and some do before the history has caught up with the others.
      const moved = rows.filter(({ id, version }) => version > (views.get(id)?.version ?? version)).map(({ id }) => id);
      for (const [id, view] of await this.#views(moved)) views.set(id, view);
      const evidence = projectionsEvidence(views, rows, stats);
      const [history, counters] = [differingHistory(evidence).length, differingCounters(evidence).length];
      const elapsed = performance.now() - since;
      if (history + counters === 0) return { ms: elapsed, evidence };
      if (elapsed > this.#projectionPatienceMs()) return { ms: null, evidence };
      this.#phase = `projections: ${history} orders and ${counters} counters differ`;
      await this.#pause(LOOK_INTERVAL_MS);
    }
  }

  /** An order whose news were lost asks after as long again as it is old, so that long outages take long to be made good. */
  #projectionPatienceMs(): number {
    const loadMs = this.#plan.perSecond === null ? 0 : (this.#plan.orders.length / this.#plan.perSecond) * 1_000;
    return PROJECTION_PATIENCE_MS + Math.min(loadMs, MOST_SETTLE_DELAY_MS);
  }

  async #verdict({ ms: restMs, views, last }: Rest, projection: Projection): Promise<ChaosResult> {
    const ledger = await this.#providers.ledger();
    const attempts = Object.values(ledger.attempts);
    // Not seen here: frames of a socket, which other tests watch, and stock of our own, since the provider keeps it.
    const evidence: Evidence = {
      ...projection.evidence,
      ...providersEvidence(ledger),
      ledgers: EVERY_LEDGER,
      told: this.#cases.flatMap(({ order, receipts }) =>
        receipts.map(({ id, placedAt, ...receipt }) => ({ ...receipt, orderId: id, reference: order.key, placedAt: Date.parse(placedAt) })),
      ),
      obeyed: this.#cases.flatMap(({ receipts: [first], obeyed }) => obeyed.map((one) => ({ ...one, orderId: first?.id ?? "" }))),
      bugs: this.#weather.bugs,
    };
    const log = this.#victim.log().split("\n");
    const late = restMs === null || restMs <= REST_BAR_MS ? [] : [`they took ${seconds(restMs)}, the bar is ${seconds(REST_BAR_MS)}`];
    const violations = [...checkQuiet(evidence), ...late.map((found) => ({ law: 1, subject: "all orders", evidence: found }))];
    const isStuckOrLate = restMs === null || late.length > 0;
    const histories = judgeHistories(this.#histories());
    const soak = this.#plan.troubles.length === 0 ? null : this.#soak();
    const grown = [
      ...(isGrown(soak?.memory) ? ["the memory of the runtime"] : []),
      ...(isGrown(soak?.files) ? ["the number of files that it holds open"] : []),
    ].map((what) => `${what} grew to more than ${MOST_GROWTH} times what it was`);
    return {
      seed: this.#plan.seed,
      orders: this.#plan.orders.length,
      acknowledged: this.#acknowledged,
      byStatus: Object.fromEntries([...Map.groupBy(views.values(), ({ status }) => status)].map(([status, of]) => [status, of.length])),
      outages: this.#outages,
      lost: lostOrders(evidence).length,
      doubled: doubledEffects(evidence).length,
      restMs,
      projectedMs: projection.ms,
      providerCalls: attempts.reduce((sum, count) => sum + count, 0),
      repeatedKeys: attempts.filter((count) => count > 1).length,
      weather: this.#weather,
      histories,
      elapsedMs: performance.now() - this.#startedAt,
      soak,
      problems: [
        ...[...Map.groupBy(violations, ({ law }) => law)].map(([law, found]) => ({
          law,
          findings: found.map((one) => `${one.subject}: ${one.evidence}`),
        })),
        ...(histories.violations.length === 0 ? [] : [{ law: "histories", findings: histories.violations } as const]),
        ...(grown.length === 0 ? [] : [{ law: "growth", findings: grown } as const]),
      ],
      notes: log.filter((line) => ALARMING.test(line) && (soak === null || !UNWRITABLE.test(line))).slice(0, MAX_ALARMING),
      stories: isStuckOrLate ? await Promise.all(last.slice(0, MAX_STORIES).map((id) => this.#story(id, log))) : [],
    };
  }

  #soak(): SoakResult {
    return { troubles: this.#troubled, memory: growthOf(this.#samples, "rssBytes"), files: growthOf(this.#samples, "files") };
  }

  /** All that was asked of each order, whether it was named by its key or by its id. */
  #histories(): History[] {
    const keys = new Map(this.#cases.flatMap(({ order, receipts }) => receipts.map(({ id }) => [id, order.key] as const)));
    const nameOf = ({ about }: Recorded) => ("key" in about ? about.key : (keys.get(about.id) ?? about.id));
    return [...Map.groupBy(this.#recorded, nameOf)].map(([order, operations]) => ({ order, operations }));
  }

  async #story(id: string, log: readonly string[]): Promise<string> {
    const [view, timeline] = [await this.#client.view(id), await this.#client.timeline(id)];
    const lines = log.filter((line) => line.includes(id) && !READ.test(line)).slice(-MAX_STORY_LINES);
    return [`GET /v1/orders/${id}`, JSON.stringify(view, null, 1), "…/events", JSON.stringify(timeline, null, 1), "log", ...lines].join(
      "\n",
    );
  }

  #ids(): string[] {
    return this.#cases.map(({ receipts }) => receipts[0]?.id as string);
  }

  async #views(ids: readonly string[]): Promise<Map<string, View>> {
    const views = new Map<string, View>();
    await inParallel(ids, READERS, async (id) => {
      const view = await this.#client.view(id);
      if (view) views.set(id, view);
    });
    return views;
  }

  #line(): string {
    const { requests, unanswered, notNow } = this.#weather;
    return [
      `${seconds(performance.now() - this.#startedAt)}`,
      `acknowledged ${this.#acknowledged}/${this.#cases.length}`,
      `commands ${this.#answered}/${this.#others.length}`,
      `kills ${this.#outages.length}/${this.#plan.kills.length + this.#plan.troubles.filter(({ name }) => name === "kill").length}`,
      `requests ${requests}, cut off ${unanswered}, not now ${notNow}`,
      this.#trouble === null ? this.#phase : TROUBLES[this.#trouble],
    ].join(" · ");
  }

  #say(sentence: string): void {
    this.#surroundings.say(`${seconds(performance.now() - this.#startedAt).padStart(7)}  ${sentence}`);
  }

  #pause(ms: number): Promise<void> {
    return sleep(ms, undefined, { signal: this.#surroundings.signal });
  }
}

const POLL_MS = 10;

/** What is said of each trouble. */
export const TROUBLES: Readonly<Record<TroubleName, string>> = {
  unavailable: "all providers answer 503",
  silent: "no provider answers",
  history: "the history's database is locked",
  frozen: "the server is frozen",
  full: "the disk is full",
};

const isGrown = (growth: Growth | null | undefined): boolean => (growth?.ratio ?? 0) > MOST_GROWTH;

interface Rest {
  /** Null when patience was over before. */
  readonly ms: number | null;
  /** Of all orders, at the end. */
  readonly views: ReadonlyMap<string, View>;
  /** Those that came to rest last, or have not. */
  readonly last: readonly string[];
}

interface Projection {
  /** Null when they differ still. */
  readonly ms: number | null;
  readonly evidence: Evidence;
}

const COMMANDS: Readonly<Record<PlannedCommand["name"], string>> = {
  cancel: "CancelOrder",
  expedite: "ExpediteOrder",
  approve: "ApproveOrder",
  reject: "RejectOrder",
};

const projectionsEvidence = (views: ReadonlyMap<string, View>, rows: readonly ListedOrder[], stats: StatsSnapshot): Evidence => ({
  orders: [...views.values()].map((view) => publicOrder(TENANT, view)),
  history: rows.map((row) => listedOrder(TENANT, row)),
  counters: [{ tenant: TENANT, counters: stats, receivers: [] }],
});

const moving = (views: ReadonlyMap<string, View>): string[] =>
  [...views.values()].filter(({ status }) => !standsStill(status)).map(({ id }) => id);
