/**
 * Who calls, and whether its key allows what a route does. Every request below `/v1` passes `authenticated` before
 * anything but its headers is read; each route names the one scope that it needs.
 */
import { createMiddleware } from "hono/factory";
import { problem } from "../contract/problems.ts";
import type { Env } from "../env.ts";
import { now } from "../platform/ambient.ts";
import { hex, sha256 } from "../platform/digest.ts";
import { Meter } from "../platform/meter.ts";
import { DEVELOPMENT_PREFIX, KeyCache, type KeyStore, type Scope } from "../tenants/keys.ts";
import type { Call, Caller, HttpEnv } from "./context.ts";
import { respond } from "./problem.ts";

const MAX_KEY_LENGTH = 200;

/** A browser cannot set headers on a WebSocket. It names its key as a second subprotocol beside `orderline.v1`. */
export const SOCKET_PROTOCOL = "orderline.v1";
const SOCKET_KEY_PREFIX = "orderline.key.";

const keys = new KeyCache();

/** Finds the caller and puts it into `c.var.caller`, or answers 401. */
export const authenticated = createMiddleware<HttpEnv>(async (c, next) => {
  const presented = presentedKey(c.req.raw.headers);
  if (!presented) return challenge(c);
  const caller = await callerOf(presented, c.env);
  if (!caller) return respond(c, UNKNOWN_KEY, challenging('error="invalid_token"'));
  c.set("caller", caller);
  return next();
});

/** Lets those pass whose key has one of the scopes. A key that came as a subprotocol opens sockets and nothing else. */
export const permitted = (scopes: readonly Scope[], allow: { readonly viaSubprotocol: boolean }) =>
  createMiddleware<HttpEnv>(async (c, next) => {
    const { caller } = c.var;
    if (caller.viaSubprotocol && !allow.viaSubprotocol) return challenge(c);
    if (scopes.some((scope) => caller.scopes.includes(scope))) return next();
    const refusal = problem("forbidden", `this needs the scope ${scopes.join(" or ")}`, { scopes });
    return respond(c, refusal, challenging('error="insufficient_scope"', `scope="${scopes.join(" ")}"`));
  });

/**
 * The problem type is the same for a missing and for an unknown key, since both callers need a key that works. The error
 * code of the challenge tells a machine which of the two it was.
 */
const NO_KEY = problem("unauthorized", "send `authorization: Bearer <API key>`");
const UNKNOWN_KEY = problem("unauthorized", "this API key is not known, has expired or was revoked");

const challenge = (c: Call) => respond(c, NO_KEY, challenging());

/** RFC 6750, section 3. A request without a key gets no error code. */
const challenging = (...error: string[]) => ({ "www-authenticate": ['Bearer realm="orderline"', ...error].join(", ") });

type Presented = Pick<Caller, "viaSubprotocol"> & { readonly key: string };

function presentedKey(headers: Headers): Presented | null {
  const bearer = /^Bearer +(\S+) *$/i.exec(headers.get("authorization") ?? "")?.[1];
  if (bearer !== undefined) return { key: bearer, viaSubprotocol: false };
  if (!isUpgrade(headers)) return null;
  const named = protocolsOf(headers).find((protocol) => protocol.startsWith(SOCKET_KEY_PREFIX));
  return named === undefined ? null : { key: named.slice(SOCKET_KEY_PREFIX.length), viaSubprotocol: true };
}

/** Whether the request asks for a WebSocket. */
export const isUpgrade = (headers: Headers): boolean => headers.get("upgrade")?.toLowerCase() === "websocket";

/** The subprotocols that a client offers. */
export const protocolsOf = (headers: Headers): string[] =>
  (headers.get("sec-websocket-protocol") ?? "").split(",").map((protocol) => protocol.trim());

async function callerOf({ key, viaSubprotocol }: Presented, env: Env): Promise<Caller | null> {
  if (key.length > MAX_KEY_LENGTH) return null;
  if (key.startsWith(DEVELOPMENT_PREFIX) && env.DEVELOPMENT_KEYS !== "allow") return null;
  const keyDigest = hex(await sha256(key));
  const record = await keys.find(metered(env), keyDigest, now());
  return record && { ...record, keyDigest, viaSubprotocol };
}

/** The store of keys, with each read counted. */
const metered = (env: Env): KeyStore => ({
  get: (digest) => {
    const meter = new Meter("API keys", env);
    meter.add({ kvReads: 1 });
    meter.flush();
    return env.API_KEYS.get(digest);
  },
});
