/** What every request carries along on its way through middleware and handler. */

import type { Context } from "hono";
import type { LogEvent } from "../contract/log-events.ts";
import type { Env } from "../env.ts";
import type { LogFields } from "../platform/log.ts";
import type { KeyRecord } from "../tenants/keys.ts";

/** The caller of a request, as its API key says. */
export interface Caller extends KeyRecord {
  /** Hex SHA-256 of the key. A socket remembers it to learn later whether the key was revoked. */
  readonly keyDigest: string;
  /**
   * Whether the key came as a WebSocket subprotocol. Such a key is less secret: a script of the page has put it there, and
   * a proxy may have logged it.
   */
  readonly viaSubprotocol: boolean;
}

/** `event` names the request's line in the log, and `about` holds what that line says besides. */
export type HttpEnv = { Bindings: Env; Variables: { caller: Caller; trace: string; event: LogEvent; about: LogFields } };

/** A request with its answer to be, as handlers and helpers take it. */
export type Call = Context<HttpEnv>;
