/**
 * The simulated order and the real one live the same lives: the same is asked of both, the same faults and times meet both, and
 * after each action their answers, journals, alarms, calls, messages and log lines are equal. What the simulator, the laws and
 * most tests of the runner prove of the one then holds for the other, with its SQLite, its RPC, its alarm and its restarts.
 */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type Commit, OrderEvent } from "../../src/contract/events.ts";
import { type HistoryKey, OrderStatus } from "../../src/contract/order.ts";
import type { PinnedProfile } from "../../src/contract/profile.ts";
import { apply, type OrderState } from "../../src/domain/order.ts";
import type { OrderPorts } from "../../src/runtime/ports.ts";
import { fold } from "../support/orders.ts";
import type { Ended, Surroundings } from "../support/surroundings.ts";
import {
  type Action,
  abort,
  action,
  alarm,
  answerOf,
  type Before,
  beginning,
  breaker,
  CORRECTION,
  command,
  diagnosisWhileCalling,
  disk,
  evict,
  hint,
  laneBacksUp,
  nextStageIsReached,
  pass,
  place,
  placeUnderProfile,
  type Script,
  script,
} from "./actions.ts";
import { RealOrder, type Stage } from "./real-order.ts";
import { SimulatedOrder } from "./simulated-order.ts";
import type { Subject } from "./subject.ts";

const stage = vi.hoisted<Stage>(() => {
  // The setup has loaded the Worker already; forgotten, it is loaded once more and takes the modules below.
  vi.resetModules();
  return { around: null };
});

const around = (): Surroundings => {
  if (!stage.around) throw new Error("no order is on the stage");
  return stage.around;
};
vi.mock("../../src/platform/ambient.ts", async (original) => ({
  ...(await original<object>()),
  now: () => around().now,
  random: () => around().random(),
}));
vi.mock("../../src/providers/index.ts", async (original) => ({
  ...(await original<object>()),
  providersFrom: (_: unknown, profile: PinnedProfile | null) => around().ports.providers(profile),
}));
vi.mock("../../src/actors/patience.ts", () => ({
  leaves: (...asked: Parameters<OrderPorts["leaves"]>) => around().ports.leaves(...asked),
}));
vi.mock("../../src/actors/breakers.ts", () => ({ breakersFrom: () => around().ports.breakers }));
vi.mock("../../src/projections/history/queries.ts", async (original) => ({
  ...(await original<object>()),
  historyVersion: (_: unknown, order: HistoryKey) => around().ports.historyVersion(order),
}));

/** Enough for what is likely, and few enough for a machine that is busy with other tests. */
const RUNS = 60;

/** An order that hangs is shown as a counterexample, before the runner gives the whole test up. */
const RUN_TIMEOUT_MS = 10_000;

/** Several times what it takes on a machine that has nothing else to do. */
const TEST_TIMEOUT_MS = 60_000;

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** So late that no alarm goes off by itself while the test runs. */
const BEGINNING = Date.parse("2126-11-21T08:26:00Z");

/** Its multiples are spread evenly between whole numbers. */
const GOLDEN = 0.618_033_988_75;

/** A subject, and what it did so far that is not in its store. */
class Watched {
  readonly subject: Subject;
  readonly #calls: unknown[] = [];

  constructor(subject: Subject, attempts: Script) {
    this.subject = subject;
    const { around } = subject;
    around.now = BEGINNING;
    // By the clock and not by the draw: the sender of real hints draws, too.
    around.random = () => (around.now * GOLDEN) % 1;
    around.behaviour = ({ step, key, undoes, attempt, order, facts }, profile) => {
      const answer = attempts[step]?.[attempt - 1] ?? "succeed";
      this.#calls.push({ step, key, undoes, attempt, token: order.payment.token, facts, profile, answer });
      return answerOf(answer, step);
    };
  }

