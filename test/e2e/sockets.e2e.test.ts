/** What a client of the live counters can do to others over a real connection, where it need not keep to the protocol. */
import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { DEVELOPMENT_KEY as KEY } from "../../scripts/dev-key.ts";
import { type Server, startServer } from "../../scripts/server.ts";

/** A text frame of one byte, masked with zeros (RFC 6455, section 5.2). */
const FRAME = Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0x78]);
const FRAMES = 20_000;

/** More than a request takes on a busy machine. Every frame waking the actor takes 7 s and more. */
const PATIENCE_MS = 2_000;

let server: Server;

beforeAll(async () => {
  server = await startServer();
});

afterAll(() => server.stop());

/** Opens a socket by hand and keeps on writing after the server's close frame, which no well-behaved client would. */
async function flood(): Promise<void> {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  socket.on("error", () => {});
  socket.write(
    `GET /v1/stats/live HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${KEY}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
  );
  const [answer] = (await once(socket, "data")) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1.1 101/);
  socket.write(Buffer.concat(Array.from({ length: FRAMES }, () => FRAME)));
}

it("does not keep others waiting with frames that nobody asked for", async () => {
  await flood();
  await new Promise((resolve) => setTimeout(resolve, 20));
  const before = Date.now();
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  const headers = { authorization: `Bearer ${KEY}` };
  expect((await fetch(`${server.url}/v1/stats`, { headers })).status, "and it can be asked again itself").toBe(200);
  const took = Date.now() - before;
  expect(took).toBeLessThan(PATIENCE_MS);
});
