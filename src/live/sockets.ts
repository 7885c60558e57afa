/**
 * WebSockets that only send, on the hibernation API: ten thousand idle ones cost an actor next to nothing. What must be
 * known of a socket is attached to it, because hibernation loses memory, and timers would prevent it.
 */
import pMap from "p-map";
import { z } from "zod";
import { type Problem, problem } from "../contract/problems.ts";

/** Keys looked up at a time: they are read from KV, which answers in tens of milliseconds. */
const MAX_CONCURRENT_LOOKUPS = 20;

/**
 * The header in which the Worker tells the actor whose socket it is: the digest of the API key. A value sent by a client is
 * replaced.
 */
export const KEY_DIGEST_HEADER = "x-orderline-key-digest";

const Attachment = z.strictObject({ keyDigest: z.string().regex(/^[0-9a-f]{64}$/) });
type Attachment = z.infer<typeof Attachment>;

/** A client sends `ping` to learn whether its connection lives. The platform answers without waking the actor. */
const PING = "ping";
const PONG = "pong";

/** RFC 6455: the message violates the endpoint's policy, which allows nothing but pings. */
const POLICY_VIOLATION = 1008;
/** Our own code, in the range for applications. It stands for 401. */
const UNAUTHORIZED = 4401;
/** RFC 6455: the server met a condition that it did not expect. */
const INTERNAL_ERROR = 1011;

/** Messages that may come from a socket after it was closed. A well-behaved client has fewer than these on their way. */
const MAX_LATE_MESSAGES = 100;

/** Messages that came late, by socket. Hibernation loses the count, but an actor does not hibernate while messages keep coming. */
const lateMessages = new WeakMap<WebSocket, number>();

/** A minute lets some clients leave. A client that returns sooner would most likely be refused again. */
const RETRY_LATER = { "retry-after": "60" };

/** Lets the platform answer pings. To be called whenever the actor is constructed. */
export function answerPings(ctx: DurableObjectState): void {
  ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG));
}

/**
 * Answers an upgrade request with a socket that the actor holds. Answers with a problem when it is no upgrade request
 * (426), names no key (401), or finds too many sockets open (503).
 * @param greeting the first frame; sent before any broadcast can reach the socket
 * @param maxSockets how many the actor can serve with each frame
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
 * Hangs up on the sockets whose key was revoked, and on those that name no key. Returns how many.
 * @param opens whether the key of this digest is still good; asked once per key
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
 * For `webSocketMessage`. The first message closes its socket, so that a client cannot keep the actor busy.
 *
 * The runtime goes on delivering messages from a closed socket and has no way to drop it. Thousands of them would hold up
 * every request of the process, those of other tenants among them. So an actor that is flooded is reset. Its sockets are
 * lost and come back with `?after=`; all state is durable.
 */
export function refuseMessage(ctx: DurableObjectState, socket: WebSocket): void {
  const before = lateMessages.get(socket);
  if (before === undefined) hangUp(socket, POLICY_VIOLATION, "this socket only sends; it answers nothing but ping");
  const late = (before ?? -1) + 1;
  lateMessages.set(socket, late);
  if (late >= MAX_LATE_MESSAGES) ctx.abort("a socket was flooded after it had been closed");
}

/** The answer to an upgrade request that is refused. */
export function refusal(body: Problem, headers: Record<string, string> = {}): Response {
  return Response.json(body, { status: body.status, headers: { ...headers, "content-type": "application/problem+json" } });
}

/** Closing throws when the socket is closed already, and then there is nothing left to do. */
function hangUp(socket: WebSocket, code: number, reason: string): void {
  try {
    socket.close(code, reason);
  } catch {}
}
