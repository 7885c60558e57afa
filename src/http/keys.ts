/** Who calls, and whether its key allows what the route does. */
import { createMiddleware } from "hono/factory";
import type { Env } from "../env.ts";
import { now } from "../platform/ambient.ts";
import { hex, sha256 } from "../platform/digest.ts";
import type { LogEvent, LogFields } from "../platform/log.ts";
import { Meter } from "../platform/meter.ts";
import { DEVELOPMENT_PREFIX, KeyCache, type KeyRecord, type KeyStore, type Scope } from "../tenants/keys.ts";
import { problem, respond } from "./problem.ts";

const MAX_KEY_LENGTH = 200;

/** How a browser, which cannot set headers on a WebSocket, names its key: as a second subprotocol beside `orderline.v1`. */
export const SOCKET_PROTOCOL = "orderline.v1";
const SOCKET_KEY_PREFIX = "orderline.key.";

const cache = new KeyCache();

/** What a request carries along: who calls, its trace id, and what its line in the log is to be called and to say besides. */
export type AuthEnv = { Bindings: Env; Variables: { caller: KeyRecord; trace: string; event: LogEvent; about: LogFields } };

/** Lets a request pass whose key has one of the scopes, and puts who it is into `c.var.caller`. */
export const requireScope = (...wanted: readonly [Scope, ...Scope[]]) =>
  createMiddleware<AuthEnv>(async (c, next) => {
    const key = presentedKey(c.req.raw.headers);
    const caller = key === null ? null : await lookUp(key, c.env);
    if (!caller) {
      return respond(c, problem("unauthorized", "send `authorization: Bearer <API key>`"), { "www-authenticate": "Bearer" });
    }
    const [scope] = wanted;
    if (!wanted.some((one) => caller.scopes.includes(one)))
      return respond(c, problem("forbidden", `this needs the scope ${wanted.join(" or ")}`, { scope }));
    c.set("caller", caller);
    return next();
  });

function presentedKey(headers: Headers): string | null {
  const bearer = /^Bearer +(\S+) *$/i.exec(headers.get("authorization") ?? "")?.[1];
  if (bearer !== undefined) return bearer;
  const protocols = (headers.get("sec-websocket-protocol") ?? "").split(",").map((protocol) => protocol.trim());
  return protocols.find((protocol) => protocol.startsWith(SOCKET_KEY_PREFIX))?.slice(SOCKET_KEY_PREFIX.length) ?? null;
}

async function lookUp(key: string, env: Env): Promise<KeyRecord | null> {
  if (key.length > MAX_KEY_LENGTH) return null;
  if (key.startsWith(DEVELOPMENT_PREFIX) && env.DEVELOPMENT_KEYS !== "allow") return null;
  return cache.find(metered(env), hex(await sha256(key)), now());
}

/** The store, with each read counted. */
const metered = (env: Env): KeyStore => ({
  get: (digest) => {
    const meter = new Meter("API keys", env);
    meter.add({ kvReads: 1 });
    meter.flush();
    return env.API_KEYS.get(digest);
  },
});
