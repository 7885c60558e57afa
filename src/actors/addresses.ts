/**
 * Where the actors are: the one place that knows how each of them is named and what it can be asked. Each call gives a stub
 * of its own. A stub that has thrown may be broken, so a retry asks for the address again.
 */
import type { Account } from "../contract/breaker.ts";
import type { Commit, PlacedOrder } from "../contract/events.ts";
import type { Cause, JournaledOrder, OrderSummary, Priority } from "../contract/order.ts";
import type { PinnedProfile, ProfileVersion, TenantProfile } from "../contract/profile.ts";
import type { RedriveJobView, StartRedrive } from "../contract/quarantine.ts";
import type { ShardReport, ShardTally, StatsSnapshot } from "../contract/stats.ts";
import type { BreakerView } from "../domain/breaker.ts";
import type { Contribution } from "../domain/counters.ts";
import type { OrderCommand } from "../domain/decide.ts";
import type { Diagnosis } from "../domain/diagnosis.ts";
import type { Adjustment, AdjustmentRefusal, Receipt, Reservation, Stock, StockAnswer } from "../domain/inventory.ts";
import type { OrderState } from "../domain/order.ts";
import type { Velocity } from "../domain/risk.ts";
import type { NamedTrack } from "../domain/tracks.ts";
import type { Env } from "../env.ts";
import type { CounterActors } from "../projections/counters/projection.ts";
import type { AskedBreaker } from "../runtime/breakers.ts";
import type { AdvanceResult, CommandResult, OrderRunner, PlaceResult, Poked } from "../runtime/order-runner.ts";

/** Actors asked at a time when many are. Some hundred then still answer within a second, and an overloaded one gets no burst. */
export const MAX_CONCURRENT_ACTORS = 20;

/** What the class of an actor has to implement to be reached at an address: the same methods, which may be synchronous there. */
export type Serves<Address> = {
  [Method in keyof Address]: Address[Method] extends (...args: infer Args) => Promise<infer Result>
    ? (...args: Args) => Result | Promise<Result>
    : never;
};

/** An address asks for the one binding that it uses, not for the whole environment. */
type Has<Name extends keyof Env> = Pick<Env, Name>;

/**
 * Answers over RPC have types of the platform, which only add that they can be disposed of. Ours are plain data and are
 * typed as such.
 */
const stub = <Address>(namespace: DurableObjectNamespace, name: string) => namespace.getByName(name) as unknown as Address;

/** The outcome of a submission. The submitter knows the rest of the order. */
export interface Placement {
  readonly outcome: PlaceResult["outcome"];
  /** Milliseconds. */
  readonly placedAt: number;
  readonly priority: Priority;
}

/**
 * One order. A method that takes a tenant answers null when that tenant has no such order. The others answer null when
 * nobody has.
 */
export interface OrderAddress {
  /** Accepts the order or recognises a repeat. When this answers, the order is durable. */
  place(order: PlacedOrder, profile?: PinnedProfile): Promise<Placement>;
  /** The outcome that placing an order of this digest would have, when there is one of this id already. */
  recognise(requestDigest: string): Promise<Placement | null>;
  /** Carries the order as far as it goes. */
  advance(hint: Parameters<OrderRunner["advance"]>[0]): Promise<AdvanceResult | null>;
  /** Carries out a command. */
  command(tenant: string, command: OrderCommand): Promise<CommandResult | null>;
  /** The order as it is now. */
  view(tenant: string): Promise<OrderState | null>;
  /** The journal. */
  events(tenant: string): Promise<Commit[] | null>;
  /** Why the order is where it is. */
  diagnosis(tenant: string): Promise<Diagnosis | null>;
  /**
   * Examines an order that should have moved, and restores a lost alarm or a lost change.
   * @param shown the version that the history shows
   */
  poke(shown: number): Promise<Poked | null>;
  /** Parks the order; answers its status. */
  quarantine(cause: Cause): Promise<string | null>;
}

/** An order's actor. */
export const orderActor = ({ ORDERS }: Has<"ORDERS">, orderId: string) => stub<OrderAddress>(ORDERS, orderId);

/** Units of one SKU. `onHand` is always `available + reserved`. */
export interface StockLevel extends Stock {
  readonly onHand: number;
}

