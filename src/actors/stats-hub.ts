/**
 * A tenant's counters as a whole, named by the tenant: it adds up what the shards report and shows it on sockets. It
 * counts nothing itself; its one row can be rebuilt from the shards. A merge writes that row once, however many shards
 * report, and number and state of a frame are durable before any socket sees them.
 */
import { z } from "zod";
import { problem } from "../contract/problems.ts";
import { ShardReport, ShardTally, type StatsFrame, type StatsSnapshot, type Tally } from "../contract/stats.ts";
import { isQuiet, mergeTallies, snapshot } from "../domain/counters.ts";
import type { Env } from "../env.ts";
import { type Resume, readResume } from "../live/resume.ts";
import { acceptSocket, answerPings, broadcast, closeRevoked, refusal, refuseMessage } from "../live/sockets.ts";
import { now } from "../platform/ambient.ts";
import { within } from "../platform/deadline.ts";
import { excerpt, log } from "../platform/log.ts";
import { readKey, type Scope } from "../tenants/keys.ts";
import { Actor } from "./actor.ts";
import type { Serves, StatsHubAddress } from "./addresses.ts";

/**
 * The consumer of the events waits while a frame goes out to all sockets: 25 µs each, measured with the clients in the
 * same process. With this many that is a quarter of a second, so one tenant gets four deliveries of 100 events through
 * in a second; a day of 200,000 orders brings about 20 events a second.
 */
export const MAX_SOCKETS = 10_000;

/** While rates are not zero, how often sockets see them decay: the length of a slice, within which they hardly change. */
const TICK_MS = 10_000;

/** How often the keys of the sockets are looked at. With KV's own cache, a revoked key's sockets live for two minutes at most. */
const KEYS_EVERY_MS = 60_000;

/** KV answers in milliseconds; a sick one must not hold up the frames. */
const KEY_DEADLINE_MS = 5_000;

/** What a key must allow to watch, as the route asks for it. */
const WATCHING: Scope = "orders:read";

const STATE_KEY = "state";

/** `seq` numbers the merges that changed something. The shards are keyed by their number. */
const HubState = z.object({ seq: z.int().nonnegative(), shards: z.record(z.string(), ShardTally) });
type HubState = z.infer<typeof HubState>;

export class StatsHub extends Actor implements Serves<StatsHubAddress> {
  #state: HubState;
  /** Of all shards together; null until somebody asks. */
  #tally: Tally | null = null;
  /** When the alarm is due, as far as this instance knows; an alarm that is overdue counts as lost and is set again. */
  #tickAt = 0;
  /** When the keys were last looked at; unknown after a hibernation, so the next alarm does. */
  #keysSeenAt = 0;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#state = HubState.parse(this.store.get(STATE_KEY) ?? { seq: 0, shards: {} });
    answerPings(ctx);
  }

  /** Takes over every report that is newer than what is known of its shard, in any order; the others change nothing. */
  async merge(reports: readonly ShardReport[]): Promise<void> {
    const shards = { ...this.#state.shards };
    for (const { shard, revision, tally } of z.array(ShardReport).parse(reports)) {
      if (revision > (shards[shard]?.revision ?? 0)) shards[shard] = { revision, tally };
    }
    const changed = Object.keys(shards).some((shard) => shards[shard] !== this.#state.shards[shard]);
    if (!changed) return;
    this.#save({ seq: this.#state.seq + 1, shards });
    await this.#show();
  }

  /** @param at milliseconds; rates are those of the minutes before it */
  snapshot(at: number = now()): StatsSnapshot {
    return this.#snapshot(at);
  }

  /** `GET …/live?after=N` with an upgrade to WebSocket; the frames are `StatsFrame`s. Anything else gets a problem. */
  override async fetch(request: Request): Promise<Response> {
    const resume = readResume(new URL(request.url).searchParams.get("after"));
    if (resume.outcome === "refused") return refusal(problem("invalid-request", resume.detail));
    return this.#connect(request, resume);
  }

  override webSocketMessage(socket: WebSocket): void {
    refuseMessage(this.ctx, socket);
  }

  /**
   * Hangs up on those whose key was revoked, and shows the others the state of before at a later time. That needs no number
   * of its own, and so no row.
   */
  protected override async wake(): Promise<void> {
    this.#tickAt = 0;
    if (now() - this.#keysSeenAt >= KEYS_EVERY_MS) await this.#closeRevoked();
    await this.#show();
  }

  async #closeRevoked(): Promise<void> {
    this.#keysSeenAt = now();
    const closed = await closeRevoked(this.ctx, (keyDigest) => this.#mayWatch(keyDigest));
    if (closed > 0) log.info("live.revoked", { tenant: this.ctx.id.name, sockets: closed });
  }

  async #mayWatch(keyDigest: string): Promise<boolean> {
    this.meter.add({ kvReads: 1 });
    try {
      const record = await within(KEY_DEADLINE_MS, "reading a key", () => readKey(this.env.API_KEYS, keyDigest, now()));
      return record !== null && record.tenant === this.ctx.id.name && record.scopes.includes(WATCHING);
    } catch (error) {
      // KV did not answer, which says nothing about the key. An outage of KV must not end every socket, so this fails open,
      // until the next look; a record that is there but cannot be read fails closed.
      log.warn("live.key_unknown", { tenant: this.ctx.id.name, error: excerpt(error) });
      return true;
    }
  }

  async #connect(request: Request, resume: Exclude<Resume, { outcome: "refused" }>): Promise<Response> {
    const missed = resume.outcome === "after" && resume.seq !== this.#state.seq;
    const greeting = this.#frame(resume.outcome === "after" && !missed ? "resumed" : "snapshot", missed);
    const response = acceptSocket(this.ctx, request, JSON.stringify(greeting), MAX_SOCKETS);
    await this.#keepTicking(greeting.stats);
    return response;
  }

  #save(state: HubState): void {
    this.store.put(STATE_KEY, state);
    this.#state = state;
    this.#tally = null;
  }

  async #show(): Promise<void> {
    if (this.ctx.getWebSockets().length === 0) return;
    const frame = this.#frame("stats", false);
    const sockets = broadcast(this.ctx, JSON.stringify(frame));
    log.info("stats.broadcast", { tenant: this.ctx.id.name, seq: frame.seq, sockets });
    await this.#keepTicking(frame.stats);
  }

  /** As long as somebody watches: soon while there is something to decay, otherwise for the next look at the keys. */
  async #keepTicking(stats: StatsSnapshot): Promise<void> {
    if (this.ctx.getWebSockets().length === 0) return;
    // After a hibernation only the platform knows the alarm, which newcomers must not put off again and again.
    if (this.#tickAt === 0) this.#tickAt = (await this.store.armedAt()) ?? 0;
    const dueAt = now() + (isQuiet(stats) ? KEYS_EVERY_MS : TICK_MS);
    if (now() < this.#tickAt && this.#tickAt <= dueAt) return;
    this.#tickAt = dueAt;
    await this.store.arm(dueAt);
  }

  #frame(type: StatsFrame["type"], gap: boolean): StatsFrame {
    const stats = this.#snapshot(now());
    return { type, seq: this.#state.seq, at: stats.at, ...(gap && { gap }), stats };
  }

  #snapshot(at: number): StatsSnapshot {
    this.#tally ??= mergeTallies(Object.values(this.#state.shards).map((shard) => shard.tally));
    return snapshot(this.#tally, at);
  }
}
