/**
 * A tenant's counters as a whole, named by the tenant: it adds up what the shards report and shows it on sockets. It
 * counts nothing itself; its one row can be rebuilt from the shards. A merge writes that row once, however many shards
 * report, and number and state of a frame are durable before any socket sees them.
 */
import { z } from "zod";
import { ShardReport, ShardTally, type StatsFrame, type StatsSnapshot, type Tally } from "../contract/stats.ts";
import { isQuiet, mergeTallies, snapshot } from "../domain/counters.ts";
import type { Env } from "../env.ts";
import { type Resume, readResume } from "../live/resume.ts";
import { acceptSocket, answerPings, broadcast, problem, refuseMessage } from "../live/sockets.ts";
import { now } from "../platform/ambient.ts";
import { log } from "../platform/log.ts";
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
    if (resume.outcome === "refused") return problem(422, "invalid-request", "The request does not fit the contract", resume.detail);
    return this.#connect(request, resume);
  }

  override webSocketMessage(socket: WebSocket): void {
    refuseMessage(socket);
  }

  /** Shows the state of before at a later time. It needs no number of its own, and so no row. */
  protected override async wake(): Promise<void> {
    this.#tickAt = 0;
    await this.#show();
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

  async #keepTicking(stats: StatsSnapshot): Promise<void> {
    if (isQuiet(stats) || this.ctx.getWebSockets().length === 0 || now() < this.#tickAt) return;
    this.#tickAt = now() + TICK_MS;
    await this.store.arm(this.#tickAt);
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
