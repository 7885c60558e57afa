/**
 * The run loop of an order's saga: commits the intent of the next group of steps, makes the calls that are due, commits
 * their outcomes, and goes on until nothing is due. At most one run is under way at a time. A command that arrives
 * meanwhile is journaled at once, and obeyed after the calls that are out have been answered or given up.
 */

import type { OrderEvent } from "../contract/events.ts";
import type { ProviderName, Step } from "../contract/order.ts";
import { type CalledAccount, calledBy } from "../domain/breaker.ts";
import { decideBlocked, decideOutcomes, decideResume, type Outcome } from "../domain/decide.ts";
import { type Admission, OPERATIONS, type ProviderAnswer, type Providers } from "../domain/ports.ts";
import { follow, plan } from "../domain/progress.ts";
import { excerpt } from "../platform/log.ts";
import { callProvider, describe, isWorking } from "./attempt.ts";
import type { OrderRecord } from "./order-record.ts";
import type { OrderPorts } from "./ports.ts";
import type { Settlement } from "./settlement.ts";

/** More groups than any order can need in one run; past it the alarm carries on, in case the saga goes in circles. */
const MAX_GROUPS_PER_RUN = 20;

const ADMITTED: Admission = { admitted: true };

/** Why the saga is run. `attempt` is how often the hint was delivered, from 1; `probe` the provider that the order is to try out. */
export type Trigger =
  | { readonly kind: "hint"; readonly attempt: number; readonly probe?: ProviderName | undefined }
  | { readonly kind: "alarm" }
  | { readonly kind: "late" };

type Ports = Pick<OrderPorts, "clock" | "random" | "providers" | "breakers" | "background">;

export class SagaRunner {
  readonly #record: OrderRecord;
  readonly #settlement: Settlement;
  readonly #ports: Ports;
  #providers: Providers | null = null;
  #underWay: Promise<void> | null = null;

  constructor(record: OrderRecord, settlement: Settlement, ports: Ports) {
    this.#record = record;
    this.#settlement = settlement;
    this.#ports = ports;
  }

  /** The run whose calls are out at this moment, or null. */
  get underWay(): Promise<void> | null {
    return this.#underWay;
  }