/** The level after the receipt, or why it was refused. */
export type ReceiveAnswer =
  | { readonly outcome: "received"; readonly level: StockLevel }
  | { readonly outcome: "refused"; readonly refusal: { readonly reason: "receipt_conflict"; readonly quantity: number } };

/** The level after the adjustment, or why it was refused. */
export type AdjustAnswer =
  | { readonly outcome: "adjusted"; readonly level: StockLevel }
  | {
      readonly outcome: "refused";
      readonly refusal: AdjustmentRefusal | { readonly reason: "adjustment_conflict"; readonly quantity: number };
    };

/** An adjustment as it is kept. `at` is in milliseconds. */
export interface AdjustmentEntry extends Adjustment {
  readonly at: number;
}

/** The stock of one SKU of a tenant. */
export interface StockAddress {
  /** Null for a SKU that was never stocked. */
  stock(): Promise<StockLevel | null>;
  /** The reservation of an order, a settled one included; null when there never was one. */
  reservationOf(orderId: string): Promise<Reservation | null>;
  /** Once per `receiptId`: a repeat changes nothing and answers with the level as it is now. */
  receive(receipt: Receipt): Promise<ReceiveAnswer>;
  /** Once per `adjustmentId`: a repeat changes nothing and answers with the level as it is now. */
  adjust(adjustment: Adjustment): Promise<AdjustAnswer>;
  /** The newest adjustments, newest first. */
  adjustments(limit: number): Promise<AdjustmentEntry[]>;
  reserve(orderId: string, quantity: number): Promise<StockAnswer>;
  commit(orderId: string): Promise<StockAnswer>;
  release(orderId: string): Promise<StockAnswer>;
  withdraw(orderId: string): Promise<StockAnswer>;
}

/** The actor of a tenant's stock of one SKU. */
export const stockActor = ({ INVENTORY }: Has<"INVENTORY">, tenant: string, sku: string) =>
  stub<StockAddress>(INVENTORY, `${tenant}/${sku}`);

/** The recent orders of a share of a tenant's customers. */
export interface VelocityAddress {
  /**
   * Counts an order once and says how many of the customer there were in the window that ends with it, itself included.
   * @param at milliseconds; of a repeat, the first one's time stands
   * @param normal of the tenant's profile that the order was accepted under
   */
  record(customer: string, orderId: string, at: number, normal?: Velocity): Promise<number>;
}

/** Actors that share the customers of a tenant. Each counts some thousand orders a second, and none writes a row for every one. */
const VELOCITY_SHARDS = 4;

/** The actor that counts a customer's recent orders, among those of other customers. */
export const velocityActor = ({ VELOCITY }: Has<"VELOCITY">, tenant: string, customer: string) =>
  stub<VelocityAddress>(VELOCITY, `${tenant}/${spread(customer) % VELOCITY_SHARDS}`);

/** A number that differs for texts that differ. It only has to spread them, not to keep a secret. */
const spread = (text: string): number => [...text].reduce((sum, letter) => (sum * 31 + (letter.codePointAt(0) ?? 0)) >>> 0, 0);

/** One shard of a tenant's counters. */
export interface StatsShardAddress {
  /**
   * Counts orders of this shard at the versions given. The answer holds the whole tally of the shard, so a caller that lost
   * an earlier answer misses nothing. `revision` rises with each call that changes anything.
   */
  apply(orders: readonly OrderSummary[]): Promise<ShardTally>;
  read(): Promise<ShardTally>;
  /** The contributions of orders; an order that was never counted is missing. */
  contributionsOf(orderIds: readonly string[]): Promise<Map<string, Contribution>>;
  /** The contributions of the next orders by id: a walk over everything that was ever counted here. */
  contributionsAfter(orderId: string, limit: number): Promise<Map<string, Contribution>>;
  /**
   * Replaces the contributions of orders by what their journals say, and computes the tally anew from all contributions. It
   * reads every contribution, so it is for repairs only. An order that was counted at a higher version than both given is
   * left alone.
   */
  repair(orders: readonly JournaledOrder[]): Promise<ShardTally>;
}

/** One shard of a tenant's counters. */
export const statsShardActor = ({ STATS_SHARDS }: Has<"STATS_SHARDS">, tenant: string, shard: number) =>
  stub<StatsShardAddress>(STATS_SHARDS, `${tenant}/${shard}`);

