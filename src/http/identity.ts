/** How an order gets its id and the digest of its request: both are derived, so a retry meets the same actor without any lookup. */
import canonicalize from "canonicalize";
import type { OrderId } from "../contract/primitives.ts";

/** Crockford's base32 in lower case: no i, l, o, u, so an id survives being read out over the phone. */
const BASE32 = "0123456789abcdefghjkmnpqrstvwxyz";
const ID_DIGITS = 26;

/** The id of the order that this tenant submits under this key: the same on every continent and for ever. */
export const orderIdOf = async (tenant: string, idempotencyKey: string): Promise<OrderId> =>
  `ord_${await digitsOf(`${tenant}\0${idempotencyKey}`)}`;

/** The id of the redrive that this tenant starts under this key. */
export const redriveIdOf = async (tenant: string, idempotencyKey: string): Promise<string> =>
  `rdr_${await digitsOf(`${tenant}\0redrive\0${idempotencyKey}`)}`;

async function digitsOf(text: string): Promise<string> {
  const digest = await sha256(text);
  let digits = "";
  for (let bit = 0; bit < ID_DIGITS * 5; bit += 5) {
    const window = ((digest[bit >> 3] ?? 0) << 8) | (digest[(bit >> 3) + 1] ?? 0);
    digits += BASE32[(window >> (11 - (bit & 7))) & 31];
  }
  return digits;
}

/** The same for two bodies that mean the same, whatever the order of their fields. */
export async function requestDigestOf(body: object): Promise<string> {
  return hex(await sha256(canonicalize(body) ?? ""));
}

export async function sha256(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}

export const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
