/**
 * API keys: who calls, for which tenant, and what they may do. Keys are kept only as digests, in KV, and looked up once
 * a minute per isolate, so a revoked key dies within about two minutes (one of this cache, one of KV's own).
 */
import { createMiddleware } from "hono/factory";
import { z } from "zod";
import { Tenant, text } from "../contract/primitives.ts";
import type { Env } from "../env.ts";
import { now } from "../platform/ambient.ts";
import type { LogEvent, LogFields } from "../platform/log.ts";
import { Meter } from "../platform/meter.ts";
import { hex, sha256 } from "./identity.ts";
import { problem, respond } from "./problem.ts";

/** `ops`: what an operator does to other people's orders, such as approving or redriving one. */
export const Scope = z.enum(["orders:read", "orders:write", "ops"]);
export type Scope = z.infer<typeof Scope>;

/** The value in `API_KEYS` under the hex SHA-256 of the key. */
export const KeyRecord = z.object({ tenant: Tenant, name: text(100), scopes: z.array(Scope) });
export type KeyRecord = z.infer<typeof KeyRecord>;

/** Keys of this form are public and only ever valid where `DEVELOPMENT_KEYS` is "allow", which no deployment sets. */
export const DEVELOPMENT_PREFIX = "olk_dev_";

const CACHE_MS = 60_000;
const CACHE_SIZE = 1_000;
const MAX_KEY_LENGTH = 200;

/** How a browser, which cannot set headers on a WebSocket, names its key: as a second subprotocol beside `orderline.v1`. */
export const SOCKET_PROTOCOL = "orderline.v1";
const SOCKET_KEY_PREFIX = "orderline.key.";

const cache = new Map<string, { readonly record: KeyRecord | null; readonly until: number }>();

/** What a request carries along: who calls, its trace id, and what its line in the log is to be called and to say besides. */
export type AuthEnv = { Bindings: Env; Variables: { caller: KeyRecord; trace: string; event: LogEvent; about: LogFields } };

/** Lets a request pass whose key has `scope`, and puts who it is into `c.var.caller`. */
export const requireScope = (scope: Scope) =>
  createMiddleware<AuthEnv>(async (c, next) => {
    const key = presentedKey(c.req.raw.headers);
    const caller = key === null ? null : await lookUp(key, c.env);
    if (!caller) {
      return respond(c, problem("unauthorized", "send `authorization: Bearer <API key>`"), { "www-authenticate": "Bearer" });
    }
    if (!caller.scopes.includes(scope)) return respond(c, problem("forbidden", `this needs the scope ${scope}`, { scope }));
    c.set("caller", caller);
    return next();
  });

function presentedKey(headers: Headers): string | null {
  const bearer = /^Bearer +(\S+) *$/i.exec(headers.get("authorization") ?? "")?.[1];
  if (bearer !== undefined) return bearer;
  const protocols = (headers.get("sec-websocket-protocol") ?? "").split(",").map((protocol) => protocol.trim());
  return protocols.find((protocol) => protocol.startsWith(SOCKET_KEY_PREFIX))?.slice(SOCKET_KEY_PREFIX.length) ?? null;
}

/** What somebody stored by hand may be anything; it then opens nothing. */
function jsonOrNull(text: string | null): unknown {
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return null;
  }
}

async function lookUp(key: string, env: Env): Promise<KeyRecord | null> {
  if (key.length > MAX_KEY_LENGTH) return null;
  if (key.startsWith(DEVELOPMENT_PREFIX) && env.DEVELOPMENT_KEYS !== "allow") return null;
  const digest = hex(await sha256(key));
  const known = cache.get(digest);
  if (known && known.until > now()) return known.record;
  const meter = new Meter("API keys", env);
  meter.add({ kvReads: 1 });
  const stored = KeyRecord.safeParse(jsonOrNull(await env.API_KEYS.get(digest)));
  meter.flush();
  const record = stored.success ? stored.data : null;
  // Guessed keys must not crowd out real ones for ever, nor grow the cache without bound.
  if (cache.size >= CACHE_SIZE) cache.clear();
  cache.set(digest, { record, until: now() + CACHE_MS });
  return record;
}