/** A tenant's counters as a whole. */
export interface StatsHubAddress {
  /**
   * Takes over each report that is newer than the one known of its shard. Reports may come in any order; older ones change
   * nothing.
   */
  merge(reports: readonly ShardReport[]): Promise<void>;
  /** @param at milliseconds; rates are those of the minutes before it */
  snapshot(at?: number): Promise<StatsSnapshot>;
  /** `GET …/live?after=N` with an upgrade to WebSocket; the frames are `StatsFrame`s. Anything else gets a problem. */
  fetch(request: Request): Promise<Response>;
}

/** The hub of a tenant's counters. */
export const statsHubActor = ({ STATS_HUBS }: Has<"STATS_HUBS">, tenant: string) => stub<StatsHubAddress>(STATS_HUBS, tenant);

/** Shards and hub, as the projection of the counters takes them. */
export const counterActors = (env: Has<"STATS_SHARDS" | "STATS_HUBS">): CounterActors => ({
  shard: (tenant, shard) => statsShardActor(env, tenant, shard),
  hub: (tenant) => statsHubActor(env, tenant),
});

/** The circuit breaker of one account. */
export interface BreakerAddress extends AskedBreaker {
  view(): Promise<BreakerView>;
  /**
   * A person stops all calls to the account, until a person lets them go on.
   * @param by the name of the key that asks for it
   */
  pause(by: string, reason: string): Promise<BreakerView>;
  /** Ends a pause, or an outage that a person knows to be over. */
  resume(by: string, reason?: string): Promise<BreakerView>;
}

/** The circuit breaker of an account, which tenants may share. */
export const breakerActor = ({ BREAKERS }: Has<"BREAKERS">, account: Account) => stub<BreakerAddress>(BREAKERS, account);

/** What a redrive was asked to do. */
export interface RedriveOrders extends Omit<StartRedrive, "filter"> {
  readonly id: string;
  readonly tenant: string;
  /** Digest of the request, to tell a repeat from another request under the same key. */
  readonly requestDigest: string;
  readonly startedBy: string;
  readonly truncated: boolean;
}

/** `conflict`: the name belongs to a redrive with another request. */
export type FoundRedrive = { readonly outcome: "found"; readonly view: RedriveJobView } | { readonly outcome: "conflict" };

/** One redrive of a tenant. Null when there is none. */
export interface RedriveAddress {
  /** The job of this name, or `conflict` when it was asked for with another request. */
  find(requestDigest: string): Promise<FoundRedrive | null>;
  /** Begins the job, unless it began before. When this answers, the job is durable and carries on by itself. */
  start(orders: RedriveOrders, orderIds: readonly string[]): Promise<FoundRedrive>;
  view(): Promise<RedriveJobView | null>;
  /** Releases no more orders. A job that has ended stays as it is. */
  stop(by: string): Promise<RedriveJobView | null>;
}

/** A redrive of a tenant, whether it was started or not. */
export const redriveActor = ({ REDRIVES }: Has<"REDRIVES">, tenant: string, id: string) =>
  stub<RedriveAddress>(REDRIVES, `${tenant}/${id}`);

/** A change of a profile: by whom, to what, and on which versions it may build; null for any. */
export interface ProfileChange {
  readonly profile: TenantProfile;
  readonly by: string;
  readonly reason: string;
  readonly ifVersion: readonly number[] | null;
}

/** `stale`: the current version is not one that the change builds on, and nothing was changed. */
export type Changed =
  | { readonly outcome: "changed" | "unchanged"; readonly current: ProfileVersion }
  | { readonly outcome: "stale"; readonly version: number };

/** A version without its profile. */
export type VersionEntry = Omit<ProfileVersion, "profile">;

/** One tenant's profile with all its versions. */
export interface TenantAddress {
  /** Makes a version of the profile, unless the current one says the same already. Durable when this answers. */
  put(change: ProfileChange): Promise<Changed>;
  /** Null when no profile was ever put. */
  current(): Promise<ProfileVersion | null>;
  /** Null when there is no such version. */
  version(version: number): Promise<ProfileVersion | null>;
  /** Versions below `before`, newest first. */
  versions(before: number, limit: number): Promise<VersionEntry[]>;
  /** The tracks of all versions, each once: orders in flight may be on any of them. */
  tracks(): Promise<NamedTrack[]>;
}

/** The actor of a tenant's profile. */
export const tenantActor = ({ TENANTS }: Has<"TENANTS">, tenant: string) => stub<TenantAddress>(TENANTS, tenant);
