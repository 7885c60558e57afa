/** What a body must be before anybody reads it: JSON, in UTF-8, as it is. */
import { bodyLimit } from "hono/body-limit";
import { createMiddleware } from "hono/factory";
import { problem } from "../contract/problems.ts";
import type { HttpEnv } from "./context.ts";
import { respond } from "./problem.ts";

/** As narrow as the router's own reading of it, which takes a body of any other type for an empty one. */
const JSON_TYPE = /^application\/json(;\s*[a-z0-9-]+=[^;]+)*$/i;
const CHARSET = /;\s*charset=\s*"?([^";]*?)"?\s*(?=;|$)/gi;

const METHODS: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH"]);

/** Decoded leniently, two bodies that differ could become one text, and the second order the first one's repeat. */
function isUtf8(bytes: ArrayBuffer): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** Encodings that are applied to the body, besides the one that is none. */
const encodingsOf = (header: string | undefined): string[] =>
  (header ?? "").split(",").flatMap((encoding) => (/^\s*(identity)?\s*$/i.test(encoding) ? [] : [encoding.trim()]));

/** A body that is not JSON is refused before anybody reads it; a schema alone would let another media type pass unread. */
export const jsonOnly = createMiddleware<HttpEnv>(async (c, next) => {
  if (!METHODS.has(c.req.method)) return next();
  const type = c.req.header("content-type") ?? "";
  if (!JSON_TYPE.test(type)) return respond(c, problem("unsupported-media-type", "send `content-type: application/json`"));
  if ([...type.matchAll(CHARSET)].some(([, charset]) => charset?.toLowerCase() !== "utf-8"))
    return respond(c, problem("unsupported-media-type", "the charset must be UTF-8, as it always is in JSON"));
  if (encodingsOf(c.req.header("content-encoding")).length > 0)
    return respond(c, problem("unsupported-media-type", "send the body as it is, without a `content-encoding`"), {
      "accept-encoding": "identity",
    });
  if (!isUtf8(await c.req.arrayBuffer())) return respond(c, problem("malformed-json", "the body is not UTF-8"));
  return next();
});

/** A thousand lines with long descriptions fit; a batch of a hundred ordinary orders does, too. */
const MAX_BODY_BYTES = 1024 * 1024;

/** A body beyond the limit is refused before all of it is read. */
export const limited = bodyLimit({
  maxSize: MAX_BODY_BYTES,
  onError: (c) => respond(c, problem("body-too-large", `a body has at most ${MAX_BODY_BYTES} bytes`, { maxBytes: MAX_BODY_BYTES })),
});
