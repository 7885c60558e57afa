/** Digests, and the ways in which bytes are written as text. */
import { base32crockford, base64urlnopad, hex as hexCoder } from "@scure/base";

export async function sha256(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}

export const hex = (bytes: Uint8Array): string => hexCoder.encode(bytes);

export const base64url = base64urlnopad;

/** Crockford's, in lower case. The last digit is filled up with zero bits. */
export const base32 = (bytes: Uint8Array): string => base32crockford.encode(bytes).toLowerCase();
