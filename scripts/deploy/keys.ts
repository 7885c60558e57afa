/** API keys of a deployment: a key is shown to whoever asked for it and stored nowhere; its SHA-256 opens what its record says. */
import { createHash, randomBytes } from "node:crypto";
import { KeyRecord } from "../../src/tenants/keys.ts";
import type { Cloudflare } from "./cloudflare.ts";

/** The binding under which the Worker reads keys. */
export const KEY_STORE = "API_KEYS";

/** As many random bytes as nobody will ever guess. */
const SECRET_BYTES = 24;

/** @param store id of the key store @returns the key, once its record is stored */
export async function makeKey(cloudflare: Cloudflare, store: string, about: KeyRecord): Promise<{ key: string; digest: string }> {
  const key = `olk_${randomBytes(SECRET_BYTES).toString("hex")}`;
  const digest = createHash("sha256").update(key).digest("hex");
  await cloudflare.putEntry(store, digest, JSON.stringify(KeyRecord.parse(about)));
  return { key, digest };
}
