/** What may happen to an order, as a property test draws it. Each action has a name, which is what a counterexample shows. */
import fc from "fast-check";
import type { PlacedOrder } from "../../src/contract/events.ts";
import { type Cause, type Priority, ProviderName, Step } from "../../src/contract/order.ts";
import type { PinnedProfile } from "../../src/contract/profile.ts";
import type { OrderCommand } from "../../src/domain/decide.ts";
import type { OrderState } from "../../src/domain/order.ts";
import type { ProviderAnswer } from "../../src/domain/ports.ts";
import { HOLD_MS } from "../../src/domain/progress.ts";
import { nextStage, trackOf } from "../../src/domain/tracks.ts";
import { placedOrder } from "../support/orders.ts";
import type { Behaviour, Ended } from "../support/surroundings.ts";
import type { Subject } from "./subject.ts";

/** What the action is told of the order before it: both orders are then asked the same. */
export interface Before {
  readonly orderId: string;
  readonly state: OrderState | null;
}

export class Action {
  readonly name: string;
  /** Resolves when all that the action sets in motion has ended. */
  readonly happens: (order: Subject, before: Before) => Promise<Ended<unknown>>;

  constructor(name: string, happens: (order: Subject, before: Before) => Promise<Ended<unknown>>) {
    this.name = name;
    this.happens = happens;
  }

  toString(): string {
    return this.name;
  }
}

/** Something is asked of the order, or done to it. */
type Deed = (order: Subject, before: Before) => Promise<unknown>;

const act = (name: string, deed: Deed) => new Action(name, (order, before) => order.settled(deed(order, before)));

/** Something is done while the calls of a hint are out; nothing is when it makes none, or none that is not answered at once. */
const whileCalling = (name: string, deed: Deed) =>
  new Action(`hint 1, and while its calls are out ${name}`, async (order, before) => {
    const calling = hinted(1)(order, before);
    if (!(await order.callsAreOut(calling))) return order.settled(calling);
    const done = await deed(order, before).catch(() => "rejected");
    return order.settled(calling.then((answer) => ({ answer, done })));
  });

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** A profile in which everything that an order pins differs from the default. */
const PROFILE: PinnedProfile = {
  version: 7,
  displayName: "Ada's Bakery",
  lanes: { standard: { retry: { maxAttempts: 2, baseMs: 4 * SECOND }, stallAfterMs: 45 * SECOND, agesAfterMs: MINUTE } },
  providers: { payment: { adapter: "embedded", breaker: { tripAfter: 9, sharedAs: "bakers" } } },
  track: {
    firstStageWithinMs: 10 * MINUTE,
    stages: [
      { name: "baking", budgetMs: 90 * MINUTE },
      { name: "collected", budgetMs: 0 },
    ],
  },
};

const TENANT = "shop";

export const place = (changes: Partial<PlacedOrder> = {}, profile?: PinnedProfile) =>
  act(
    `place(${[...Object.entries(changes).map(([name, value]) => `${name}: ${value}`), ...(profile ? [`profile ${profile.version}`] : [])].join(", ")})`,
    ({ address }, { orderId }) => address.place(placedOrder({ ...changes, orderId }), profile),
  );
export const placeUnderProfile = place({}, PROFILE);

const recognise = (digest: string) => act(`recognise(${digest})`, ({ address }) => address.recognise(digest));

const laneOf = ({ state }: Before): Priority => state?.priority ?? "standard";
const hinted =
  (attempt: number, probe?: ProviderName): Deed =>
  ({ address }, before) =>
    address.advance({ priority: laneOf(before), attempt, probe, canLeave: true });
export const hint = (attempt: number, probe?: ProviderName) =>
  act(`hint ${attempt}${probe ? ` to try ${probe}` : ""}`, hinted(attempt, probe));
const staleHint = act("hint of another lane", ({ address }, before) =>
  address.advance({ priority: laneOf(before) === "standard" ? "expedited" : "standard", attempt: 1 }),
);
/** A further hint while the calls of the first are out; the view that is asked for after it answers when it has arrived. */
const twoHints = new Action("hint 1, and hint 2 while its calls are out", async (order, before) => {
  const { address } = order;
  const first = hinted(1)(order, before);
  if (!(await order.callsAreOut(first))) return order.settled(first);
  const both = Promise.all([first, address.advance({ priority: laneOf(before), attempt: 2 })]);
  both.catch(() => {});
  await address.view(TENANT);
  return order.settled(both);
});

