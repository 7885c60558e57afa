/**
 * The current profile of a tenant, as new orders need it. It is read from KV and cached per isolate for a minute. While KV
 * does not answer, a cached profile serves for some hours (stale-if-error), because profiles change rarely and orders come
 * all the time. A record that cannot be read is never guessed at: orders of its tenant wait until somebody has mended it.
 */
import { StoredProfile, type VersionedProfile } from "../contract/profile.ts";
import { now as clock } from "../platform/ambient.ts";
import { within } from "../platform/deadline.ts";
import { excerpt, log } from "../platform/log.ts";
import { Meter } from "../platform/meter.ts";
import { DEFAULT_PROFILE } from "./profile.ts";

/** A change reaches every isolate within this time and the minute that KV itself caches. */
const FRESH_MS = 60_000;

/** Longer than the longest known outage of KV. A profile that was replaced because it was wrong must not live on for days. */
const BRIDGED_MS = 6 * 60 * 60_000;

/** Profiles that an isolate remembers. The largest allowed ones come to some 50 MB of its 128. */
const MAX_REMEMBERED = 500;

/** A client waits this long at most, since its order is not accepted before. */
const READ_DEADLINE_MS = 2_000;

/** The bindings that reading a profile takes. */
export interface ProfileBindings {
  readonly PROFILES: { get(tenant: string): Promise<string | null> };
  readonly METER?: string;
}

interface Remembered {
  readonly profile: VersionedProfile;
  readonly readAt: number;
}

/** A cache of profiles over KV. One per isolate, except in tests. */
export class Profiles {
  readonly #remembered = new Map<string, Remembered>();
  readonly #now: () => number;

  constructor(now: () => number = clock) {
    this.#now = now;
  }

  /** The profile that new orders of the tenant are placed under; null when it cannot be known just now. Never rejects. */
  async of(bindings: ProfileBindings, tenant: string): Promise<VersionedProfile | null> {
    const known = this.#remembered.get(tenant);
    const age = known === undefined ? Number.POSITIVE_INFINITY : this.#now() - known.readAt;
    if (known && age < FRESH_MS) return known.profile;
    try {
      const profile = parse(await this.#read(bindings, tenant));
      if (profile === null) {
        log.error("tenant.profile_unreadable", { tenant });
        return null;
      }
      this.#remember(tenant, profile);
      return profile;
    } catch (error) {
      log.warn("tenant.profile_unanswered", { tenant, ageMs: known ? age : null, error: excerpt(error) });
      return known && age < BRIDGED_MS ? known.profile : null;
    }
  }

  /** Drops the cached profile, so that the isolate that changed it uses the change at once. */
  forget(tenant: string): void {
    this.#remembered.delete(tenant);
  }

  async #read(bindings: ProfileBindings, tenant: string): Promise<string | null> {
    const meter = new Meter("profiles", bindings);
    meter.add({ kvReads: 1 });
    meter.flush();
    return within(READ_DEADLINE_MS, "reading a profile from KV", () => bindings.PROFILES.get(tenant));
  }

  #remember(tenant: string, profile: VersionedProfile): void {
    this.#remembered.delete(tenant);
    this.#remembered.set(tenant, { profile, readAt: this.#now() });
    const [oldest] = this.#remembered.keys();
    if (oldest !== undefined && this.#remembered.size > MAX_REMEMBERED) this.#remembered.delete(oldest);
  }
}

/** The profiles that this isolate remembers. */
export const profiles = new Profiles();

/** Null for a record that is no profile. */
function parse(stored: string | null): VersionedProfile | null {
  if (stored === null) return DEFAULT_PROFILE;
  try {
    return StoredProfile.parse(JSON.parse(stored));
  } catch {
    return null;
  }
}
