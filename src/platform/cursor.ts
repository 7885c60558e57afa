/**
 * The opaque cursors of lists (keyset pagination): where the next page begins, and a digest of the question that the list
 * answers. The tenant is not in it. It always comes from the caller's key, so a stolen cursor is only a position.
 */
import { z } from "zod";
import { base64url, sha256 } from "./digest.ts";

export type CursorReading<Position> =
  | { readonly outcome: "read"; readonly position: Position }
  | { readonly outcome: "refused"; readonly reason: "cursor_invalid" | "cursor_of_other_filters" };

export interface CursorCodec<Position> {
  /** @param filters canonical text: equal for equal questions, different for different ones */
  write(position: Position, filters: string): Promise<string>;
  /** @param filters canonical text of the filters of the request that presents the cursor */
  read(cursor: string, filters: string): Promise<CursorReading<Position>>;
}

/** 64 bits of SHA-256 detect a mix-up of questions. No signature is needed: a forged cursor reads nothing that its filters could not. */
const DIGEST_BYTES = 8;

/** The cursors of one list. What was not written for this schema is refused. */
export function cursorOf<Position>(schema: z.ZodType<Position>): CursorCodec<Position> {
  const Cursor = z.object({ position: schema, filters: z.string() });
  return {
    async write(position, filters) {
      const json = JSON.stringify({ position, filters: await digestOf(filters) });
      return base64url.encode(new TextEncoder().encode(json));
    },
    async read(cursor, filters) {
      const parsed = Cursor.safeParse(decode(cursor));
      if (!parsed.success) return { outcome: "refused", reason: "cursor_invalid" };
      if (parsed.data.filters !== (await digestOf(filters))) return { outcome: "refused", reason: "cursor_of_other_filters" };
      return { outcome: "read", position: parsed.data.position };
    },
  };
}

const digestOf = async (text: string): Promise<string> => base64url.encode((await sha256(text)).subarray(0, DIGEST_BYTES));

/** Undefined when the text is no base64url or holds no JSON. A client may send anything. */
function decode(cursor: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(base64url.decode(cursor)));
  } catch {
    return undefined;
  }
}