export const command = (given: OrderCommand, tenant = TENANT) =>
  act(`${given.type}${"stage" in given ? ` ${given.stage}` : ""}${tenant === TENANT ? "" : ` by ${tenant}`}`, ({ address }) =>
    address.command(tenant, given),
  );
export const nextStageIsReached = act("the next stage is reached", ({ address }, { state }) => {
  const stage = (state && nextStage(trackOf(state), state.stage)?.name) ?? "delivered";
  return address.command(TENANT, { type: "ReachStage", stage, by: "ada" });
});

export const alarm = act("the alarm goes off when it is due", async (order) => {
  const { alarmAt } = await order.stored();
  order.around.now = Math.max(order.around.now, alarmAt ?? 0);
  return order.alarmGoesOff();
});

const deadLetter = (cause: Cause) => act(`dead letter (${cause.class})`, ({ address }) => address.quarantine(cause));

const set = (name: string, change: (around: Subject["around"]) => void) => act(name, async ({ around }) => change(around));
export const pass = (ms: number) =>
  set(`${ms / SECOND} s pass`, (around) => {
    around.now += ms;
  });

const historyIs = (name: string, change: (around: Subject["around"]) => void) =>
  set(name, (around) => {
    around.whileHistoryIsAsked = () => {};
    change(around);
  });

export const breaker = (port: ProviderName, closed: boolean) =>
  set(`the breaker of ${port} ${closed ? "closes" : "opens"}`, (around) => {
    const before = around.admit;
    const since = around.now;
    around.admit = (asked, order, probe) => {
      if (asked !== port) return before(asked, order, probe);
      return closed || probe ? { admitted: true } : { admitted: false, since, recheckAt: around.now + MINUTE };
    };
  });

export const CORRECTION: OrderCommand = {
  type: "CorrectOrder",
  by: "ada",
  reason: "typed wrongly",
  changes: { payment: { token: "tok_other" } },
};

const command$: fc.Arbitrary<OrderCommand> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<OrderCommand>({ type: "CancelOrder", by: "ada", reason: "changed my mind" }) },
  fc.constantFrom<OrderCommand>(
    { type: "CancelOrder", by: "ada" },
    { type: "ExpediteOrder" },
    { type: "RejectOrder", by: "ada", reason: "too good" },
    { type: "ReachStage", stage: "shipped", by: "ada" },
    { type: "ReachStage", stage: "no_such_stage", by: "ada" },
  ),
  { weight: 2, arbitrary: fc.constant<OrderCommand>({ type: "ApproveOrder", by: "ada" }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom<OrderCommand>(CORRECTION, {
      type: "CorrectOrder",
      by: "ada",
      reason: "moved",
      changes: { shipTo: { country: "FR" }, customer: { id: "1" } },
    }),
  },
  { weight: 3, arbitrary: fc.constant<OrderCommand>({ type: "RedriveOrder", by: "ada", reason: "mended" }) },
);

export const evict = act("evict", (order) => order.isEvicted());
export const abort = act("abort", (order) => order.isAborted());
export const alarmIsLost = act("the alarm is lost", (order) => order.alarmIsLost());
const ask = (what: "view" | "events" | "diagnosis", tenant = TENANT) =>
  act(`${what} for ${tenant}`, ({ address }) => address[what](tenant));
const poke = (name: string, shown: (around: Subject["around"]) => number) =>
  act(`poke, the history shows ${name}`, ({ address, around }) => address.poke(shown(around)));
export const disk = (full: boolean) => act(full ? "the disk is full" : "the disk has room", (order) => order.diskIsFull(full));

const someHint = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 3 }).map((attempt) => hint(attempt)) },
  { weight: 1, arbitrary: fc.constantFrom(...ProviderName.options).map((probe) => hint(1, probe)) },
  { weight: 1, arbitrary: fc.constant(staleHint) },
);
const someCommand = fc.oneof(
  { weight: 6, arbitrary: command$.map((given) => command(given)) },
  { weight: 4, arbitrary: fc.constant(nextStageIsReached) },
  { weight: 1, arbitrary: command$.map((given) => command(given, "other")) },
);
const someDeadLetter = fc
  .constantFrom<Cause>({ class: "poison", step: "authorize", detail: "400" }, { class: "bug", detail: "in vain" })
  .map(deadLetter);
export const diagnosisWhileCalling = whileCalling("diagnosis", ({ address }) => address.diagnosis(TENANT));
export const laneBacksUp = set("the lane backs up", (around) => {
  around.oldestInLane = around.now - MINUTE;
});

