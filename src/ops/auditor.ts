/**
 * Compares orders with their journals: the history's rows, the counters' contributions and the providers' ledgers. It only
 * reads. It remembers which providers and orders did not answer, because a comparison that was not made must not look passed.
 */
import pMap from "p-map";
import { MAX_CONCURRENT_ACTORS, orderActor, stockActor } from "../actors/addresses.ts";
import type { Account } from "../contract/breaker.ts";
import { ProviderName } from "../contract/order.ts";
import { OrderId } from "../contract/primitives.ts";
import { calledBy } from "../domain/breaker.ts";
import type { Contribution } from "../domain/counters.ts";
import type { OrderState } from "../domain/order.ts";
import type { LedgerAnswer } from "../domain/ports.ts";
import type { Env } from "../env.ts";
import { within } from "../platform/deadline.ts";
import { excerpt, log } from "../platform/log.ts";
import type { HistoryRow } from "../projections/history/audit.ts";
import { ledgerReadersFrom } from "../providers/index.ts";
import { breakerAt } from "./attention.ts";
import { type Finding, judgeCounters, judgeHistory, judgeProvider } from "./laws.ts";

const ACTOR_DEADLINE_MS = 10_000;

/** One order as each part of the system shows it. `state` is null when no such order exists, whatever the projections show. */
export interface Audit {
  readonly orderId: string;
  readonly state: OrderState | null;
  /** What each projection shows of the order; null when it shows nothing. */
  readonly shown: { readonly history: HistoryRow | null; readonly counters: Contribution | null };
  readonly findings: readonly Finding[];
}

/** What the projections show of an order. */
type Claims = Pick<Audit, "orderId" | "shown">;

/**
 * Audits orders of one tenant. Each account's breaker is asked once, so an auditor serves one report and is not kept.
 */
export class Auditor {
  readonly #env: Env;
  readonly #tenant: string;
  readonly #at: number;
  /** Whether an account may be called: only a closed breaker lets an audit through. */
  readonly #callable = new Map<Account, Promise<boolean>>();
  /** Providers without a ledger, by the version of the profile that names them. */
  readonly #withoutLedger = new Set<string>();
  readonly unsupported = new Set<ProviderName>();
  readonly unanswered = new Set<ProviderName>();
  unreachable = 0;

  /** @param at milliseconds; see `laws.ts` for what is too young to be judged */
  constructor(env: Env, tenant: string, at: number) {
    this.#env = env;
    this.#tenant = tenant;
    this.#at = at;
  }

  /** Audits the orders. One whose actor does not answer is counted as unreachable and left out. */
  async all(orders: readonly Claims[]): Promise<Audit[]> {
    const audit = async (order: Claims): Promise<Audit[]> => {
      try {
        return [await this.#audit(order)];
      } catch (error) {
        log.warn("reconcile.found", { orderId: order.orderId, tenant: this.#tenant, what: "unreachable", error: excerpt(error) });
        this.unreachable++;
        return [];
      }
    };
    const audits = await pMap(orders, audit, { concurrency: MAX_CONCURRENT_ACTORS });
    return audits.flat();
  }

  async #audit({ orderId, shown }: Claims): Promise<Audit> {
    const state = OrderId.safeParse(orderId).success ? await this.#read(orderId) : null;
    if (state === null) return { orderId, state, shown, findings: [unknown(shown)] };
    const projections = [...judgeHistory(state, shown.history, this.#at), ...judgeCounters(state, shown.counters, this.#at)];
    const outside = await this.#judgeProviders(state);
    // The ledgers were read after the order. When the order has moved on in between, a difference proves nothing.
    const moved = outside.length > 0 && (await this.#read(orderId))?.version !== state.version;
    return { orderId, state, shown, findings: moved ? projections : [...projections, ...outside] };
  }

  async #read(orderId: string): Promise<OrderState | null> {
    const asked = () => orderActor(this.#env, orderId).view(this.#tenant);
    return within(ACTOR_DEADLINE_MS, "reading an order", asked);
  }

  async #judgeProviders(state: OrderState): Promise<Finding[]> {
    const { reserve } = state.steps;
    const facts = reserve?.phase === "succeeded" ? { reserve: reserve.facts } : {};
    const ledgers = ledgerReadersFrom(this.#env, state.profile, (owner, sku) => stockActor(this.#env, owner, sku));
    const findings = await Promise.all(
      ProviderName.options.map(async (name) => {
        const provider = `${name} of version ${state.profile?.version ?? 0}`;
        if (this.#withoutLedger.has(provider)) return [];
        const { account } = calledBy({ tenant: this.#tenant, profile: state.profile }, name);
        const record: LedgerAnswer = (await this.#mayCall(account))
          ? await ledgers[name]({ order: state.order, facts })
          : { outcome: "unanswered", detail: "its breaker is not closed" };
        if (record.outcome === "read") return judgeProvider(state, name, record.effects);
        if (record.outcome === "unsupported") this.#withoutLedger.add(provider);
        this[record.outcome].add(name);
        return [];
      }),
    );
    return findings.flat();
  }

  /** A provider whose breaker is not closed, or cannot be asked, is left alone. */
  #mayCall(account: Account): Promise<boolean> {
    const known = this.#callable.get(account);
    if (known) return known;
    const asked = breakerAt(this.#env, account).then(
      ({ breaker }) => breaker.state === "closed",
      () => false,
    );
    this.#callable.set(account, asked);
    return asked;
  }
}

const unknown = ({ history, counters }: Audit["shown"]): Finding => ({
  law: 4,
  subject: history ? "history" : "counters",
  what: "there is no such order",
  expected: null,
  found: history ? { version: history.version, status: history.status } : { version: counters?.version, status: counters?.status },
});
