/**
 * The opaque cursor of a list (keyset pagination): the order after which the next page begins, and a digest of the filters
 * that the list has. The tenant is not in it. It always comes from the caller's key, so a stolen cursor is only a position.
 */
import { z } from "zod";
import { Millis, OrderId } from "../../contract/primitives.ts";

export const Position = z.object({ placedAt: Millis, orderId: OrderId });
export type Position = z.infer<typeof Position>;

const Cursor = Position.extend({ filters: z.string() });

export type CursorReading =
  | { readonly outcome: "read"; readonly position: Position }
  | { readonly outcome: "refused"; readonly reason: "cursor_invalid" | "cursor_of_other_filters" };

/** 64 bits of SHA-256 detect a mix-up of filters. No signature is needed: a forged cursor reads nothing that its filters could not. */
const DIGEST_BYTES = 8;

/** @param filters canonical text: equal for equal filters, different for different ones */
export async function encodeCursor(position: Position, filters: string): Promise<string> {
  const json = JSON.stringify({ placedAt: position.placedAt, orderId: position.orderId, filters: await digest(filters) });
  return base64url(new TextEncoder().encode(json));
}

/** @param filters canonical text of the filters of the request that presents the cursor */
export async function readCursor(cursor: string, filters: string): Promise<CursorReading> {
  const parsed = Cursor.safeParse(decode(cursor));
  if (!parsed.success) return { outcome: "refused", reason: "cursor_invalid" };
  if (parsed.data.filters !== (await digest(filters))) return { outcome: "refused", reason: "cursor_of_other_filters" };
  return { outcome: "read", position: { placedAt: parsed.data.placedAt, orderId: parsed.data.orderId } };
}

async function digest(text: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return base64url(new Uint8Array(hash, 0, DIGEST_BYTES));
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

/** Undefined when the text is no base64url or holds no JSON. A client may send anything. */
function decode(cursor: string): unknown {
  try {
    return JSON.parse(atob(cursor.replaceAll("-", "+").replaceAll("_", "/")));
  } catch {
    return undefined;
  }
}
