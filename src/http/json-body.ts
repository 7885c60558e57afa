/** What a body must be before anybody reads it: JSON, in UTF-8, as it is. */
import { bodyLimit } from "hono/body-limit";
import { createMiddleware } from "hono/factory";
import { problem } from "../contract/problems.ts";
import type { HttpEnv } from "./context.ts";
import { respond } from "./problem.ts";

/** As narrow as the router's own pattern. The router takes a body of any other type for an empty one. */
const JSON_TYPE = /^application\/json(;\s*[a-z0-9-]+=[^;]+)*$/i;
const CHARSET = /;\s*charset=\s*"?([^";]*?)"?\s*(?=;|$)/gi;

const METHODS: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH"]);

/** A lenient decoder could make one text of two bodies that differ. The second order would then pass for a repeat of the first. */
function isUtf8(bytes: ArrayBuffer): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** The encodings applied to the body. `identity` is none. */
const encodingsOf = (header: string | undefined): string[] =>
  (header ?? "").split(",").flatMap((encoding) => (/^\s*(identity)?\s*$/i.test(encoding) ? [] : [encoding.trim()]));

/**
 * Refuses a body that is not plain JSON in UTF-8 before a schema sees it. A schema alone would let another media type pass
 * unread.
 */
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

/** Room for an order of a thousand lines with long descriptions, or for a batch of a hundred ordinary orders. */
const MAX_BODY_BYTES = 1024 * 1024;

/** Refuses a body beyond the limit before all of it is read. */
export const limited = bodyLimit({
  maxSize: MAX_BODY_BYTES,
  onError: (c) => respond(c, problem("body-too-large", `a body has at most ${MAX_BODY_BYTES} bytes`, { maxBytes: MAX_BODY_BYTES })),
});
