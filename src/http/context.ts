/** What every request carries along on its way through middleware and handler. */

import type { Context } from "hono";
import type { LogEvent } from "../contract/log-events.ts";
import type { Env } from "../env.ts";
import type { LogFields } from "../platform/log.ts";
import type { KeyRecord } from "../tenants/keys.ts";

/** Who calls. */
export interface Caller extends KeyRecord {
  /** Of the key, hex SHA-256: what a socket remembers of it. */
  readonly keyDigest: string;
  /** The key came as a WebSocket subprotocol, where a page's script can put it and other sites' logs may keep it. */
  readonly viaSubprotocol: boolean;
}

/** Besides the caller: the trace id, and what the request's line in the log is to be called and to say besides. */
export type HttpEnv = { Bindings: Env; Variables: { caller: Caller; trace: string; event: LogEvent; about: LogFields } };

export type Call = Context<HttpEnv>;
