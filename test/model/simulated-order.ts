/** The simulated order: `World`, with what the shells in `src/actors/` do around its runner said once more, as their doc comments promise it. */
import type { OrderAddress } from "../../src/actors/addresses.ts";
import { LANES } from "../../src/contract/lanes.ts";
import type { ProviderName } from "../../src/contract/order.ts";
import { CLOSED, calledBy, shown } from "../../src/domain/breaker.ts";
import { CURRENT_TERMS } from "../../src/domain/decide.ts";
import { diagnose } from "../../src/domain/diagnosis.ts";
import type { OrderState } from "../../src/domain/order.ts";
import { lanesFor } from "../../src/domain/pinned.ts";
import { OPERATIONS } from "../../src/domain/ports.ts";
import { openSteps } from "../../src/domain/progress.ts";
import type { Ended } from "../support/surroundings.ts";
import { World } from "../support/world.ts";
import { hasEnded, type Stored, type Subject } from "./subject.ts";

/** As `actors/actor.ts` has it. */
const WAKE_FAILED_MS = 5_000;

const UNTOUCHED = { breaker: CLOSED, waiting: 0 };

export class SimulatedOrder implements Subject {
  readonly around = new World();

  readonly address: OrderAddress = {
    place: async (order, profile) => {
      const { outcome, state } = this.around.place(order, { ...CURRENT_TERMS, profile });
      return { outcome, placedAt: state.placedAt, priority: state.priority };
    },
    recognise: async (requestDigest) => {
      const { state } = this.around.process;
      if (state === null) return null;
      const outcome = state.order.requestDigest === requestDigest ? "replayed" : "conflict";
      return { outcome, placedAt: state.placedAt, priority: state.priority };
    },
    advance: (hint) => this.around.process.advance(hint),
    command: async (tenant, command) => (this.#stateFor(tenant) ? this.around.process.command(command) : null),
    view: async (tenant) => this.#stateFor(tenant),
    events: async (tenant) => (this.#stateFor(tenant) ? this.around.journal : null),
    diagnosis: async (tenant) => {
      const state = this.#stateFor(tenant);
      return state && this.#diagnosis(state);
    },
    poke: async (version) => this.around.process.poke(this.around.alarmAt, version),
    quarantine: async (cause) => this.around.process.quarantine(cause),
  };

  settled<Result>(work: Promise<Result>): Promise<Ended<Result>> {
    return this.around.settled(work);
  }

  async callsAreOut(work: Promise<unknown>): Promise<boolean> {
    const { process } = this.around;
    const ended = hasEnded(work);
    await new Promise((resolve) => setImmediate(resolve));
    return !ended() && process === this.around.process;
  }

  async alarmGoesOff(): Promise<boolean> {
    if (this.around.alarmAt === null) return false;
    this.around.alarmAt = null;
    await this.alarmGoesOffAgain();
    return true;
  }

  async alarmGoesOffAgain(): Promise<void> {
    try {
      await this.around.process.wake();
    } catch {
      this.around.alarmAt = this.around.now + WAKE_FAILED_MS;
    }
  }

  async alarmIsLost(): Promise<void> {
    this.around.alarmAt = null;
  }

  async isEvicted(): Promise<void> {
    this.around.kill();
  }

  async isAborted(): Promise<void> {
    this.around.kill();
  }

  async diskIsFull(full: boolean): Promise<void> {
    this.around.diskIsFull = full && this.around.journal.length > 0;
  }

  async stored(): Promise<Stored> {
    const { journal, alarmAt } = this.around;
    return { journal, alarmAt };
  }

  #stateFor(tenant: string): OrderState | null {
    const { state } = this.around.process;
    return state?.order.tenant === tenant ? state : null;
  }

  async #diagnosis(state: OrderState) {
    const { now, alarmAt, journal, process, ports } = this.around;
    const [blocked] = openSteps(state).filter(([, { phase }]) => phase === "blocked");
    const port = blocked ? OPERATIONS[blocked[0]].port : "risk";
    // The breaker that it asks for is a real one, to which nothing ever happens.
    const viewOf = (called: ProviderName) => ({
      ...calledBy({ tenant: state.order.tenant, profile: state.profile }, called),
      ...UNTOUCHED,
    });
    const provider = port === "risk" ? null : shown(viewOf(port), false);
    const backlog = state.status === "accepted" ? await ports.backlog(state.priority, state.order.tenant) : null;
    const circumstances = { now, alarmAt, running: process.isRunning, provider, backlog };
    return diagnose(state, journal, circumstances, lanesFor(state, LANES)[state.priority]);
  }
}
