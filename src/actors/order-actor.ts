/**
 * The Durable Object of one order, named by the order's id: storage, alarm and bindings for an `OrderRunner`, which holds
 * the rules. It writes nothing for an order that was never placed.
 */
import { Commit, type PlacedOrder } from "../contract/events.ts";
import { lanesFrom } from "../contract/lanes.ts";
import type { Cause } from "../contract/order.ts";
import type { PinnedProfile } from "../contract/profile.ts";
import { calledBy, shown } from "../domain/breaker.ts";
import { CURRENT_TERMS, type OrderCommand } from "../domain/decide.ts";
import { type Diagnosis, diagnose } from "../domain/diagnosis.ts";
import type { OrderState } from "../domain/order.ts";
import { lanesFor } from "../domain/pinned.ts";
import { OPERATIONS } from "../domain/ports.ts";
import { openSteps } from "../domain/progress.ts";
import type { Backlog } from "../domain/routing.ts";
import { sendChange } from "../messaging/changes.ts";
import { sendHints } from "../messaging/hints.ts";
import { backlogOf, QUEUE_DEADLINE_MS } from "../messaging/lanes.ts";
import { now, random } from "../platform/ambient.ts";
import { within } from "../platform/deadline.ts";
import { type LogFields, log } from "../platform/log.ts";
import { historyVersion } from "../projections/history/queries.ts";
import { providersFrom } from "../providers/index.ts";
import { type AdvanceResult, type CommandResult, OrderRunner, type Poked } from "../runtime/order-runner.ts";
import type { OrderPorts } from "../runtime/ports.ts";
import { Actor } from "./actor.ts";
import { breakerActor, type OrderAddress, type Placement, type Serves, stockActor, velocityActor } from "./addresses.ts";
import { breakersFrom } from "./breakers.ts";
import { leaves } from "./patience.ts";

/**
 * The journal is kept in the key-value store, a key per commit. A table of its own would be two rows more for each order, and
 * twice the work per commit.
 */
const JOURNAL = "journal:";

/** Keys are sorted as text, and no journal has a million commits. */
const journalKey = (version: number): string => `${JOURNAL}${String(version).padStart(6, "0")}`;

/** The RPC face of the order; see `OrderAddress`. */
export class OrderActor extends Actor implements Serves<OrderAddress> {
  #loaded: Promise<OrderRunner> | null = null;

