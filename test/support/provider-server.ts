/**
 * A real provider over HTTP, in plain Node: the ledger of `test/oracle/ledger.ts` behind a socket, with seeded faults.
 * Usable from a test (`startProviderServer`) and as a process of its own:
 *
 *   node test/support/provider-server.ts --port 7100 --seed 1 --faults '{"all":{"before":0.1}}' --ledger /tmp/ledger.jsonl
 *
 * Serves `POST /{payment|inventory|fulfilment|notification}/{operation}`, each port's ledger as `ledger`, `GET /ledger`, `POST /faults` and `GET /healthz`.
 * With `--ledger` every settled request is appended to the file before it is answered, so that the effects survive a kill.
 */

import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { z } from "zod";
import { LedgerRequest, ProviderRequest } from "../../src/providers/protocol.ts";
import { drawsFor } from "../chaos/random.ts";
import { type LedgerSnapshot, ProviderLedger } from "../oracle/ledger.ts";

const share = z.number().min(0).max(1).default(0);

const Fault = z.strictObject({
  /** Share of the calls answered with 503, with nothing done. */
  before: share,
  /** Share of the calls that take effect, but whose answer is a 502 or a cut connection. */
  after: share,
  /** Share of the calls that are never answered; half of them take effect. */
  hang: share,
  /** Every call takes a time uniform between the two, in milliseconds. */
  latencyMs: z.tuple([z.number().min(0), z.number().min(0)]).default([0, 0]),
});

const PORTS = ["payment", "inventory", "fulfilment", "notification"] as const;
type Port = (typeof PORTS)[number];

/** Per port; `all` stands for those that are not named. */
export const ServerFaults = z.strictObject({
  all: Fault.optional(),
  payment: Fault.optional(),
  inventory: Fault.optional(),
  fulfilment: Fault.optional(),
  notification: Fault.optional(),
});
export type ServerFaults = z.input<typeof ServerFaults>;

/** Which operations each port serves; another one is a 404, as with a real provider. */
const OPERATIONS: Readonly<Record<Port, readonly ProviderRequest["operation"][]>> = {
  payment: ["authorize", "capture", "void", "refund"],
  inventory: ["reserve", "commit", "release"],
  fulfilment: ["route", "cancel"],
  notification: ["send"],
};

/** An order of 1,000 lines with long descriptions stays below this. */
const MAX_BODY_BYTES = 1024 * 1024;

/** One line of the ledger file. */
const Entry = z.object({ key: z.string(), request: ProviderRequest });

export interface ProviderServer {
  /** Base address; a port's URL is `${url}/payment` and so on. */
  readonly url: string;
  ledger(): LedgerSnapshot;
  setFaults(faults: ServerFaults): void;
  close(): Promise<void>;
}

export interface ProviderServerOptions {
  /** 0 or absent: a free one. */
  readonly port?: number | undefined;
  readonly faults?: ServerFaults | undefined;
  /** Decides every fault together with the call's key and attempt, whatever the order in which the calls arrive. */
  readonly seed?: number | undefined;
  /** File that the effects are appended to and read back from. */
  readonly ledgerFile?: string | undefined;
}

export async function startProviderServer(options: ProviderServerOptions = {}): Promise<ProviderServer> {
  const { seed = 1, ledgerFile } = options;
  const ledger = new ProviderLedger();
  let faults = ServerFaults.parse(options.faults ?? {});
  if (ledgerFile && existsSync(ledgerFile)) replay(ledger, readFileSync(ledgerFile, "utf8"));

  const settle = (key: string, request: ProviderRequest) => {
    if (ledgerFile && ledger.isNew(key)) appendFileSync(ledgerFile, `${JSON.stringify({ key, request })}\n`);
    return ledger.settle(key, request);
  };

  async function operate(port: Port, request: ProviderRequest, key: string, response: ServerResponse): Promise<void> {
    const fault = faults[port] ?? faults.all;
    const attempt = ledger.countAttempt(key);
    if (!fault) return respond(response, settle(key, request));
    const draw = drawsFor(seed, key, attempt);
    const [least, most] = fault.latencyMs;
    if (most > 0) await sleep(least + draw() * (most - least));
    const chance = draw();
    const coin = draw() < 0.5;
    if (chance < fault.before) return respond(response, { status: 503, body: { detail: "injected: unavailable" } });
    if (chance < fault.before + fault.hang) {
      if (coin) settle(key, request);
      return;
    }
    const answer = settle(key, request);
    if (chance >= fault.before + fault.hang + fault.after) return respond(response, answer);
    if (coin) response.destroy();
    else respond(response, { status: 502, body: { detail: "injected: the answer was lost" } });
  }

  async function handle(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, first = "", second = "", ...rest] = new URL(message.url ?? "/", "http://provider").pathname.split("/");
    const route = `${message.method} /${first}`;
    if (route === "GET /healthz") return respond(response, { status: 200, body: { ok: true } });
    if (route === "GET /ledger") return respond(response, { status: 200, body: { ...ledger.snapshot() } });
    const body = json(await read(message));
    if (route === "POST /faults") {
      const wanted = ServerFaults.safeParse(body);
      if (!wanted.success) return respond(response, { status: 400, body: { detail: z.prettifyError(wanted.error) } });
      faults = wanted.data;
      return respond(response, { status: 200, body: faults });
    }
    const port = PORTS.find((name) => name === first);
    const asked = LedgerRequest.safeParse(body);
    if (port && second === "ledger" && asked.success) {
      return respond(response, { status: 200, body: { effects: ledger.record(asked.data.orderId, port) } });
    }
    const operation = port && OPERATIONS[port].find((name) => name === second);
    if (!port || !operation || rest.length > 0) return respond(response, { status: 404, body: { detail: "no such operation" } });
    if (message.method !== "POST") return respond(response, { status: 405, body: { detail: "operations are posted" } });
    const key = message.headers["idempotency-key"];
    if (typeof key !== "string") return respond(response, { status: 400, body: { detail: "Idempotency-Key is missing" } });
    const request = ProviderRequest.safeParse(body);
    if (!request.success) return respond(response, { status: 400, body: { detail: z.prettifyError(request.error) } });
    if (request.data.operation !== operation) return respond(response, { status: 400, body: { detail: "path and body differ" } });
    return operate(port, request.data, key, response);
  }

  const server = createServer((message, response) => {
    handle(message, response).catch((error: unknown) => {
      if (response.headersSent || response.destroyed) return;
      respond(response, { status: 500, body: { detail: String(error) } });
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    ledger: () => ledger.snapshot(),
    setFaults(wanted) {
      faults = ServerFaults.parse(wanted);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Brings the effects of an earlier process back. A last line that was cut off by a kill had not been answered, so it is no effect. */
function replay(ledger: ProviderLedger, lines: string): void {
  for (const line of lines.split("\n")) {
    const entry = Entry.safeParse(json(line));
    if (entry.success) ledger.settle(entry.data.key, entry.data.request);
  }
}

function respond(response: ServerResponse, { status, body }: { status: number; body: object }): void {
  if (response.destroyed) return;
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

async function read(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BODY_BYTES) throw new Error("the body is too long");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "7100" },
      faults: { type: "string", default: "{}" },
      seed: { type: "string", default: "1" },
      ledger: { type: "string" },
    },
  });
  const { url } = await startProviderServer({
    port: Number(values.port),
    seed: Number(values.seed),
    faults: ServerFaults.parse(JSON.parse(values.faults)),
    ledgerFile: values.ledger,
  });
  console.log(`provider server at ${url}, seed ${values.seed}, faults ${values.faults}`);
}