  /** Carries the order as far as it goes now. A run that is under way is joined instead. @returns whether one was joined */
  async run(trigger: Trigger): Promise<{ readonly joined: boolean }> {
    const joined = this.#underWay !== null;
    this.#underWay ??= this.#run(trigger).finally(() => {
      this.#underWay = null;
    });
    await this.#underWay;
    return { joined };
  }

  async #run(trigger: Trigger): Promise<void> {
    const startedAt = this.#ports.clock.now();
    const versionBefore = this.#record.state.version;
    const calls: string[] = [];
    for (let group = 0; group < MAX_GROUPS_PER_RUN; group++) {
      const now = this.#ports.clock.now();
      this.#record.commit(follow(this.#record.state, now));
      if (group === 0) this.#record.commit(this.#resume(trigger, now));
      const planned = plan(this.#record.state, now);
      if (planned.kind !== "call") break;
      const admitted = await this.#admitted(planned.steps, trigger);
      if (admitted.length === 0) break;
      const outcomes = await Promise.all(admitted.map((step) => this.#attempt(step, calls)));
      this.#record.commit(decideOutcomes(this.#record.state, outcomes, this.#outcomeContext(startedAt)));
    }
    if (this.#record.state.version === versionBefore) return;
    const durationMs = this.#ports.clock.now() - startedAt;
    const waitedMs = startedAt - this.#record.state.placedAt;
    this.#record.log("info", "order.advanced", { by: trigger.kind, steps: calls.join(" "), waitedMs, durationMs });
    this.#ports.background(this.#settlement.publish());
  }

  /** A first hint finds an order that nobody has worked on; anything else may follow a run that died with its calls out. */
  #resume(trigger: Trigger, now: number): OrderEvent[] {
    const { state, lane } = this.#record;
    const planned = plan(state, now);
    if (planned.kind !== "call" || trigger.kind === "late" || (trigger.kind === "hint" && trigger.attempt === 1)) return [];
    const interrupted = (step: Step) => trigger.kind === "alarm" || state.steps[step]?.phase === "started";
    return decideResume(state, planned.steps.filter(interrupted), lane, now);
  }

  /** Those of the due steps whose providers may be called; the others are journaled as waiting, once. */
  async #admitted(due: readonly Step[], trigger: Trigger): Promise<Step[]> {
    const { order, priority, placedAt, steps } = this.#record.state;
    const asked = await Promise.all(
      due.map(async (step) => {
        const { port } = OPERATIONS[step];
        if (port === "risk") return { step, port, admission: ADMITTED };
        const probe = trigger.kind === "hint" && trigger.probe === port;
        const waiting = { orderId: order.orderId, priority, placedAt, failures: steps[step]?.failures ?? 0 };
        return { step, port, admission: await this.#ports.breakers.admit(this.#called(port), waiting, probe) };
      }),
    );
    const blocked = asked.flatMap(({ step, port, admission }) =>
      port === "risk" || admission.admitted ? [] : [{ step, provider: port, since: admission.since, recheckAt: admission.recheckAt }],
    );
    this.#record.commit(decideBlocked(this.#record.state, blocked));
    if (blocked.length > 0) this.#record.lookAgain({ waitAt: Math.min(...blocked.map(({ recheckAt }) => recheckAt)) });
    return asked.flatMap(({ step, admission }) => (admission.admitted ? [step] : []));
  }

  /** @param calls is given a word about the call, for the log line of the run */
  async #attempt(step: Step, calls: string[]): Promise<Outcome> {
    const startedAt = this.#ports.clock.now();
    const { state } = this.#record;
    const outcome = await callProvider(state, step, { clock: this.#ports.clock, providers: this.#providersOf() }, (late) =>
      this.#recordLate(late, startedAt),
    );
    const { attempt, answer } = outcome;
    this.#tellBreaker(step, answer);
    const durationMs = this.#ports.clock.now() - startedAt;
    calls.push(`${step}:${answer.outcome}:${durationMs}ms`);
    if (answer.outcome !== "succeeded") this.#record.log("warn", "step.attempt", { step, attempt, durationMs, ...describe(answer) });
    return outcome;
  }

  /** Our own screening has no breaker, and a bug of our own says nothing about a provider. */
  #tellBreaker(step: Step, answer: ProviderAnswer): void {
    const { order, steps } = this.#record.state;
    const { port } = OPERATIONS[step];
    const worked = isWorking(answer);
    if (port === "risk" || worked === null) return;
    const usedUp = (steps[step]?.failures ?? 0) + 1 >= this.#record.lane.retry.maxAttempts;
    const detail = answer.outcome === "failed" ? answer.detail : "";
    this.#ports.breakers.report(this.#called(port), { orderId: order.orderId, worked, detail, usedUp: !worked && usedUp });
  }

  /** An answer that says only that the call failed tells nothing that giving it up had not told. */
  #recordLate(outcome: Outcome, calledAt: number): void {
    const { step, attempt, answer } = outcome;
    if (answer.outcome === "failed") return;
    try {
      // An order whose run could commit nothing has not been started in its journal: it is by the answer to its call.
      this.#record.commit(decideOutcomes(this.#record.state, [outcome], this.#outcomeContext(calledAt)));
      this.#record.log("warn", "order.late_answer", { step, attempt, ...describe(answer) });
      this.#ports.background(this.run({ kind: "late" }).then(() => this.#settlement.publish()));
    } catch (error) {
      this.#record.log("error", "order.late_answer", { step, attempt, error: excerpt(error) });
    }
  }

  #outcomeContext(startedAt: number) {
    return { startedAt, at: this.#ports.clock.now(), lane: this.#record.lane, random: this.#ports.random };
  }

  /** Whose breaker lets the order's calls at a port pass. */
  #called(port: ProviderName): CalledAccount {
    const { order, profile } = this.#record.state;
    return calledBy({ tenant: order.tenant, profile }, port);
  }

  /** The profile never changes in the life of an order, so its adapters are made once. */
  #providersOf(): Providers {
    this.#providers ??= this.#ports.providers(this.#record.state.profile);
    return this.#providers;
  }
}
