/**
 * A tenant's counters as a whole: it adds up what the shards report and shows it to those who watch. It counts nothing
 * itself; what it keeps can be had again from the shards. A merge saves once, however many shards report, and number and
 * state of a frame are durable before anybody sees them. It reaches the world only through `HubPorts`, so the same code runs
 * in the actor and in a simulation.
 */
import { z } from "zod";
import { type HubState, ShardReport, type StatsFrame, type StatsSnapshot, type Tally } from "../contract/stats.ts";
import { isQuiet, mergeTallies, snapshot } from "../domain/counters.ts";

/** While rates are not zero, how often sockets see them decay: the length of a slice, within which they hardly change. */
const TICK_MS = 10_000;

/** How often the keys of the sockets are looked at. With KV's own cache, a revoked key's sockets live for two minutes at most. */
const KEYS_EVERY_MS = 60_000;

const Reports = z.array(ShardReport);

export interface HubPorts {
  readonly store: {
    /** Makes the state durable before anything that is sent afterwards leaves the process. Throws when it could not. */
    save(state: HubState): void;
    /** Arms the one alarm for this time, in place of the time it was armed for. */
    arm(at: number): Promise<void>;
    /** Null when the alarm is not armed. */
    armedAt(): Promise<number | null>;
  };
  /** They outlive the process: what is in memory may be lost while they stay open. */
  readonly sockets: {
    count(): number;
    broadcast(frame: StatsFrame): void;
    /** Hangs up on those whose key is not good any more. */
    closeRevoked(): Promise<void>;
  };
  now(): number;
}

export class HubRunner {
  readonly #ports: HubPorts;
  #state: HubState;
  /** Of all shards together; null until somebody asks. */
  #tally: Tally | null = null;
  /** When the alarm is due, as far as this process knows; an alarm that is overdue counts as lost and is set again. */
  #tickAt = 0;
  /** When the keys were last looked at; unknown to a process that has just started, so its first alarm does. */
  #keysSeenAt = 0;

  /** @param state as it was saved */
  constructor(ports: HubPorts, state: HubState = { seq: 0, shards: {} }) {
    this.#ports = ports;
    this.#state = state;
  }

  /** Takes over every report that is newer than what is known of its shard, in any order; the others change nothing. */
  async merge(reports: readonly ShardReport[]): Promise<void> {
    const shards = { ...this.#state.shards };
    for (const { shard, revision, tally } of Reports.parse(reports)) {
      if (revision > (shards[shard]?.revision ?? 0)) shards[shard] = { revision, tally };
    }
    const changed = Object.keys(shards).some((shard) => shards[shard] !== this.#state.shards[shard]);
    if (!changed) return;
    this.#save({ seq: this.#state.seq + 1, shards });
    await this.#show();
  }

  /** @param at milliseconds; rates are those of the minutes before it */
  snapshot(at: number = this.#ports.now()): StatsSnapshot {
    this.#tally ??= mergeTallies(Object.values(this.#state.shards).map((shard) => shard.tally));
    return snapshot(this.#tally, at);
  }

  /**
   * Somebody comes to watch.
   * @param after the `seq` of the last frame that they have seen; null when they have seen none
   * @param accept opens the socket with its first frame, at once: a frame that is shown meanwhile would be missed
   */
  async connect<Answer>(after: number | null, accept: (greeting: StatsFrame) => Answer): Promise<Answer> {
    const missed = after !== null && after !== this.#state.seq;
    const greeting = this.#frame(after !== null && !missed ? "resumed" : "snapshot", missed);
    const answer = accept(greeting);
    await this.#keepTicking(greeting.stats);
    return answer;
  }

  /**
   * The alarm went off: hangs up on those whose key was revoked, and shows the others the state of before at a later time.
   * That needs no number of its own, and so no row.
   */
  async wake(): Promise<void> {
    this.#tickAt = 0;
    const now = this.#ports.now();
    if (now - this.#keysSeenAt >= KEYS_EVERY_MS) {
      this.#keysSeenAt = now;
      await this.#ports.sockets.closeRevoked();
    }
    await this.#show();
  }

  #save(state: HubState): void {
    // Memory follows the store: a report that was not saved must not count as known when it comes again.
    this.#ports.store.save(state);
    this.#state = state;
    this.#tally = null;
  }

  async #show(): Promise<void> {
    if (this.#ports.sockets.count() === 0) return;
    const frame = this.#frame("stats", false);
    this.#ports.sockets.broadcast(frame);
    await this.#keepTicking(frame.stats);
  }

  /** As long as somebody watches: soon while there is something to decay, otherwise for the next look at the keys. */
  async #keepTicking(stats: StatsSnapshot): Promise<void> {
    const { store, sockets, now } = this.#ports;
    if (sockets.count() === 0) return;
    // A process that has just started does not know the alarm, which newcomers must not put off again and again.
    if (this.#tickAt === 0) this.#tickAt = (await store.armedAt()) ?? 0;
    const dueAt = now() + (isQuiet(stats) ? KEYS_EVERY_MS : TICK_MS);
    if (now() < this.#tickAt && this.#tickAt <= dueAt) return;
    this.#tickAt = dueAt;
    await store.arm(dueAt);
  }

  #frame(type: StatsFrame["type"], gap: boolean): StatsFrame {
    const stats = this.snapshot();
    return { type, seq: this.#state.seq, at: stats.at, ...(gap && { gap }), stats };
  }
}
