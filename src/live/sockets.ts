/**
 * Sockets that only send, on the hibernation API: an actor with ten thousand idle ones costs nothing while nothing
 * happens. Nothing here keeps state or sets a timer, since either would be lost with, or prevent, the hibernation.
 */
import type { Problem } from "../contract/views.ts";

/** What a client sends to learn whether its connection lives. The platform answers without waking the actor. */
const PING = "ping";
const PONG = "pong";

/** RFC 6455: the message violates the policy of the endpoint, which is to listen to nothing but pings. */
const POLICY_VIOLATION = 1008;
/** RFC 6455: the server met a condition that it did not expect. */
const INTERNAL_ERROR = 1011;

/** A minute lets those leave who are leaving; sooner would only be more to refuse. */
const RETRY_LATER = { "retry-after": "60" };

/** To be called whenever the actor is constructed. */
export function answerPings(ctx: DurableObjectState): void {
  ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG));
}

/**
 * Answers an upgrade request with a socket that the actor holds, or with a problem (RFC 9457) when it is none (426) or
 * when the actor holds enough already (503).
 * @param greeting the first frame; sent before any broadcast can reach the socket
 * @param maxSockets how many the actor's work per frame allows
 */
export function acceptSocket(ctx: DurableObjectState, request: Request, greeting: string, maxSockets: number): Response {
  if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
    return problem(426, "upgrade-required", "This is a WebSocket", "connect with a WebSocket", { upgrade: "websocket" });
  }
  if (ctx.getWebSockets().length >= maxSockets) {
    return problem(503, "unavailable", "A part of the service does not answer", "too many connections are open here", RETRY_LATER);
  }
  const { 0: client, 1: server } = new WebSocketPair();
  ctx.acceptWebSocket(server);
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

/** For `webSocketMessage`: one message is one too many, so that a client cannot keep the actor busy. */
export function refuseMessage(socket: WebSocket): void {
  hangUp(socket, POLICY_VIOLATION, "this socket only sends; it answers nothing but ping");
}

/** A refusal before the upgrade: one of the problems of `http/problem.ts`, which cannot be reached from here. */
export function problem(status: number, name: string, title: string, detail: string, headers: Record<string, string> = {}): Response {
  const body: Problem = { type: `urn:orderline:problem:${name}`, title, status, detail };
  return Response.json(body, { status, headers: { ...headers, "content-type": "application/problem+json" } });
}

/** A socket that is closed already refuses to be closed; there is nothing left to do then. */
function hangUp(socket: WebSocket, code: number, reason: string): void {
  try {
    socket.close(code, reason);
  } catch {}
}