/** What may be done while calls are out is what ends without them. */
const someDeed = fc.oneof(
  command$.map((given) => whileCalling(given.type, ({ address }) => address.command(TENANT, given))),
  fc.constantFrom(
    whileCalling("place", ({ address }, { orderId }) => address.place(placedOrder({ orderId }))),
    whileCalling("dead letter", ({ address }) => address.quarantine({ class: "poison", detail: "400" })),
    diagnosisWhileCalling,
    whileCalling("poke", ({ address }) => address.poke(0)),
    whileCalling("the alarm goes off", (order) => order.alarmGoesOff()),
    whileCalling("abort", (order) => order.isAborted()),
    twoHints,
  ),
);

export const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 14, arbitrary: someHint },
  { weight: 14, arbitrary: someCommand },
  { weight: 5, arbitrary: someDeed },
  { weight: 12, arbitrary: fc.constant(alarm) },
  { weight: 8, arbitrary: fc.constantFrom(evict, abort) },
  {
    weight: 4,
    arbitrary: fc.constantFrom(place(), place({ requestDigest: "f2", total: 1 }), placeUnderProfile, recognise("f1"), recognise("f2")),
  },
  { weight: 2, arbitrary: someDeadLetter },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      act("the alarm goes off early", (order) => order.alarmGoesOff()),
      act("the alarm goes off once more", (order) => order.alarmGoesOffAgain()),
    ),
  },
  { weight: 4, arbitrary: fc.constantFrom(1, SECOND, -5 * SECOND, 21 * SECOND, 50 * SECOND, 2 * MINUTE, HOLD_MS).map(pass) },
  { weight: 2, arbitrary: fc.constant(alarmIsLost) },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      poke("nothing", () => 0),
      poke("what it has", ({ historyVersion }) => historyVersion),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      ask("view"),
      ask("events"),
      ask("diagnosis"),
      ask("diagnosis"),
      ask("view", "other"),
      ask("events", "other"),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      historyIs("the history loses the order", (around) => {
        around.historyVersion = 0;
      }),
      historyIs("the history is back", () => {}),
      historyIs("the history is down", (around) => {
        around.whileHistoryIsAsked = () => {
          throw new Error("D1_ERROR");
        };
      }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      laneBacksUp,
      set("the lane is drained", (around) => {
        around.oldestInLane = null;
      }),
    ),
  },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom(...ProviderName.options), fc.boolean()).map(([port, closed]) => breaker(port, closed)) },
  { weight: 3, arbitrary: fc.constantFrom(disk(true), disk(false), disk(false)) },
);

/** Most orders are placed first. */
export const beginning = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(place(), place({ priority: "expedited" }), place({ track: "bakery", trace: "t" })) },
  { weight: 3, arbitrary: fc.constant(placeUnderProfile) },
  { weight: 1, arbitrary: action },
);

/** How a call goes: as a provider may answer, or as only an adapter with a bug does. */
export type Answer = Behaviour | "hold" | "busy" | "throw";

/** The answer itself, or the name of one that the surroundings give. */
export function answerOf(answer: Answer, step: Step): Promise<ProviderAnswer> | Behaviour {
  switch (answer) {
    case "hold":
      return step === "screen" ? Promise.resolve({ outcome: "succeeded", facts: { flags: ["amount"] } }) : "succeed";
    case "busy":
      return Promise.resolve({ outcome: "failed", failure: "transient", detail: "429", said: "not now", retryAfterMs: 2 * MINUTE });
    case "throw":
      return Promise.reject(new TypeError("an adapter with a bug"));
    default:
      return answer;
  }
}

const answer = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Answer>("succeed") },
  {
    weight: 6,
    arbitrary: fc.constantFrom<Answer>(
      "refuse",
      "fail_before_effect",
      "fail_after_effect",
      "poison",
      "busy",
      "throw",
      "answer_late",
      "die_after_effect",
    ),
  },
);

/** For each step, how its first attempts go; after them it succeeds. */
export type Script = Readonly<Partial<Record<Step, readonly Answer[]>>>;
export const script: fc.Arbitrary<Script> = fc.record(
  Object.fromEntries(
    Step.options.map((step) => [
      step,
      fc.array(step === "screen" ? fc.oneof(answer, fc.constant<Answer>("hold")) : answer, { maxLength: 3 }),
    ]),
  ) as Record<Step, fc.Arbitrary<Answer[]>>,
  { requiredKeys: [] },
);
