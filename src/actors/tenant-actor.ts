/**
 * The source of truth for one tenant's profile, named by the tenant: every version that was ever put, by whom and why.
 * Changes pass through here one at a time, so no two get the same version. Readers use a copy in KV, which is written as an
 * outbox: the version is durable first, and the alarm writes it again until KV has it.
 */
import { z } from "zod";
import { TrackName } from "../contract/order.ts";
import { ProfileVersion, Track } from "../contract/profile.ts";
import type { NamedTrack } from "../domain/tracks.ts";
import type { Env } from "../env.ts";
import { now } from "../platform/ambient.ts";
import { within } from "../platform/deadline.ts";
import { excerpt, log } from "../platform/log.ts";
import type { Row } from "../platform/storage.ts";
import { Actor } from "./actor.ts";
import type { Changed, ProfileChange, Serves, TenantAddress, VersionEntry } from "./addresses.ts";

const SCHEMA = [
  "CREATE TABLE versions (version INTEGER PRIMARY KEY, at INTEGER NOT NULL, by TEXT NOT NULL, reason TEXT NOT NULL, profile TEXT NOT NULL) STRICT",
] as const;

const SQL = {
  latest: "SELECT version, at, by, reason, profile FROM versions ORDER BY version DESC LIMIT 1",
  one: "SELECT version, at, by, reason, profile FROM versions WHERE version = ?",
  page: "SELECT version, at, by, reason FROM versions WHERE version < ? ORDER BY version DESC LIMIT ?",
  tracks: `
    SELECT json_extract(profile, '$.tracks') AS tracks FROM versions
    WHERE json_extract(profile, '$.tracks') IS NOT NULL GROUP BY tracks ORDER BY max(version) DESC LIMIT ?`,
  add: "INSERT INTO versions (version, at, by, reason, profile) VALUES (?, ?, ?, ?, ?)",
} as const;

/** The version that KV is known to have. */
const PUBLISHED = "published";

/** KV takes one write a second of a key, and a person waits for the answer. */
const PUBLISH_DEADLINE_MS = 3_000;

/**
 * Sets of tracks on which orders in flight are looked for, newest first. No order is left on a set of more changes ago than
 * this.
 */
const MAX_TRACK_SETS = 20;

const Tracks = z.record(TrackName, Track);

/** The delay until the alarm checks that KV has the version. The change itself begins the first write. */
const PUBLISH_AGAIN_MS = 10_000;

interface EntryRow extends Row {
  version: number;
  at: number;
  by: string;
  reason: string;
}

interface VersionRow extends EntryRow {
  profile: string;
}

/** The RPC face of the profile; see `TenantAddress`. */
export class TenantActor extends Actor implements Serves<TenantAddress> {
  #publishing: Promise<void> | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, SCHEMA);
  }

  /** Makes a version of the profile, unless the current one says the same already. Durable when this answers. */
  async put({ profile, by, reason, ifVersion }: ProfileChange): Promise<Changed> {
    const before = this.#latest();
    const version = before?.version ?? 0;
    if (ifVersion !== null && !ifVersion.includes(version)) return { outcome: "stale", version };
    const repeated = before !== null && JSON.stringify(before.profile) === JSON.stringify(profile);
    const current = repeated ? before : { version: version + 1, at: now(), by, reason, profile };
    // A repeat writes KV again, which mends a copy that somebody has damaged.
    if (repeated) this.store.put(PUBLISHED, 0);
    else this.store.write(SQL.add, current.version, current.at, by, reason, JSON.stringify(profile));
    const armed = this.store.arm(now() + PUBLISH_AGAIN_MS);
    if (!repeated) log.info("tenant.changed", { ...this.subject, version: current.version, by });
    const published = this.#publish();
    this.ctx.waitUntil(published.catch(() => {}));
    await armed;
    await within(PUBLISH_DEADLINE_MS, "writing a profile to KV", () => published).catch((error: unknown) => {
      log.warn("tenant.unpublished", { ...this.subject, version: current.version, error: excerpt(error) });
    });
    return { outcome: repeated ? "unchanged" : "changed", current };
  }

  /** Null when no profile was ever put. */
  async current(): Promise<ProfileVersion | null> {
    return this.#latest();
  }

  /** Null when there is no such version. */
  async version(version: number): Promise<ProfileVersion | null> {
    return this.#one(SQL.one, version);
  }

  /** Versions below `before`, newest first. */
  async versions(before: number, limit: number): Promise<VersionEntry[]> {
    const rows = this.store.read<EntryRow>(SQL.page, before, limit);
    return rows.map(({ version, at, by, reason }) => ({ version, at, by, reason }));
  }

  /** The tracks of all versions, each once: orders in flight may be on any of them. */
  async tracks(): Promise<NamedTrack[]> {
    const rows = this.store.read<{ tracks: string }>(SQL.tracks, MAX_TRACK_SETS);
    const all = rows.flatMap(({ tracks }) => Object.entries(Tracks.parse(JSON.parse(tracks))).map(([name, track]) => ({ name, track })));
    return [...new Map(all.map((named) => [JSON.stringify(named), named])).values()];
  }

  protected override async wake(): Promise<void> {
    await this.#publish();
  }

  protected override get subject() {
    return { tenant: this.ctx.id.name };
  }

  /** Writes run one at a time. If one overtook another, the older version could stay in KV. */
  #publish(): Promise<void> {
    this.#publishing ??= this.#writeThrough().finally(() => {
      this.#publishing = null;
    });
    return this.#publishing;
  }

  async #writeThrough(): Promise<void> {
    for (let latest = this.#unpublished(); latest !== null; latest = this.#unpublished()) {
      const { version, profile } = latest;
      await this.env.PROFILES.put(this.ctx.id.name as string, JSON.stringify({ version, profile }));
      this.store.put(PUBLISHED, version);
    }
  }

  #unpublished(): ProfileVersion | null {
    const latest = this.#latest();
    return latest && (this.store.get<number>(PUBLISHED) ?? 0) < latest.version ? latest : null;
  }

  #latest(): ProfileVersion | null {
    return this.#one(SQL.latest);
  }

  #one(statement: string, ...bindings: SqlStorageValue[]): ProfileVersion | null {
    const [row] = this.store.read<VersionRow>(statement, ...bindings);
    return row ? ProfileVersion.parse({ ...row, profile: JSON.parse(row.profile) }) : null;
  }
}