  /**
   * Accepts the order or recognises a repeat. When this answers, the order is durable.
   * @param profile what the order pins of its tenant's profile; absent for the embedded default
   */
  async place(order: PlacedOrder, profile?: PinnedProfile): Promise<Placement> {
    return this.#with(async (runner) => {
      const { outcome, state } = runner.place(order, { ...CURRENT_TERMS, profile });
      return { outcome, placedAt: state.placedAt, priority: state.priority };
    });
  }

  /** The outcome that placing an order of this digest would have; null when there is no order of this id. */
  async recognise(requestDigest: string): Promise<Placement | null> {
    return this.#with(async ({ state }) => {
      if (state === null) return null;
      const outcome = state.order.requestDigest === requestDigest ? "replayed" : "conflict";
      return { outcome, placedAt: state.placedAt, priority: state.priority };
    });
  }

  /** Carries the order as far as it goes; null when there is no such order. */
  async advance(hint: Parameters<OrderRunner["advance"]>[0]): Promise<AdvanceResult | null> {
    return this.#with((runner) => runner.advance(hint));
  }

  /** Carries out a command; null when the tenant has no such order. */
  async command(tenant: string, command: OrderCommand): Promise<CommandResult | null> {
    return this.#with(async (runner) => (runner.state?.order.tenant === tenant ? runner.command(command) : null));
  }

  /** The order as it is now; null when the tenant has no such order. */
  async view(tenant: string): Promise<OrderState | null> {
    return this.#with(async ({ state }) => (state?.order.tenant === tenant ? state : null));
  }

  /** The journal; null when the tenant has no such order. */
  async events(tenant: string): Promise<Commit[] | null> {
    return this.#with(async ({ state }) => (state?.order.tenant === tenant ? this.#journal() : null));
  }

  /** Why the order is where it is; null when the tenant has no such order. */
  async diagnosis(tenant: string): Promise<Diagnosis | null> {
    return this.#with(async ({ state, isRunning }) => {
      if (state?.order.tenant !== tenant) return null;
      const asked = Promise.all([this.store.armedAt(), this.#blockedBy(state), this.#backlogOf(state)]);
      const [alarmAt, provider, backlog] = await asked;
      const circumstances = { now: now(), alarmAt, running: isRunning, provider, backlog };
      return diagnose(state, this.#journal(), circumstances, lanesFor(state, lanesFrom(this.env.LANES))[state.priority]);
    });
  }

  /**
   * Examines an order that should have moved, and restores a lost alarm or a lost change. Null when there is no such order.
   * @param shown the version that the history shows
   */
  async poke(shown: number): Promise<Poked | null> {
    return this.#with(async (runner) => runner.poke(await this.store.armedAt(), shown));
  }

  /** Parks the order; answers its status, or null when there is no such order. */
  async quarantine(cause: Cause): Promise<string | null> {
    return this.#with(async (runner) => runner.quarantine(cause));
  }

  protected override async wake(): Promise<void> {
    await this.#with((runner) => runner.wake());
  }

  protected override get subject(): LogFields {
    return { orderId: this.ctx.id.name };
  }

  /** The provider that an order waits for; null when it waits for none or the breaker cannot be asked. */
  async #blockedBy(state: OrderState): Promise<Diagnosis["provider"]> {
    const [blocked] = openSteps(state).filter(([, { phase }]) => phase === "blocked");
    if (!blocked) return null;
    const { port } = OPERATIONS[blocked[0]];
    if (port === "risk") return null;
    const { account } = calledBy({ tenant: state.order.tenant, profile: state.profile }, port);
    const view = await breakerActor(this.env, account)
      .view()
      .catch(() => null);
    return view && shown(view, false);
  }

  /** The backlog of the lane of an order that has not begun; null when it has begun or the queue cannot be asked. */
  async #backlogOf({ order, status, priority }: OrderState): Promise<Backlog | null> {
    return status === "accepted" ? backlogOf(this.env, priority, order.tenant).catch(() => null) : null;
  }

  async #with<Result>(work: (runner: OrderRunner) => Promise<Result>): Promise<Result> {
    this.#loaded ??= this.#load().catch((error: unknown) => {
      this.#loaded = null;
      throw error;
    });
    return work(await this.#loaded);
  }

  async #load(): Promise<OrderRunner> {
    const journal = this.#journal();
    const armedAt = journal.length > 0 ? await this.store.armedAt() : null;
    return new OrderRunner(this.#ports(), lanesFrom(this.env.LANES), journal, armedAt);
  }

  #journal(): Commit[] {
    return this.store.list(JOURNAL).map((commit) => Commit.parse(commit));
  }

  #append(commit: Commit): void {
    const key = journalKey(commit.version);
    if (this.store.get(key) !== undefined) throw new Error(`the journal has a commit ${commit.version} already`);
    this.store.put(key, commit);
  }

  #ports(): OrderPorts {
    const { ctx, env } = this;
    return {
      store: {
        append: (commit) => this.#append(commit),
        arm: (at) => ctx.waitUntil(this.store.arm(at)),
      },
      clock: {
        now,
        after: (ms, then) => {
          const timer = setTimeout(then, ms);
          return () => clearTimeout(timer);
        },
      },
      random,
      providers: (profile) =>
        providersFrom(env, profile, {
          stockOf: (tenant, sku) => stockActor(env, tenant, sku),
          velocityOf: (tenant, customer) => velocityActor(env, tenant, customer),
        }),
      breakers: breakersFrom(env),
      // Projections believe what they are told, so they are told of nothing that might still be rolled back.
      publish: async (change) => {
        if (await this.store.isDurable()) await sendChange(env, change);
      },
      hint: (hint) => sendHints(env, [hint]),
      deadLetter: async (letter) =>
        void (await within(QUEUE_DEADLINE_MS, "sending a dead letter", () => env.ORDERS_DEAD_LETTER.send(letter))),
      historyVersion: (order) => historyVersion(env, order),
      leaves,
      backlog: (priority, tenant) => backlogOf(env, priority, tenant),
      background: (work) => ctx.waitUntil(work),
      log: (level, event, fields) => log[level](event, fields),
    };
  }
}
