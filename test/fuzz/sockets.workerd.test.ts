import { env } from "cloudflare:workers";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { StatsHub } from "../../src/actors/stats-hub.ts";
import { type ShardReport, StatsFrame } from "../../src/contract/stats.ts";
import { bounds, expectHonest, grant, printable, send, TEST_TIMEOUT_MS, watchLog } from "./app.ts";
import { fieldText, strangeJson, strangeText } from "./arbitraries.ts";

const TENANT = "fuzz-sockets";
const key = await grant(TENANT);
const withoutBug = watchLog();
const hub = env.STATS_HUBS.getByName(TENANT);

const LIVE = "/v1/stats/live";
const UPGRADE: readonly (readonly [string, string])[] = [
  ["authorization", `Bearer ${key}`],
  ["upgrade", "websocket"],
];

/** A client that checks every frame against the contract. */
class Client {
  readonly frames: StatsFrame[] = [];
  pongs = 0;
  closed: number | null = null;
  readonly socket: WebSocket;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.addEventListener("message", ({ data }) => {
      if (data === "pong") this.pongs += 1;
      else this.frames.push(StatsFrame.parse(JSON.parse(String(data))));
    });
    socket.addEventListener("close", ({ code }) => {
      this.closed = code;
    });
    socket.accept();
  }

  static async connect(): Promise<Client> {
    const response = await send({ method: "GET", path: LIVE, headers: UPGRADE });
    if (!response?.webSocket) throw new Error(`no socket, status ${response?.status}`);
    return new Client(response.webSocket);
  }

  async ping(): Promise<void> {
    const { pongs } = this;
    this.socket.send("ping");
    await vi.waitFor(() => expect(this.pongs).toBe(pongs + 1), { interval: 2 });
  }
}

/** More than any frame that is sent the other way. */
const BIG = 1_000_000;

const message: fc.Arbitrary<string | Uint8Array> = fc
  .oneof(
    { weight: 5, arbitrary: strangeText },
    { weight: 2, arbitrary: strangeJson },
    { weight: 2, arbitrary: fc.constantFrom("PING", "ping ", " ping", "ping\n", "ping\0", "pong", '{"type":"ping"}', "x".repeat(BIG)) },
    { weight: 2, arbitrary: fc.uint8Array({ maxLength: 100 }) },
    { weight: 1, arbitrary: fc.constantFrom(new TextEncoder().encode("ping"), new Uint8Array(BIG)) },
  )
  .filter((one) => one !== "ping");

/** RFC 6455: the message violates the policy of the endpoint. */
const POLICY_VIOLATION = 1008;

describe("The socket of the counters", () => {
  it("hangs up on whoever sends it anything but ping, and nobody else notices", { timeout: TEST_TIMEOUT_MS }, async () => {
    const woken = vi.spyOn(StatsHub.prototype, "webSocketMessage");
    const bystander = await Client.connect();
    await fc.assert(
      fc.asyncProperty(
        fc.array(message, { minLength: 1, maxLength: 3 }),
        withoutBug(async (messages) => {
          const offender = await Client.connect();
          await offender.ping();
          const before = woken.mock.calls.length;
          for (const one of messages) offender.socket.send(one);
          await vi.waitFor(() => expect(offender.closed).toBe(POLICY_VIOLATION), { interval: 2 });
          expect(woken.mock.calls.length - before).toBeLessThanOrEqual(messages.length);
          expect(offender.pongs).toBe(1);
          await bystander.ping();
        }),
      ),
      bounds(150),
    );
    expect([bystander.closed, bystander.frames.length]).toEqual([null, 1]);
    const change: ShardReport = { shard: 0, revision: 1, tally: { orders: { standard: { accepted: 1 } }, revenue: {}, slices: {} } };
    await hub.merge([change]);
    await vi.waitFor(() => expect(bystander.frames).toMatchObject([{ seq: 0 }, { seq: 1, stats: { submitted: 1 } }]));
    bystander.socket.close(1000);
  });

  const after = fc.oneof(
    strangeText,
    fc.constantFrom(
      "0",
      "1",
      "00",
      "-1",
      "+1",
      " 1",
      "1e3",
      "0x10",
      "1.0",
      "9007199254740991",
      "9007199254740992",
      "99999999999999999999",
      "١",
    ),
    fc.nat().map(String),
  );

  it("takes every number of a frame as `after`, and refuses everything else before the upgrade", { timeout: TEST_TIMEOUT_MS }, () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(after, { minLength: 1, maxLength: 2 }),
        withoutBug(async (values) => {
          const query = values.map((value) => `after=${encodeURIComponent(value.toWellFormed())}`).join("&");
          const response = await send({ method: "GET", path: `${LIVE}?${query}`, headers: UPGRADE });
          const [value = "", second] = values;
          const isNumber = second === undefined && /^\d+$/.test(value);
          expect(response?.status).toBe(isNumber && value.length <= 15 ? 101 : 422);
          await expectHonest(response as Response);
        }),
      ),
      bounds(200),
    ),
  );

  const strangeHeader = fc
    .tuple(
      fc.constantFrom(
        "upgrade",
        "connection",
        "sec-websocket-key",
        "sec-websocket-version",
        "sec-websocket-protocol",
        "sec-websocket-extensions",
        "origin",
      ),
      fc.oneof(
        fieldText,
        fc.constantFrom(
          "websocket",
          "h2c",
          "13",
          "0",
          "permessage-deflate; server_max_window_bits=99",
          "orderline.v1",
          `orderline.v1, orderline.key.${key}`,
        ),
      ),
    )
    .map(([name, value]): readonly [string, string] => [name, value]);

  const upgrade = fc
    .record({
      strange: fc.array(strangeHeader, { maxLength: 3 }),
      method: fc.constantFrom("GET", "GET", "HEAD", "POST", "OPTIONS"),
      named: fc.boolean(),
    })
    .map(({ strange, method, named }) => printable({ method, path: LIVE, headers: [...(named ? UPGRADE : UPGRADE.slice(1)), ...strange] }));

  it("is opened or refused with a problem, whatever the upgrade looks like", { timeout: TEST_TIMEOUT_MS }, () =>
    fc.assert(
      fc.asyncProperty(
        upgrade,
        withoutBug(async (sent) => {
          const response = await send(sent);
          if (!response) return;
          // A client has to hang up on a protocol that it did not offer (RFC 6455, section 4.1).
          const chosen = response.headers.get("sec-websocket-protocol");
          const offered = sent.headers.flatMap(([name, value]) =>
            name === "sec-websocket-protocol" ? value.split(",").map((one) => one.trim()) : [],
          );
          if (chosen !== null) expect(offered).toContain(chosen);
          await expectHonest(response, sent.method);
        }),
      ),
      bounds(200),
    ),
  );
});