  seen = async (answer: Ended<unknown>) => {
    const { around } = this.subject;
    const { now, historyReads, historyVersion, published, hints, deadLetters, reports, effects } = around;
    const logged = around.logged.filter((line) => !FOREIGN.test(line)).map((line) => line.replace(/"error":"[^"]*"/, '"error":"*"'));
    const did = { calls: this.#calls, published, hints, deadLetters, reports, effects, logged };
    return plain({ answer: wordsOf(answer), ...(await this.subject.stored()), now, historyReads, historyVersion, ...did });
  };
}

/** Said by the shell of an actor, not by the order. */
const FOREIGN = /"event":"(actor\.alarm_failed|units)"/;

/** Errors differ in their words, which are those of the store. */
const wordsOf = (answer: Ended<unknown>) => (answer.status === "rejected" ? { status: "rejected" } : answer);

const plain = (value: unknown) => JSON.parse(JSON.stringify(value));

let orders = 0;
const met = { statuses: new Set<string>(), events: new Set<string>() };

async function after(action: Action, { subject, seen }: Watched, before: Before) {
  return seen(await action.happens(subject, before));
}

async function agree(attempts: Script, actions: readonly Action[]): Promise<void> {
  const orderId = `ord_${String(++orders).padStart(26, "0")}`;
  const simulated = new Watched(new SimulatedOrder(), attempts);
  const real = new Watched(new RealOrder(orderId, stage), attempts);
  const story: string[] = [];
  for (const action of actions) {
    const before = { orderId, state: fold((await simulated.subject.stored()).journal) };
    const expected = await after(action, simulated, before);
    const actual = await after(action, real, before);
    const { status, value } = expected.answer;
    story.push(`${story.length + 1}. ${action}: ${status} ${JSON.stringify(value) ?? ""}`.slice(0, 200));
    expect(actual, `the real order does not do what the simulated one does:\n${story.join("\n")}\n`).toEqual(expected);
  }
  meet((await real.subject.stored()).journal);
}

function meet(journal: readonly Commit[]): void {
  journal.reduce<OrderState | null>((before, commit) => {
    for (const { type } of commit.events) met.events.add(type);
    const after = apply(before, commit);
    if (after) met.statuses.add(after.status);
    return after;
  }, null);
}

/** Lives that are always among those that are lived: between them they meet every status and every event. */
const LIVES: readonly [Script, ...Action[]][] = [
  [
    { confirm: ["answer_late"] },
    placeUnderProfile,
    hint(1),
    evict,
    alarm,
    alarm,
    nextStageIsReached,
    pass(2 * HOUR),
    alarm,
    nextStageIsReached,
  ],
  [
    { screen: ["hold"] },
    place(),
    hint(1),
    abort,
    command({ type: "ApproveOrder", by: "ada" }),
    hint(2),
    command({ type: "CancelOrder", by: "ada" }),
    evict,
    hint(1),
  ],
  [{ screen: ["hold"] }, place(), pass(10 * MINUTE), alarm, command({ type: "RejectOrder", by: "ada" }), evict, hint(1)],
  [{ authorize: ["poison"] }, place(), hint(1), alarm, command(CORRECTION), evict, command({ type: "RedriveOrder", by: "ada" }), hint(1)],
  [{ route: ["refuse"], capture: ["die_after_effect"] }, place(), breaker("inventory", false), hint(1), evict, hint(2, "inventory"), alarm],
  [{ authorize: ["answer_late"] }, place(), laneBacksUp, alarm, evict, alarm, diagnosisWhileCalling, abort, alarm],
  [{}, place(), abort, disk(true), alarm, evict, disk(false), alarm],
];

const ALL = {
  statuses: new Set<string>(OrderStatus.options),
  events: new Set<string>(OrderEvent.options.map(({ shape }) => shape.type.value)),
};

beforeAll(() => RealOrder.isLoaded());
afterAll(() => vi.restoreAllMocks());

describe("The simulated order and the real one", () => {
  it(
    "do the same, whatever happens to them",
    async () => {
      await fc.assert(
        fc.asyncProperty(script, beginning, fc.array(action, { maxLength: 14 }), (attempts, first, others) =>
          agree(attempts, [first, ...others]),
        ),
        {
          numRuns: RUNS,
          timeout: RUN_TIMEOUT_MS,
          examples: LIVES.map(([attempts, first, ...others]) => [attempts, first as Action, others]),
        },
      );
      expect(met).toEqual(ALL);
    },
    TEST_TIMEOUT_MS,
  );
});
