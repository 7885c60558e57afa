/** Where the servers take orders, and where each says how many it has confirmed. All are sent the same bytes; only Orderline reads the key. */
import { z } from "zod";
import { DEVELOPMENT_KEY } from "../scripts/dev-key.ts";
import type { Server } from "../scripts/server.ts";
import type { Target } from "./load.ts";

const HEADERS = { authorization: `Bearer ${DEVELOPMENT_KEY}` };

const ANSWER_TIMEOUT_MS = 120_000;

export interface Contestant {
  readonly server: Server;
  readonly target: Target;
  /** How many orders its own history, or its counters, show as confirmed. */
  processed(): Promise<number>;
}

export const orderline = (server: Server): Contestant => contestant(server, "/v1/orders", "/v1/stats");

/** A peer has one route for both, whatever the path. */
export const peer = (server: Server): Contestant => contestant(server, "/", "/");

const Processed = z.object({ processed: z.int() });

function contestant(server: Server, orders: string, counters: string): Contestant {
  return {
    server,
    target: { url: `${server.url}${orders}`, headers: HEADERS },
    processed: async () => {
      const answer = await fetch(`${server.url}${counters}`, { headers: HEADERS, signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
      return Processed.parse(await answer.json()).processed;
    },
  };
}
