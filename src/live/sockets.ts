/**
 * Sockets that only send, on the hibernation API: an actor with ten thousand idle ones costs next to nothing while nothing
 * happens. What has to be remembered of a socket is attached to it, because memory and timers are lost with, or prevent, the
 * hibernation.
 */
import pMap from "p-map";
import { z } from "zod";
import { type Problem, problem } from "../contract/problems.ts";

/** Keys looked up at a time: they are read from KV, which answers in tens of milliseconds. */
const MAX_CONCURRENT_LOOKUPS = 20;

/** How the Worker tells the actor whose socket it is: the digest of the API key. Whatever a client sent under this name is replaced. */
export const KEY_DIGEST_HEADER = "x-orderline-key-digest";

const Attachment = z.strictObject({ keyDigest: z.string().regex(/^[0-9a-f]{64}$/) });
type Attachment = z.infer<typeof Attachment>;

/** What a client sends to learn whether its connection lives. The platform answers without waking the actor. */
const PING = "ping";
const PONG = "pong";

/** RFC 6455: the message violates the policy of the endpoint, which is to listen to nothing but pings. */
const POLICY_VIOLATION = 1008;
/** Of our own, in the range for applications: as the status 401. */
const UNAUTHORIZED = 4401;
/** RFC 6455: the server met a condition that it did not expect. */
const INTERNAL_ERROR = 1011;

/**
 * Messages that may still come from a socket after it was closed: what was on its way, and more than a client that is not
 * hostile sends to a socket that only sends.
 */
const MAX_LATE_MESSAGES = 100;

/** How many came. It may be forgotten: an actor does not hibernate while messages keep coming. */
const lateMessages = new WeakMap<WebSocket, number>();

/** A minute lets those leave who are leaving; sooner would only be more to refuse. */
const RETRY_LATER = { "retry-after": "60" };

/** To be called whenever the actor is constructed. */
export function answerPings(ctx: DurableObjectState): void {
  ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG));
}

/**
 * Answers an upgrade request with a socket that the actor holds, or with a problem (RFC 9457) when it is none (426),
 * when it does not say whose it is (401), or when the actor holds enough already (503).
 * @param greeting the first frame; sent before any broadcast can reach the socket
 * @param maxSockets how many the actor's work per frame allows
 */
export function acceptSocket(ctx: DurableObjectState, request: Request, greeting: string, maxSockets: number): Response {
  if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
    return refusal(problem("upgrade-required", "connect with a WebSocket"), { upgrade: "websocket" });
  }
  const owner = Attachment.safeParse({ keyDigest: request.headers.get(KEY_DIGEST_HEADER) });
  if (!owner.success) return refusal(problem("unauthorized", "the socket belongs to no key"));
  if (ctx.getWebSockets().length >= maxSockets) {
    return refusal(problem("unavailable", "too many connections are open here"), RETRY_LATER);
  }
  const { 0: client, 1: server } = new WebSocketPair();
  ctx.acceptWebSocket(server);
  server.serializeAttachment(owner.data satisfies Attachment);
  server.send(greeting);
  return new Response(null, { status: 101, webSocket: client });
}

/** Sends a frame to every socket and hangs up on those that cannot take it. Returns how many there were. */
export function broadcast(ctx: DurableObjectState, frame: string): number {
  const sockets = ctx.getWebSockets();
  for (const socket of sockets) {
    try {
      socket.send(frame);
    } catch {
      hangUp(socket, INTERNAL_ERROR, "the connection is broken");
    }
  }
  return sockets.length;
}

/**
 * Hangs up on the sockets whose key opens nothing any more, and on those that do not say whose they are. Returns how many.
 * @param opens whether a key, by its digest, still does; asked once per key
 */
export async function closeRevoked(ctx: DurableObjectState, opens: (keyDigest: string) => Promise<boolean>): Promise<number> {
  const byKey = [...Map.groupBy(ctx.getWebSockets(), keyOf)];
  const closeIfRevoked = async ([keyDigest, sockets]: (typeof byKey)[number]): Promise<number> => {
    if (keyDigest !== null && (await opens(keyDigest))) return 0;
    for (const socket of sockets) hangUp(socket, UNAUTHORIZED, "the API key is not good any more");
    return sockets.length;
  };
  const closed = await pMap(byKey, closeIfRevoked, { concurrency: MAX_CONCURRENT_LOOKUPS });
  return closed.reduce((sum, count) => sum + count, 0);
}

const keyOf = (socket: WebSocket): string | null => Attachment.safeParse(socket.deserializeAttachment()).data?.keyDigest ?? null;

/**
 * For `webSocketMessage`: one message is one too many, so that a client cannot keep the actor busy. A socket that was closed
 * goes on delivering, and the runtime has no other way to drop one: thousands of messages would hold up every request that
 * the process serves, other tenants' among them. So the actor that is flooded is reset, and loses all its sockets. They come
 * back with `?after=`; nothing else is lost, since all state is durable.
 */
export function refuseMessage(ctx: DurableObjectState, socket: WebSocket): void {
  const before = lateMessages.get(socket);
  if (before === undefined) hangUp(socket, POLICY_VIOLATION, "this socket only sends; it answers nothing but ping");
  const late = (before ?? -1) + 1;
  lateMessages.set(socket, late);
  if (late >= MAX_LATE_MESSAGES) ctx.abort("a socket was flooded after it had been closed");
}

/** A refusal before the upgrade. */
export function refusal(body: Problem, headers: Record<string, string> = {}): Response {
  return Response.json(body, { status: body.status, headers: { ...headers, "content-type": "application/problem+json" } });
}

/** A socket that is closed already refuses to be closed; there is nothing left to do then. */
function hangUp(socket: WebSocket, code: number, reason: string): void {
  try {
    socket.close(code, reason);
  } catch {}
}
