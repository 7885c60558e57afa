/** Where the servers take orders, and where each says how many it has confirmed. All are sent the same bytes; only Orderline reads the key. */
import { z } from "zod";
import { DEVELOPMENT_KEY } from "../scripts/dev-key.ts";
import type { Server } from "../scripts/server.ts";
import type { Target } from "./load.ts";

const HEADERS = { authorization: `Bearer ${DEVELOPMENT_KEY}` };

/** What a provider takes when it is not to be what orders wait for. */
export const FAST_MS = 2;

/** Orderline's own stock stays on. */
export const FAST_PORTS = ["PAYMENT", "FULFILMENT", "NOTIFICATION"] as const;

/** The variables that make Orderline call the provider at these ports. */
export const portsAt = (url: string, ports: readonly string[]) =>
  Object.fromEntries(ports.map((port) => [`${port}_URL`, `${url}/${port.toLowerCase()}`]));

/** Orderline's orders look after themselves once, ten seconds after they were placed: that is part of what they cost. */
export const SETTLE_MS = 12_000;

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
