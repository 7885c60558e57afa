/** The live counters of the caller's tenant, as a snapshot and as a stream. */

import type { TypedResponse } from "hono";
import type { JSONParsed } from "hono/utils/types";
import { z } from "zod";
import { statsHubActor } from "../actors/addresses.ts";
import { problem } from "../contract/problems.ts";
import { FrameSeq, StatsFrame, StatsSnapshot } from "../contract/stats.ts";
import { KEY_DIGEST_HEADER } from "../live/sockets.ts";
import { isUpgrade, protocolsOf, SOCKET_PROTOCOL } from "./authentication.ts";
import { errors, json, route, router, socketRoute } from "./openapi.ts";
import { respond } from "./problem.ts";

/** The routes below `/v1/stats`. */
export const stats = router();

stats.openapi(
  route("orders:read", {
    method: "get",
    path: "/",
    summary: "Read the counters",
    tags: ["stats"],
    responses: { 200: json(StatsSnapshot, "The counters as of now."), ...errors() },
  }),
  async (c) => c.json(await statsHubActor(c.env, c.var.caller.tenant).snapshot(), 200),
);

stats.openapi(
  socketRoute("orders:read", {
    method: "get",
    path: "/live",
    summary: "Watch the counters",
    description:
      "A WebSocket. The first frame is a snapshot; every change sends a further one. Come back with `?after=<seq of the last frame>` to learn whether " +
      `anything was missed. A browser names its key as a subprotocol: \`new WebSocket(url, ["${SOCKET_PROTOCOL}", "orderline.key.<API key>"])\`. ` +
      "The text `ping` is answered with `pong`; any other message ends the connection.",
    tags: ["stats"],
    request: {
      query: z.strictObject({ after: FrameSeq.optional() }),
    },
    responses: {
      101: { description: "A stream of `StatsFrame`s.", content: { "application/json": { schema: StatsFrame } } },
      ...errors(422, 426, 503),
    },
  }),
  async (c) => {
    const { headers } = c.req.raw;
    if (!isUpgrade(headers)) return respond(c, problem("upgrade-required", "connect with a WebSocket"), { upgrade: "websocket" });
    const { tenant, keyDigest } = c.var.caller;
    const request = new Request(c.req.raw);
    request.headers.set(KEY_DIGEST_HEADER, keyDigest);
    const opened = await statsHubActor(c.env, tenant).fetch(request);
    if (!opened.webSocket || !protocolsOf(headers).includes(SOCKET_PROTOCOL)) return opened as Opened;
    // A client that offered subprotocols hangs up unless one is chosen. The subprotocol with the key must not be sent back.
    const chosen = { "sec-websocket-protocol": SOCKET_PROTOCOL };
    return new Response(null, { status: 101, webSocket: opened.webSocket, headers: chosen }) as Opened;
  },
);

/** The hub's answer. What passes between actors carries no type; it is one of those that the contract declares. */
type Opened = Response & TypedResponse<JSONParsed<StatsFrame>, 101, "json">;
