/** The Durable Object of a tenant's counters as a whole, named by the tenant: storage, alarm and sockets for a `HubRunner`. It holds no rule of its own but who may watch. */
import { problem } from "../contract/problems.ts";
import { HubState, type ShardReport, type StatsFrame, type StatsSnapshot } from "../contract/stats.ts";
import type { Env } from "../env.ts";
import { readResume } from "../live/resume.ts";
import { acceptSocket, answerPings, broadcast, closeRevoked, refusal, refuseMessage } from "../live/sockets.ts";
import { now } from "../platform/ambient.ts";
import { within } from "../platform/deadline.ts";
import { excerpt, log } from "../platform/log.ts";
import { HubRunner } from "../runtime/hub-runner.ts";
import { readKey, type Scope } from "../tenants/keys.ts";
import { Actor } from "./actor.ts";
import type { Serves, StatsHubAddress } from "./addresses.ts";

/**
 * The consumer of the events waits while a frame goes out to all sockets: 25 µs each, measured with the clients in the
 * same process. With this many that is a quarter of a second, so one tenant gets four deliveries of 100 events through
 * in a second; a day of 200,000 orders brings about 20 events a second.
 */
export const MAX_SOCKETS = 10_000;

/** KV answers in milliseconds; a sick one must not hold up the frames. */
const KEY_DEADLINE_MS = 5_000;

/** What a key must allow to watch, as the route asks for it. */
const WATCHING: Scope = "orders:read";

const STATE_KEY = "state";

export class StatsHub extends Actor implements Serves<StatsHubAddress> {
  readonly #runner: HubRunner;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#runner = new HubRunner(
      {
        store: {
          save: (state) => this.store.put(STATE_KEY, state),
          arm: (at) => this.store.arm(at),
          armedAt: () => this.store.armedAt(),
        },
        sockets: {
          count: () => ctx.getWebSockets().length,
          broadcast: (frame) => this.#broadcast(frame),
          closeRevoked: () => this.#closeRevoked(),
        },
        now,
      },
      HubState.optional().parse(this.store.get(STATE_KEY)),
    );
    answerPings(ctx);
  }

  merge(reports: readonly ShardReport[]): Promise<void> {
    return this.#runner.merge(reports);
  }

  snapshot(at?: number): StatsSnapshot {
    return this.#runner.snapshot(at);
  }

  override async fetch(request: Request): Promise<Response> {
    const resume = readResume(new URL(request.url).searchParams.get("after"));
    if (resume.outcome === "refused") return refusal(problem("invalid-request", resume.detail));
    const after = resume.outcome === "after" ? resume.seq : null;
    return this.#runner.connect(after, (greeting) => acceptSocket(this.ctx, request, JSON.stringify(greeting), MAX_SOCKETS));
  }

  override webSocketMessage(socket: WebSocket): void {
    refuseMessage(this.ctx, socket);
  }

  protected override wake(): Promise<void> {
    return this.#runner.wake();
  }

  #broadcast(frame: StatsFrame): void {
    const sockets = broadcast(this.ctx, JSON.stringify(frame));
    log.info("stats.broadcast", { tenant: this.ctx.id.name, seq: frame.seq, sockets });
  }

  async #closeRevoked(): Promise<void> {
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
}
