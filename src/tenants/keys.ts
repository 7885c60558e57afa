/**
 * API keys: who calls, for which tenant, and what they may do. Keys are kept only as SHA-256 digests, in KV. Everything
 * here fails closed: a record that is not exactly as the schema says opens nothing.
 */
import { z } from "zod";
import { Tenant, text } from "../contract/primitives.ts";

/**
 * `ops`: what an operator does to the tenant's orders, such as approving or redriving one. `platform`: what concerns the
 * whole deployment, such as tenants' profiles and shared breakers.
 */
export const Scope = z.enum(["orders:read", "orders:write", "ops", "platform"]);
export type Scope = z.infer<typeof Scope>;

/** The value in `API_KEYS` under the hex SHA-256 of the key. Without `expiresAt` a key lives until it is deleted. */
export const KeyRecord = z.strictObject({
  tenant: Tenant,
  name: text(100),
  scopes: z.array(Scope),
  expiresAt: z.iso.datetime({ offset: true }).optional(),
});
export type KeyRecord = z.infer<typeof KeyRecord>;

/** Keys of this form are public and only ever valid where `DEVELOPMENT_KEYS` is "allow", which no deployment sets. */
export const DEVELOPMENT_PREFIX = "olk_dev_";

/** Where records are kept, by digest: a KV namespace. */
export interface KeyStore {
  get(digest: string): Promise<string | null>;
}

/**
 * The record of a key as the store has it now, or null for one that opens nothing: unknown, unreadable or expired.
 * @param digest hex SHA-256 of the key
 * @param now milliseconds
 */
export async function readKey(store: KeyStore, digest: string, now: number): Promise<KeyRecord | null> {
  return unexpired(await readRecord(store, digest), now);
}

/** How long a revoked key may live on in an isolate; KV's own cache adds a minute of its own. */
const CACHE_MS = 60_000;
const CACHE_SIZE = 1_000;

/** The records that this isolate read within the last minute, so that not every request reads the store. */
export class KeyCache {
  readonly #known = new Map<string, { readonly record: KeyRecord | null; readonly until: number }>();

  /** As `readKey`, from what was read within the last minute. */
  async find(store: KeyStore, digest: string, now: number): Promise<KeyRecord | null> {
    const known = this.#known.get(digest);
    if (known && known.until > now) return unexpired(known.record, now);
    const record = await readRecord(store, digest);
    // Guessed keys must not crowd out real ones for ever, nor grow the cache without bound.
    if (this.#known.size >= CACHE_SIZE) this.#known.clear();
    this.#known.set(digest, { record, until: now + CACHE_MS });
    return unexpired(record, now);
  }
}

async function readRecord(store: KeyStore, digest: string): Promise<KeyRecord | null> {
  const stored = KeyRecord.safeParse(jsonOrNull(await store.get(digest)));
  return stored.success ? stored.data : null;
}

function unexpired(record: KeyRecord | null, now: number): KeyRecord | null {
  return record?.expiresAt !== undefined && Date.parse(record.expiresAt) <= now ? null : record;
}

/** Null for text that is no JSON. Somebody may have stored anything by hand, and it then opens nothing. */
function jsonOrNull(text: string | null): unknown {
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return null;
  }
}
